/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/kdf.h"

#include <assert.h>
#include <string.h>

#include "crypto/blake2s.h"
#include "crypto/wipe.h"

static void start_with_pad(struct blake2s *b, const uint8_t *key, size_t key_len, uint8_t pad)
{
	uint8_t block[BLAKE2S_BLOCK_LEN];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key_len; i++)
		block[i] ^= key[i];
	blake2s_init(b, BLAKE2S_HASH_LEN, NULL, 0);
	blake2s_update(b, block, sizeof(block));
	wipe(block, sizeof(block));
}

void hmac_blake2s(uint8_t out[static KDF_LEN], const uint8_t *key, size_t key_len, const void *data,
		  size_t len)
{
	uint8_t inner[BLAKE2S_HASH_LEN];
	struct blake2s b;

	assert(key_len <= BLAKE2S_BLOCK_LEN);
	start_with_pad(&b, key, key_len, 0x36);
	blake2s_update(&b, data, len);
	blake2s_final(&b, inner);
	start_with_pad(&b, key, key_len, 0x5c);
	blake2s_update(&b, inner, sizeof(inner));
	blake2s_final(&b, out);
	wipe(inner, sizeof(inner));
}

void kdf(uint8_t *out1, uint8_t *out2, uint8_t *out3, const uint8_t chaining[static KDF_LEN],
	 const uint8_t *input, size_t len)
{
	uint8_t *const outs[] = { out1, out2, out3 };
	uint8_t secret[KDF_LEN];
	uint8_t step[KDF_LEN + 1]; /* the output before, then the number of this one */

	hmac_blake2s(secret, chaining, KDF_LEN, input, len);
	step[0] = 1;
	hmac_blake2s(step, secret, KDF_LEN, step, 1);
	for (uint8_t i = 0; i < 3 && outs[i]; i++) {
		memcpy(outs[i], step, KDF_LEN);
		step[KDF_LEN] = (uint8_t)(i + 2);
		if (i < 2 && outs[i + 1])
			hmac_blake2s(step, secret, KDF_LEN, step, sizeof(step));
	}
	wipe(secret, sizeof(secret));
	wipe(step, sizeof(step));
}
