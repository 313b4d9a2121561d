/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kdf.h - Noise's key derivation over HMAC-BLAKE2s
 *
 * Source: RFC 2104 for HMAC; the WireGuard paper, section 5.4, for KDF_n, which is
 * HKDF (RFC 5869) with the chaining key as salt and a one-byte info.
 */
#ifndef CULVERT_CRYPTO_KDF_H
#define CULVERT_CRYPTO_KDF_H

#include <stddef.h>
#include <stdint.h>

#define KDF_LEN 32

/** hmac_blake2s() - @key has at most 64 bytes */
void hmac_blake2s(uint8_t out[static KDF_LEN], const uint8_t *key, size_t key_len, const void *data,
		  size_t len);

/**
 * kdf() - KDF_1, KDF_2 or KDF_3 of the paper: 32, 64 or 96 bytes derived from @input
 * @chaining: read first, so that it may also be one of the outputs
 * @out1, @out2, @out3: NULL where a shorter variant is meant
 */
void kdf(uint8_t *out1, uint8_t *out2, uint8_t *out3, const uint8_t chaining[static KDF_LEN],
	 const uint8_t *input, size_t len);

#endif
