/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cookie.h - MAC1, MAC2 and cookies: who may make us compute
 *
 * MAC1 proves that the sender knows our public key, MAC2 that it receives at the address
 * it sends from.  A cookie is a MAC over address *and* port under a secret that lives for
 * 120 s.
 *
 * Source: the WireGuard paper, sections 5.3, 5.4.4, 5.4.7.
 */
#ifndef CULVERT_WIREGUARD_COOKIE_H
#define CULVERT_WIREGUARD_COOKIE_H

#include "wireguard/message.h"

#define COOKIE_LEN     16
#define COOKIE_LATENCY (5 * NS_PER_S) /* a cookie that may expire on its way is not used */

/* Our side as the receiver of handshake messages. */
struct cookie_checker {
	struct rng *rng;
	uint8_t mac1_key[WG_KEY_LEN];
	uint8_t cookie_key[WG_KEY_LEN];
	uint8_t secret[WG_KEY_LEN];
	uint64_t secret_until; /* ns */
};

/* Our side as the sender to one peer. */
struct cookie_jar {
	uint8_t mac1_key[WG_KEY_LEN];
	uint8_t cookie_key[WG_KEY_LEN];
	uint8_t cookie[COOKIE_LEN];
	uint64_t cookie_until; /* ns; 0: none */
	uint8_t last_mac1[MAC_LEN];
	bool awaiting; /* last_mac1 has been sent and no cookie has come for it */
};

void cookie_checker_init(struct cookie_checker *c, const uint8_t our_public[static WG_KEY_LEN],
			 struct rng *rng);

/** cookie_mac1_valid(), cookie_mac2_valid() - of a message of type 1 or 2 and its right length */
bool cookie_mac1_valid(const struct cookie_checker *c, const uint8_t *message, size_t len);
bool cookie_mac2_valid(struct cookie_checker *c, const uint8_t *message, size_t len,
		       const struct endpoint *from, uint64_t now);

/** cookie_reply_create() - the answer to @message, whose MAC1 was valid */
void cookie_reply_create(struct cookie_checker *c, const uint8_t *message, size_t len,
			 const struct endpoint *from, uint64_t now,
			 uint8_t reply[static WG_COOKIE_REPLY_LEN]);

void cookie_jar_init(struct cookie_jar *jar, const uint8_t their_public[static WG_KEY_LEN]);

/** cookie_add_macs() - completes a message of type 1 or 2 that goes to the jar's peer */
void cookie_add_macs(struct cookie_jar *jar, uint8_t *message, size_t len, uint64_t now);

/** cookie_reply_consume() - Return: whether it answers our last message; only once does it */
bool cookie_reply_consume(struct cookie_jar *jar, const uint8_t reply[static WG_COOKIE_REPLY_LEN],
			  uint64_t now);

#endif
