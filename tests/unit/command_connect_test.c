/* SPDX-License-Identifier: BSD-2-Clause */
#include "command_said.h"

static void assert_usage(const char *line, const char *why)
{
	struct said s;

	assert_int_equal(said_run(&s, command_connect, line), STATUS_USAGE);
	assert_non_null(strstr(s.error, why));
	assert_non_null(strstr(s.error, "culvert connect --help"));
	assert_string_equal(s.out, "");
}

static void a_wrong_command_line_is_told(void **state)
{
	(void)state;
	assert_usage("connect", "the file of a client is missing");
	assert_usage("connect a.conf b.conf", "b.conf is one word too many");
	assert_usage("connect --exclude 10.0.0.0/8 a.conf", "there is no --route-all");
	assert_usage("connect --route-all --exclude ten a.conf", "ten is no prefix");
	assert_usage("connect --exclude", "--exclude wants a value");
	assert_usage("connect --interface a/b a.conf", "a/b is no name for an adapter");
	assert_usage("connect --fast a.conf", "unknown option --fast");
}

static void a_file_that_is_missing_is_a_failure(void **state)
{
	struct said s;

	(void)state;
	assert_int_equal(said_run(&s, command_connect, "connect --route-all /nothing.conf"),
			 STATUS_FAILED);
	assert_non_null(strstr(s.error, "/nothing.conf: no such file"));
}

static void help_is_what_was_asked_for(void **state)
{
	struct said s;

	(void)state;
	assert_int_equal(said_run(&s, command_connect, "connect --help"), STATUS_OK);
	assert_non_null(strstr(s.out, "--kill-switch"));
	assert_string_equal(s.error, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_command_line_is_told),
		cmocka_unit_test(a_file_that_is_missing_is_a_failure),
		cmocka_unit_test(help_is_what_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
