/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/lock.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/lock-XXXXXX";
static char path[64];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/run/a.lock", dir);
	return 0;
}

static int remove_dir(void **state)
{
	char folder[64];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/run", dir);
	return rmdir(folder) < 0 || rmdir(dir) < 0;
}

static void a_lock_has_one_holder_and_leaves_nothing(void **state)
{
	char before[LOCK_HOLDER_MAX];
	struct lock first;
	struct lock second;
	struct stat st;

	(void)state;
	assert_int_equal(lock_take(path, 0, &first, before), 0);
	assert_string_equal(before, "");
	/* Whoever could open it could hold it: flock() asks for no right to write. */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(lock_write(&first, "home"), 0);
	assert_int_equal(lock_take(path, 0, &second, before), -EBUSY);
	assert_string_equal(before, "home");
	assert_int_equal(lock_take(path, 60, &second, before), -EBUSY);
	lock_give(&second);
	lock_give(&first);
	lock_give(&first);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(lock_take(path, 0, &second, before), 0);
	assert_string_equal(before, "");
	lock_give(&second);
}

static void a_killed_holder_leaves_its_name_and_no_lock(void **state)
{
	char before[LOCK_HOLDER_MAX];
	struct lock lock;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (lock_take(path, 0, &lock, before) == 0 && lock_write(&lock, "gone") == 0)
			raise(SIGKILL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_take(path, 0, &lock, before), 0);
	assert_string_equal(before, "gone");
	lock_leave(&lock);
	assert_int_equal(lock_take(path, 0, &lock, before), 0);
	assert_string_equal(before, "gone");
	lock_give(&lock);
}

static void who_waits_gets_it_when_it_is_given_up(void **state)
{
	char before[LOCK_HOLDER_MAX];
	struct lock lock;
	int ready[2];
	pid_t pid;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (lock_take(path, 0, &lock, before) == 0 && write(ready[1], "", 1) == 1)
			usleep(150000);
		lock_give(&lock);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(lock_take(path, 5000, &lock, before), 0);
	lock_give(&lock);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

static void what_cannot_be_made_is_an_error(void **state)
{
	char before[LOCK_HOLDER_MAX];
	char long_path[200];
	struct lock lock;

	(void)state;
	assert_int_equal(lock_take("/proc/no/such.lock", 0, &lock, before), -ENOENT);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(lock_take(long_path, 0, &lock, before), -ENAMETOOLONG);
	lock_give(&lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_has_one_holder_and_leaves_nothing),
		cmocka_unit_test(a_killed_holder_leaves_its_name_and_no_lock),
		cmocka_unit_test(who_waits_gets_it_when_it_is_given_up),
		cmocka_unit_test(what_cannot_be_made_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
