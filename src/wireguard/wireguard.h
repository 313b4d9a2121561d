/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wireguard.h - the WireGuard protocol, as a computation
 *
 * Two halves that live on different threads and share nothing:
 *
 *   struct wg_handshaker   the handshake thread: identity, every peer's static
 *                          keys, Noise state, cookies, retransmissions
 *   struct wg_tunnel       one per worker: the sessions of the worker's peers,
 *                          encryption, replay windows, data timers, endpoints
 *
 * What crosses from one to the other are the plain structs below; the engine
 * carries them.  Neither opens a socket, reads a clock or allocates after start
 * (a session's AEAD context excepted).
 *
 * Peers are numbered by the engine: `peer` is an index below peers_max, the same
 * in both halves.  A receiver index is 8 bits of slot and 24 random bits, the slot in
 * the *first byte on the wire* (least significant byte of the little-endian
 * integer), so that a filter in the kernel finds the worker without more than a
 * byte load.  slot = peer % WG_SLOTS; the engine maps slots to workers.
 *
 * Source: J. A. Donenfeld, "WireGuard: Next Generation Kernel Network Tunnel",
 * sections 5 and 6; constants carry the paper's names.
 */
#ifndef CULVERT_WIREGUARD_WIREGUARD_H
#define CULVERT_WIREGUARD_WIREGUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/rng.h"
#include "packet/drop.h"

#define WG_KEY_LEN 32
#define WG_SLOTS   256
#define WG_NO_PEER UINT32_MAX

#define REKEY_AFTER_MESSAGES  (UINT64_C(1) << 60)
#define REJECT_AFTER_MESSAGES (UINT64_MAX - (UINT64_C(1) << 13))
#define REKEY_AFTER_TIME      (120 * NS_PER_S)
#define REJECT_AFTER_TIME     (180 * NS_PER_S)
#define REKEY_ATTEMPT_TIME    (90 * NS_PER_S)
#define REKEY_TIMEOUT         (5 * NS_PER_S)
#define KEEPALIVE_TIMEOUT     (10 * NS_PER_S)
#define COOKIE_REFRESH_TIME   (120 * NS_PER_S)

enum wg_message_type {
	WG_INITIATION = 1,
	WG_RESPONSE = 2,
	WG_COOKIE_REPLY = 3,
	WG_DATA = 4,
};

enum {
	WG_INITIATION_LEN = 148,
	WG_RESPONSE_LEN = 92,
	WG_COOKIE_REPLY_LEN = 64,
	WG_DATA_HEADER_LEN = 16, /* type, receiver index, counter */
	WG_DATA_OVERHEAD = 32,   /* header and tag */
};

/** wg_message_type() - the type of a datagram by its first bytes and its length; 0 if none */
int wg_message_type(const uint8_t *data, size_t len);

/** wg_receiver_index() - of a type 2, 3 or 4 message; host order */
uint32_t wg_receiver_index(const uint8_t *data);

/* A session as the handshake yields it.  Wiped by whoever consumed it. */
struct wg_keys {
	uint32_t peer;
	uint32_t local_index;  /* what the other side addresses us by; host order */
	uint32_t remote_index; /* what we address it by; host order */
	uint8_t send_key[WG_KEY_LEN];
	uint8_t receive_key[WG_KEY_LEN];
	bool initiator; /* we sent the initiation */
	uint64_t birth; /* ns */
};

/* ---- handshake thread ------------------------------------------------- */

struct wg_handshaker;

enum wg_output_kind {
	WG_NOTHING,
	WG_SEND,             /* send message[] to `to`; initiations and cookie replies */
	WG_SESSION,          /* install keys; if len > 0, then send message[] (the response) */
	WG_HANDSHAKE_FAILED, /* gave up after REKEY_ATTEMPT_TIME */
};

struct wg_output {
	enum wg_output_kind kind;
	uint32_t peer; /* WG_NO_PEER for a cookie reply */
	struct endpoint to;
	struct addr from; /* our address that the other side used; ADDR_NONE: any */
	uint8_t message[WG_INITIATION_LEN];
	size_t len;
	struct wg_keys keys; /* WG_SESSION only */
};

/**
 * wg_handshaker_new() - an identity without peers
 * @private_key: copied
 * @rng: borrowed for life; ephemeral keys, indices and cookie secrets come from it
 *
 * Return: 0, or -ENOMEM.
 */
int wg_handshaker_new(const uint8_t private_key[static WG_KEY_LEN], uint32_t peers_max,
		      struct rng *rng, struct wg_handshaker **ret);

/** wg_handshaker_free() - wipes every secret */
struct wg_handshaker *wg_handshaker_free(struct wg_handshaker *h);

/**
 * wg_handshaker_peer_set() - adds a peer, or gives @peer another pre-shared key
 * @psk: all zero for none
 *
 * Return: 0; -EEXIST if another peer has this key; -EINVAL if the key is our own or
 * a point of low order.
 */
int wg_handshaker_peer_set(struct wg_handshaker *h, uint32_t peer,
			   const uint8_t public_key[static WG_KEY_LEN],
			   const uint8_t psk[static WG_KEY_LEN]);
void wg_handshaker_peer_remove(struct wg_handshaker *h, uint32_t peer);

/**
 * wg_handshaker_receive() - one message of type 1, 2 or 3
 * @message: hostile bytes
 * @from, @to: the datagram's endpoint and our address
 * @load: whether we are under load, so that MAC2 is wanted (the paper, 5.3)
 * @out: always written, first of all, so @message may not lie in it; kind WG_NOTHING when
 * there is nothing to do
 *
 * Initiations are rate-limited per peer; a flood is the caller's @load.
 *
 * Return: PASS when the message was good, else DROP_WG_*; a cookie reply goes out
 * with DROP_WG_COOKIE.
 */
enum verdict wg_handshaker_receive(struct wg_handshaker *h, const uint8_t *message, size_t len,
				   const struct endpoint *from, const struct addr *to, bool load,
				   uint64_t now, struct wg_output *out);

/**
 * wg_handshaker_initiate() - a worker asks for a handshake with @peer
 * @wall: CLOCK_REALTIME, ns since 1970: the initiation's TAI64N time stamp
 *
 * Does nothing (WG_NOTHING) while one is under way or REKEY_TIMEOUT has not passed.
 * Retransmits by itself until answered or given up.
 */
void wg_handshaker_initiate(struct wg_handshaker *h, uint32_t peer, const struct endpoint *to,
			    const struct addr *from, uint64_t now, uint64_t wall,
			    struct wg_output *out);

/**
 * wg_handshaker_initiate_now() - the same by another way than before: a stream and not UDP, or a
 * path that has changed
 *
 * Takes the place of one that is under way, and does not wait for REKEY_TIMEOUT: the caller keeps that
 * for each way.  The time until it is given up goes on from the one under way.
 */
void wg_handshaker_initiate_now(struct wg_handshaker *h, uint32_t peer, const struct endpoint *to,
				const struct addr *from, uint64_t now, uint64_t wall,
				struct wg_output *out);

/** wg_handshaker_cancel() - forgets a handshake of ours that is under way, without a word */
void wg_handshaker_cancel(struct wg_handshaker *h, uint32_t peer);

uint64_t wg_handshaker_next_deadline(const struct wg_handshaker *h);

/**
 * wg_handshaker_on_deadline() - what is due at @now; call until it says WG_NOTHING
 *
 * A retransmission goes where the initiation went, unless the peer has been heard from
 * elsewhere meanwhile (wg_handshaker_set_endpoint()).
 */
void wg_handshaker_on_deadline(struct wg_handshaker *h, uint64_t now, uint64_t wall,
			       struct wg_output *out);
void wg_handshaker_set_endpoint(struct wg_handshaker *h, uint32_t peer, const struct endpoint *to,
				const struct addr *from);

/* ---- worker ------------------------------------------------------------ */

struct wg_tunnel;

/** wg_tunnel_new() - Return: 0, or -ENOMEM */
int wg_tunnel_new(uint32_t peers_max, struct rng *rng, struct wg_tunnel **ret);
struct wg_tunnel *wg_tunnel_free(struct wg_tunnel *t);

/** wg_tunnel_peer_add() - @keepalive in seconds, 0 for none; adding again changes it
 *  and leaves sessions alone */
void wg_tunnel_peer_add(struct wg_tunnel *t, uint32_t peer, uint16_t keepalive, uint64_t now);
void wg_tunnel_peer_remove(struct wg_tunnel *t, uint32_t peer);

/** wg_tunnel_drop_sessions() - our key has changed: all sessions with @peer end, the rest stays */
void wg_tunnel_drop_sessions(struct wg_tunnel *t, uint32_t peer);

/** wg_tunnel_set_endpoint() - configured or learnt from an authenticated handshake;
 *  @from is our own address towards it, ADDR_NONE if any */
void wg_tunnel_set_endpoint(struct wg_tunnel *t, uint32_t peer, const struct endpoint *to,
			    const struct addr *from);

/** wg_tunnel_endpoint() - NULL while unknown; borrowed until the next call that changes it */
const struct endpoint *wg_tunnel_endpoint(const struct wg_tunnel *t, uint32_t peer,
					  struct addr *ret_from);

/**
 * wg_tunnel_install() - a new session
 * @keys: not wiped here
 *
 * As initiator it is used for sending at once (the caller gets WG_EVENT_READY); as responder only
 * after the first authenticated message under it.
 * Return: 0; -ENOMEM; -ENOENT when the peer has been removed meanwhile.
 */
int wg_tunnel_install(struct wg_tunnel *t, const struct wg_keys *keys, uint64_t now);

/* One received data message of a batch. */
struct wg_rx {
	uint8_t *data; /* in: the datagram; out: the inner packet inside it */
	uint32_t len;  /* in and out; 0 out: a keepalive; trailing padding is still there */
	const struct endpoint *from; /* in: never NULL */
	const struct addr *to;       /* in: our address, never NULL */
	enum verdict verdict;        /* out */
	uint32_t peer;               /* out */
};

/**
 * wg_tunnel_open() - authenticates and decrypts a batch in place
 *
 * Only after authentication: replay check, endpoint update (roaming), key
 * confirmation, timers.  Messages of different sessions may be mixed.
 */
void wg_tunnel_open(struct wg_tunnel *t, struct wg_rx *rx, size_t n, uint64_t now);

/* One packet to send. */
struct wg_tx {
	uint8_t *
		message; /* header room of WG_DATA_HEADER_LEN, then the plain text, then room for padding and tag */
	uint32_t plain_len; /* bytes of plain text; 0 is a keepalive */
	uint32_t len;       /* out: bytes of the message */
};

/** wg_message_len() - length on the wire of @plain_len bytes padded to 16 but not beyond @mtu */
uint32_t wg_message_len(uint32_t plain_len, uint32_t mtu);

/**
 * wg_tunnel_seal() - encrypts a batch for one peer, in place
 * @mtu: the tunnel's, for padding
 *
 * Return: PASS, or DROP_WG_NO_SESSION: nothing was done, a handshake has been asked for
 * (WG_EVENT_HANDSHAKE), the caller may keep the packets until WG_EVENT_READY.
 */
enum verdict wg_tunnel_seal(struct wg_tunnel *t, uint32_t peer, struct wg_tx *tx, size_t n,
			    uint32_t mtu, uint64_t now);

enum wg_event_kind {
	WG_EVENT_HANDSHAKE = 1, /* ask the handshake thread to initiate */
	WG_EVENT_READY =
		2, /* a session became usable: send what waited, or a keepalive if initiator and nothing waited */
	WG_EVENT_KEEPALIVE = 4, /* send an empty packet */
	WG_EVENT_ENDPOINT = 8,  /* the peer has roamed: tell the handshake thread */
};

struct wg_event {
	uint32_t peer;
	unsigned int kinds; /* or-ed enum wg_event_kind */
};

/** wg_tunnel_next_event() - takes one pending event; at most one is pending per peer */
bool wg_tunnel_next_event(struct wg_tunnel *t, struct wg_event *ret);

uint64_t wg_tunnel_next_deadline(const struct wg_tunnel *t);

/** wg_tunnel_on_deadline() - runs the timers that are due; what comes of it are events */
void wg_tunnel_on_deadline(struct wg_tunnel *t, uint64_t now);

/* Numbers of one peer.  Written by the worker, read by any thread. */
struct wg_peer_stats {
	struct counter rx_bytes; /* outer payload of authenticated messages, as wg(8) counts */
	struct counter tx_bytes;
	struct counter last_handshake; /* ns, monotonic; 0 never */
	struct counter last_received;  /* ns, monotonic; 0 never */
};

/** wg_tunnel_stats() - valid for the life of @t.  Context: any thread. */
const struct wg_peer_stats *wg_tunnel_stats(const struct wg_tunnel *t, uint32_t peer);

/* ---- allowed IPs ---------------------------------------------------------- */

struct allowed_ips;

/** allowed_ips_new() - an empty table; immutable once built, then read by any thread */
int allowed_ips_new(struct allowed_ips **ret);
struct allowed_ips *allowed_ips_free(struct allowed_ips *table);

/** allowed_ips_add() - a prefix that another peer had moves to this one, as in WireGuard.
 *  Return: 0, or -ENOMEM. */
int allowed_ips_add(struct allowed_ips *table, const struct prefix *prefix, uint32_t peer);

/** allowed_ips_find() - longest match; WG_NO_PEER if there is none */
uint32_t allowed_ips_find(const struct allowed_ips *table, const struct addr *addr);

/** allowed_ips_find_ip4() - the same for a host-order IPv4 address */
uint32_t allowed_ips_find_ip4(const struct allowed_ips *table, uint32_t ip4);

/* ---- keys ------------------------------------------------------------------- */

void wg_private_key(struct rng *rng, uint8_t key[static WG_KEY_LEN]);
void wg_public_key(uint8_t public_key[static WG_KEY_LEN],
		   const uint8_t private_key[static WG_KEY_LEN]);

#endif
