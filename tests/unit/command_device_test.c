/* SPDX-License-Identifier: BSD-2-Clause */
#include "command_said.h"

#include <stdlib.h>

static void assert_usage(const char *line, const char *why)
{
	struct said s;

	assert_int_equal(said_run(&s, command_device, line), STATUS_USAGE);
	assert_non_null(strstr(s.error, why));
}

static void a_wrong_command_line_is_told(void **state)
{
	(void)state;
	assert_usage("device", "the name of an adapter is missing");
	assert_usage("device -f", "the name of an adapter is missing");
	assert_usage("device a b", "b is one word too many");
	assert_usage("device a/b", "a/b is no name for an adapter");
	assert_usage("device 1234567890123456", "is no name for an adapter");
	assert_usage("device --config", "unknown option --config");
}

static void descriptors_in_the_environment_are_numbers(void **state)
{
	struct said s;

	(void)state;
	setenv("WG_TUN_FD", "three", 1);
	assert_int_equal(said_run(&s, command_device, "device -f wg0"), STATUS_FAILED);
	assert_non_null(strstr(s.error, "WG_TUN_FD"));
	setenv("WG_TUN_FD", "-7", 1);
	assert_int_equal(said_run(&s, command_device, "device -f wg0"), STATUS_FAILED);
	unsetenv("WG_TUN_FD");
}

static void help_is_what_was_asked_for(void **state)
{
	struct said s;

	(void)state;
	assert_int_equal(said_run(&s, command_device, "device --help"), STATUS_OK);
	assert_non_null(strstr(s.out, "--foreground"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_command_line_is_told),
		cmocka_unit_test(descriptors_in_the_environment_are_numbers),
		cmocka_unit_test(help_is_what_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
