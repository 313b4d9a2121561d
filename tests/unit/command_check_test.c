/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "command_said.h"

#define KEY "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="

static const char good[] = "[Interface]\nPrivateKey = " KEY "\nListenPort = 51820\n"
			   "Address = 10.66.77.1/24\n";

static char path[] = "/tmp/culvert-check-XXXXXX";
static struct said said;

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 || close(fd) < 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

/* Checks a file with that text, named as the last word of the line. */
static int check(const char *text, const char *options)
{
	FILE *f = fopen(path, "w");
	char line[100];

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	snprintf(line, sizeof(line), "check %s %s", options, path);
	return said_run(&said, command_check, line);
}

static void a_valid_file_is_one_line(void **state)
{
	char want[100];

	(void)state;
	snprintf(want, sizeof(want), "%s: valid, 0 peers\n", path);
	assert_int_equal(check(good, ""), STATUS_OK);
	assert_string_equal(said.out, want);
	assert_string_equal(said.error, "");
	assert_int_equal(check(good, "--config"), STATUS_OK);
	assert_string_equal(said.out, want);
}

static void a_wrong_file_is_complaints_with_their_lines_and_no_output(void **state)
{
	char want[100];

	(void)state;
	snprintf(want, sizeof(want), "%s:5: MTU \"1\", want", path);
	assert_int_equal(check("[Interface]\nPrivateKey = " KEY
			       "\nListenPort = 1\nAddress = 10.66.77.1/24\nMTU = 1\n",
			       ""),
			 STATUS_FAILED);
	assert_string_equal(said.out, "");
	assert_memory_equal(said.error, want, strlen(want));
}

static void verbose_fills_in_defaults_and_hides_keys(void **state)
{
	(void)state;
	assert_int_equal(check(good, "--verbose"), STATUS_OK);
	assert_non_null(strstr(said.out, "UdpTimeout = 300"));
	assert_null(strstr(said.out, KEY));
}

static void a_note_is_shown_and_is_no_failure(void **state)
{
	(void)state;
	assert_int_equal(check("[Interface]\nPrivateKey = " KEY "\nAddress = 10.66.77.1/24\n", ""),
			 STATUS_OK);
	assert_non_null(strstr(said.error, ": note: no ListenPort"));
}

static void what_is_no_file_is_said(void **state)
{
	(void)state;
	assert_int_equal(said_run(&said, command_check, "check /nowhere/x.conf"), STATUS_FAILED);
	assert_non_null(strstr(said.error, "/nowhere/x.conf"));
	assert_int_equal(said_run(&said, command_check, "check a b"), STATUS_USAGE);
	assert_non_null(strstr(said.error, "b is one file too many"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_valid_file_is_one_line),
		cmocka_unit_test(a_wrong_file_is_complaints_with_their_lines_and_no_output),
		cmocka_unit_test(verbose_fills_in_defaults_and_hides_keys),
		cmocka_unit_test(a_note_is_shown_and_is_no_failure),
		cmocka_unit_test(what_is_no_file_is_said),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
