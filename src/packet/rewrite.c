/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rewrite.c - one field of a train's head changes, and every sum over it with it
 *
 * Two sums may cover a field: the IPv4 header's, and the transport's, by way of the
 * pseudo-header (addresses) or directly (ports, options).  A partial transport
 * checksum holds the pseudo-header's sum and nothing else, not complemented.
 */
#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/ip6.h"
#include "packet/train.h"

#define IP4_TOS   1
#define IP4_TTL   8
#define IP4_CHECK 10
#define IP4_SRC   12
#define IP4_DST   16

#define L4_SPORT   0
#define L4_DPORT   2
#define ICMP_CHECK 2
#define ICMP_ID    4
#define UDP_CHECK  6
#define TCP_CHECK  16

#define TCP_OPTIONS    20
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2

static uint16_t swap16(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

/* Where the checksum with a pseudo-header is, or NULL when the head has none. */
static uint8_t *pseudo_check(const struct train *t)
{
	if (t->frag_offset > 0)
		return NULL;
	if (t->proto == IPPROTO_NUM_TCP)
		return train_l4(t) + TCP_CHECK;
	if (t->proto == IPPROTO_NUM_UDP)
		return train_l4(t) + UDP_CHECK;
	return NULL;
}

/* A complete TCP or UDP checksum after @from became @to somewhere under it. */
static void adjust_complete(const struct train *t, uint8_t *check, uint32_t from, uint32_t to)
{
	uint16_t old = load_be16(check);
	uint16_t new;

	if (t->proto == IPPROTO_NUM_UDP && old == 0)
		return; /* RFC 768: the sender made none */
	new = checksum_adjust32(old, from, to);
	if (t->proto == IPPROTO_NUM_UDP && new == 0)
		new = 0xffff;
	store_be16(check, new);
}

static void set_address(struct train *t, size_t at, uint32_t from, uint32_t to)
{
	uint8_t *check = t->head + IP4_CHECK;

	store_be32(t->head + at, to);
	store_be16(check, checksum_adjust32(load_be16(check), from, to));
	check = pseudo_check(t);
	if (!check)
		return;
	if (t->csum == CSUM_PARTIAL) {
		uint16_t sum = (uint16_t)~load_be16(check);

		store_be16(check, (uint16_t)~checksum_adjust32(sum, from, to));
	} else {
		adjust_complete(t, check, from, to);
	}
}

void train_set_src(struct train *t, uint32_t src)
{
	set_address(t, IP4_SRC, t->src, src);
	t->src = src;
}

void train_set_dst(struct train *t, uint32_t dst)
{
	set_address(t, IP4_DST, t->dst, dst);
	t->dst = dst;
}

/* Of a first fragment the ports are in the head, though not in the parsed copy at @parsed. */
static void set_port(struct train *t, size_t at, uint16_t *parsed, uint16_t to)
{
	uint8_t *check = pseudo_check(t);
	uint8_t *field = train_l4(t) + at;

	if (!check)
		return;
	if (t->csum != CSUM_PARTIAL)
		adjust_complete(t, check, load_be16(field), to);
	store_be16(field, to);
	if (!train_is_fragment(t))
		*parsed = to;
}

void train_set_sport(struct train *t, uint16_t sport)
{
	set_port(t, L4_SPORT, &t->sport, sport);
}

void train_set_dport(struct train *t, uint16_t dport)
{
	set_port(t, L4_DPORT, &t->dport, dport);
}

void train_set_icmp_id(struct train *t, uint16_t id)
{
	uint8_t *field = train_l4(t) + ICMP_ID;
	uint8_t *check = train_l4(t) + ICMP_CHECK;

	if (t->proto != IPPROTO_NUM_ICMP || t->frag_offset > 0)
		return;
	store_be16(check, checksum_adjust16(load_be16(check), load_be16(field), id));
	store_be16(field, id);
	if (!train_is_fragment(t))
		t->sport = t->dport = id;
}

/* One byte of the IPv4 header; @at's word is what the checksum covers. */
static void set_ip4_byte(struct train *t, size_t at, uint8_t to)
{
	uint8_t *word = t->head + (at & ~(size_t)1);
	uint8_t *check = t->head + IP4_CHECK;
	uint16_t from = load_be16(word);

	t->head[at] = to;
	store_be16(check, checksum_adjust16(load_be16(check), from, load_be16(word)));
}

void train_set_ttl(struct train *t, uint8_t ttl)
{
	set_ip4_byte(t, IP4_TTL, ttl);
	t->ttl = ttl;
}

void train_set_tos(struct train *t, uint8_t tos)
{
	if (t->ip6)
		ip6_set_traffic_class(t->head, tos); /* under no checksum */
	else
		set_ip4_byte(t, IP4_TOS, tos);
	t->tos = tos;
}

/* Lowers the option value at @at of the TCP header, which may be an odd offset. */
static bool lower_mss(struct train *t, size_t at, uint16_t mss)
{
	uint8_t *tcp = train_l4(t);
	uint16_t old = load_be16(tcp + at);
	bool odd = at & 1;

	if (old <= mss)
		return false;
	store_be16(tcp + at, mss);
	if (t->csum != CSUM_PARTIAL)
		adjust_complete(t, tcp + TCP_CHECK, odd ? swap16(old) : old,
				odd ? swap16(mss) : mss);
	return true;
}

bool train_clamp_mss(struct train *t, uint16_t mss)
{
	const uint8_t *tcp = train_l4(t);
	size_t end = t->head_len - t->l4;
	bool lowered = false;
	size_t n;

	if (t->proto != IPPROTO_NUM_TCP || train_is_fragment(t) || !(t->tcp_flags & TCP_SYN))
		return false;
	for (size_t at = TCP_OPTIONS; at < end && tcp[at] != TCP_OPTION_END; at += n) {
		n = 1;
		if (tcp[at] == TCP_OPTION_NOP)
			continue;
		if (end - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > end - at)
			break; /* malformed: the receiver stops reading here too */
		n = tcp[at + 1];
		/* Receivers differ in which of several they believe: lower each. */
		if (tcp[at] == TCP_OPTION_MSS && n == 4)
			lowered |= lower_mss(t, at + 2, mss);
	}
	return lowered;
}
