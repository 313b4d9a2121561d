/* SPDX-License-Identifier: BSD-2-Clause */
#include "command_said.h"

#include <errno.h>

static struct said said;

static void a_complaint_is_one_line_and_a_failure(void **state)
{
	int r;

	(void)state;
	said_begin(&said);
	r = complain("%s %d", "twelve", 12);
	said_end(&said);
	assert_int_equal(r, STATUS_FAILED);
	assert_string_equal(said.error, "culvert: twelve 12\n");
	assert_string_equal(said.out, "");
	said_begin(&said);
	r = complain_usage("peer", "no %s", "verb");
	said_end(&said);
	assert_int_equal(r, STATUS_USAGE);
	assert_non_null(strstr(said.error, "culvert peer: no verb"));
	assert_non_null(strstr(said.error, "culvert peer --help"));
}

static void whatever_is_wrong_with_a_file_it_is_named(void **state)
{
	static const int errors[] = { -ENOENT, -EACCES, -EISDIR, -EFBIG, -EIO, -EBUSY };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		int r;

		said_begin(&said);
		r = complain_file("dir/x.conf", errors[i]);
		said_end(&said);
		assert_int_equal(r, STATUS_FAILED);
		assert_non_null(strstr(said.error, "dir/x.conf"));
		assert_ptr_equal(strchr(said.error, '\n'), strrchr(said.error, '\n'));
	}
}

static void messages_begin_with_file_and_line(void **state)
{
	struct config_message items[] = {
		{ .line = 0, .error = true, .text = "whole" },
		{ .line = 3, .error = false, .text = "a note" },
		{ .line = 7, .error = true, .text = "wrong" },
	};
	struct config_messages m = { .items = items, .n = 3, .n_errors = 2 };

	(void)state;
	said_begin(&said);
	print_messages("x", &m, true);
	said_end(&said);
	assert_string_equal(said.error, "x: whole\nx:3: note: a note\nx:7: wrong\n");
	said_begin(&said);
	print_messages("x", &m, false);
	said_end(&said);
	assert_string_equal(said.error, "x: whole\nx:7: wrong\n");
}

static void a_wrong_text_is_not_loaded_and_says_so_last(void **state)
{
	struct config *config = NULL;
	int r;

	(void)state;
	said_begin(&said);
	r = load_text("x", "nonsense\n", 9, false, &config);
	said_end(&said);
	assert_int_equal(r, STATUS_FAILED);
	assert_null(config);
	assert_non_null(strstr(said.error, "x:1: "));
	assert_non_null(strstr(said.error, "\nculvert: x: not a valid configuration"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_complaint_is_one_line_and_a_failure),
		cmocka_unit_test(whatever_is_wrong_with_a_file_it_is_named),
		cmocka_unit_test(messages_begin_with_file_and_line),
		cmocka_unit_test(a_wrong_text_is_not_loaded_and_says_so_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
