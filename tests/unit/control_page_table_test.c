/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/page_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct table_column columns[] = {
	{ "NAME", false, 0 },
	{ "BYTES", true, 2 },
	{ "NOTE", false, 1 },
	{ "EMPTY", false, 3 },
};

static char *print(unsigned int width)
{
	struct table *t = table_new(columns, 4);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(t);
	assert_true(table_row(t));
	table_cell(t, 0, "%s", "alice");
	table_cell(t, 1, "%d", 7);
	table_cell(t, 2, "%s", "first");
	assert_true(table_row(t));
	table_cell(t, 0, "%s", "b");
	table_cell(t, 1, "%d", 1234567);
	table_print(t, width, out);
	table_free(t);
	fclose(out);
	return text;
}

static void columns_line_up_without_blanks_at_the_end(void **state)
{
	char *text = print(0);

	(void)state;
	assert_string_equal(text, "  NAME     BYTES  NOTE\n"
				  "  alice        7  first\n"
				  "  b      1234567\n");
	free(text);
}

static void the_lightest_columns_go_first(void **state)
{
	char *text = print(23);

	(void)state;
	assert_non_null(strstr(text, "NOTE"));
	free(text);
	text = print(22);
	assert_string_equal(text, "  NAME     BYTES\n"
				  "  alice        7\n"
				  "  b      1234567\n");
	free(text);
	text = print(1);
	assert_string_equal(text, "  NAME\n  alice\n  b\n");
	free(text);
}

static void many_rows_and_long_cells_are_held(void **state)
{
	struct table *t = table_new(columns, 4);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(table_row(t));
		table_cell(t, 0, "%0100d", i);
	}
	table_print(t, 80, out);
	fclose(out);
	assert_int_equal(len, strlen("  NAME\n") + 1000 * (2 + TABLE_CELL_MAX - 1 + 1));
	table_free(t);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_line_up_without_blanks_at_the_end),
		cmocka_unit_test(the_lightest_columns_go_first),
		cmocka_unit_test(many_rows_and_long_cells_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
