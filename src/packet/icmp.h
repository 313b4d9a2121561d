/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp.h - ICMP and ICMPv6 messages of our own
 *
 * Each builder writes a whole packet to @out and returns its length, or 0 when no
 * message may be sent about @about: ICMP errors, fragments but the first,
 * broadcast and multicast, sources that are no host (RFC 1122 section 3.2.2,
 * RFC 1812 section 4.3.2.7).  Addresses are host order.
 */
#ifndef CULVERT_PACKET_ICMP_H
#define CULVERT_PACKET_ICMP_H

#include <stddef.h>
#include <stdint.h>

#include "packet/train.h"

#define ICMP_ERROR_MAX  576  /* bytes: RFC 1812 section 4.3.2.3 */
#define ICMP6_ERROR_MAX 1280 /* RFC 4443 section 2.4(c) */

enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
};

enum icmp_unreachable_code {
	ICMP_HOST_UNREACHABLE = 1,
	ICMP_PORT_UNREACHABLE = 3,
	ICMP_FRAG_NEEDED = 4,
	ICMP_ADMIN_PROHIBITED = 13,
};

enum icmp6_type {
	ICMP6_UNREACHABLE = 1,
	ICMP6_PACKET_TOO_BIG = 2,
};

/* What Linux tells the socket is behind each. */
enum icmp6_unreachable_code {
	ICMP6_NO_ROUTE = 0,            /* ENETUNREACH */
	ICMP6_ADMIN_PROHIBITED = 1,    /* EACCES, and for UDP at once */
	ICMP6_ADDRESS_UNREACHABLE = 3, /* EHOSTUNREACH */
};

/**
 * icmp_error() - an error about @about, to its source
 * @from: our address towards that source
 * @mtu: next-hop MTU for ICMP_FRAG_NEEDED, else 0 (RFC 1191)
 * @out: at least ICMP_ERROR_MAX bytes
 */
size_t icmp_error(const struct train *about, uint8_t type, uint8_t code, uint16_t mtu,
		  uint32_t from, uint8_t *out);

/** icmp_echo_reply() - turns the echo request @t (lone, whole) around in place;
 *  Return: PASS, or DROP_L4_CHECKSUM or DROP_NAT_ICMP_TYPE if it is none. */
enum verdict icmp_echo_reply(struct train *t);

/**
 * icmp6_error() - an error about @about, an IPv6 packet or train, to its source
 * @mtu: next-hop MTU for ICMP6_PACKET_TOO_BIG, at least 1280; else 0
 * @out: at least ICMP6_ERROR_MAX bytes
 *
 * From the destination of what it is about, as seems best for a host's own tunnel, which has no
 * address of a router: it is the one address of which the host is sure that it is behind the
 * tunnel.  (icmp_error() with @from = about->dst is the same in IPv4, where an address of the
 * host itself would be a martian.)
 *
 * Source: RFC 4443 sections 2.4, 3.1, 3.2.
 */
size_t icmp6_error(const struct train *about, uint8_t type, uint8_t code, uint32_t mtu,
		   uint8_t *out);

/**
 * icmp6_refusal() - what an IPv6 packet inside the tunnel is answered with
 * @packet: @len bytes beginning with an IPv6 header, hostile
 * @out: at least ICMP6_ERROR_MAX bytes
 *
 * Destination unreachable, code 1 (administratively prohibited), from the
 * packet's own destination, so that the client's kernel fails the connection at
 * once and the application falls back to IPv4.
 *
 * Source: RFC 4443 sections 2.4, 3.1; RFC 6724's fallback is immediate on it.
 * Return: bytes written; 0 when nothing may be sent.
 */
size_t icmp6_refusal(const uint8_t *packet, size_t len, uint8_t *out);

#endif
