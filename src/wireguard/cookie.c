/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/cookie.h"

#include <string.h>

#include "base/wire.h"
#include "crypto/blake2s.h"
#include "crypto/wipe.h"
#include "crypto/xchacha.h"

static const char label_mac1[] = "mac1----";
static const char label_cookie[] = "cookie--";

static void derive(uint8_t mac1_key[static WG_KEY_LEN], uint8_t cookie_key[static WG_KEY_LEN],
		   const uint8_t receiver[static WG_KEY_LEN])
{
	blake2s_hash(mac1_key, label_mac1, sizeof(label_mac1) - 1, receiver, WG_KEY_LEN);
	blake2s_hash(cookie_key, label_cookie, sizeof(label_cookie) - 1, receiver, WG_KEY_LEN);
}

void cookie_checker_init(struct cookie_checker *c, const uint8_t our_public[static WG_KEY_LEN],
			 struct rng *rng)
{
	*c = (struct cookie_checker){ .rng = rng };
	derive(c->mac1_key, c->cookie_key, our_public);
}

bool cookie_mac1_valid(const struct cookie_checker *c, const uint8_t *message, size_t len)
{
	size_t covered = len - 2 * (size_t)MAC_LEN;
	uint8_t mac[MAC_LEN];

	blake2s_mac(mac, c->mac1_key, WG_KEY_LEN, message, covered);
	return equal_secret(mac, message + covered, MAC_LEN);
}

/* The cookie of one address and port, under a secret not older than COOKIE_REFRESH_TIME. */
static void cookie_of(struct cookie_checker *c, const struct endpoint *from, uint64_t now,
		      uint8_t cookie[static COOKIE_LEN])
{
	size_t n = from->addr.family == ADDR_IP4 ? 4 : 16;
	uint8_t source[18];

	if (now >= c->secret_until) {
		rng_fill(c->rng, c->secret, sizeof(c->secret));
		c->secret_until = now + COOKIE_REFRESH_TIME;
	}
	memcpy(source, from->addr.bytes, n);
	store_be16(source + n, from->port);
	blake2s_mac(cookie, c->secret, sizeof(c->secret), source, n + 2);
}

bool cookie_mac2_valid(struct cookie_checker *c, const uint8_t *message, size_t len,
		       const struct endpoint *from, uint64_t now)
{
	uint8_t cookie[COOKIE_LEN];
	uint8_t mac[MAC_LEN];

	cookie_of(c, from, now, cookie);
	blake2s_mac(mac, cookie, COOKIE_LEN, message, len - MAC_LEN);
	wipe(cookie, sizeof(cookie));
	return equal_secret(mac, message + len - MAC_LEN, MAC_LEN);
}

void cookie_reply_create(struct cookie_checker *c, const uint8_t *message, size_t len,
			 const struct endpoint *from, uint64_t now,
			 uint8_t reply[static WG_COOKIE_REPLY_LEN])
{
	uint8_t cookie[COOKIE_LEN];

	cookie_of(c, from, now, cookie);
	store_le32(reply, WG_COOKIE_REPLY);
	memcpy(reply + COOKIE_RECEIVER_AT, message + SENDER_AT, 4);
	rng_fill(c->rng, reply + COOKIE_NONCE_AT, XCHACHA_NONCE_LEN);
	xchacha_seal(reply + COOKIE_SEALED_AT, cookie, COOKIE_LEN, message + len - 2 * MAC_LEN,
		     MAC_LEN, reply + COOKIE_NONCE_AT, c->cookie_key);
	wipe(cookie, sizeof(cookie));
}

void cookie_jar_init(struct cookie_jar *jar, const uint8_t their_public[static WG_KEY_LEN])
{
	*jar = (struct cookie_jar){ .awaiting = false };
	derive(jar->mac1_key, jar->cookie_key, their_public);
}

void cookie_add_macs(struct cookie_jar *jar, uint8_t *message, size_t len, uint64_t now)
{
	uint8_t *mac1 = message + len - 2 * MAC_LEN;
	uint8_t *mac2 = mac1 + MAC_LEN;

	blake2s_mac(mac1, jar->mac1_key, WG_KEY_LEN, message, (size_t)(mac1 - message));
	memcpy(jar->last_mac1, mac1, MAC_LEN);
	jar->awaiting = true;
	if (now < jar->cookie_until)
		blake2s_mac(mac2, jar->cookie, COOKIE_LEN, message, (size_t)(mac2 - message));
	else
		memset(mac2, 0, MAC_LEN);
}

bool cookie_reply_consume(struct cookie_jar *jar, const uint8_t reply[static WG_COOKIE_REPLY_LEN],
			  uint64_t now)
{
	uint8_t cookie[COOKIE_LEN];

	if (!jar->awaiting ||
	    !xchacha_open(cookie, reply + COOKIE_SEALED_AT, COOKIE_LEN, jar->last_mac1, MAC_LEN,
			  reply + COOKIE_NONCE_AT, jar->cookie_key))
		return false;
	memcpy(jar->cookie, cookie, COOKIE_LEN);
	wipe(cookie, sizeof(cookie));
	jar->cookie_until = now + COOKIE_REFRESH_TIME - COOKIE_LATENCY;
	jar->awaiting = false;
	return true;
}
