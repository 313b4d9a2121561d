/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/noise.h"

#include <string.h>

#include "base/wire.h"
#include "crypto/aead.h"
#include "crypto/blake2s.h"
#include "crypto/kdf.h"
#include "crypto/wipe.h"
#include "crypto/x25519.h"

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* C := HASH(CONSTRUCTION), H := HASH(HASH(C || IDENTIFIER) || S_r) */
static void start(struct noise_state *state, const uint8_t responder[static NOISE_LEN])
{
	blake2s_hash(state->chaining, construction, sizeof(construction) - 1, NULL, 0);
	blake2s_hash(state->hash, state->chaining, NOISE_LEN, identifier, sizeof(identifier) - 1);
	blake2s_hash(state->hash, state->hash, NOISE_LEN, responder, NOISE_LEN);
}

/* H := HASH(H || data) */
static void mix_hash(struct noise_state *state, const uint8_t *data, size_t len)
{
	blake2s_hash(state->hash, state->hash, NOISE_LEN, data, len);
}

/* C := KDF1(C, secret), or (C, k) := KDF2(C, secret) where @key is given */
static void mix_key(struct noise_state *state, const uint8_t secret[static NOISE_LEN], uint8_t *key)
{
	kdf(state->chaining, key, NULL, state->chaining, secret, NOISE_LEN);
}

/* The same with DH(private_key, public_key) as the secret. */
static bool mix_dh(struct noise_state *state, const uint8_t private_key[static NOISE_LEN],
		   const uint8_t public_key[static NOISE_LEN], uint8_t *key)
{
	uint8_t shared[NOISE_LEN];
	bool ok = x25519(shared, private_key, public_key);

	if (ok)
		mix_key(state, shared, key);
	wipe(shared, sizeof(shared));
	return ok;
}

/* The token e: a fresh key into the message, the hash and the chaining key. */
static void new_ephemeral(struct noise_state *state, struct rng *rng,
			  uint8_t private_key[static NOISE_LEN], uint8_t *public_key)
{
	wg_private_key(rng, private_key);
	x25519_public(public_key, private_key);
	mix_key(state, public_key, NULL);
	mix_hash(state, public_key, NOISE_LEN);
}

static void seal(struct noise_state *state, uint8_t *out, const uint8_t key[static NOISE_LEN],
		 const uint8_t *plain, size_t len)
{
	aead_seal_once(out, key, 0, plain, len, state->hash, NOISE_LEN);
	mix_hash(state, out, len + AEAD_TAG_LEN);
}

static bool open_sealed(struct noise_state *state, uint8_t *out,
			const uint8_t key[static NOISE_LEN], const uint8_t *sealed, size_t len)
{
	if (!aead_open_once(out, key, 0, sealed, len, state->hash, NOISE_LEN))
		return false;
	mix_hash(state, sealed, len + AEAD_TAG_LEN);
	return true;
}

bool noise_initiation_create(const struct noise_self *self, const struct noise_peer *peer,
			     uint32_t index, const uint8_t stamp[static STAMP_LEN], struct rng *rng,
			     struct noise_state *state, uint8_t message[static WG_INITIATION_LEN])
{
	uint8_t key[NOISE_LEN];
	bool ok;

	memset(message, 0, WG_INITIATION_LEN);
	store_le32(message, WG_INITIATION);
	store_le32(message + SENDER_AT, index);
	start(state, peer->public_key);

	/* e */
	new_ephemeral(state, rng, state->ephemeral, message + INITIATION_EPHEMERAL_AT);

	/* es */
	ok = mix_dh(state, state->ephemeral, peer->public_key, key);
	if (ok) {
		/* s */
		seal(state, message + INITIATION_STATIC_AT, key, self->public_key, NOISE_LEN);

		/* ss, {t} */
		mix_key(state, peer->static_static, key);
		seal(state, message + INITIATION_STAMP_AT, key, stamp, STAMP_LEN);
	} else {
		wipe(state, sizeof(*state));
	}
	wipe(key, sizeof(key));
	return ok;
}

bool noise_initiation_identify(const struct noise_self *self,
			       const uint8_t message[static WG_INITIATION_LEN],
			       struct noise_state *state, uint8_t ret_public[static NOISE_LEN])
{
	uint8_t key[NOISE_LEN];
	bool ok;

