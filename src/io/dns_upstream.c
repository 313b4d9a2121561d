/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/dns_upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/wire.h"
#include "io/loop.h"
#include "io/sockaddr.h"

#define MESSAGE_MAX    65535u
#define IN_SIZE        (2u + MESSAGE_MAX)
#define OUT_SIZE       (2u * (2u + MESSAGE_MAX)) /* one answer being read, the next ones behind */
#define LISTEN_BACKLOG 64
#define UNACKNOWLEDGED 3000 /* ms without an acknowledgement, a SYN's included */

static int open_connected(const struct endpoint *to, int type, int *ret_pending)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_put(to, &sa);
	int one = 1;
	int timeout = UNACKNOWLEDGED;
	int fd = socket(sa.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	}
	/* Linux draws the local port at random out of ip_local_port_range (RFC 6056). */
	*ret_pending = 0;
	if (connect(fd, &sa.any, len) < 0) {
		if (errno != EINPROGRESS) {
			r = -errno;
			close(fd);
			return r;
		}
		*ret_pending = 1;
	}
	return fd;
}

int dns_udp_open(const struct endpoint *to)
{
	int pending;

	return open_connected(to, SOCK_DGRAM, &pending);
}

int dns_udp_send(int fd, const uint8_t *message, size_t len)
{
	return send(fd, message, len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t dns_udp_receive(int fd, uint8_t *out, size_t size)
{
	ssize_t n = recv(fd, out, size, 0);

	return n < 0 ? -errno : n;
}

void dns_socket_close(int fd)
{
	close(fd);
}

int dns_listen_open(uint32_t address, uint16_t *ret_port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_port = ntohs(in.sin_port);
	return fd;
}

int dns_accept(int listener, uint32_t *ret_source)
{
	struct sockaddr_in in = { 0 };
	socklen_t len = sizeof(in);
	int one = 1;
	int fd = accept4(listener, (struct sockaddr *)&in, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*ret_source = ntohl(in.sin_addr.s_addr);
	return fd;
}

/* ------------------------------------------------------------------ TLS */

struct dns_tls {
	SSL_CTX *context;
};

int dns_tls_new(struct dns_tls **ret)
{
	struct dns_tls *tls = calloc(1, sizeof(*tls));
	int r = -ENOMEM;

	if (!tls)
		return r;
	tls->context = SSL_CTX_new(TLS_client_method());
	if (!tls->context || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1)
		goto err;
	r = -ENOENT;
	if (SSL_CTX_set_default_verify_paths(tls->context) != 1)
		goto err;
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					       SSL_MODE_RELEASE_BUFFERS);
	*ret = tls;
	return 0;
err:
	ERR_clear_error();
	dns_tls_free(tls);
	return r;
}

struct dns_tls *dns_tls_free(struct dns_tls *tls)
{
	if (tls)
		SSL_CTX_free(tls->context);
	free(tls);
	return NULL;
}

/* --------------------------------------------------------------- streams */

enum stream_state {
	STREAM_CONNECTING,
	STREAM_HANDSHAKE,
	STREAM_OPEN,
	STREAM_ENDED, /* nothing more to read; what is queued may still be written */
};

struct dns_stream {
	int fd;
	SSL *ssl; /* NULL: plain TCP */
	enum stream_state state;
	bool tls_wants_write;
	size_t taken; /* bytes of `in` that dns_stream_next() has given out */
	size_t in_len;
	size_t out_at, out_len;
	char why[160];
	uint8_t in[IN_SIZE];
	uint8_t out[OUT_SIZE];
};

static int tls_begin(struct dns_stream *s, const struct endpoint *to, struct dns_tls *tls,
		     const char *name)
{
	char text[ADDR_TEXT_MAX];
	X509_VERIFY_PARAM *param;
	struct addr as_address;
	bool is_address;

	s->ssl = SSL_new(tls->context);
	if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1)
		return -ENOMEM;
	SSL_set_connect_state(s->ssl);
	if (name[0] == '\0')
		name = addr_format(&to->addr, text);
	is_address = addr_parse(name, &as_address);
	param = SSL_get0_param(s->ssl);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -EINVAL;
	if (SSL_set1_host(s->ssl, name) != 1 || SSL_set_tlsext_host_name(s->ssl, name) != 1)
		return -EINVAL;
	return 0;
}

/* The buffers are not cleared: memory that no message has touched is not resident. */
static struct dns_stream *stream_new(int fd, enum stream_state state)
{
	struct dns_stream *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	s->fd = fd;
	s->ssl = NULL;
	s->state = state;
	s->tls_wants_write = false;
	s->taken = s->in_len = s->out_at = s->out_len = 0;
	s->why[0] = '\0';
	return s;
}

int dns_stream_connect(const struct endpoint *to, struct dns_tls *tls, const char *name,
		       struct dns_stream **ret)
{
	struct dns_stream *s;
	int pending;
	int fd = open_connected(to, SOCK_STREAM, &pending);
	int r = 0;

	if (fd < 0)
		return fd;
	s = stream_new(fd, STREAM_CONNECTING);
	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	if (tls)
		r = tls_begin(s, to, tls, name);
	if (r < 0) {
		ERR_clear_error();
		dns_stream_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int dns_stream_accepted(int fd, struct dns_stream **ret)
{
	struct dns_stream *s = stream_new(fd, STREAM_OPEN);

	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

struct dns_stream *dns_stream_free(struct dns_stream *s)
{
	if (s) {
		SSL_free(s->ssl);
		close(s->fd);
	}
	free(s);
	return NULL;
}

int dns_stream_fd(const struct dns_stream *s)
{
	return s->fd;
}

bool dns_stream_ended(const struct dns_stream *s)
{
	return s->state == STREAM_ENDED;
}

size_t dns_stream_pending(const struct dns_stream *s)
{
	return s->out_len - s->out_at;
}

const char *dns_stream_why(const struct dns_stream *s)
{
	return s->why;
}

unsigned int dns_stream_interest(const struct dns_stream *s)
{
	unsigned int interest = s->state == STREAM_ENDED ? 0 : LOOP_READ;

	if (s->state == STREAM_CONNECTING)
		return LOOP_WRITE;
	if (s->state == STREAM_HANDSHAKE)
		return s->tls_wants_write ? LOOP_WRITE : LOOP_READ;
	if (dns_stream_pending(s) > 0 || s->tls_wants_write)
		interest |= LOOP_WRITE;
	return interest;
}

static void explain(struct dns_stream *s)
{
	long verdict = SSL_get_verify_result(s->ssl);
	unsigned long error = ERR_peek_last_error();

	if (verdict != X509_V_OK) {
		strncpy(s->why, X509_verify_cert_error_string(verdict), sizeof(s->why) - 1);
		s->why[sizeof(s->why) - 1] = '\0';
	} else if (error != 0) {
		ERR_error_string_n(error, s->why, sizeof(s->why));
	}
}

/* The result of an SSL call as bytes, -EAGAIN, 0 at the end, or -errno. */
static ssize_t tls_result(struct dns_stream *s, int n)
{
	ssize_t result;

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
		result = errno != 0 ? -errno : -ECONNRESET;
		break;
	default:
		explain(s);
		result = -EPROTO;
		break;
	}
	ERR_clear_error();
	return result;
}

static ssize_t stream_read(struct dns_stream *s, uint8_t *to, size_t size)
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

static ssize_t stream_write(struct dns_stream *s, const uint8_t *from, size_t len)
{
	ssize_t n;

	if (s->ssl) {
		ERR_clear_error();
		errno = 0;
		return tls_result(s, SSL_write(s->ssl, from, (int)len));
	}
	n = send(s->fd, from, len, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static int finish_connect(struct dns_stream *s)
{
	int error = 0;
	socklen_t len = sizeof(error);
	union sockaddr_any peer;
	socklen_t peer_len = sizeof(peer);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	if (error != 0)
		return -error;
	if (getpeername(s->fd, &peer.any, &peer_len) < 0)
		return errno == ENOTCONN ? -EAGAIN : -errno;
	s->state = s->ssl ? STREAM_HANDSHAKE : STREAM_OPEN;
	return 0;
}

static int shake_hands(struct dns_stream *s)
{
	ssize_t r;

	ERR_clear_error();
	errno = 0;
	r = tls_result(s, SSL_do_handshake(s->ssl));
	if (r == 0)
		return -ECONNRESET;
	if (r < 0)
		return (int)r;
	s->state = STREAM_OPEN;
	return 0;
}

static int flush(struct dns_stream *s)
{
	while (s->out_at < s->out_len) {
		ssize_t n = stream_write(s, s->out + s->out_at, s->out_len - s->out_at);

		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
		s->out_at += (size_t)n;
	}
	s->out_at = s->out_len = 0;
	return 0;
}

/* Moves what dns_stream_next() has given out out of the way. */
static void compact(struct dns_stream *s)
{
	memmove(s->in, s->in + s->taken, s->in_len - s->taken);
	s->in_len -= s->taken;
	s->taken = 0;
}

static int fill(struct dns_stream *s)
{
	compact(s);
	while (s->in_len < sizeof(s->in)) {
		ssize_t n = stream_read(s, s->in + s->in_len, sizeof(s->in) - s->in_len);

		if (n == -EAGAIN)
			break;
		if (n < 0)
			return (int)n;
		if (n == 0) {
			s->state = STREAM_ENDED;
			break;
		}
		s->in_len += (size_t)n;
	}
	return 0;
}

int dns_stream_work(struct dns_stream *s)
{
	int r = 0;

	s->tls_wants_write = false;
	if (s->state == STREAM_ENDED && dns_stream_pending(s) == 0)
		return -ECONNRESET; /* nothing was asked for, so it is the end of both ways */
	if (s->state == STREAM_CONNECTING)
		r = finish_connect(s);
	if (r == 0 && s->state == STREAM_HANDSHAKE)
		r = shake_hands(s);
	if (r == 0 && (s->state == STREAM_OPEN || s->state == STREAM_ENDED))
		r = flush(s);
	if (r == 0 && s->state == STREAM_OPEN)
		r = fill(s);
	return r == -EAGAIN ? 0 : r;
}

int dns_stream_put(struct dns_stream *s, uint16_t id, const uint8_t *message, size_t len)
{
	if (s->out_at > 0 && sizeof(s->out) - s->out_len < 2 + len) {
		memmove(s->out, s->out + s->out_at, s->out_len - s->out_at);
		s->out_len -= s->out_at;
		s->out_at = 0;
	}
	if (len < 2 || len > MESSAGE_MAX || sizeof(s->out) - s->out_len < 2 + len)
		return -ENOBUFS;
	store_be16(s->out + s->out_len, (uint16_t)len);
	store_be16(s->out + s->out_len + 2, id);
	memcpy(s->out + s->out_len + 4, message + 2, len - 2);
	s->out_len += 2 + len;
	return 0;
}

const uint8_t *dns_stream_next(struct dns_stream *s, size_t *ret_len)
{
	const uint8_t *at = s->in + s->taken;
	size_t left = s->in_len - s->taken;

	if (left < 2 || left - 2 < load_be16(at))
		return NULL;
	*ret_len = load_be16(at);
	s->taken += 2 + *ret_len;
	return at + 2;
}
