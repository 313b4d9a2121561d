/* SPDX-License-Identifier: BSD-2-Clause */
#include "command_said.h"

/* What it does to a host is in tests/net/51-connect.sh. */
static void a_wrong_command_line_is_told(void **state)
{
	struct said s;

	(void)state;
	assert_int_equal(said_run(&s, command_disconnect, "disconnect a b"), STATUS_USAGE);
	assert_non_null(strstr(s.error, "b is one word too many"));
	assert_int_equal(said_run(&s, command_disconnect, "disconnect --all"), STATUS_USAGE);
	assert_non_null(strstr(s.error, "unknown option --all"));
}

static void what_can_be_neither_file_nor_adapter_is_refused(void **state)
{
	struct said s;

	(void)state;
	assert_int_equal(said_run(&s, command_disconnect, "disconnect not@here"), STATUS_FAILED);
	assert_non_null(strstr(s.error, "neither a file nor the name of an adapter"));
}

static void help_is_what_was_asked_for(void **state)
{
	struct said s;

	(void)state;
	assert_int_equal(said_run(&s, command_disconnect, "disconnect --help"), STATUS_OK);
	assert_non_null(strstr(s.out, "kill switches included"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_command_line_is_told),
		cmocka_unit_test(what_can_be_neither_file_nor_adapter_is_refused),
		cmocka_unit_test(help_is_what_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
