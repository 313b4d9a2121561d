/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_netns.h - network namespaces of a test's own
 *
 * Tests with real sockets never touch the host's network: they run in namespaces that
 * vanish with the process.  As root a network namespace is made directly, else inside a
 * user namespace of our own; where neither is permitted the tests are skipped, with the reason.
 */
#ifndef CULVERT_TESTS_IO_NETNS_H
#define CULVERT_TESTS_IO_NETNS_H

#include <cap-ng.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static inline int netns_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = write(fd, text, strlen(text));
		close(fd);
	}
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* netns_permitted() - becomes root of a user namespace if it must; false, and why, if it can't */
static inline int netns_permitted(void)
{
	static int permitted = -1;
	char map[64];

	if (permitted >= 0)
		return permitted;
	if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0)
		return permitted = 1;
	snprintf(map, sizeof(map), "0 %u 1", geteuid());
	permitted = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
		    netns_write("/proc/self/setgroups", "deny") == 0 &&
		    netns_write("/proc/self/uid_map", map) == 0;
	snprintf(map, sizeof(map), "0 %u 1", getegid());
	if (permitted)
		(void)netns_write("/proc/self/gid_map", map);
	else
		printf("# skipped: neither root nor allowed to make user namespaces\n");
	return permitted;
}

#define NETNS_OR_SKIP()                 \
	do {                            \
		if (!netns_permitted()) \
			skip();         \
	} while (0)

/* netns_new() - enters a fresh namespace with lo up; Return: its descriptor */
static inline int netns_new(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(system("ip link set lo up"), 0);
	return fd;
}

static inline void netns_enter(int fd)
{
	assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

/* netns_run() - a shell command in the current namespace, which must succeed */
static inline __attribute__((format(printf, 1, 2))) void netns_run(const char *format, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/*
 * netns_pair() - two namespaces joined by a veth pair; ends inside the first
 *
 *   [a] eth0 192.0.2.1/24 ------- eth0 192.0.2.2/24 [b]
 */
static inline void netns_pair(int *a, int *b)
{
	*b = netns_new();
	*a = netns_new();
	netns_run("ip link add eth0 type veth peer name eth0 netns /proc/%d/fd/%d", getpid(), *b);
	netns_run("ip addr add 192.0.2.1/24 dev eth0 && ip link set eth0 up");
	netns_enter(*b);
	netns_run("ip addr add 192.0.2.2/24 dev eth0 && ip link set eth0 up");
	netns_enter(*a);
}

/*
 * netns_drop_privileges() - uid 65534 with CAP_NET_RAW alone, or without even that
 *
 * Credentials belong to threads: only the calling one is unprivileged afterwards.
 */
static inline void netns_drop_privileges(bool net_raw)
{
	assert_int_equal(prctl(PR_SET_KEEPCAPS, 1), 0);
	/* Not mapped, and refused, inside a user namespace of one user. */
	(void)syscall(SYS_setresgid, 65534, 65534, 65534);
	(void)syscall(SYS_setresuid, 65534, 65534, 65534);
	capng_clear(CAPNG_SELECT_BOTH);
	if (net_raw)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_RAW);
	assert_int_equal(capng_apply(CAPNG_SELECT_CAPS), 0);
}

static inline void netns_in_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

#endif
