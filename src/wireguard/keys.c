/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/x25519.h"
#include "wireguard/wireguard.h"

void wg_private_key(struct rng *rng, uint8_t key[static WG_KEY_LEN])
{
	rng_fill(rng, key, WG_KEY_LEN);
	x25519_clamp(key);
}

void wg_public_key(uint8_t public_key[static WG_KEY_LEN],
		   const uint8_t private_key[static WG_KEY_LEN])
{
	x25519_public(public_key, private_key);
}
