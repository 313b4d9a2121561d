/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wireguard_fixture.h - what the WireGuard fuzz targets and their seeds have in common
 *
 * Everything comes from seeds, so that messages which the generator makes for one run are
 * genuine in every other.  An input is a list of records: a byte of flags, a length of two
 * bytes (little-endian), so many bytes.
 */
#ifndef CULVERT_FUZZ_WIREGUARD_FIXTURE_H
#define CULVERT_FUZZ_WIREGUARD_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "wireguard/cookie.h"
#include "wireguard/wireguard.h"

#define FIXTURE_PEER 9
#define FIXTURE_NOW  (1000 * NS_PER_S)
#define FIXTURE_WALL (UINT64_C(1700000000) * NS_PER_S)

enum {
	FLAG_LOAD = 1,     /* receive it under load */
	FLAG_MAC1 = 2,     /* put the right MAC1 in: no fuzzer finds it */
	FLAG_LATER = 4,    /* a minute passes first, with all that is due */
	FLAG_FROM_NEW = 8, /* it comes from another address */
};

struct fixture {
	struct rng rng;
	uint8_t public_key[WG_KEY_LEN];
	struct endpoint at;
	struct wg_handshaker *h;
};

static inline void fixture_keys(uint64_t seed, uint8_t private_key[static WG_KEY_LEN],
				uint8_t public_key[static WG_KEY_LEN])
{
	struct rng rng = rng_seeded(seed);

	wg_private_key(&rng, private_key);
	wg_public_key(public_key, private_key);
}

/* A handshaker whose identity is @seed, with the identity @other as its peer. */
static inline void fixture_start(struct fixture *f, uint64_t seed, uint64_t other)
{
	static const uint8_t psk[WG_KEY_LEN] = { 42 };
	uint8_t private_key[WG_KEY_LEN];
	uint8_t ignored[WG_KEY_LEN];
	uint8_t theirs[WG_KEY_LEN];

	f->rng = rng_seeded(seed + 1000);
	f->at = (struct endpoint){ .addr = addr_ip4(0x0a000000 + (uint32_t)seed), .port = 51820 };
	fixture_keys(seed, private_key, f->public_key);
	fixture_keys(other, ignored, theirs);
	if (wg_handshaker_new(private_key, 16, &f->rng, &f->h) < 0 ||
	    wg_handshaker_peer_set(f->h, FIXTURE_PEER, theirs, psk) < 0)
		abort();
}

static inline void fixture_initiate(struct fixture *f, const struct endpoint *to,
				    struct wg_output *out)
{
	wg_handshaker_initiate(f->h, FIXTURE_PEER, to, &f->at.addr, FIXTURE_NOW, FIXTURE_WALL, out);
}

/* The session that the data target has; the generator has the other end of it. */
static inline struct wg_keys fixture_session(bool target, uint32_t number, bool initiator)
{
	struct wg_keys keys = { .peer = FIXTURE_PEER,
				.local_index = number << 8 | FIXTURE_PEER,
				.remote_index = number << 8 | FIXTURE_PEER,
				.initiator = initiator,
				.birth = FIXTURE_NOW };

	memset(target ? keys.send_key : keys.receive_key, 1, WG_KEY_LEN);
	memset(target ? keys.receive_key : keys.send_key, 2, WG_KEY_LEN);
	return keys;
}

/* The next record of an input, or NULL. */
static inline const uint8_t *fixture_record(const uint8_t **data, size_t *len, uint8_t *ret_flags,
					    size_t *ret_len)
{
	const uint8_t *p = *data;
	size_t n;

	if (*len < 3)
		return NULL;
	n = (size_t)(p[1] | p[2] << 8);
	if (n > *len - 3)
		n = *len - 3;
	*ret_flags = p[0];
	*ret_len = n;
	*data += 3 + n;
	*len -= 3 + n;
	return p + 3;
}

#endif