	start(state, self->public_key);

	/* e */
	memcpy(state->ephemeral, message + INITIATION_EPHEMERAL_AT, NOISE_LEN);
	mix_key(state, state->ephemeral, NULL);
	mix_hash(state, state->ephemeral, NOISE_LEN);

	/* es, s */
	ok = mix_dh(state, self->private_key, state->ephemeral, key) &&
	     open_sealed(state, ret_public, key, message + INITIATION_STATIC_AT, NOISE_LEN);
	wipe(key, sizeof(key));
	if (!ok)
		wipe(state, sizeof(*state));
	return ok;
}

bool noise_initiation_prove(const struct noise_peer *peer,
			    const uint8_t message[static WG_INITIATION_LEN],
			    struct noise_state *state, uint8_t ret_stamp[static STAMP_LEN])
{
	uint8_t key[NOISE_LEN];
	bool ok;

	/* ss, {t} */
	mix_key(state, peer->static_static, key);
	ok = open_sealed(state, ret_stamp, key, message + INITIATION_STAMP_AT, STAMP_LEN);
	wipe(key, sizeof(key));
	if (!ok)
		wipe(state, sizeof(*state));
	return ok;
}

/* The token psk: (C, tau, k) := KDF3(C, Q), H := HASH(H || tau) */
static void mix_psk(struct noise_state *state, const struct noise_peer *peer,
		    uint8_t key[static NOISE_LEN])
{
	uint8_t tau[NOISE_LEN];

	kdf(state->chaining, tau, key, state->chaining, peer->psk, NOISE_LEN);
	mix_hash(state, tau, NOISE_LEN);
	wipe(tau, sizeof(tau));
}

bool noise_response_create(const struct noise_peer *peer, uint32_t index, uint32_t receiver,
			   struct rng *rng, struct noise_state *state,
			   uint8_t message[static WG_RESPONSE_LEN])
{
	uint8_t private_key[NOISE_LEN];
	uint8_t key[NOISE_LEN];
	bool ok;

	memset(message, 0, WG_RESPONSE_LEN);
	store_le32(message, WG_RESPONSE);
	store_le32(message + SENDER_AT, index);
	store_le32(message + RESPONSE_RECEIVER_AT, receiver);

	/* e */
	new_ephemeral(state, rng, private_key, message + RESPONSE_EPHEMERAL_AT);

	/* ee, se */
	ok = mix_dh(state, private_key, state->ephemeral, NULL) &&
	     mix_dh(state, private_key, peer->public_key, NULL);

	/* psk, {} */
	if (ok) {
		mix_psk(state, peer, key);
		seal(state, message + RESPONSE_EMPTY_AT, key, NULL, 0);
	} else {
		wipe(state, sizeof(*state));
	}
	wipe(private_key, sizeof(private_key));
	wipe(key, sizeof(key));
	return ok;
}

bool noise_response_consume(const struct noise_self *self, const struct noise_peer *peer,
			    const uint8_t message[static WG_RESPONSE_LEN],
			    struct noise_state *state)
{
	const uint8_t *theirs = message + RESPONSE_EPHEMERAL_AT;
	struct noise_state s = *state;
	uint8_t key[NOISE_LEN];
	uint8_t nothing[1];
	bool ok;

	/* e */
	mix_key(&s, theirs, NULL);
	mix_hash(&s, theirs, NOISE_LEN);

	/* ee, se */
	ok = mix_dh(&s, s.ephemeral, theirs, NULL) && mix_dh(&s, self->private_key, theirs, NULL);

	/* psk, {} */
	if (ok) {
		mix_psk(&s, peer, key);
		ok = open_sealed(&s, nothing, key, message + RESPONSE_EMPTY_AT, 0);
	}
	if (ok)
		*state = s;
	wipe(&s, sizeof(s));
	wipe(key, sizeof(key));
	return ok;
}

void noise_split(const struct noise_state *state, uint8_t first[static NOISE_LEN],
		 uint8_t second[static NOISE_LEN])
{
	kdf(first, second, NULL, state->chaining, NULL, 0);
}
