/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

/* What a helper finds out about itself. */
struct report {
	char name[16];
	char cwd[64];
	int descriptors; /* but the standard three and the socket */
	bool own_session;
	bool survived; /* the signals that end a terminal's or a service's processes */
};

static int count_descriptors(int but)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	for (const struct dirent *e; dir && (e = readdir(dir));) {
		int fd = atoi(e->d_name);

		n += e->d_name[0] != '.' && fd > STDERR_FILENO && fd != but && fd != dirfd(dir);
	}
	closedir(dir);
	return n;
}

static _Noreturn void be_a_helper(int fd)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	struct report report = { 0 };
	uint32_t message;

	prctl(PR_GET_NAME, report.name);
	if (!getcwd(report.cwd, sizeof(report.cwd)))
		report.cwd[0] = '\0';
	report.descriptors = count_descriptors(fd);
	report.own_session = getsid(0) == getpid();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		raise(signals[i]);
	report.survived = true;
	child_send(fd, &report, sizeof(report));
	while (child_receive(fd, &message, sizeof(message), -1) == 0)
		child_send(fd, &message, sizeof(message));
	message = 4711;
	child_send(fd, &message, sizeof(message));
	_exit(0);
}

static void a_helper_stands_apart_and_ends_with_its_socket(void **state)
{
	struct report report;
	int ours = open("/dev/null", O_RDONLY);
	uint32_t message = 815;
	sigset_t blocked;
	sigset_t before;
	pid_t pid;
	int fd;

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	pid = child_fork("a-helper", &fd);
	if (pid == 0)
		be_a_helper(fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_true(pid > 0);
	assert_int_equal(child_receive(fd, &report, sizeof(report), 5000), 0);
	assert_string_equal(report.name, "a-helper");
	assert_string_equal(report.cwd, "/");
	assert_int_equal(report.descriptors, 0);
	assert_true(report.own_session);
	assert_true(report.survived);
	assert_int_equal(child_receive(fd, &message, sizeof(message), 1), -ETIMEDOUT);
	assert_true(child_send(fd, &message, sizeof(message)));
	message = 0;
	assert_int_equal(child_receive(fd, &message, sizeof(message), 5000), 0);
	assert_int_equal(message, 815);
	child_end(fd);
	assert_int_equal(child_receive(fd, &message, sizeof(message), 5000), 0);
	assert_int_equal(message, 4711);
	assert_int_equal(child_receive(fd, &message, sizeof(message), 5000), -EPIPE);
	child_gone(pid, fd, true);
	assert_int_equal(kill(pid, 0), -1);
	close(ours);
}

static void a_dead_helper_is_noticed(void **state)
{
	uint32_t message = 1;
	pid_t pid;
	int fd;

	(void)state;
	pid = child_fork("a-helper", &fd);
	if (pid == 0)
		pause();
	kill(pid, SIGKILL);
	assert_int_equal(child_receive(fd, &message, sizeof(message), 5000), -EPIPE);
	assert_false(child_send(fd, &message, sizeof(message)));
	child_gone(pid, fd, true);
}

static void a_program_gets_its_input_and_hands_back_what_it_says(void **state)
{
	const char *const argv[] = { "sh", "-c", "cat; echo two; echo first >&2; echo second >&2",
				     NULL };
	struct child_run run = { .argv = argv, .input = "one\n", .timeout_ms = 5000 };

	(void)state;
	assert_int_equal(child_run(&run), 0);
	assert_string_equal(run.output, "one\ntwo\n");
	assert_string_equal(run.error, "first");
	free(run.output);
}

static void a_failing_a_missing_and_a_hanging_program_are_told_apart(void **state)
{
	const char *const failing[] = { "sh", "-c", "echo no >&2; exit 3", NULL };
	const char *const missing[] = { "culvert-no-such-program", NULL };
	const char *const hanging[] = { "sleep", "60", NULL };
	struct child_run run = { .argv = failing, .timeout_ms = 5000 };

	(void)state;
	assert_int_equal(child_run(&run), -EIO);
	assert_string_equal(run.error, "no");
	free(run.output);
	run.argv = missing;
	assert_int_equal(child_run(&run), -ENOENT);
	assert_string_equal(run.error, "");
	free(run.output);
	run = (struct child_run){ .argv = hanging, .timeout_ms = 50 };
	assert_int_equal(child_run(&run), -ETIMEDOUT);
	assert_null(run.output);
}

static void endless_output_ends_at_the_limit(void **state)
{
	const char *const argv[] = { "cat", "/dev/zero", NULL };
	struct child_run run = { .argv = argv, .timeout_ms = 10000 };

	(void)state;
	assert_int_equal(child_run(&run), -EIO);
	free(run.output);
}

static void a_program_has_the_signals_that_a_helper_ignores(void **state)
{
	const char *const argv[] = { "sh", "-c", "kill -TERM $$; echo survived", NULL };
	struct child_run run = { .argv = argv, .timeout_ms = 5000 };
	void (*before)(int) = signal(SIGTERM, SIG_IGN);

	(void)state;
	assert_int_equal(child_run(&run), -EIO);
	assert_string_equal(run.output, "");
	free(run.output);
	signal(SIGTERM, before);
}

static void programs_are_found_in_the_systems_folders_too(void **state)
{
	const char *const argv[] = { "true", NULL };
	struct child_run run = { .argv = argv, .timeout_ms = 5000 };
	char *path = strdup(getenv("PATH"));

	(void)state;
	setenv("PATH", "/nowhere", 1);
	assert_int_equal(child_run(&run), 0);
	free(run.output);
	unsetenv("PATH");
	assert_int_equal(child_run(&run), 0);
	free(run.output);
	setenv("PATH", path, 1);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_helper_stands_apart_and_ends_with_its_socket),
		cmocka_unit_test(a_dead_helper_is_noticed),
		cmocka_unit_test(a_program_gets_its_input_and_hands_back_what_it_says),
		cmocka_unit_test(a_failing_a_missing_and_a_hanging_program_are_told_apart),
		cmocka_unit_test(endless_output_ends_at_the_limit),
		cmocka_unit_test(a_program_has_the_signals_that_a_helper_ignores),
		cmocka_unit_test(programs_are_found_in_the_systems_folders_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
