/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xchacha.h - XChaCha20-Poly1305, whose nonce is long enough to be random
 *
 * Source: draft-irtf-cfrg-xchacha-03.
 */
#ifndef CULVERT_CRYPTO_XCHACHA_H
#define CULVERT_CRYPTO_XCHACHA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XCHACHA_KEY_LEN   32
#define XCHACHA_NONCE_LEN 24
#define XCHACHA_TAG_LEN   16

/** xchacha_seal() - writes @len bytes of cipher text and the tag to @out */
void xchacha_seal(uint8_t *out, const uint8_t *plain, size_t len, const uint8_t *ad, size_t ad_len,
		  const uint8_t nonce[static XCHACHA_NONCE_LEN],
		  const uint8_t key[static XCHACHA_KEY_LEN]);

/**
 * xchacha_open() - checks and decrypts @len bytes of cipher text with its tag behind it
 * @sealed: hostile bytes, @len + XCHACHA_TAG_LEN of them
 *
 * Return: true and @len bytes in @out, or false.
 */
bool xchacha_open(uint8_t *out, const uint8_t *sealed, size_t len, const uint8_t *ad, size_t ad_len,
		  const uint8_t nonce[static XCHACHA_NONCE_LEN],
		  const uint8_t key[static XCHACHA_KEY_LEN]);

#endif
