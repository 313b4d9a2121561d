/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aead.h - ChaCha20-Poly1305 as WireGuard uses it, several packets per call
 *
 * The nonce is 4 zero bytes and the 64-bit little-endian counter; there is no
 * additional data.  A key object belongs to one thread: it caches the library's
 * context.  Sealing and opening work in place.
 *
 * Source: RFC 8439 section 2.8; the WireGuard paper, section 5.4.
 */
#ifndef CULVERT_CRYPTO_AEAD_H
#define CULVERT_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_LEN 32
#define AEAD_TAG_LEN 16

struct aead;

/* One packet of a batch. */
struct aead_op {
	uint8_t *data; /* plain text, or cipher text with its tag behind it; rewritten in place */
	uint32_t len;  /* bytes of plain text; the tag's 16 bytes follow at data + len */
	bool ok;       /* opening: whether it authenticated; when not, data is undefined */
	uint64_t counter; /* host order */
};

/**
 * aead_new() - a key ready for use; @key is copied and may be wiped
 * Return: 0, or -ENOMEM.
 */
int aead_new(const uint8_t key[static AEAD_KEY_LEN], struct aead **ret);

/** aead_free() - wipes and frees */
struct aead *aead_free(struct aead *aead);

/** aead_seal() - encrypts @n packets and writes each tag behind its data */
void aead_seal(struct aead *aead, struct aead_op *ops, size_t n);

/** aead_open() - checks and decrypts @n packets; each op says whether it was genuine */
void aead_open(struct aead *aead, struct aead_op *ops, size_t n);

/**
 * aead_seal_once() - one message under a key that is used once, with additional data
 * @out: @len bytes of cipher text and the tag
 *
 * What a handshake needs: no context is kept.
 */
void aead_seal_once(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN], uint64_t counter,
		    const uint8_t *plain, size_t len, const uint8_t *ad, size_t ad_len);

/**
 * aead_open_once() - the reverse
 * @sealed: hostile bytes, @len + AEAD_TAG_LEN of them
 *
 * Return: true and @len bytes in @out, or false.
 */
bool aead_open_once(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN], uint64_t counter,
		    const uint8_t *sealed, size_t len, const uint8_t *ad, size_t ad_len);

/** aead_backend() - the library in use, for status and benchmarks: "openssl" */
const char *aead_backend(void);

#endif
