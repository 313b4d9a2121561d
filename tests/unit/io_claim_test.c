/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/culvert-claim-XXXXXX";
static char path[CLAIM_PATH_MAX];
static char lock[CLAIM_PATH_MAX];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/x.sock", dir);
	snprintf(lock, sizeof(lock), "%s/x.lock", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir); /* fails if anything was left */
}

static void a_claim_has_one_holder(void **state)
{
	struct claim first;
	struct claim second;
	struct stat st;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(claim_probe(path, "a", &pid), 0);
	assert_int_equal(claim_take(path, "a", 0640, &first, &pid), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(stat(lock, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(claim_take(path, "a", 0640, &second, &pid), -EADDRINUSE);
	assert_int_equal(pid, getpid());
	pid = 0;
	assert_int_equal(claim_probe(path, "a", &pid), -EADDRINUSE);
	assert_int_equal(pid, getpid());
	assert_int_equal(claim_take(path, "b", 0640, &second, &pid), -EBUSY);
	assert_int_equal(claim_probe(path, "b", &pid), 0);
	claim_done(&first);
	assert_int_equal(claim_take(path, "b", 0640, &second, &pid), 0);
	claim_done(&second);
}

static void what_is_not_ours_is_left_alone(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char long_path[CLAIM_PATH_MAX + 10];
	struct claim claim;
	pid_t pid;
	int fd;

	(void)state;
	/* A server that knows nothing of lock files. */
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(claim_take(path, "a", 0600, &claim, &pid), -EBUSY);
	close(fd);
	unlink(path);
	/* A file of another kind. */
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_int_equal(claim_take(path, "a", 0600, &claim, &pid), -EEXIST);
	close(fd);
	unlink(path);
	/* A symbolic link in the lock's place. */
	assert_int_equal(symlink("/etc/passwd", lock), 0);
	assert_int_equal(claim_take(path, "a", 0600, &claim, &pid), -ELOOP);
	unlink(lock);
	assert_int_equal(claim_take("/tmp/no-suffix", "a", 0600, &claim, &pid), -EINVAL);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(claim_take(long_path, "a", 0600, &claim, &pid), -ENAMETOOLONG);
}

/* A pid that nobody has: of a child that is gone. */
static pid_t dead_pid(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	return child;
}

static void *let_go(void *arg)
{
	nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
	close(*(int *)arg);
	return NULL;
}

/* Another starter looks at what a killed gateway left, at the very same moment. */
static void a_dead_holders_name_is_not_believed(void **state)
{
	struct claim claim;
	pthread_t thread;
	pid_t pid;
	int fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	(void)state;
	assert_true(dprintf(fd, "%ld a\n", (long)dead_pid()) > 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(pthread_create(&thread, NULL, let_go, &fd), 0);
	assert_int_equal(claim_take(path, "a", 0600, &claim, &pid), 0);
	pthread_join(thread, NULL);
	claim_done(&claim);
}

#define STARTERS 8

static void *start(void *arg)
{
	struct claim *claim = arg;
	pid_t pid;

	if (claim_take(path, "a", 0600, claim, &pid) < 0)
		claim->listen_fd = -1;
	return NULL;
}

static void of_many_starters_exactly_one_wins(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct claim claims[STARTERS];
		pthread_t threads[STARTERS];
		int winners = 0;

		for (int i = 0; i < STARTERS; i++)
			pthread_create(&threads[i], NULL, start, &claims[i]);
		for (int i = 0; i < STARTERS; i++)
			pthread_join(threads[i], NULL);
		for (int i = 0; i < STARTERS; i++) {
			if (claims[i].listen_fd < 0)
				continue;
			winners++;
			claim_done(&claims[i]);
		}
		assert_int_equal(winners, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_has_one_holder),
		cmocka_unit_test(what_is_not_ours_is_left_alone),
		cmocka_unit_test(a_dead_holders_name_is_not_believed),
		cmocka_unit_test(of_many_starters_exactly_one_wins),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
