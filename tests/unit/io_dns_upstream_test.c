/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/dns_upstream.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/wire.h"
#include "io/loop.h"

#define LOOPBACK 0x7f000001

struct pair {
	int listener;
	struct dns_stream *near;
	struct dns_stream *far;
};

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, 2000), 1);
}

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	struct endpoint to = { .addr = addr_ip4(LOOPBACK) };
	uint32_t source;
	int fd;

	pair->listener = dns_listen_open(LOOPBACK, &to.port);
	assert_true(pair->listener >= 0);
	assert_int_equal(dns_stream_connect(&to, NULL, "", &pair->near), 0);
	assert_int_equal(dns_stream_interest(pair->near), LOOP_WRITE);
	wait_for(pair->listener, POLLIN);
	fd = dns_accept(pair->listener, &source);
	assert_true(fd >= 0);
	assert_int_equal(source, LOOPBACK);
	assert_int_equal(dns_accept(pair->listener, &source), -EAGAIN);
	assert_int_equal(dns_stream_accepted(fd, &pair->far), 0);
	wait_for(dns_stream_fd(pair->near), POLLOUT);
	assert_int_equal(dns_stream_work(pair->near), 0);
	assert_int_equal(dns_stream_interest(pair->near), LOOP_READ);
	*state = pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	dns_stream_free(pair->near);
	dns_stream_free(pair->far);
	dns_socket_close(pair->listener);
	free(pair);
	return 0;
}

static void messages_keep_their_order_and_take_the_given_id(void **state)
{
	struct pair *pair = *state;
	const uint8_t *message;
	size_t len;

	assert_int_equal(dns_stream_put(pair->near, 0x0102, (const uint8_t *)"xxone", 5), 0);
	assert_int_equal(dns_stream_put(pair->near, 0x0304, (const uint8_t *)"xxthree", 7), 0);
	assert_int_equal(dns_stream_interest(pair->near), LOOP_READ | LOOP_WRITE);
	assert_int_equal(dns_stream_work(pair->near), 0);
	assert_int_equal(dns_stream_pending(pair->near), 0);
	wait_for(dns_stream_fd(pair->far), POLLIN);
	assert_int_equal(dns_stream_work(pair->far), 0);
	message = dns_stream_next(pair->far, &len);
	assert_non_null(message);
	assert_int_equal(len, 5);
	assert_memory_equal(message, "\1\2one", 5);
	message = dns_stream_next(pair->far, &len);
	assert_non_null(message);
	assert_int_equal(len, 7);
	assert_memory_equal(message, "\3\4three", 7);
	assert_null(dns_stream_next(pair->far, &len));
}

static void a_message_may_come_byte_by_byte(void **state)
{
	struct pair *pair = *state;
	const uint8_t bytes[] = { 0, 4, 'a', 'b', 'c', 'd', 0 };
	const uint8_t *message;
	size_t len;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(write(dns_stream_fd(pair->near), bytes + i, 1), 1);
		wait_for(dns_stream_fd(pair->far), POLLIN);
		assert_int_equal(dns_stream_work(pair->far), 0);
		message = dns_stream_next(pair->far, &len);
		assert_true((message != NULL) == (i == 5));
	}
}

static void the_longest_message_crosses_whole(void **state)
{
	struct pair *pair = *state;
	uint8_t *big = malloc(65535);
	const uint8_t *message = NULL;
	size_t len = 0;

	for (size_t i = 0; i < 65535; i++)
		big[i] = (uint8_t)(i * 7);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(dns_stream_put(pair->near, load_be16(big), big, 65535), 0);
		for (int i = 0; i < 1000 && !message; i++) {
			assert_int_equal(dns_stream_work(pair->near), 0);
			assert_int_equal(dns_stream_work(pair->far), 0);
			message = dns_stream_next(pair->far, &len);
			if (!message)
				usleep(1000);
		}
		assert_non_null(message);
		assert_int_equal(len, 65535);
		assert_memory_equal(message, big, 65535);
		message = NULL;
	}
	free(big);
}

