/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "io/loop.h"
#include "io/stream_queue.h"
#include "io/stream_socket.h"
#include "io/stream_tls.h"
#include "packet/frames.h"

#define IN_SIZE (128 << 10) /* two trains, or the longest frame and what comes behind it */

struct stream {
	int fd;
	const struct stream_tls *tls; /* NULL: plain TCP */
	SSL *ssl;
	enum stream_state state;
	bool tcp_open;
	bool tls_wants_write;
	bool blocked; /* the kernel takes no more until the descriptor is writable */
	bool unread;  /* the last read ended at the end of the buffer */
	bool heard;
	bool used;         /* since the last sweep */
	uint64_t deadline; /* ns: connecting, when to give up; open, the next sweep */
	struct endpoint remote;
	struct frames in;
	struct stream_queue out;
	char error[STREAM_ERROR_MAX];
};

/* ---------------------------------------------------------------- errors */

/* Why the stream is over.  @r: -errno, or 0 at the end of what the other side sends */
static void fail(struct stream *s, int r)
{
	char *out = s->error;
	size_t size = sizeof(s->error);
	char remote[ENDPOINT_TEXT_MAX];
	bool ended = r == 0 || r == -ECONNRESET || r == -EPIPE;

	s->state = STREAM_CLOSED;
	endpoint_format(&s->remote, remote);
	if (r == -EPROTO && s->ssl)
		stream_tls_explain(s->tls, s->ssl, remote, s->error);
	else if (ended && s->heard)
		snprintf(out, size, "%s has closed the connection", remote);
	else if (ended)
		snprintf(out, size,
			 "%s closes the connection at once: is it a gateway, with Tls = %s?",
			 remote, s->tls ? "yes" : "no");
	else if (r == -ECONNREFUSED)
		snprintf(out, size, "%s refuses TCP: has the gateway [Stream] with this Port?",
			 remote);
	else if (r == -ETIMEDOUT && !s->tcp_open)
		snprintf(out, size,
			 "no answer by TCP from %s, a firewall may drop it: try Port = 443",
			 remote);
	else if (r == -ETIMEDOUT && s->tls && !s->heard)
		snprintf(out, size, "no answer by TLS from %s: has the gateway Tls = no?", remote);
	else if (r == -ETIMEDOUT)
		snprintf(out, size, "%s answers no more, check the network", remote);
	else if (r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EADDRNOTAVAIL)
		snprintf(out, size, "no way to %s from here, check the network", remote);
	else
		snprintf(out, size, "TCP with %s has failed: %s", remote, strerror(-r));
}

/* ------------------------------------------------------------ life cycle */

static int stream_new(int fd, const struct endpoint *remote, const struct stream_tls *tls,
		      uint64_t now, struct stream **ret)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s && tls)
		s->ssl = stream_tls_begin(tls, fd);
	if (!s || (tls && !s->ssl)) {
		free(s);
		close(fd);
		return -ENOMEM;
	}
	s->fd = fd;
	s->tls = tls;
	s->remote = *remote;
	s->remote.stream = 0;
	s->deadline = now + STREAM_CONNECT;
	*ret = s;
	return 0;
}

int stream_connect(const struct endpoint *to, struct stream_tls *tls, uint64_t now,
		   struct stream **ret)
{
	int failed;
	int fd = stream_socket_connect(to, &failed);
	int r;

	if (fd < 0)
		return fd;
	r = stream_new(fd, to, tls, now, ret);
	if (r == 0 && failed < 0)
		fail(*ret, failed);
	return r;
}

static void open_now(struct stream *s, uint64_t now)
{
	s->state = STREAM_OPEN;
	s->deadline = now + STREAM_IDLE;
}

int stream_accept(int listener, struct stream_tls *tls, uint64_t now, struct stream **ret)
{
	struct endpoint remote;
	int fd = stream_socket_accept(listener, &remote);
	int r;

	if (fd < 0)
		return fd;
	r = stream_new(fd, &remote, tls, now, ret);
	if (r < 0)
		return r;
	(*ret)->tcp_open = true;
	if (!tls)
		open_now(*ret, now);
	return 0;
}

struct stream *stream_free(struct stream *s)
{
	if (s) {
		SSL_free(s->ssl);
		close(s->fd);
		queue_release(&s->out);
		free(s->in.data);
	}
	free(s);
	return NULL;
}

int stream_fd(const struct stream *s)
{
	return s->fd;
}

const struct endpoint *stream_remote(const struct stream *s)
{
	return &s->remote;
}

struct addr stream_local(const struct stream *s)
{
	return stream_socket_local(s->fd);
}

enum stream_state stream_state(const struct stream *s)
{
	return s->state;
}

const char *stream_error(const struct stream *s)
{
	return s->error;
}

unsigned int stream_interest(const struct stream *s)
{
	switch (s->state) {
	case STREAM_CONNECTING:
		return s->tcp_open && !s->tls_wants_write ? LOOP_READ : LOOP_WRITE;
	case STREAM_OPEN:
		return LOOP_READ | (s->blocked || s->tls_wants_write ? LOOP_WRITE : 0);
	case STREAM_CLOSED:
		break;
	}
	return 0;
}

uint64_t stream_next_deadline(const struct stream *s)
{
	bool holds = s->in.data || s->out.data;

	return s->state == STREAM_CONNECTING || (s->state == STREAM_OPEN && holds) ? s->deadline
										   : NEVER;
}

/* ---------------------------------------------------------- bytes in, out */

