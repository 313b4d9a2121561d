/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/stream.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/wire.h"
#include "io_stream_pair.h"

static const uint8_t key[32] = { 9 };
static struct stream_tls *server_tls, *client_tls;

static int make_tls(void **state)
{
	uint8_t pin[STREAM_PIN_LEN];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(stream_pin(key, pin), 0);
	assert_int_equal(stream_tls_client("vpn.example.org", pin, &client_tls), 0);
	return stream_tls_self_signed(key, &server_tls);
}

static int free_tls(void **state)
{
	(void)state;
	stream_tls_free(client_tls);
	stream_tls_free(server_tls);
	return 0;
}

static void open_pair(struct pair *pair, bool tls)
{
	pair_listen(pair);
	pair_begin(pair, tls ? client_tls : NULL, tls ? server_tls : NULL);
	pair_settle(pair);
	assert_int_equal(stream_state(pair->near), STREAM_OPEN);
	assert_int_equal(stream_state(pair->far), STREAM_OPEN);
}

/* A plain far end and, in place of the near one, a bare socket. */
static int open_raw(struct pair *pair)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(PAIR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	pair_listen(pair);
	in.sin_port = htons(pair->to.port);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	pair_wait(pair->listener, POLLIN, 2000);
	assert_int_equal(stream_accept(pair->listener, NULL, loop_now(), &pair->far), 0);
	assert_int_equal(stream_state(pair->far), STREAM_OPEN);
	return fd;
}

static size_t recv_soon(struct stream *s, struct stream_rx *rx, size_t n)
{
	size_t got = 0;

	for (int i = 0; i < 400 && got == 0 && stream_state(s) == STREAM_OPEN; i++) {
		got = stream_recv(s, rx, n);
		if (got == 0)
			pair_wait(stream_fd(s), POLLIN, 5);
	}
	return got;
}

static void check_crossing(struct stream *from, struct stream *to)
{
	struct stream_rx rx[4];

	assert_int_equal(stream_send(from, (const uint8_t *)"aaabbbc", 7, 3, loop_now()), 0);
	assert_int_equal(stream_send(from, (const uint8_t *)"long one", 8, 8, loop_now()), 0);
	pair_wait(stream_fd(to), POLLIN, 1000);
	assert_int_equal(recv_soon(to, rx, 1), 1);
	assert_int_equal(rx[0].len, 7);
	assert_int_equal(rx[0].segment, 3);
	assert_memory_equal(rx[0].data, "aaabbbc", 7);
	assert_int_equal(recv_soon(to, rx, 4), 1);
	assert_memory_equal(rx[0].data, "long one", 8);
	assert_int_equal(stream_recv(to, rx, 4), 0);
	assert_false(stream_unread(to));
}

static void messages_cross_both_ways(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct pair pair;

		open_pair(&pair, tls);
		check_crossing(pair.near, pair.far);
		check_crossing(pair.far, pair.near);
		pair_free(&pair);
	}
}

static void who_is_there_is_known(void **state)
{
	struct pair pair;
	struct addr local;

	(void)state;
	open_pair(&pair, false);
	local = stream_local(pair.far);
	assert_true(addr_equal(&local, &pair.to.addr));
	assert_true(endpoint_equal(stream_remote(pair.near), &pair.to));
	assert_int_equal(stream_remote(pair.far)->addr.family, ADDR_IP4);
	assert_true(stream_remote(pair.far)->port != 0);
	pair_free(&pair);
}

