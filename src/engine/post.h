/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * post.h - messages between the gateway's threads
 *
 * Threads share no state.  What crosses goes through one bounded ring per ordered pair
 * of threads (base/ring.h), and the receiver is woken by its eventfd.  The list of
 * messages below is the whole interface between threads.
 *
 * Thread numbers: workers are 0..workers-1, then the handshake thread, then main, then the stream
 * thread, which runs only where [Stream] is configured.
 */
#ifndef CULVERT_ENGINE_POST_H
#define CULVERT_ENGINE_POST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "io/uplink.h"
#include "nat/nat.h"
#include "wireguard/wireguard.h"

struct external;
struct table;

enum post_kind {
	/* any thread to a worker or the handshake thread: messages that came by a stream, or that the
	   kernel steered elsewhere because they were glued to another's */
	POST_DATAGRAM,
	/* worker to worker: trains, as post_train and then the whole packet */
	POST_TRAIN_TO_PEER,      /* for a client of the other worker */
	POST_TRAIN_FROM_OUTSIDE, /* hairpinned to a port of the other worker */
	POST_TRAIN_TO_HOST,      /* for the adapter, which worker 0 owns */
	/* handshake thread to a worker */
	POST_SESSION,          /* post_session */
	POST_HANDSHAKE_FAILED, /* post_peer */
	/* worker to the handshake thread */
	POST_INITIATE, /* post_peer */
	POST_ENDPOINT, /* post_peer; also handshake thread to worker */
	/* workers, the handshake thread and the stream thread */
	POST_STREAM_SEND,   /* post_stream_send: to the stream thread, and the messages */
	POST_STREAM_USED,   /* post_stream: to it, a message that came by this stream was genuine */
	POST_STREAM_CLOSED, /* post_stream: from it to workers, what goes there is lost; to it, it
			       is to be closed */
	/* main to workers and the handshake thread */
	POST_TABLE, /* post_table: acknowledged by the same message */
	/* main to workers */
	POST_EXTERNAL, /* post_external: the end of another interface, to use and to free */
	POST_UPLINK,   /* post_uplink */
	POST_LEASE,    /* post_lease: a block to use */
	POST_TRIM,     /* no body: give idle blocks back */
	/* worker to main */
	POST_LEASE_WANTED,   /* post_lease: the protocol alone counts */
	POST_LEASE_RETURNED, /* post_lease */
	/* main to all */
	POST_STOP, /* no body */
};

struct post_datagram {
	struct endpoint from;
	struct addr to;
	uint8_t tos;
	uint32_t len; /* the bytes follow */
	uint32_t
		segment; /* of each message but the last, which may be shorter; len: there is one */
};

struct post_stream_send {
	uint32_t stream; /* endpoint.stream */
	uint32_t len;    /* the bytes follow */
	uint32_t segment;
};

struct post_stream {
	uint32_t stream;
};

/* Streams that there may be at a time.  A stream's number modulo this is its place; whoever has the
   place next has a higher number, but for the wrap. */
#define STREAM_PLACES 1024u

struct post_train {
	uint32_t peer;
	uint32_t client; /* who sent it: the peer, or WG_NO_PEER */
	uint16_t gso_size;
	uint8_t csum; /* enum csum_state */
	uint32_t len; /* the IPv4 packet follows */
};

struct post_session {
	struct wg_keys keys;
	uint32_t incarnation; /* of the peer that it was made with */
	struct endpoint to;
	struct addr from;
	uint16_t len; /* of the response; 0 when we initiated */
	uint8_t response[WG_RESPONSE_LEN];
};

struct post_peer {
	uint32_t peer;
	struct endpoint to;
	struct addr from;
};

struct post_table {
	const struct table
		*table; /* immutable; main frees the old one after every acknowledgement */
};

struct post_external {
	struct external *external;
};

struct post_uplink {
	struct uplink uplink;
};

struct post_lease {
	uint32_t address; /* external address that it is of; host order */
	enum nat_protocol protocol;
	uint16_t first;
};

struct post;

/** post_new() - Return: 0, -ENOMEM or -errno of an eventfd */
int post_new(unsigned int workers, struct post **ret);
struct post *post_free(struct post *post);

static inline unsigned int post_handshake(unsigned int workers)
{
	return workers;
}

static inline unsigned int post_main(unsigned int workers)
{
	return workers + 1;
}

static inline unsigned int post_stream(unsigned int workers)
{
	return workers + 2;
}

/**
 * post_owner() - whose a message of the tunnel is
 * @message: @len bytes, hostile
 * Return: a worker or the handshake thread; POST_NOBODY: it is no WireGuard message.
 */
#define POST_NOBODY UINT_MAX
unsigned int post_owner(unsigned int workers, const uint8_t *message, size_t len);

/** post_fd() - readable when messages wait for thread @to */
int post_fd(const struct post *post, unsigned int to);

/**
 * post_send() - one message: @body of @body_len bytes, and @data of @data_len behind it
 * Packets are refused while there is still room for messages that carry state.
 * Context: thread @from.
 * Return: false when the ring is full: nothing was sent.
 */
bool post_send(struct post *post, unsigned int from, unsigned int to, enum post_kind kind,
	       const void *body, size_t body_len, const void *data, size_t data_len);

/**
 * post_to_stream() - messages for the stream thread to send, equal but for the last
 * Context: thread @from, a worker or the handshake thread.
 * Return: false when the ring is full: nothing was sent.
 */
bool post_to_stream(struct post *post, unsigned int from, unsigned int workers, uint32_t stream,
		    const uint8_t *data, uint32_t len, uint32_t segment);

/**
 * post_insist() - a message that must arrive: waits for room, a millisecond at a time
 *
 * For main, whose rings hold thousands of its small messages: they are full only when a
 * thread has hung, and then main hangs with it, which the watchdog notices.  The other threads never
 * wait for anybody, so this cannot end in a circle.
 * Context: main.
 */
void post_insist(struct post *post, unsigned int from, unsigned int to, enum post_kind kind,
		 const void *body, size_t body_len);

/**
 * post_reserve(), post_commit() - the same, for a sender that writes the bytes in place
 * Return: where @len bytes go, or NULL when the ring is full.
 */
uint8_t *post_reserve(struct post *post, unsigned int from, unsigned int to, enum post_kind kind,
		      size_t len);
void post_commit(struct post *post, unsigned int from, unsigned int to, size_t len);

/* A received message, borrowed until the next post_receive() of the same thread. */
struct post_message {
	enum post_kind kind;
	unsigned int from;
	uint8_t *body; /* 16-byte aligned */
	size_t len;
};

/**
 * post_receive() - the next message for thread @to
 *
 * Releases the message before it.  Clears the wake-up before it looks, so none is lost.
 * Context: thread @to.
 */
bool post_receive(struct post *post, unsigned int to, struct post_message *ret);

#endif
