/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_stream_pair.h - two streams over loopback, both ends in this process
 */
#ifndef CULVERT_TESTS_UNIT_IO_STREAM_PAIR_H
#define CULVERT_TESTS_UNIT_IO_STREAM_PAIR_H

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/stream.h"

#define PAIR_LOOPBACK 0x7f000001

struct pair {
	int listener;
	struct endpoint to;
	struct stream *near; /* client */
	struct stream *far;
};

static void pair_wait(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_true(poll(&p, 1, ms) >= 0);
}

static void pair_listen(struct pair *pair)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	*pair = (struct pair){ .listener = stream_listen(0) };
	assert_true(pair->listener >= 0);
	assert_int_equal(getsockname(pair->listener, (struct sockaddr *)&sa, &len), 0);
	pair->to =
		(struct endpoint){ .addr = addr_ip4(PAIR_LOOPBACK), .port = ntohs(sa.sin6_port) };
}

static void pair_begin(struct pair *pair, struct stream_tls *client, struct stream_tls *server)
{
	uint64_t now = loop_now();

	assert_int_equal(stream_connect(&pair->to, client, now, &pair->near), 0);
	assert_int_equal(stream_state(pair->near), STREAM_CONNECTING);
	pair_wait(pair->listener, POLLIN, 2000);
	assert_int_equal(stream_accept(pair->listener, server, now, &pair->far), 0);
}

/* Runs both ends until neither is connecting, five seconds at most. */
static void pair_settle(struct pair *pair)
{
	for (int i = 0; i < 1000; i++) {
		bool near = stream_run(pair->near, loop_now()) == STREAM_CONNECTING;
		bool far = stream_run(pair->far, loop_now()) == STREAM_CONNECTING;

		if (!near && !far)
			return;
		pair_wait(stream_fd(near ? pair->near : pair->far), POLLIN, 5);
	}
}

static void pair_free(struct pair *pair)
{
	stream_free(pair->near);
	stream_free(pair->far);
	if (pair->listener >= 0)
		close(pair->listener);
}

#endif
