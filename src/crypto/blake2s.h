/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blake2s.h - the hash of the handshake
 *
 * Our own code and not a library's: a MAC of a handshake message must cost well under a
 * microsecond in a flood, and libcrypto builds a keyed context anew for every message.
 *
 * Source: RFC 7693; the WireGuard paper, section 5.4, for HASH and MAC.
 */
#ifndef CULVERT_CRYPTO_BLAKE2S_H
#define CULVERT_CRYPTO_BLAKE2S_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLAKE2S_HASH_LEN  32
#define BLAKE2S_MAC_LEN   16
#define BLAKE2S_KEY_MAX   32
#define BLAKE2S_BLOCK_LEN 64

struct blake2s {
	uint32_t state[8];
	uint64_t count; /* bytes compressed so far */
	uint8_t block[BLAKE2S_BLOCK_LEN];
	uint32_t in_block; /* bytes */
	uint32_t out_len;  /* bytes */
};

/**
 * blake2s_init() - begins a hash of @out_len bytes
 * @out_len: 1..32
 * @key: NULL, or @key_len <= 32 bytes for the keyed mode
 */
void blake2s_init(struct blake2s *b, size_t out_len, const uint8_t *key, size_t key_len);
void blake2s_update(struct blake2s *b, const void *data, size_t len);

/** blake2s_final() - writes the hash and wipes @b */
void blake2s_final(struct blake2s *b, uint8_t *out);

/** blake2s_hash() - the paper's HASH(a || b); @b may be NULL with a length of 0 */
void blake2s_hash(uint8_t out[static BLAKE2S_HASH_LEN], const void *a, size_t a_len, const void *b,
		  size_t b_len);

/** blake2s_mac() - the paper's MAC(key, data): keyed, 16 bytes */
void blake2s_mac(uint8_t out[static BLAKE2S_MAC_LEN], const uint8_t *key, size_t key_len,
		 const void *data, size_t len);

#endif
