/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/aead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "base/wire.h"

#define NONCE_LEN 12

/*
 * ChaCha20 has the same key schedule in both directions, so one context serves for
 * sealing and opening, and all that a packet costs besides its bytes is a nonce.
 */
struct aead {
	EVP_CIPHER_CTX *ctx;
};

static EVP_CIPHER *cipher;
static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;

/* Looking an algorithm up takes microseconds and a lock: once per process. */
static void fetch_cipher(void)
{
	cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
}

int aead_new(const uint8_t key[static AEAD_KEY_LEN], struct aead **ret)
{
	struct aead *aead = calloc(1, sizeof(*aead));

	if (!aead)
		return -ENOMEM;
	pthread_once(&cipher_once, fetch_cipher);
	aead->ctx = EVP_CIPHER_CTX_new();
	if (!cipher || !aead->ctx || EVP_EncryptInit_ex2(aead->ctx, cipher, key, NULL, NULL) != 1) {
		aead_free(aead);
		return -ENOMEM;
	}
	*ret = aead;
	return 0;
}

struct aead *aead_free(struct aead *aead)
{
	if (aead)
		EVP_CIPHER_CTX_free(aead->ctx); /* wipes the key schedule */
	free(aead);
	return NULL;
}

static void nonce_of(uint64_t counter, uint8_t nonce[static NONCE_LEN])
{
	store_le32(nonce, 0);
	store_le64(nonce + 4, counter);
}

static bool seal_one(EVP_CIPHER_CTX *ctx, const struct aead_op *op)
{
	uint8_t nonce[NONCE_LEN];
	int n;

	nonce_of(op->counter, nonce);
	return EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
	       EVP_EncryptUpdate(ctx, op->data, &n, op->data, (int)op->len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, op->data + op->len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, op->data + op->len) ==
		       1;
}

void aead_seal(struct aead *aead, struct aead_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool sealed = seal_one(aead->ctx, &ops[i]);

		/* It cannot fail; if it did, plain text must not leave. */
		if (!sealed)
			abort();
	}
}

static bool open_one(EVP_CIPHER_CTX *ctx, const struct aead_op *op)
{
	uint8_t nonce[NONCE_LEN];
	uint8_t *tag = op->data + op->len;
	int n;

	nonce_of(op->counter, nonce);
	return EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, tag) == 1 &&
	       EVP_DecryptUpdate(ctx, op->data, &n, op->data, (int)op->len) == 1 &&
	       EVP_DecryptFinal_ex(ctx, tag, &n) == 1;
}

void aead_open(struct aead *aead, struct aead_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ops[i].ok = open_one(aead->ctx, &ops[i]);
}

void aead_seal_once(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN], uint64_t counter,
		    const uint8_t *plain, size_t len, const uint8_t *ad, size_t ad_len)
{
	uint8_t nonce[NONCE_LEN];

	nonce_of(counter, nonce);
	(void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain, len, ad, ad_len, NULL,
							nonce, key);
}

bool aead_open_once(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN], uint64_t counter,
		    const uint8_t *sealed, size_t len, const uint8_t *ad, size_t ad_len)
{
	uint8_t nonce[NONCE_LEN];

	nonce_of(counter, nonce);
	return crypto_aead_chacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, sealed, len + AEAD_TAG_LEN, ad, ad_len, nonce, key) == 0;
}

const char *aead_backend(void)
{
	return "openssl";
}