static void on_the_wire_are_lengths_and_messages_and_nothing_else(void **state)
{
	static const uint8_t want[] = { 0, 4, 'd', 'a', 't', 'a', 0, 1, '!' };
	struct stream_rx rx[1];
	uint8_t got[100];
	struct pair pair;
	int fd = open_raw(&pair);

	(void)state;
	assert_int_equal(stream_send(pair.far, (const uint8_t *)"data!", 5, 4, loop_now()), 0);
	usleep(20000);
	assert_int_equal(recv(fd, got, sizeof(got), 0), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(write(fd, "\0\2hi", 4), 4);
	assert_int_equal(recv_soon(pair.far, rx, 1), 1);
	assert_memory_equal(rx[0].data, "hi", 2);
	close(fd);
	pair_free(&pair);
}

static void a_message_may_come_byte_by_byte(void **state)
{
	static const uint8_t bytes[] = { 0, 4, 'a', 'b', 'c', 'd', 0, 0, 0, 1, 'x' };
	struct stream_rx rx[4];
	struct pair pair;
	int fd = open_raw(&pair);

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		size_t n;

		assert_int_equal(write(fd, bytes + i, 1), 1);
		pair_wait(stream_fd(pair.far), POLLIN, 1000);
		n = stream_recv(pair.far, rx, 4);
		assert_int_equal(n, i == 5 || i == 7 || i == 10);
		if (i == 7)
			assert_true(rx[0].len == 0 && rx[0].segment == 0);
	}
	close(fd);
	pair_free(&pair);
}

static void the_longest_messages_cross_whole(void **state)
{
	uint8_t *big = malloc(STREAM_MESSAGE_MAX);

	(void)state;
	for (size_t i = 0; i < STREAM_MESSAGE_MAX; i++)
		big[i] = (uint8_t)(i * 7);
	for (int tls = 0; tls < 2; tls++) {
		struct stream_rx rx[2];
		struct pair pair;

		open_pair(&pair, tls);
		for (int round = 0; round < 5; round++) {
			size_t n = 0;

			assert_int_equal(stream_send(pair.near, big, STREAM_MESSAGE_MAX,
						     STREAM_MESSAGE_MAX, 0),
					 0);
			for (int i = 0; i < 2000 && n == 0; i++) {
				stream_run(pair.near, 0);
				n = stream_recv(pair.far, rx, 2);
				if (n == 0)
					pair_wait(stream_fd(pair.far), POLLIN, 1);
			}
			assert_int_equal(n, 1);
			assert_int_equal(rx[0].len, STREAM_MESSAGE_MAX);
			assert_memory_equal(rx[0].data, big, STREAM_MESSAGE_MAX);
		}
		pair_free(&pair);
	}
	free(big);
}

/* Numbered messages of mixed lengths until the queue is full.  Return: how many. */
static uint32_t send_until_full(struct stream *s, uint32_t number, uint64_t now)
{
	static uint8_t message[1500];
	int r = 0;

	while (r == 0) {
		uint32_t len = 100 + number % 1300;

		store_be32(message, number);
		r = stream_send(s, message, len, len, now);
		number += r == 0;
	}
	assert_int_equal(r, -EAGAIN);
	assert_true(stream_interest(s) & LOOP_WRITE);
	return number;
}

/* Receives numbered messages: each whole, in order.  Return: how many came. */
static uint32_t recv_numbered(struct stream *s, uint32_t *next)
{
	struct stream_rx rx[8];
	uint32_t came = 0;
	size_t n = stream_recv(s, rx, 8);

	for (size_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < rx[i].len; at += rx[i].segment) {
			uint32_t left = rx[i].len - at;
			uint32_t len = left < rx[i].segment ? left : rx[i].segment;
			uint32_t number = load_be32(rx[i].data + at);

			assert_true(number >= *next);
			assert_int_equal(len, 100 + number % 1300);
			*next = number + 1;
			came++;
		}
	}
	return came;
}

static void a_slow_reader_gets_whole_messages_and_the_stale_ones_are_counted(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		uint32_t sent = 0, came = 0, next = 0, stale;
		uint64_t now = 1000 * NS_PER_S;
		struct pair pair;

		open_pair(&pair, tls);
		for (int round = 0; round < 5; round++) {
			sent = send_until_full(pair.near, sent, now);
			for (int i = 0; i < 20; i++) {
				stream_run(pair.near, now);
				came += recv_numbered(pair.far, &next);
			}
			now += STREAM_STALE + NS_PER_MS;
		}
		for (int i = 0; i < 200; i++) {
			stream_run(pair.near, now);
			came += recv_numbered(pair.far, &next);
			if (came % 16 == 0)
				pair_wait(stream_fd(pair.far), POLLIN, 5);
		}
		stale = stream_stale(pair.near);
		assert_true(stale > 100);
		assert_int_equal(came + stale, sent);
		assert_int_equal(stream_stale(pair.near), 0);
		assert_int_equal(stream_interest(pair.near), LOOP_READ);
		pair_free(&pair);
	}
}

