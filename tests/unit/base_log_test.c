/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static FILE *file;
static int saved;

/* Standard error goes to a file until said() reads it. */
static void listen(void)
{
	file = tmpfile();
	assert_non_null(file);
	saved = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
}

static const char *said(void)
{
	static char text[4096];
	size_t n;

	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static void on_a_terminal_a_line_is_only_what_is_said(void **state)
{
	(void)state;
	log_init(false, false);
	listen();
	log_error("%s:%d: wrong", "file", 12);
	log_notice("100 %%");
	assert_string_equal(said(), "file:12: wrong\n100 %\n");
}

static void in_the_journal_each_line_carries_its_priority(void **state)
{
	(void)state;
	log_init(true, true);
	listen();
	log_error("a");
	log_warning("b");
	log_notice("c");
	log_debug("d");
	assert_string_equal(said(), "<3>a\n<4>b\n<5>c\n<7>d\n");
}

static void debug_lines_are_silent_unless_asked_for(void **state)
{
	(void)state;
	log_init(false, false);
	listen();
	log_debug("hidden");
	assert_string_equal(said(), "");
	log_init(false, true);
	listen();
	log_debug("shown");
	assert_string_equal(said(), "shown\n");
}

static void a_long_line_is_cut_and_stays_one_line(void **state)
{
	char text[3000];
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_init(true, false);
	listen();
	log_error("%s", text);
	line = said();
	assert_int_equal(strlen(line), 1024);
	assert_int_equal(strspn(line + 3, "x"), 1020);
	assert_string_equal(line + 1023, "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_a_terminal_a_line_is_only_what_is_said),
		cmocka_unit_test(in_the_journal_each_line_carries_its_priority),
		cmocka_unit_test(debug_lines_are_silent_unless_asked_for),
		cmocka_unit_test(a_long_line_is_cut_and_stays_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
