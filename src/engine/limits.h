/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h - how much is done for strangers and about mistakes
 *
 * Two small accounts: ICMP errors that may still be sent, and whether so many handshake messages come
 * that cookies are asked for.  Pure; a zeroed struct is the beginning.
 *
 * Source: RFC 1812 section 4.3.2.8, RFC 4443 section 2.4(f); the WireGuard paper, 5.3.
 */
#ifndef CULVERT_ENGINE_LIMITS_H
#define CULVERT_ENGINE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct icmp_limit {
	uint32_t tokens;
	uint64_t refilled; /* ns */
};

/** icmp_limit_take() - whether another ICMP error may be sent: 500 a second, bursts of 100 */
bool icmp_limit_take(struct icmp_limit *l, uint64_t now);

struct handshake_load {
	uint64_t second; /* the one that is being counted */
	uint32_t in_second;
	uint64_t until; /* ns: under load */
};

/**
 * handshake_load_note() - one more handshake message has come
 * Return: whether we are under load: more than 500 came within a second, and for a second
 * after.  At 100-200 us each that is a tenth of a core.
 */
bool handshake_load_note(struct handshake_load *l, uint64_t now);

#endif
