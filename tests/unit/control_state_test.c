/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static size_t parse(const char *text, struct state_peer *ret, size_t max)
{
	return state_parse(text, strlen(text), ret, max);
}

static void what_is_written_is_read_back(void **state)
{
	struct state_peer peers[3] = { { .public_key = { 1, 2, 3 }, .handshake = 1735689600 },
				       { .handshake = 0 },
				       { .handshake = 5 } };
	struct state_peer back[4];
	char *text;

	(void)state;
	memset(peers[1].public_key, 0xff, 32);
	assert_true(endpoint_parse("198.51.100.7:51820", &peers[0].endpoint));
	assert_true(endpoint_parse("[2001:db8::7]:65535", &peers[1].endpoint));
	assert_true(endpoint_parse("[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
				   &peers[2].endpoint));
	text = state_format(peers, 3);
	assert_non_null(text);
	assert_int_equal(parse(text, back, 4), 3);
	for (int i = 0; i < 3; i++) {
		assert_memory_equal(back[i].public_key, peers[i].public_key, 32);
		assert_true(endpoint_equal(&back[i].endpoint, &peers[i].endpoint));
		assert_int_equal(back[i].handshake, peers[i].handshake);
	}
	assert_int_equal(parse(text, back, 1), 1);
	free(text);
}

static void bad_lines_are_skipped_and_good_ones_kept(void **state)
{
	static const char text[] =
		"culvert-state 1\n"
		"\n"
		"garbage\n" KEY "\n" KEY " \n" KEY " 1.2.3.4:5\n" KEY " 1.2.3.4:5 \n" KEY
		" 1.2.3.4:5 -1\n" KEY " 1.2.3.4:5 6 7\n" KEY " 1.2.3.4 6\n" KEY " - 6\n" KEY
		" 1.2.3.4:5 99999999999999999999999999\n" KEY "X 1.2.3.4:5 6\n"
		"?" KEY " 1.2.3.4:5 6\n" KEY " 1.2.3.4:5 7\n" KEY " 1.2.3.4:5 89"; /* cut short */
	struct state_peer peers[16];

	(void)state;
	assert_int_equal(parse(text, peers, 16), 1);
	assert_int_equal(peers[0].handshake, 7);
}

static void another_version_is_empty(void **state)
{
	struct state_peer peers[1];

	(void)state;
	assert_int_equal(parse("culvert-state 2\n" KEY " 1.2.3.4:5 7\n", peers, 1), 0);
	assert_int_equal(parse(KEY " 1.2.3.4:5 7\n", peers, 1), 0);
	assert_int_equal(parse("", peers, 1), 0);
	assert_int_equal(parse("culvert-state 1", peers, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(bad_lines_are_skipped_and_good_ones_kept),
		cmocka_unit_test(another_version_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
