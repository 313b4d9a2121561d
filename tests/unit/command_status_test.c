/* SPDX-License-Identifier: BSD-2-Clause */
/* The gateway's answers are made up here: this program has its own control_request(). */
#include <errno.h>
#include <stdlib.h>

#include "command_said.h"
#include "io/control.h"

static int fake_result;
static const char *fake_answer;

int control_request(const char *config_path, const char *request, char **ret_answer)
{
	assert_string_equal(config_path, "x.conf");
	assert_string_equal(request, "status");
	if (fake_result == 0)
		*ret_answer = strdup(fake_answer);
	return fake_result;
}

static struct said said;

static int status(int result, const char *answer, const char *options)
{
	char line[100];

	fake_result = result;
	fake_answer = answer;
	snprintf(line, sizeof(line), "status --config x.conf %s", options);
	return said_run(&said, command_status, line);
}

static void json_is_passed_on_as_it_came(void **state)
{
	(void)state;
	assert_int_equal(status(0, "{\"a\":1}\n", "--json"), STATUS_OK);
	assert_string_equal(said.out, "{\"a\":1}\n");
	assert_string_equal(said.error, "");
}

static void a_refusal_is_a_sentence_and_no_output(void **state)
{
	static const char *const options[] = { "", "--json", "--watch" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(status(0, "error: not now\nmore", options[i]), STATUS_FAILED);
		assert_string_equal(said.out, "");
		assert_string_equal(said.error, "culvert: not now\n");
	}
}

static void each_way_to_have_no_answer_has_its_cure(void **state)
{
	static const struct {
		int error;
		const char *says;
	} rows[] = {
		{ -ECONNREFUSED, "culvert gateway --config x.conf" },
		{ -ETIMEDOUT, "did not answer within 2 s" },
		{ -EPROTO, "repeat in a second" },
		{ -EACCES, "x.conf" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(status(rows[i].error, NULL, ""), STATUS_FAILED);
		assert_string_equal(said.out, "");
		assert_non_null(strstr(said.error, rows[i].says));
	}
}

static void an_answer_of_another_version_is_not_shown(void **state)
{
	(void)state;
	assert_int_equal(status(0, "nonsense", ""), STATUS_FAILED);
	assert_string_equal(said.out, "");
	assert_non_null(strstr(said.error, "use the version that it runs"));
}

static void a_wrong_command_line_asks_nobody(void **state)
{
	(void)state;
	assert_int_equal(said_run(&said, command_status, "status x y"), STATUS_USAGE);
	assert_int_equal(said_run(&said, command_status, "status --what"), STATUS_USAGE);
	assert_string_equal(said.out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_passed_on_as_it_came),
		cmocka_unit_test(a_refusal_is_a_sentence_and_no_output),
		cmocka_unit_test(each_way_to_have_no_answer_has_its_cure),
		cmocka_unit_test(an_answer_of_another_version_is_not_shown),
		cmocka_unit_test(a_wrong_command_line_asks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
