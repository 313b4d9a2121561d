/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel is played: this program has its own getrandom(). */
#include "io/random.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static size_t at_most;  /* bytes per call */
static int interrupted; /* calls that fail with EINTR first */
static bool broken;
static uint8_t next;

ssize_t getrandom(void *out, size_t len, unsigned int flags)
{
	size_t n = len < at_most ? len : at_most;
	uint8_t *p = out;

	assert_int_equal(flags, 0);
	if (broken || interrupted-- > 0) {
		errno = broken ? ENOSYS : EINTR;
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		p[i] = next++;
	return (ssize_t)n;
}

static void short_and_interrupted_reads_are_gone_on_with(void **state)
{
	struct rng rng = rng_system();
	uint8_t out[102];

	(void)state;
	memset(out, 0xee, sizeof(out));
	at_most = 7;
	interrupted = 3;
	rng_fill(&rng, out + 1, 100);
	for (uint8_t i = 0; i < 100; i++)
		assert_int_equal(out[1 + i], i);
	assert_true(out[0] == 0xee && out[101] == 0xee);
}

static void without_randomness_there_is_no_process(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct rng rng = rng_system();

		/* cmocka's handler would take it for a failure of its own. */
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		broken = true;
		(void)rng_u32(&rng);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_and_interrupted_reads_are_gone_on_with),
		cmocka_unit_test(without_randomness_there_is_no_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
