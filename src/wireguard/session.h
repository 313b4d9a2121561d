/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - a peer's up to three sessions: previous, current, next
 *
 *   current    what we send with, and receive
 *   previous   receive only: what was under way when the current one came
 *   next       receive only: as the responder, until its first message proves that the
 *              initiator has our response
 *
 * Source: the WireGuard paper, sections 6.2 and 6.3; DESIGN.md draws it.
 */
#ifndef CULVERT_WIREGUARD_SESSION_H
#define CULVERT_WIREGUARD_SESSION_H

#include "crypto/aead.h"
#include "wireguard/index_table.h"
#include "wireguard/replay.h"
#include "wireguard/wireguard.h"

#define SESSIONS     3
#define SESSION_NONE SESSIONS

struct session {
	struct aead *send; /* NULL: the place is free */
	struct aead *receive;
	uint64_t birth; /* ns */
	uint64_t send_counter;
	uint32_t local_index;
	uint32_t remote_index;
	bool initiator;
	struct replay replay;
};

struct sessions {
	struct session place[SESSIONS];
	uint8_t current; /* places, SESSION_NONE where there is none */
	uint8_t previous;
	uint8_t next;
};

/* The value that the index table holds: which place of which peer. */
static inline uint32_t session_id(uint32_t peer, uint8_t place)
{
	return peer * SESSIONS + place;
}

void sessions_init(struct sessions *s);

/** sessions_get() - Return: the session at @place, NULL for SESSION_NONE */
struct session *sessions_get(struct sessions *s, uint8_t place);

/** sessions_install() - as current for the initiator, as next for the responder
 *  Return: 0, or -ENOMEM with nothing changed. */
int sessions_install(struct sessions *s, struct index_table *indices, const struct wg_keys *keys);

/** sessions_confirm() - the first message under the next session has come: it is current now */
void sessions_confirm(struct sessions *s, struct index_table *indices, uint32_t peer);

/** sessions_clear() - wipes all keys */
void sessions_clear(struct sessions *s, struct index_table *indices, uint32_t peer);

/** session_expired() - too old to send or receive with */
static inline bool session_expired(const struct session *s, uint64_t now)
{
	return now >= s->birth + REJECT_AFTER_TIME;
}

#endif
