/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/standard.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* In a process of its own.  Return: 0 if all is as it should be. */
static int hold_without_two(void)
{
	char byte;
	int first;

	close(STDIN_FILENO);
	close(STDERR_FILENO);
	if (standard_hold() < 0)
		return 1;
	first = open("/dev/null", O_RDWR);
	if (first <= STDERR_FILENO)
		return 2;
	if (read(STDIN_FILENO, &byte, 1) != 0 || write(STDERR_FILENO, "x", 1) >= 0)
		return 3;
	if (!(fcntl(STDERR_FILENO, F_GETFD) & FD_CLOEXEC))
		return 4;
	return fcntl(STDOUT_FILENO, F_GETFD) & FD_CLOEXEC ? 5 : 0;
}

static void what_is_closed_is_held_and_the_rest_stays(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(hold_without_two());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void where_all_are_open_nothing_changes(void **state)
{
	int next = dup(STDOUT_FILENO);

	(void)state;
	close(next);
	assert_int_equal(standard_hold(), 0);
	assert_int_equal(dup(STDOUT_FILENO), next);
	close(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_closed_is_held_and_the_rest_stays),
		cmocka_unit_test(where_all_are_open_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
