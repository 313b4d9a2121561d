/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_bench.c - what a message costs by a stream, both ends and the kernel between them
 *
 * Prints one line "name value unit" per measurement.  Both ends are in one thread over
 * loopback, so it is processor time that is measured, and no more.
 */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/stream.h"

#define MESSAGE 1452 /* a packet of 1420 bytes and WireGuard's header and tag */
#define ROUND_S 1

struct bench {
	int listener;
	struct stream *near;
	struct stream *far;
	uint8_t data[45 * MESSAGE];
};

static void quit(const char *what)
{
	fprintf(stderr, "stream_bench: %s\n", what);
	exit(1);
}

static void open_pair(struct bench *b, struct stream_tls *client, struct stream_tls *server)
{
	struct endpoint to = { .addr = addr_ip4(INADDR_LOOPBACK) };
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);
	uint64_t now = loop_now();

	b->listener = stream_listen(0);
	if (b->listener < 0 || getsockname(b->listener, (struct sockaddr *)&sa, &len) < 0)
		quit("no listener");
	to.port = ntohs(sa.sin6_port);
	if (stream_connect(&to, client, now, &b->near) < 0)
		quit("no connection");
	poll(&(struct pollfd){ .fd = b->listener, .events = POLLIN }, 1, 1000);
	if (stream_accept(b->listener, server, now, &b->far) < 0)
		quit("nobody came");
	for (int i = 0; i < 1000; i++) {
		stream_run(b->near, now);
		stream_run(b->far, now);
	}
	if (stream_state(b->near) != STREAM_OPEN || stream_state(b->far) != STREAM_OPEN)
		quit(stream_error(b->near));
}

/* Return: bytes. */
static size_t drain(struct stream *s)
{
	struct stream_rx rx[8];
	size_t bytes = 0;
	size_t n;

	do {
		n = stream_recv(s, rx, 8);
		for (size_t i = 0; i < n; i++)
			bytes += rx[i].len;
	} while (stream_unread(s));
	return bytes;
}

/* Trains of @n messages, one at a time on its way. */
static void measure(struct bench *b, const char *name, uint32_t n)
{
	uint64_t begin = loop_now();
	uint64_t end = begin + ROUND_S * NS_PER_S;
	uint64_t now = begin;
	uint64_t messages = 0;

	while (now < end) {
		size_t left = (size_t)n * MESSAGE;

		if (stream_send(b->near, b->data, n * MESSAGE, MESSAGE, now) < 0)
			quit("the queue is full");
		while (left > 0 && now < end + NS_PER_S) {
			now = loop_now();
			stream_run(b->near, now);
			left -= drain(b->far);
		}
		messages += n;
	}
	printf("stream-%s-%u %.0f ns/message\n", name, n, (double)(now - begin) / (double)messages);
	printf("stream-%s-%u-rate %.2f Gbit/s\n", name, n,
	       (double)messages * MESSAGE * 8 / (double)(now - begin));
}

static void measure_all(const char *name, struct stream_tls *client, struct stream_tls *server)
{
	static struct bench b;

	open_pair(&b, client, server);
	measure(&b, name, 45);
	measure(&b, name, 8);
	measure(&b, name, 1);
	stream_free(b.near);
	stream_free(b.far);
	close(b.listener);
}

int main(void)
{
	static const uint8_t key[32] = { 1 };
	struct stream_tls *client, *server;
	uint8_t pin[STREAM_PIN_LEN];

	signal(SIGPIPE, SIG_IGN);
	if (stream_pin(key, pin) < 0 || stream_tls_self_signed(key, &server) < 0 ||
	    stream_tls_client("localhost", pin, &client) < 0)
		quit("no TLS");
	measure_all("tcp", NULL, NULL);
	measure_all("tls", client, server);
	stream_tls_free(client);
	stream_tls_free(server);
	return 0;
}