static void what_comes_in_before_the_end_is_still_handed_out(void **state)
{
	struct stream_rx rx[4];
	struct pair pair;
	int fd = open_raw(&pair);

	(void)state;
	assert_int_equal(write(fd, "\0\1a\0\1b\0\5abc", 11), 11);
	close(fd);
	pair_wait(stream_fd(pair.far), POLLIN, 1000);
	assert_int_equal(recv_soon(pair.far, rx, 4), 1);
	assert_int_equal(rx[0].len, 2);
	assert_memory_equal(rx[0].data, "ab", 2);
	for (int i = 0; i < 200 && stream_state(pair.far) == STREAM_OPEN; i++) {
		assert_int_equal(stream_recv(pair.far, rx, 4), 0);
		pair_wait(stream_fd(pair.far), POLLIN, 1);
	}
	assert_int_equal(stream_state(pair.far), STREAM_CLOSED);
	assert_non_null(strstr(stream_error(pair.far), "has closed the connection"));
	assert_int_equal(stream_send(pair.far, (const uint8_t *)"x", 1, 1, 0), -ENOTCONN);
	assert_int_equal(stream_recv(pair.far, rx, 4), 0);
	assert_int_equal(stream_interest(pair.far), 0);
	assert_true(stream_next_deadline(pair.far) == NEVER);
	assert_false(stream_unread(pair.far));
	pair_free(&pair);
}

static void the_end_is_told_with_tls_too(void **state)
{
	struct stream_rx rx[4];
	struct pair pair;

	(void)state;
	open_pair(&pair, true);
	assert_int_equal(stream_send(pair.far, (const uint8_t *)"last", 4, 4, loop_now()), 0);
	pair.far = stream_free(pair.far);
	assert_int_equal(recv_soon(pair.near, rx, 4), 1);
	assert_memory_equal(rx[0].data, "last", 4);
	assert_int_equal(recv_soon(pair.near, rx, 4), 0);
	assert_int_equal(stream_state(pair.near), STREAM_CLOSED);
	assert_non_null(strstr(stream_error(pair.near), "has closed the connection"));
	pair_free(&pair);
}

static void garbage_is_messages_of_no_use_and_takes_no_memory(void **state)
{
	static uint8_t noise[60000];
	struct rng rng = rng_seeded(3);
	struct stream_rx rx[64];
	struct pair pair;
	int fd = open_raw(&pair);
	size_t groups = 0;

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = round % 2 ? (uint8_t)rng_below(&rng, 256) : 0;
		assert_int_equal(write(fd, noise, sizeof(noise)), sizeof(noise));
		for (size_t n = 64; n > 0 || stream_unread(pair.far);) {
			n = stream_recv(pair.far, rx, 64);
			groups += n;
			for (size_t i = 0; i < n; i++)
				assert_true(rx[i].len <= 65535);
		}
	}
	assert_true(groups >= 30000); /* the first round alone */
	close(fd);
	pair_free(&pair);
}

static void with_tls_what_is_left_in_the_buffer_is_told(void **state)
{
	static uint8_t message[1000];
	struct stream_rx rx[1];
	struct pair pair;
	uint32_t bytes = 0;

	(void)state;
	open_pair(&pair, true);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(stream_send(pair.near, message, 1000, 1000, loop_now()), 0);
		assert_int_equal(stream_send(pair.near, message, 7, 7, loop_now()), 0);
	}
	usleep(20000);
	/* One read takes all from the descriptor; from then on it is for stream_unread() to tell. */
	do {
		assert_int_equal(stream_recv(pair.far, rx, 1), 1);
		bytes += rx[0].len;
	} while (stream_unread(pair.far));
	assert_int_equal(bytes, 3021);
	pair_free(&pair);
}

