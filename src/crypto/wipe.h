/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wipe.h - two things that the compiler must not be clever about
 */
#ifndef CULVERT_CRYPTO_WIPE_H
#define CULVERT_CRYPTO_WIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** wipe() - overwrites a secret, also when the object is never read again */
static inline void wipe(void *secret, size_t len)
{
	explicit_bzero(secret, len);
}

/** equal_secret() - compares in a time that depends on @len alone */
static inline bool equal_secret(const uint8_t *a, const uint8_t *b, size_t len)
{
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < len; i++)
		differ = (uint8_t)(differ | (a[i] ^ b[i]));
	return differ == 0;
}

#endif
