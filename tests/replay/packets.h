/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.h - packets in words: what scenarios send and expect
 *
 *	udp SRC:PORT DST:PORT TEXT
 *	tcp SRC:PORT DST:PORT FLAGS            FLAGS of S A F R P, e.g. SA
 *	ping SRC DST ID  |  pong SRC DST ID
 *	icmp SRC DST TYPE                      any other
 *	unreachable SRC DST CODE udp|tcp SRC:PORT DST:PORT       ICMP type 3 about a packet
 *	exceeded SRC DST CODE udp|tcp SRC:PORT DST:PORT          the same, type 11
 *	ip SRC DST PROTOCOL                    with eight bytes of payload
 *	ip6 SRC DST                            UDP over IPv6
 *	refusal SRC DST                        ICMPv6: administratively prohibited
 *	raw HEX
 *
 * and behind any of them KEY=NUMBER:
 *	ttl tos id                             of the IPv4 header; compared where they are named
 *	df                                     0 or 1 (the default)
 *	frag mf                                offset in bytes, and whether more follow
 *	len                                    of the whole packet: payload is filled up with x
 *	mss                                    option of a TCP SYN
 *	mtu                                    in an unreachable
 *	bad                                    4: the IPv4 checksum is wrong; 1: the transport's is
 *
 * In what is expected, a port or ID written as $name is learnt the first time and known afterwards.
 */
#ifndef CULVERT_TESTS_REPLAY_PACKETS_H
#define CULVERT_TESTS_REPLAY_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX     2048
#define VARIABLES_MAX  256
#define COMPLAINT_SIZE 512

struct variable {
	char name[32];
	uint16_t value;
};

struct variables {
	struct variable v[VARIABLES_MAX];
	size_t n;
};

/** packet_build() - Return: its length; 0 if the words are no packet */
size_t packet_build(const struct variables *known, char **words, size_t n,
		    uint8_t out[static PACKET_MAX]);

/** packet_matches() - whether @got is what the words say, with right checksums, up to what a
 *  router may change; learns.  Return: false and *complaint. */
bool packet_matches(struct variables *known, char **words, size_t n, const uint8_t *got, size_t len,
		    char *complaint);

/** packet_describe() - for complaints */
void packet_describe(const uint8_t *packet, size_t len, char *out, size_t size);

/** packet_address() - "1.2.3.4:port" or "1.2.3.4"; *port is the word behind the colon */
bool packet_address(const char *word, uint32_t *ret, const char **port);

/** packet_hex() - Return: bytes written, at most PACKET_MAX */
size_t packet_hex(const char *text, uint8_t *out);

#endif
