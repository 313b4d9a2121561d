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

#define ICMP_ERROR_MAX 576 /* bytes: RFC 1812 section 4.3.2.3 */

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
 * icmp6_refusal() - what an IPv6 packet inside the tunnel is answered with
 * @packet: @len bytes beginning with an IPv6 header, hostile
 * @out: at least 1280 bytes
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