/* The result of an SSL call as bytes, 0 at the end, -EAGAIN, or -errno. */
static ssize_t tls_result(struct stream *s, int n)
{
	switch (SSL_get_error(s->ssl, n)) {
	case SSL_ERROR_NONE:
		return n;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		s->tls_wants_write = true;
		return -EAGAIN;
	case SSL_ERROR_SYSCALL:
		return errno != 0 ? -errno : 0;
	default:
		return -EPROTO;
	}
}

static ssize_t read_some(struct stream *s, uint8_t *to, size_t size)
{
	ssize_t n;

	if (s->ssl) {
		ERR_clear_error();
		errno = 0;
		return tls_result(s, SSL_read(s->ssl, to, (int)size));
	}
	n = recv(s->fd, to, size, 0);
	return n < 0 ? -errno : n;
}

/* TLS keeps the record that the kernel doesn't take: its text is as good as written. */
static ssize_t write_some(struct stream *s, const uint8_t *from, size_t len)
{
	ssize_t n;

	if (s->ssl) {
		size_t record = len < TLS_RECORD_MAX ? len : TLS_RECORD_MAX;

		if (s->out.taken > 0)
			record = s->out.taken;
		ERR_clear_error();
		errno = 0;
		n = tls_result(s, SSL_write(s->ssl, from, (int)record));
		if (n == -EAGAIN)
			s->out.taken = record;
		return n;
	}
	n = send(s->fd, from, len, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static void flush(struct stream *s, uint64_t now)
{
	struct stream_queue *q = &s->out;

	queue_drop_stale(q, now);
	while (queue_len(q) > 0 && !s->blocked) {
		size_t len = queue_len(q);
		ssize_t n = write_some(s, q->data + q->at, len);

		if (n == -EAGAIN) {
			s->blocked = true;
			return;
		}
		if (n <= 0) {
			fail(s, n < 0 ? (int)n : -EPIPE);
			return;
		}
		queue_written(q, (size_t)n);
		/* Less than all: the next write would be refused. */
		s->blocked = !s->ssl && (size_t)n < len;
	}
}

/* ---------------------------------------------------------------- opening */

static int shake_hands(struct stream *s)
{
	ssize_t r;

	ERR_clear_error();
	errno = 0;
	r = tls_result(s, SSL_do_handshake(s->ssl));
	if (r > 0)
		return 0;
	return r == 0 ? -ECONNRESET : (int)r;
}

static void go_on_connecting(struct stream *s, uint64_t now)
{
	int r = 0;

	if (!s->tcp_open) {
		r = stream_socket_connected(s->fd);
		s->tcp_open = r == 0;
	}
	if (r == 0 && s->ssl)
		r = shake_hands(s);
	if (r == 0)
		open_now(s, now);
	else if (r != -EAGAIN)
		fail(s, r);
	else if (now >= s->deadline)
		fail(s, -ETIMEDOUT);
}

/* Most streams are silent most of the time, and there may be thousands. */
static void sweep(struct stream *s, uint64_t now)
{
	if (now < s->deadline)
		return;
	if (!s->used && queue_len(&s->out) == 0)
		queue_release(&s->out);
	if (!s->used && s->in.at == s->in.end) {
		free(s->in.data);
		s->in = (struct frames){ .data = NULL };
	}
	s->used = false;
	s->deadline = now + STREAM_IDLE;
}

enum stream_state stream_run(struct stream *s, uint64_t now)
{
	s->tls_wants_write = false;
	s->blocked = false;
	if (s->state == STREAM_CONNECTING)
		go_on_connecting(s, now);
	if (s->state == STREAM_OPEN)
		flush(s, now);
	if (s->state == STREAM_OPEN)
		sweep(s, now);
	return s->state;
}

/* --------------------------------------------------------------- messages */

static void fill(struct stream *s)
{
	struct frames *in = &s->in;

	frames_make_room(in);
	s->unread = true;
	while (in->end < in->size) {
		ssize_t n = read_some(s, in->data + in->end, in->size - in->end);

		if (n <= 0 || !s->ssl)
			s->unread = false;
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			fail(s, (int)n);
			return;
		}
		in->end += (size_t)n;
		s->heard = true;
		/* One system call is enough: what is left makes the descriptor readable again. */
		if (!s->ssl)
			return;
	}
}

size_t stream_recv(struct stream *s, struct stream_rx *rx, size_t n)
{
	struct frame_group g;
	size_t i = 0;

	if (!s->in.data && s->state == STREAM_OPEN) {
		s->in = (struct frames){ .data = malloc(IN_SIZE), .size = IN_SIZE };
		if (!s->in.data) {
			fail(s, -ENOMEM);
			return 0;
		}
	}
	s->used = true;
	if (!s->in.data)
		return 0;
	if (s->state == STREAM_OPEN && !frames_whole(&s->in))
		fill(s);
	while (i < n && frames_next(&s->in, &g))
		rx[i++] = (struct stream_rx){ g.data, g.len, g.segment };
	return i;
}

bool stream_unread(const struct stream *s)
{
	return s->in.data && (frames_whole(&s->in) || (s->state == STREAM_OPEN && s->unread));
}

int stream_send(struct stream *s, const uint8_t *data, uint32_t len, uint32_t segment, uint64_t now)
{
	int r;

	if (s->state != STREAM_OPEN)
		return -ENOTCONN;
	r = queue_put(&s->out, data, len, segment, now);
	if (r < 0)
		return r;
	s->used = true;
	if (!s->blocked)
		flush(s, now);
	return s->state == STREAM_OPEN ? 0 : -ENOTCONN;
}

uint32_t stream_stale(struct stream *s)
{
	uint32_t n = s->out.stale;

	s->out.stale = 0;
	return n;
}
