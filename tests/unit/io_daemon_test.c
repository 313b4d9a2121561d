/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int pipe_ends[2];

/* Runs @work as the process that stays; Return: the status with which the first one would leave. */
static int first_leaves_with(void (*work)(int fd))
{
	int status = -1;
	int fd = daemon_fork(&pipe_ends[1], 1, &status);

	if (fd >= 0)
		work(fd);
	assert_int_equal(fd, -ECHILD);
	return status;
}

static void is_ready(int fd)
{
	/* A session of its own, and of the descriptors only what was to be kept. */
	char byte = getsid(0) == getpid() && fcntl(pipe_ends[0], F_GETFD) < 0 ? 'y' : 'n';

	daemon_ready(fd, false);
	/* Standard output leads nowhere now, and the process lives on. */
	(void)!write(STDOUT_FILENO, "lost\n", 5);
	(void)!write(pipe_ends[1], &byte, 1);
	_exit(0);
}

static void fails(int fd)
{
	(void)fd;
	_exit(7);
}

static void dies(int fd)
{
	(void)fd;
	raise(SIGKILL);
}

static void the_first_leaves_once_the_second_is_ready(void **state)
{
	char byte = 0;

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(first_leaves_with(is_ready), 0);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
}

static void a_failure_is_passed_on(void **state)
{
	(void)state;
	assert_int_equal(first_leaves_with(fails), 7);
	assert_int_equal(first_leaves_with(dies), 128 + SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_leaves_once_the_second_is_ready),
		cmocka_unit_test(a_failure_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
