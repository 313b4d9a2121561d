/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * noise.h - the Noise_IKpsk2 handshake: bytes in, bytes and keys out
 *
 * Knows nothing of time, tables or MACs.  Tokens are named as in the paper.
 *
 * Source: the WireGuard paper, sections 5.4.1 to 5.4.5; the Noise specification,
 * revision 34, pattern IK with psk2.
 */
#ifndef CULVERT_WIREGUARD_NOISE_H
#define CULVERT_WIREGUARD_NOISE_H

#include "wireguard/message.h"

#define NOISE_LEN 32 /* of hashes, chaining keys, keys and points */

struct noise_self {
	uint8_t private_key[NOISE_LEN];
	uint8_t public_key[NOISE_LEN];
};

struct noise_peer {
	uint8_t public_key[NOISE_LEN];
	uint8_t psk[NOISE_LEN];
	uint8_t static_static[NOISE_LEN]; /* DH of both static keys, computed once */
};

/* What must be kept from one message to the next; all of it secret. */
struct noise_state {
	uint8_t hash[NOISE_LEN];
	uint8_t chaining[NOISE_LEN];
	uint8_t ephemeral[NOISE_LEN]; /* initiator: our private one; responder: theirs */
};

/** noise_initiation_create() - all of the first message but its MACs
 *  Return: false if the peer's key is of low order. */
bool noise_initiation_create(const struct noise_self *self, const struct noise_peer *peer,
			     uint32_t index, const uint8_t stamp[static STAMP_LEN], struct rng *rng,
			     struct noise_state *state, uint8_t message[static WG_INITIATION_LEN]);

/**
 * noise_initiation_identify() - as the responder, who it claims to be from
 * @ret_public: the initiator's static key, not yet proven
 *
 * Return: false when it does not decrypt; @state is wiped then.
 */
bool noise_initiation_identify(const struct noise_self *self,
			       const uint8_t message[static WG_INITIATION_LEN],
			       struct noise_state *state, uint8_t ret_public[static NOISE_LEN]);

/** noise_initiation_prove() - the rest, by which @peer proves itself; the same return */
bool noise_initiation_prove(const struct noise_peer *peer,
			    const uint8_t message[static WG_INITIATION_LEN],
			    struct noise_state *state, uint8_t ret_stamp[static STAMP_LEN]);

/** noise_response_create() - all of the second message but its MACs; @message echoes @receiver */
bool noise_response_create(const struct noise_peer *peer, uint32_t index, uint32_t receiver,
			   struct rng *rng, struct noise_state *state,
			   uint8_t message[static WG_RESPONSE_LEN]);

/** noise_response_consume() - as the initiator; @state changes only when it is genuine */
bool noise_response_consume(const struct noise_self *self, const struct noise_peer *peer,
			    const uint8_t message[static WG_RESPONSE_LEN],
			    struct noise_state *state);

/** noise_split() - the two transport keys: the initiator sends with the first */
void noise_split(const struct noise_state *state, uint8_t first[static NOISE_LEN],
		 uint8_t second[static NOISE_LEN]);

#endif
