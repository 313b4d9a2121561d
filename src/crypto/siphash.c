/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/siphash.h"

#include <sodium.h>

#include "base/wire.h"

uint64_t siphash(const uint8_t key[static SIPHASH_KEY_LEN], const void *data, size_t len)
{
	uint8_t hash[crypto_shorthash_BYTES];

	crypto_shorthash(hash, data, len, key);
	return load_le64(hash);
}
