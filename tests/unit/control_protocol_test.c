/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CONF "/etc/culvert/culvert.conf"

static void a_request_survives_the_wire(void **state)
{
	struct control_request request = { .verb = CONTROL_RELOAD, .path = CONF };
	struct control_request back;
	char line[CONTROL_LINE_MAX + 1];
	size_t len;

	(void)state;
	len = control_request_format(&request, line);
	assert_string_equal(line, "reload " CONF "\n");
	assert_int_equal(len, strlen(line));
	assert_true(control_request_parse(line, len, &back));
	assert_int_equal(back.verb, CONTROL_RELOAD);
	assert_string_equal(back.path, CONF);
	assert_true(control_request_parse("status /a", 9, &back));
	assert_int_equal(back.verb, CONTROL_STATUS);
	assert_string_equal(back.path, "/a");
}

static void nonsense_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"status",
		"status ",
		"status relative.conf",
		"statu /a",
		"statusx /a",
		"STATUS /a",
		"status\t/a",
		"status /a\nstatus /b",
		"status /a\x1b[2J",
		"halt /a",
	};
	struct control_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(control_request_parse(lines[i], strlen(lines[i]), &request));
	assert_false(control_request_parse("status /a\0b", 11, &request));
}

static void the_length_has_its_limit(void **state)
{
	static struct control_request request = { .verb = CONTROL_STATUS };
	static char line[CONTROL_LINE_MAX + 8];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "status /", 8);
	assert_true(control_request_parse(line, CONTROL_LINE_MAX - 1, &request));
	assert_int_equal(strlen(request.path), CONTROL_LINE_MAX - 1 - 7);
	assert_int_equal(control_request_format(&request, line), CONTROL_LINE_MAX);
	line[CONTROL_LINE_MAX - 1] = 'x';
	assert_false(control_request_parse(line, CONTROL_LINE_MAX, &request));
	strcpy(request.path, "relative");
	assert_int_equal(control_request_format(&request, line), 0);
	request = (struct control_request){ .verb = CONTROL_REFUSED, .path = CONF };
	assert_int_equal(control_request_format(&request, line), 0);
}

static enum control_verb admit(const char *line, bool reader, bool owner, char *refusal)
{
	refusal[0] = '\0';
	return control_admit(line, strlen(line), CONF, reader, owner, refusal);
}

static void readers_see_and_owners_change(void **state)
{
	char refusal[CONTROL_ANSWER_MAX];

	(void)state;
	assert_int_equal(admit("status " CONF, true, false, refusal), CONTROL_STATUS);
	assert_int_equal(admit("status " CONF, false, true, refusal), CONTROL_STATUS);
	assert_int_equal(admit("reload " CONF, true, true, refusal), CONTROL_RELOAD);
	assert_string_equal(refusal, "");
	assert_int_equal(admit("stop " CONF, true, true, refusal), CONTROL_STOP);
	assert_int_equal(admit("stop " CONF, true, false, refusal), CONTROL_REFUSED);
	assert_non_null(strstr(refusal, "error: not permitted: stop as root"));
	assert_int_equal(admit("reload " CONF, true, false, refusal), CONTROL_REFUSED);
	assert_non_null(strstr(refusal, "error: not permitted: reload as root"));
	assert_int_equal(admit("status " CONF, false, false, refusal), CONTROL_REFUSED);
	assert_null(strstr(refusal, CONF));
}

static void another_configuration_is_told_apart(void **state)
{
	char refusal[CONTROL_ANSWER_MAX];

	(void)state;
	assert_int_equal(admit("reload /home/a/culvert.conf", true, true, refusal),
			 CONTROL_REFUSED);
	assert_string_equal(refusal, CONTROL_OTHER_GATEWAY CONF "\n");
	assert_int_equal(admit("dance " CONF, true, true, refusal), CONTROL_REFUSED);
	assert_string_equal(refusal, "error: not a request that this version knows\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_survives_the_wire),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(the_length_has_its_limit),
		cmocka_unit_test(readers_see_and_owners_change),
		cmocka_unit_test(another_configuration_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