static void either_the_descriptor_or_the_stream_tells_of_what_is_left(void **state)
{
	static uint8_t message[STREAM_MESSAGE_MAX];
	struct pollfd p = { .events = POLLIN };
	struct rng rng = rng_seeded(5);
	struct stream_rx rx[1];
	int room = 1 << 20;
	struct pair pair;

	(void)state;
	open_pair(&pair, true);
	p.fd = stream_fd(pair.far);
	assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	for (int round = 0; round < 400; round++) {
		uint32_t sent = 2 + rng_below(&rng, 7);
		uint32_t came = 0;

		for (uint32_t i = 0; i < sent; i++) {
			uint32_t len = 50000 + rng_below(&rng, 15536);

			while (stream_send(pair.near, message, len, len, 0) == -EAGAIN)
				stream_run(pair.near, 0);
		}
		while (came < sent) {
			stream_run(pair.near, 0);
			assert_true(stream_unread(pair.far) || poll(&p, 1, 1000) == 1);
			came += (uint32_t)stream_recv(pair.far, rx, 1);
			assert_int_equal(stream_state(pair.far), STREAM_OPEN);
		}
	}
	pair_free(&pair);
}

static void nothing_is_sent_before_the_stream_is_open(void **state)
{
	struct pair pair;

	(void)state;
	pair_listen(&pair);
	pair_begin(&pair, client_tls, server_tls);
	assert_int_equal(stream_interest(pair.near), LOOP_WRITE);
	assert_int_equal(stream_interest(pair.far), LOOP_READ);
	assert_int_equal(stream_send(pair.near, (const uint8_t *)"x", 1, 1, 0), -ENOTCONN);
	assert_int_equal(stream_send(pair.far, (const uint8_t *)"x", 1, 1, 0), -ENOTCONN);
	assert_true(stream_next_deadline(pair.near) != NEVER);
	pair_settle(&pair);
	assert_int_equal(stream_send(pair.near, (const uint8_t *)"x", 1, 1, 0), 0);
	pair_free(&pair);
}

static void a_refused_connection_says_so(void **state)
{
	struct pair pair;

	(void)state;
	pair_listen(&pair);
	close(pair.listener);
	pair.listener = -1;
	assert_int_equal(stream_connect(&pair.to, NULL, loop_now(), &pair.near), 0);
	pair_wait(stream_fd(pair.near), POLLOUT, 1000);
	assert_int_equal(stream_run(pair.near, loop_now()), STREAM_CLOSED);
	assert_non_null(strstr(stream_error(pair.near), "refuses TCP: has the gateway [Stream]"));
	pair_free(&pair);
}

static void where_no_way_leads_is_told_by_the_stream(void **state)
{
	struct endpoint to = { .addr = addr_ip4(0xffffffff), .port = 9 };
	struct stream *s;

	(void)state;
	assert_int_equal(stream_connect(&to, NULL, loop_now(), &s), 0);
	assert_int_equal(stream_run(s, loop_now()), STREAM_CLOSED);
	assert_true(strlen(stream_error(s)) > 0);
	stream_free(s);
}

static void who_does_not_answer_is_given_up(void **state)
{
	struct pair pair = { .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(PAIR_LOOPBACK) };
	socklen_t len = sizeof(in);
	uint64_t now = loop_now();
	int fillers[4];

	(void)state;
	/* A backlog that is full: further SYNs are not answered. */
	assert_int_equal(bind(pair.listener, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(pair.listener, 0), 0);
	assert_int_equal(getsockname(pair.listener, (struct sockaddr *)&in, &len), 0);
	for (int i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fillers[i], (struct sockaddr *)&in, len);
	}
	pair.to = (struct endpoint){ .addr = addr_ip4(PAIR_LOOPBACK), .port = ntohs(in.sin_port) };
	assert_int_equal(stream_connect(&pair.to, NULL, now, &pair.near), 0);
	assert_int_equal(stream_run(pair.near, now), STREAM_CONNECTING);
	assert_true(stream_next_deadline(pair.near) == now + STREAM_CONNECT);
	assert_int_equal(stream_run(pair.near, now + STREAM_CONNECT - 1), STREAM_CONNECTING);
	assert_int_equal(stream_run(pair.near, now + STREAM_CONNECT), STREAM_CLOSED);
	assert_non_null(strstr(stream_error(pair.near), "no answer by TCP from 127.0.0.1"));
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
	pair_free(&pair);
}