static void who_does_not_read_is_refused_more(void **state)
{
	struct pair *pair = *state;
	static uint8_t message[60000];
	int r = 0;

	for (int i = 0; i < 1000 && r == 0; i++) {
		r = dns_stream_put(pair->near, 1, message, sizeof(message));
		assert_int_equal(dns_stream_work(pair->near), 0);
	}
	assert_int_equal(r, -ENOBUFS);
}

static void the_end_is_told_and_answers_still_go_out(void **state)
{
	struct pair *pair = *state;
	size_t len;

	assert_int_equal(dns_stream_put(pair->near, 1, (const uint8_t *)"??", 2), 0);
	assert_int_equal(dns_stream_work(pair->near), 0);
	assert_int_equal(shutdown(dns_stream_fd(pair->near), SHUT_WR), 0);
	wait_for(dns_stream_fd(pair->far), POLLIN);
	usleep(20000);
	assert_int_equal(dns_stream_work(pair->far), 0);
	assert_true(dns_stream_ended(pair->far));
	assert_non_null(dns_stream_next(pair->far, &len));
	assert_int_equal(dns_stream_interest(pair->far), 0);
	assert_int_equal(dns_stream_put(pair->far, 1, (const uint8_t *)"!!", 2), 0);
	assert_int_equal(dns_stream_work(pair->far), 0);
	wait_for(dns_stream_fd(pair->near), POLLIN);
	assert_int_equal(dns_stream_work(pair->near), 0);
	assert_non_null(dns_stream_next(pair->near, &len));
}

static void a_refused_connection_is_an_error(void **state)
{
	struct endpoint to = { .addr = addr_ip4(LOOPBACK) };
	struct dns_stream *s;
	int fd = dns_listen_open(LOOPBACK, &to.port);
	int r;

	(void)state;
	dns_socket_close(fd);
	r = dns_stream_connect(&to, NULL, "", &s);
	if (r == 0) {
		wait_for(dns_stream_fd(s), POLLOUT);
		r = dns_stream_work(s);
		dns_stream_free(s);
	}
	assert_int_equal(r, -ECONNREFUSED);
}

static void a_udp_socket_has_a_random_port_and_hears_its_upstream_only(void **state)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct endpoint to = { .addr = addr_ip4(LOOPBACK) };
	uint8_t buffer[16];
	int upstream = socket(AF_INET, SOCK_DGRAM, 0);
	int attacker = socket(AF_INET, SOCK_DGRAM, 0);
	struct {
		uint16_t family;
		uint8_t port[2];
		uint8_t address[4];
		uint8_t zero[8];
	} name = { .family = AF_INET, .address = { 127, 0, 0, 1 } };
	socklen_t len = sizeof(name);
	int fd;

	(void)state;
	assert_int_equal(bind(upstream, (void *)&name, sizeof(name)), 0);
	assert_int_equal(getsockname(upstream, (void *)&name, &len), 0);
	to.port = load_be16(name.port);
	fd = dns_udp_open(&to);
	assert_true(fd >= 0);
	assert_int_equal(dns_udp_send(fd, (const uint8_t *)"query", 5), 0);
	assert_int_equal(recvfrom(upstream, buffer, sizeof(buffer), 0, (void *)&from, &from_len),
			 5);
	assert_int_equal(sendto(attacker, "spoof", 5, 0, (void *)&from, from_len), 5);
	usleep(20000);
	assert_int_equal(dns_udp_receive(fd, buffer, sizeof(buffer)), -EAGAIN);
	assert_int_equal(sendto(upstream, "right", 5, 0, (void *)&from, from_len), 5);
	wait_for(fd, POLLIN);
	assert_int_equal(dns_udp_receive(fd, buffer, sizeof(buffer)), 5);
	assert_memory_equal(buffer, "right", 5);
	dns_socket_close(fd);
	close(upstream);
	close(attacker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(messages_keep_their_order_and_take_the_given_id),
		T(a_message_may_come_byte_by_byte),
		T(the_longest_message_crosses_whole),
		T(who_does_not_read_is_refused_more),
		T(the_end_is_told_and_answers_still_go_out),
		cmocka_unit_test(a_refused_connection_is_an_error),
		cmocka_unit_test(a_udp_socket_has_a_random_port_and_hears_its_upstream_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
