/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/xchacha.h"

#include <sodium.h>

void xchacha_seal(uint8_t *out, const uint8_t *plain, size_t len, const uint8_t *ad, size_t ad_len,
		  const uint8_t nonce[static XCHACHA_NONCE_LEN],
		  const uint8_t key[static XCHACHA_KEY_LEN])
{
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain, len, ad, ad_len, NULL,
							 nonce, key);
}

bool xchacha_open(uint8_t *out, const uint8_t *sealed, size_t len, const uint8_t *ad, size_t ad_len,
		  const uint8_t nonce[static XCHACHA_NONCE_LEN],
		  const uint8_t key[static XCHACHA_KEY_LEN])
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, sealed, len + XCHACHA_TAG_LEN, ad, ad_len, nonce, key) == 0;
}
