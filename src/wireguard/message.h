/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.h - where the fields of a handshake message are
 *
 * All integers little-endian.  Byte 0 is the type, bytes 1..3 are zero.
 *
 * Source: the WireGuard paper, sections 5.4.2, 5.4.3, 5.4.6, 5.4.7.
 */
#ifndef CULVERT_WIREGUARD_MESSAGE_H
#define CULVERT_WIREGUARD_MESSAGE_H

#include "wireguard/wireguard.h"

#define STAMP_LEN 12 /* TAI64N */
#define MAC_LEN   16 /* MAC1 and MAC2 stand last, in this order */

enum {
	SENDER_AT = 4, /* of both handshake messages */

	INITIATION_EPHEMERAL_AT = 8,
	INITIATION_STATIC_AT = 40, /* encrypted, with its tag 48 bytes */
	INITIATION_STAMP_AT = 88,  /* encrypted, with its tag 28 bytes */

	RESPONSE_RECEIVER_AT = 8,
	RESPONSE_EPHEMERAL_AT = 12,
	RESPONSE_EMPTY_AT = 44, /* the tag of nothing */

	COOKIE_RECEIVER_AT = 4,
	COOKIE_NONCE_AT = 8,
	COOKIE_SEALED_AT = 32, /* encrypted, with its tag 32 bytes */

	DATA_RECEIVER_AT = 4,
	DATA_COUNTER_AT = 8,
};

#endif
