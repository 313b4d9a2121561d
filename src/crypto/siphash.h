/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash.h - SipHash-2-4: a keyed hash for tables whose keys strangers choose
 *
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF".
 */
#ifndef CULVERT_CRYPTO_SIPHASH_H
#define CULVERT_CRYPTO_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_LEN 16

/** siphash() - Return: 64 bits, host order.  Context: any thread. */
uint64_t siphash(const uint8_t key[static SIPHASH_KEY_LEN], const void *data, size_t len);

#endif
