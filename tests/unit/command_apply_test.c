/* SPDX-License-Identifier: BSD-2-Clause */
/* The gateway's answers are made up here: this program has its own control_request(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/command/apply.c"
#include "../../src/command/report.c"

static int fake_result;
static const char *fake_answer;

int control_request(const char *config_path, const char *request, char **ret_answer)
{
	assert_string_equal(config_path, "x.conf");
	assert_string_equal(request, "reload");
	if (fake_result == 0)
		*ret_answer = strdup(fake_answer);
	return fake_result;
}

/* What apply() returns, and what it says on standard error. */
static int run_apply(int result, const char *answer, char said[static 512])
{
	int saved = dup(STDERR_FILENO);
	FILE *f = tmpfile();
	size_t n;
	int r;

	assert_non_null(f);
	fake_result = result;
	fake_answer = answer;
	dup2(fileno(f), STDERR_FILENO);
	r = apply("x.conf");
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	n = fread(said, 1, 511, f);
	said[n] = '\0';
	fclose(f);
	return r;
}

static void a_gateway_that_does_not_run_is_no_failure(void **state)
{
	char said[512];

	(void)state;
	assert_int_equal(run_apply(-ECONNREFUSED, NULL, said), STATUS_OK);
	assert_string_equal(said, "no gateway runs with x.conf, it takes effect when one starts\n");
	assert_int_equal(run_apply(-ENOENT, NULL, said), STATUS_OK);
}

static void a_gateway_that_reloads_is_mentioned(void **state)
{
	char said[512];

	(void)state;
	assert_int_equal(run_apply(0, "ok\n", said), STATUS_OK);
	assert_string_equal(said, "applied to the running gateway\n");
	assert_int_equal(run_apply(0, "ok", said), STATUS_OK);
}

static void a_refusal_is_passed_on_with_its_own_exit_status(void **state)
{
	char said[512];

	(void)state;
	assert_int_equal(run_apply(0, "error: no room for another peer\n", said),
			 STATUS_NOT_APPLIED);
	assert_non_null(strstr(said, "goes on without it: no room for another peer\n"));
	assert_int_equal(run_apply(0, "", said), STATUS_NOT_APPLIED);
	assert_int_equal(run_apply(-EACCES, NULL, said), STATUS_NOT_APPLIED);
	assert_non_null(strstr(said, "could not be told (Permission denied)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gateway_that_does_not_run_is_no_failure),
		cmocka_unit_test(a_gateway_that_reloads_is_mentioned),
		cmocka_unit_test(a_refusal_is_passed_on_with_its_own_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
