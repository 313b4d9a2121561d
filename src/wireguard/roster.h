/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster.h - the handshake thread's peers, found by static key or by local index
 *
 * Peers are a flat array by number.  Each holds the last ROSTER_INDICES local indices that
 * it was given, so that an index is not handed out again while a session may still live
 * under it: previous, current and next in the tunnel, and a handshake under way.
 */
#ifndef CULVERT_WIREGUARD_ROSTER_H
#define CULVERT_WIREGUARD_ROSTER_H

#include "wireguard/cookie.h"
#include "wireguard/index_table.h"
#include "wireguard/noise.h"

#define ROSTER_INDICES 4

enum handshake_state {
	HS_IDLE,
	HS_INITIATION_SENT,
};

struct hs_peer {
	bool present;
	enum handshake_state state;
	struct noise_peer noise;
	struct cookie_jar jar;

	/* As the initiator: valid in HS_INITIATION_SENT. */
	struct noise_state pending;
	uint32_t pending_index;
	uint64_t attempt_began; /* ns */
	struct endpoint to;
	struct addr from;
	uint64_t may_initiate; /* ns: REKEY_TIMEOUT after the last initiation */
	uint64_t stamp_sent;   /* ns since 1970 */

	/* As the responder. */
	uint8_t stamp_seen[STAMP_LEN]; /* the greatest so far */
	uint64_t may_respond;          /* ns: the rate limit's next turn */

	uint32_t indices[ROSTER_INDICES];
	uint8_t n_indices;
	uint8_t next_index; /* place in indices[] that the next one takes */
};

struct roster;

int wg_roster_new(uint32_t peers_max, struct rng *rng, struct roster **ret);
struct roster *wg_roster_free(struct roster *r);

/** wg_roster_peer() - by number; NULL if there is none */
struct hs_peer *wg_roster_peer(const struct roster *r, uint32_t peer);

/** wg_roster_add() - @peer must be free and the key unknown; Return: it, with its key set */
struct hs_peer *wg_roster_add(struct roster *r, uint32_t peer,
			      const uint8_t public_key[static WG_KEY_LEN]);
void wg_roster_remove(struct roster *r, uint32_t peer);

/** wg_roster_find_key(), wg_roster_find_index() - Return: the peer's number, or WG_NO_PEER */
uint32_t wg_roster_find_key(const struct roster *r, const uint8_t public_key[static WG_KEY_LEN]);
uint32_t wg_roster_find_index(const struct roster *r, uint32_t index);

/** wg_roster_new_index() - an unused one in the peer's slot; the peer's oldest is forgotten */
uint32_t wg_roster_new_index(struct roster *r, uint32_t peer);

/** wg_roster_replace_index() - a new one in the place of @old, of which no session came */
uint32_t wg_roster_replace_index(struct roster *r, uint32_t peer, uint32_t old);

#endif