static void who_never_finishes_a_handshake_is_given_up_too(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(PAIR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t now = loop_now();
	struct pair pair;

	(void)state;
	pair_listen(&pair);
	in.sin_port = htons(pair.to.port);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	pair_wait(pair.listener, POLLIN, 1000);
	assert_int_equal(stream_accept(pair.listener, server_tls, now, &pair.far), 0);
	assert_int_equal(stream_run(pair.far, now), STREAM_CONNECTING);
	assert_int_equal(write(fd, "\x16\3\1", 3), 3);
	pair_wait(stream_fd(pair.far), POLLIN, 1000);
	assert_int_equal(stream_run(pair.far, now + STREAM_CONNECT), STREAM_CLOSED);
	close(fd);
	pair_free(&pair);
}

static void an_idle_stream_gives_its_buffers_back(void **state)
{
	struct stream_rx rx[4];
	struct pair pair;
	uint64_t now;

	(void)state;
	open_pair(&pair, false);
	check_crossing(pair.near, pair.far);
	now = stream_next_deadline(pair.far);
	assert_true(now != NEVER);
	for (int i = 0; i < 3; i++, now += STREAM_IDLE) {
		stream_run(pair.near, now);
		stream_run(pair.far, now);
	}
	assert_true(stream_next_deadline(pair.near) == NEVER);
	assert_true(stream_next_deadline(pair.far) == NEVER);
	check_crossing(pair.near, pair.far);
	/* Not so one that waits for the rest of a message. */
	assert_int_equal(write(stream_fd(pair.near), "\0\2a", 3), 3);
	pair_wait(stream_fd(pair.far), POLLIN, 1000);
	assert_int_equal(stream_recv(pair.far, rx, 4), 0);
	for (int i = 0; i < 3; i++, now += STREAM_IDLE)
		stream_run(pair.far, now);
	assert_int_equal(write(stream_fd(pair.near), "b", 1), 1);
	assert_int_equal(recv_soon(pair.far, rx, 4), 1);
	assert_memory_equal(rx[0].data, "ab", 2);
	pair_free(&pair);
}

static void nobody_waits_is_no_error(void **state)
{
	struct pair pair;

	(void)state;
	pair_listen(&pair);
	assert_int_equal(stream_accept(pair.listener, NULL, 0, &pair.near), -EAGAIN);
	assert_null(pair.near);
	pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_cross_both_ways),
		cmocka_unit_test(who_is_there_is_known),
		cmocka_unit_test(on_the_wire_are_lengths_and_messages_and_nothing_else),
		cmocka_unit_test(a_message_may_come_byte_by_byte),
		cmocka_unit_test(the_longest_messages_cross_whole),
		cmocka_unit_test(a_slow_reader_gets_whole_messages_and_the_stale_ones_are_counted),
		cmocka_unit_test(what_comes_in_before_the_end_is_still_handed_out),
		cmocka_unit_test(the_end_is_told_with_tls_too),
		cmocka_unit_test(garbage_is_messages_of_no_use_and_takes_no_memory),
		cmocka_unit_test(with_tls_what_is_left_in_the_buffer_is_told),
		cmocka_unit_test(either_the_descriptor_or_the_stream_tells_of_what_is_left),
		cmocka_unit_test(nothing_is_sent_before_the_stream_is_open),
		cmocka_unit_test(a_refused_connection_says_so),
		cmocka_unit_test(where_no_way_leads_is_told_by_the_stream),
		cmocka_unit_test(who_does_not_answer_is_given_up),
		cmocka_unit_test(who_never_finishes_a_handshake_is_given_up_too),
		cmocka_unit_test(an_idle_stream_gives_its_buffers_back),
		cmocka_unit_test(nobody_waits_is_no_error),
	};

	return cmocka_run_group_tests(tests, make_tls, free_tls);
}
