/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_build.h - packets for tests, put together and summed the slow obvious way
 */
#ifndef CULVERT_TESTS_PACKET_BUILD_H
#define CULVERT_TESTS_PACKET_BUILD_H

#include <stdint.h>
#include <string.h>

#include "base/wire.h"
#include "packet/train.h"

#define CLIENT 0x0a424d02u /* 10.66.77.2 */
#define SERVER 0xc6336407u /* 198.51.100.7 */

/* Fields of a packet; a zero ttl means 64. */
struct build {
	bool ip6;            /* addresses are 2001:db8::/96 and the IPv4 ones */
	uint32_t flow_label; /* IPv6 */
	uint32_t src, dst;
	uint8_t proto, ttl, tos;
	uint16_t id;
	uint16_t fragment; /* flags and offset as on the wire */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	const uint8_t *ip_options; /* a multiple of 4 */
	size_t ip_options_len;
	const uint8_t *tcp_options; /* a multiple of 4 */
	size_t tcp_options_len;
	bool no_checksum; /* UDP without one */
};

/* RFC 1071, one word at a time. */
static inline uint16_t slow_sum(uint32_t sum, const uint8_t *data, size_t len)
{
	sum = (sum >> 16) + (sum & 0xffff);
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

/* Where the transport header begins; IPv6 without extension headers. */
static inline size_t build_l4(const uint8_t *p)
{
	return p[0] >> 4 == 6 ? 40 : (p[0] & 15u) * 4;
}

static inline uint8_t build_proto(const uint8_t *p)
{
	return p[0] >> 4 == 6 ? p[6] : p[9];
}

static inline size_t build_len(const uint8_t *p)
{
	return p[0] >> 4 == 6 ? 40u + load_be16(p + 4) : load_be16(p + 2);
}

/* The pseudo-header's sum of the packet @p with @l4_len bytes of transport. */
static inline uint16_t slow_pseudo(const uint8_t *p, size_t l4_len)
{
	if (p[0] >> 4 == 6)
		return slow_sum(p[6] + (uint32_t)l4_len, p + 8, 32);
	return slow_sum(p[9] + (uint32_t)l4_len, p + 12, 8);
}

/* Where the transport checksum of @p is, or 0. */
static inline size_t build_check_at(const uint8_t *p)
{
	size_t l4 = build_l4(p);

	switch (build_proto(p)) {
	case 6:
		return l4 + 16;
	case 17:
		return l4 + 6;
	case 1:
	case 58:
		return l4 + 2;
	default:
		return 0;
	}
}

/* Computes every checksum of the whole packet @p anew; a UDP checksum of 0 stays. */
static inline void build_sums(uint8_t *p)
{
	size_t l4 = build_l4(p);
	size_t len = build_len(p);
	uint8_t proto = build_proto(p);
	size_t at = build_check_at(p);
	uint16_t sum;

	if (p[0] >> 4 != 6) {
		store_be16(p + 10, 0);
		store_be16(p + 10, (uint16_t)~slow_sum(0, p, l4));
	}
	if (at == 0 || (proto == 17 && load_be16(p + at) == 0))
		return;
	store_be16(p + at, 0);
	sum = (uint16_t)~slow_sum(proto == 1 ? 0 : slow_pseudo(p, len - l4), p + l4, len - l4);
	store_be16(p + at, proto == 17 && sum == 0 ? 0xffff : sum);
}

static inline void build_ip4_header(const struct build *b, uint8_t *p, size_t l4, size_t len)
{
	p[0] = (uint8_t)(0x40 | l4 / 4);
	p[1] = b->tos;
	store_be16(p + 2, (uint16_t)len);
	store_be16(p + 4, b->id);
	store_be16(p + 6, b->fragment);
	p[8] = b->ttl ? b->ttl : 64;
	p[9] = b->proto;
	store_be32(p + 12, b->src ? b->src : CLIENT);
	store_be32(p + 16, b->dst ? b->dst : SERVER);
	if (b->ip_options_len > 0)
		memcpy(p + 20, b->ip_options, b->ip_options_len);
}

static inline void build_ip6_header(const struct build *b, uint8_t *p, size_t len)
{
	store_be32(p, 6u << 28 | (uint32_t)b->tos << 20 | b->flow_label);
	store_be16(p + 4, (uint16_t)(len - 40));
	p[6] = b->proto;
	p[7] = b->ttl ? b->ttl : 64;
	memcpy(p + 8, "\x20\x01\x0d\xb8", 4);
	store_be32(p + 20, b->src ? b->src : CLIENT);
	memcpy(p + 24, "\x20\x01\x0d\xb8", 4);
	store_be32(p + 36, b->dst ? b->dst : SERVER);
}

/* Writes the packet that @b describes; ICMP takes type from flags and the id from sport. */
static inline size_t build_packet(const struct build *b, uint8_t *p, const uint8_t *payload,
				  size_t payload_len)
{
	size_t l4 = b->ip6 ? 40 : 20 + b->ip_options_len;
	size_t l4_len = b->proto == 6 ? 20 + b->tcp_options_len : b->proto == 253 ? 0 : 8;
	size_t len = l4 + l4_len + payload_len;

	memset(p, 0, l4 + l4_len);
	if (b->ip6)
		build_ip6_header(b, p, len);
	else
		build_ip4_header(b, p, l4, len);
	if (b->proto == 6 || b->proto == 17) {
		store_be16(p + l4, b->sport);
		store_be16(p + l4 + 2, b->dport);
	}
	if (b->proto == 6) {
		store_be32(p + l4 + 4, b->seq);
		store_be32(p + l4 + 8, b->ack);
		p[l4 + 12] = (uint8_t)(l4_len / 4 << 4);
		p[l4 + 13] = b->flags;
		store_be16(p + l4 + 14, b->window);
		if (b->tcp_options_len > 0)
			memcpy(p + l4 + 20, b->tcp_options, b->tcp_options_len);
	} else if (b->proto == 17) {
		store_be16(p + l4 + 4, (uint16_t)(8 + payload_len));
		store_be16(p + l4 + 6, b->no_checksum ? 0 : 1);
	} else if (b->proto == 1 || b->proto == 58) {
		p[l4] = b->flags;
		store_be16(p + l4 + 4, b->sport);
		store_be16(p + l4 + 6, (uint16_t)b->seq);
	}
	if (payload_len > 0)
		memcpy(p + l4 + l4_len, payload, payload_len);
	build_sums(p);
	return len;
}

/* Turns the transport checksum of a whole packet into a partial one, as a kernel hands it out. */
static inline void build_partial(uint8_t *p)
{
	store_be16(p + build_check_at(p), slow_pseudo(p, build_len(p) - build_l4(p)));
}

#endif
