/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_table.h - columns of text that line up, for the status page
 *
 * A column is as wide as its widest cell.  Where the terminal is too narrow the columns with the
 * least weight are left out, never cut.  Pure.
 */
#ifndef CULVERT_CONTROL_PAGE_TABLE_H
#define CULVERT_CONTROL_PAGE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 9
#define TABLE_CELL_MAX    52 /* an IPv6 endpoint fits; longer text is cut */

struct table_column {
	const char *title;
	bool right;          /* aligned, for numbers */
	unsigned int weight; /* the lowest goes first; 0: a column that always stays */
};

struct table;

/** table_new() - @columns: @n of them, borrowed.  Return: NULL without memory. */
struct table *table_new(const struct table_column *columns, size_t n);
struct table *table_free(struct table *table);

/** table_row() - begins a new row of empty cells.  Return: false without memory. */
bool table_row(struct table *table);

/** table_cell() - printf-like, into the last row */
__attribute__((format(printf, 3, 4))) void table_cell(struct table *table, size_t column,
						      const char *format, ...);

/** table_print() - @columns: width of the terminal, 0: no limit; columns without a text are left out */
void table_print(const struct table *table, unsigned int columns, FILE *out);

#endif
