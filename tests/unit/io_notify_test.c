/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static int manager(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	strcpy(addr.sun_path, name);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void assert_heard(int fd, const char *expected)
{
	char text[1024];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void all_messages_arrive(const char *name)
{
	struct notify *n;
	char own[32];
	int fd = manager(name);

	snprintf(own, sizeof(own), "%ld", (long)getpid());
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", own, 1);
	assert_int_equal(notify_new(&n), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_ready(n, "3 peers\nREADY=0");
	assert_heard(fd, "READY=1\nSTATUS=3 peers READY=0");
	notify_status(n, "fine");
	assert_heard(fd, "STATUS=fine");
	notify_reloading(n, 5 * NS_PER_S);
	assert_heard(fd, "RELOADING=1\nMONOTONIC_USEC=5000000");
	notify_watchdog(n);
	assert_heard(fd, "WATCHDOG=1");
	notify_stopping(n);
	assert_heard(fd, "STOPPING=1");
	assert_int_equal(notify_watchdog_interval(n), 10 * NS_PER_S);
	notify_free(n);
	close(fd);
}

static void a_socket_in_the_file_system_is_told(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "/tmp/culvert-notify-%ld", (long)getpid());
	all_messages_arrive(name);
	unlink(name);
}

static void an_abstract_socket_is_told(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@culvert-notify-%ld", (long)getpid());
	all_messages_arrive(name);
}

static void without_a_manager_nothing_happens(void **state)
{
	struct notify *n;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_new(&n), 0);
	notify_ready(n, "x");
	assert_int_equal(notify_watchdog_interval(n), NEVER);
	notify_free(n);
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	assert_int_equal(notify_new(&n), -ENOENT);
	notify_ready(n, "x");
	notify_free(n);
	setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
	assert_int_equal(notify_new(&n), -EAFNOSUPPORT);
	notify_free(n);
}

static void another_process_watchdog_is_not_ours(void **state)
{
	static const char *const bad[] = { "0", "-5", "x", "", "1x", "99999999999999999999" };
	struct notify *n;
	int fd = manager("@culvert-notify-watchdog");

	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_new(&n), 0);
	assert_int_equal(notify_watchdog_interval(n), NEVER);
	notify_free(n);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("NOTIFY_SOCKET", "@culvert-notify-watchdog", 1);
		setenv("WATCHDOG_USEC", bad[i], 1);
		assert_int_equal(notify_new(&n), 0);
		assert_int_equal(notify_watchdog_interval(n), NEVER);
		notify_free(n);
	}
	close(fd);
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
	struct notify *n;
	int fd = manager("@culvert-notify-full");

	(void)state;
	assert_int_equal(notify_new(&n), 0);
	for (int i = 0; i < 100000; i++)
		notify_watchdog(n);
	notify_free(n);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_in_the_file_system_is_told),
		cmocka_unit_test(an_abstract_socket_is_told),
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(another_process_watchdog_is_not_ours),
		cmocka_unit_test(a_manager_that_does_not_read_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
