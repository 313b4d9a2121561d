/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - WireGuard messages over one TCP connection, with or without TLS 1.3
 *
 * For networks that block UDP.  Each message is a frame: its length in 2 bytes, big-endian, then the
 * message; there is no preface, so helpers that speak the same framing (udp-over-tcp) are peers.
 *
 * TCP under TCP is a known disaster: the lower one repeats and delays what the upper one has
 * given up.  So as little as possible waits here.  The kernel holds only what is on its way
 * (TCP_NOTSENT_LOWAT); behind it is a queue of STREAM_QUEUE bytes, and a message that has been in it for
 * longer than STREAM_STALE is dropped, so that the inner sender sees loss and slows down.  A
 * client opens several streams and pins each inner flow to one of them.
 *
 * Never blocks.  Unprivileged.  TLS is OpenSSL's; TLS 1.3 alone.  SIGPIPE must be ignored
 * (signals_open() does).
 */
#ifndef CULVERT_IO_STREAM_H
#define CULVERT_IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

#define STREAM_LANES       4     /* streams that a client opens */
#define STREAM_MESSAGE_MAX 65535 /* bytes of one message */
#define STREAM_PIN_LEN     32    /* SHA-256 of a certificate's SubjectPublicKeyInfo */
#define STREAM_ERROR_MAX   160   /* with the final NUL */

/*
 * Two trains: one that is being written, and one that is put behind it.  With 1 % of loss and
 * 100 ms four times as much carried 5.2 Mbit/s, this 3.8 and 5.2 in two runs: no reason for more.
 */
#define STREAM_QUEUE (128 << 10)

/*
 * The least retransmission timeout of Linux's TCP: what is later than this the inner sender sends again
 * anyhow.  One run each of half and twice as much: with that loss, no order in them; on a line of
 * 20 Mbit/s half was better, median round trips of 253 instead of 288 ms by CUBIC and of 193
 * instead of 287 by BBR, so this is not the last word.  One stream without any limit had 376 there.
 */
#define STREAM_STALE (200 * NS_PER_MS)

#define STREAM_CONNECT (10 * NS_PER_S) /* for TCP and TLS together */
#define STREAM_IDLE    (5 * NS_PER_S)  /* then buffers are given back */

struct stream;
struct stream_tls; /* what all connections of one side share; immutable after it was made */

/**
 * stream_tls_client() - how to check the server
 * @name: the server's name for SNI, and for the certificate if @pin is NULL (system's CAs)
 * @pin: the public key that the server must have, whatever its certificate says
 *
 * Return: 0; -EINVAL: neither; -ENOENT: no system's CAs; -ENOMEM.
 */
int stream_tls_client(const char *name, const uint8_t *pin, struct stream_tls **ret);

/**
 * stream_tls_server() - from certificate files (PEM)
 * Return: 0; -errno of reading; -EBADMSG: not a certificate and its key.
 */
int stream_tls_server(const char *certificate, const char *key, struct stream_tls **ret);

/**
 * stream_tls_self_signed() - with a key that follows from the gateway's own
 * @private_key: the WireGuard key; the Ed25519 key is derived from it, so nothing is stored and the pin
 * is known to `culvert peer add`
 */
int stream_tls_self_signed(const uint8_t private_key[static 32], struct stream_tls **ret);
struct stream_tls *stream_tls_free(struct stream_tls *tls);

/** stream_pin() - what clients of stream_tls_self_signed() pin.  Return: 0 or -errno. */
int stream_pin(const uint8_t private_key[static 32], uint8_t ret[static STREAM_PIN_LEN]);

/**
 * stream_connect() - begins to connect
 * @tls: NULL for plain TCP; borrowed until stream_free()
 *
 * Return: 0, also if it has failed already: then it is closed and says why; -errno: no memory or
 * descriptors.
 */
int stream_connect(const struct endpoint *to, struct stream_tls *tls, uint64_t now,
		   struct stream **ret);

/** stream_listen() - a TCP listener of both families, or IPv4 alone.  Return: descriptor or -errno. */
int stream_listen(uint16_t port);

/** stream_accept() - one connection.  Return: 0; -EAGAIN: none waits; -errno: no memory or
 *  descriptors. */
int stream_accept(int listener, struct stream_tls *tls, uint64_t now, struct stream **ret);
struct stream *stream_free(struct stream *s);

int stream_fd(const struct stream *s);
const struct endpoint *stream_remote(const struct stream *s); /* .stream is 0 */
struct addr stream_local(const struct stream *s);

/** stream_interest() - what to wait for: or-ed enum loop_interest */
unsigned int stream_interest(const struct stream *s);

enum stream_state {
	STREAM_CONNECTING, /* TCP or TLS */
	STREAM_OPEN,
	STREAM_CLOSED, /* for good; stream_error() says why */
};

/** stream_run() - connects, flushes, drops what is stale.  Return: the state. */
enum stream_state stream_run(struct stream *s, uint64_t now);
enum stream_state stream_state(const struct stream *s);

/** stream_error() - one sentence for a person with the cause; "" while all is well */
const char *stream_error(const struct stream *s);

/** stream_next_deadline() - ns; NEVER: nothing to do but by readiness */
uint64_t stream_next_deadline(const struct stream *s);

/* Received messages: one, or several of equal length that stand behind each other (the last may be
   shorter), as udp_rx has it. */
struct stream_rx {
	uint8_t *data; /* in the stream's own buffer: valid until its next stream_recv() or
			  stream_run() */
	uint32_t len;
	uint32_t segment;
};

/**
 * stream_recv() - up to @n groups of messages
 *
 * At most 64 messages and 65535 bytes in a group.  An empty frame is a group with a length and a
 * segment of 0, as an empty datagram is.
 *
 * Return: how many.  Until it is 0, or stream_unread() false, there may be more, of which the
 * descriptor knows nothing.
 */
size_t stream_recv(struct stream *s, struct stream_rx *rx, size_t n);

/** stream_unread() - whether stream_recv() may have more that the descriptor won't tell of */
bool stream_unread(const struct stream *s);

/**
 * stream_send() - queues messages, equal but for the last, and sends what it can
 *
 * All or nothing: @data of @len bytes, not 0, in segments of @segment, 1 to 65535.
 * Return: 0; -EAGAIN: the queue is full, nothing was queued; -ENOTCONN: not open yet, or closed;
 * -ENOMEM.
 */
int stream_send(struct stream *s, const uint8_t *data, uint32_t len, uint32_t segment,
		uint64_t now);

/** stream_stale() - messages dropped in the queue since the last call; the caller counts them */
uint32_t stream_stale(struct stream *s);

#endif
