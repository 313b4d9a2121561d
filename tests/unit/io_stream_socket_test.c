/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/stream_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/stream.h"

#define LOOPBACK 0x7f000001

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, 2000), 1);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin6_port); /* at the same place in both families */
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* The one that fits is used where the kernel has it, and none is loaded. */
static void expect_congestion_control(int fd)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_available_congestion_control", "r");
	char available[256] = "";
	char name[16] = "";
	socklen_t len = sizeof(name);

	assert_non_null(f);
	assert_non_null(fgets(available, sizeof(available), f));
	fclose(f);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_true(strcmp(name, "bbr") == 0 || !strstr(available, "bbr"));
}

static void expect_options(int fd)
{
	expect_congestion_control(fd);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(option(fd, IPPROTO_TCP, TCP_NODELAY));
	assert_true(option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT) <= 128 << 10);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 15000);
	assert_true(option(fd, SOL_SOCKET, SO_KEEPALIVE));
	assert_true(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) < 30);
}

/* Connects to a listener of our own at @address and compares both ends. */
static void check_pair(const char *address)
{
	struct endpoint to = { .port = 0 };
	struct endpoint remote;
	struct addr local;
	int listener = stream_listen(0);
	int failed, near, far;

	assert_true(listener >= 0);
	to.port = port_of(listener);
	assert_true(addr_parse(address, &to.addr));
	assert_int_equal(stream_socket_accept(listener, &remote), -EAGAIN);
	near = stream_socket_connect(&to, &failed);
	assert_true(near >= 0);
	assert_int_equal(failed, 0);
	wait_for(near, POLLOUT);
	assert_int_equal(stream_socket_connected(near), 0);
	wait_for(listener, POLLIN);
	far = stream_socket_accept(listener, &remote);
	assert_true(far >= 0);
	assert_true(addr_equal(&remote.addr, &to.addr));
	assert_int_equal(remote.port, port_of(near));
	assert_int_equal(remote.stream, 0);
	local = stream_socket_local(far);
	assert_true(addr_equal(&local, &to.addr));
	local = stream_socket_local(near);
	assert_true(addr_equal(&local, &to.addr));
	expect_options(near);
	expect_options(far);
	close(near);
	close(far);
	close(listener);
}

static void one_listener_serves_both_families(void **state)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool ip6 = fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	(void)state;
	close(fd);
	check_pair("127.0.0.1");
	if (ip6)
		check_pair("::1");
}

static void a_port_is_listened_on_once(void **state)
{
	int listener = stream_listen(0);

	(void)state;
	assert_int_equal(stream_listen(port_of(listener)), -EADDRINUSE);
	close(listener);
}

static void failures_are_told_at_once_or_later(void **state)
{
	struct endpoint to = { .addr = addr_ip4(LOOPBACK) };
	int listener = stream_listen(0);
	int failed, fd;

	(void)state;
	to.port = port_of(listener);
	close(listener);
	fd = stream_socket_connect(&to, &failed);
	assert_true(fd >= 0);
	if (failed == 0) {
		wait_for(fd, POLLOUT);
		failed = stream_socket_connected(fd);
	}
	assert_int_equal(failed, -ECONNREFUSED);
	close(fd);
	to.addr = addr_ip4(0xffffffff);
	fd = stream_socket_connect(&to, &failed);
	assert_true(fd >= 0);
	assert_true(failed < 0);
	close(fd);
}

static void a_socket_that_is_none_has_no_address(void **state)
{
	(void)state;
	assert_int_equal(stream_socket_local(-1).family, ADDR_NONE);
	assert_int_equal(stream_socket_connected(-1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_listener_serves_both_families),
		cmocka_unit_test(a_port_is_listened_on_once),
		cmocka_unit_test(failures_are_told_at_once_or_later),
		cmocka_unit_test(a_socket_that_is_none_has_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
