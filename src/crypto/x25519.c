/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/x25519.h"

#include <stdlib.h>

#include <sodium.h>

#include "crypto/wipe.h"

/*
 * The library picks its fast code in sodium_init(), which is cheap when it has been called
 * before.  Whoever does a handshake has derived a public key first, hence here.
 */
void x25519_public(uint8_t public_key[static X25519_KEY_LEN],
		   const uint8_t private_key[static X25519_KEY_LEN])
{
	if (sodium_init() < 0 || crypto_scalarmult_base(public_key, private_key) != 0)
		abort(); /* no source of randomness on this machine at all */
}

bool x25519(uint8_t shared[static X25519_KEY_LEN], const uint8_t private_key[static X25519_KEY_LEN],
	    const uint8_t public_key[static X25519_KEY_LEN])
{
	static const uint8_t zero[X25519_KEY_LEN];
	int r = crypto_scalarmult(shared, private_key, public_key);

	if (r == 0 && !equal_secret(shared, zero, X25519_KEY_LEN))
		return true;
	wipe(shared, X25519_KEY_LEN);
	return false;
}

void x25519_clamp(uint8_t private_key[static X25519_KEY_LEN])
{
	private_key[0] &= 248;
	private_key[31] = (uint8_t)((private_key[31] & 127) | 64);
}
