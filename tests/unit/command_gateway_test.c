/* SPDX-License-Identifier: BSD-2-Clause */
/* No gateway runs here: this program has its own gateway_run(). */
#include "engine/gateway.h"

#include <stdlib.h>

#include "base/log.h"
#include "command_said.h"

static char ran_with[64];

int gateway_run(const char *config_path)
{
	snprintf(ran_with, sizeof(ran_with), "%s", config_path);
	log_debug("debugging");
	log_error("an error");
	return 42;
}

static struct said said;

static void it_runs_with_the_file_that_was_named(void **state)
{
	(void)state;
	assert_int_equal(said_run(&said, command_gateway, "gateway --config x.conf"), 42);
	assert_string_equal(ran_with, "x.conf");
	assert_int_equal(said_run(&said, command_gateway, "gateway"), 42);
	assert_string_equal(ran_with, CONFIG_PATH_DEFAULT);
}

static void debug_shows_debug_lines_and_the_journal_gets_priorities(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	said_run(&said, command_gateway, "gateway");
	assert_string_equal(said.error, "an error\n");
	said_run(&said, command_gateway, "gateway --debug");
	assert_string_equal(said.error, "debugging\nan error\n");
	setenv("JOURNAL_STREAM", "8:1", 1);
	said_run(&said, command_gateway, "gateway");
	assert_string_equal(said.error, "<3>an error\n");
	unsetenv("JOURNAL_STREAM");
}

static void a_wrong_command_line_runs_nothing(void **state)
{
	static const char *const wrong[] = { "gateway x", "gateway --what", "gateway --config" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		ran_with[0] = '\0';
		assert_int_equal(said_run(&said, command_gateway, wrong[i]), STATUS_USAGE);
		assert_string_equal(ran_with, "");
		assert_non_null(strstr(said.error, "culvert gateway --help"));
	}
	assert_int_equal(said_run(&said, command_gateway, "gateway --help"), STATUS_OK);
	assert_string_equal(ran_with, "");
	assert_non_null(strstr(said.out, "usage: culvert gateway"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_runs_with_the_file_that_was_named),
		cmocka_unit_test(debug_shows_debug_lines_and_the_journal_gets_priorities),
		cmocka_unit_test(a_wrong_command_line_runs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
