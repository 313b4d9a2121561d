/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x25519.h - Diffie-Hellman on Curve25519
 *
 * Keys are 32 bytes as on the wire.  Private keys may be given unclamped.
 *
 * Source: RFC 7748 sections 5 and 6.1.
 */
#ifndef CULVERT_CRYPTO_X25519_H
#define CULVERT_CRYPTO_X25519_H

#include <stdbool.h>
#include <stdint.h>

#define X25519_KEY_LEN 32

/** x25519_public() - the public key of @private_key */
void x25519_public(uint8_t public_key[static X25519_KEY_LEN],
		   const uint8_t private_key[static X25519_KEY_LEN]);

/**
 * x25519() - the shared secret of our private and their public key
 * @public_key: hostile bytes
 *
 * Source: RFC 7748 section 6.1: a point of low order gives zero, which is refused.
 * Return: true, or false and @shared zeroed.
 */
bool x25519(uint8_t shared[static X25519_KEY_LEN], const uint8_t private_key[static X25519_KEY_LEN],
	    const uint8_t public_key[static X25519_KEY_LEN]);

/** x25519_clamp() - makes 32 random bytes a private key */
void x25519_clamp(uint8_t private_key[static X25519_KEY_LEN]);

#endif
