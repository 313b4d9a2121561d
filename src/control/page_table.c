/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/page_table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INDENT 2 /* before the first column */
#define GAP    2 /* between two */

struct row {
	char cells[TABLE_COLUMNS_MAX][TABLE_CELL_MAX];
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct row *rows;
	size_t n_rows;
	size_t room;
};

struct table *table_new(const struct table_column *columns, size_t n)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->columns = columns;
	t->n_columns = n;
	return t;
}

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	free(t->rows);
	free(t);
	return NULL;
}

bool table_row(struct table *t)
{
	if (t->n_rows == t->room) {
		size_t room = t->room ? t->room * 2 : 8;
		struct row *larger = realloc(t->rows, room * sizeof(*larger));

		if (!larger)
			return false;
		t->rows = larger;
		t->room = room;
	}
	memset(&t->rows[t->n_rows++], 0, sizeof(struct row));
	return true;
}

void table_cell(struct table *t, size_t column, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(t->rows[t->n_rows - 1].cells[column], TABLE_CELL_MAX, format, ap);
	va_end(ap);
}

/* Width of each column, 0 for one in which nothing is written. */
static void measure(const struct table *t, size_t widths[static TABLE_COLUMNS_MAX])
{
	for (size_t c = 0; c < t->n_columns; c++) {
		widths[c] = 0;
		for (size_t r = 0; r < t->n_rows; r++) {
			size_t len = strlen(t->rows[r].cells[c]);

			widths[c] = len > widths[c] ? len : widths[c];
		}
		if (widths[c] > 0 && strlen(t->columns[c].title) > widths[c])
			widths[c] = strlen(t->columns[c].title);
	}
}

static size_t total(const struct table *t, const size_t widths[static TABLE_COLUMNS_MAX])
{
	size_t sum = INDENT;

	for (size_t c = 0; c < t->n_columns; c++)
		sum += widths[c] > 0 ? widths[c] + GAP : 0;
	return sum - GAP;
}

/* Leaves out the lightest column.  Return: false when only those are left that must stay. */
static bool drop_one(const struct table *t, size_t widths[static TABLE_COLUMNS_MAX])
{
	size_t lightest = SIZE_MAX;

	for (size_t c = 0; c < t->n_columns; c++) {
		if (widths[c] == 0 || t->columns[c].weight == 0)
			continue;
		if (lightest == SIZE_MAX || t->columns[c].weight < t->columns[lightest].weight)
			lightest = c;
	}
	if (lightest == SIZE_MAX)
		return false;
	widths[lightest] = 0;
	return true;
}

/* @row: NULL for the titles.  No blanks at the end of a line. */
static void print_row(const struct table *t, const size_t widths[static TABLE_COLUMNS_MAX],
		      const struct row *row, FILE *out)
{
	size_t pending = INDENT;

	for (size_t c = 0; c < t->n_columns; c++) {
		const char *text = row ? row->cells[c] : t->columns[c].title;
		size_t len = strlen(text);
		size_t blank = widths[c] - len;

		if (widths[c] == 0)
			continue;
		if (len == 0) {
			pending += widths[c] + GAP;
			continue;
		}
		pending += t->columns[c].right ? blank : 0;
		fprintf(out, "%*s%s", (int)pending, "", text);
		pending = (t->columns[c].right ? 0 : blank) + GAP;
	}
	fputc('\n', out);
}

void table_print(const struct table *t, unsigned int columns, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX];
	bool titles = false;

	measure(t, widths);
	while (columns > 0 && total(t, widths) > columns && drop_one(t, widths))
		continue;
	for (size_t c = 0; c < t->n_columns; c++)
		titles |= t->columns[c].title[0] != '\0';
	if (titles)
		print_row(t, widths, NULL, out);
	for (size_t r = 0; r < t->n_rows; r++)
		print_row(t, widths, &t->rows[r], out);
}
