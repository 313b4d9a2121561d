/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/train.h"

#include <string.h>

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/ip6.h"

#define IP4_LEN_MIN  20
#define TCP_LEN_MIN  20
#define UDP_LEN      8
#define ICMP_LEN_MIN 8

#define OPTION_END  0
#define OPTION_NOP  1
#define OPTION_LSRR 131 /* loose source and record route */
#define OPTION_SSRR 137 /* strict */

/* RFC 791 section 3.1: end and no-op are single bytes, every other option carries its length. */
static enum verdict check_options(const uint8_t *option, size_t len)
{
	while (len > 0 && option[0] != OPTION_END) {
		size_t n = 1;

		if (option[0] != OPTION_NOP) {
			if (len < 2 || option[1] < 2 || option[1] > len)
				return DROP_IP_MALFORMED;
			n = option[1];
		}
		if (option[0] == OPTION_LSRR || option[0] == OPTION_SSRR)
			return DROP_IP_SOURCE_ROUTE;
		option += n;
		len -= n;
	}
	return PASS;
}

static enum verdict parse_ip4(struct train *t, uint8_t *p, size_t len)
{
	uint32_t header_len, total;
	uint16_t fragment;

	if (len < 1)
		return DROP_IP_MALFORMED;
	if (p[0] >> 4 != 4)
		return DROP_IP_VERSION;
	if (len < IP4_LEN_MIN)
		return DROP_IP_MALFORMED;
	header_len = (p[0] & 0x0fu) * 4;
	total = load_be16(p + 2);
	if (header_len < IP4_LEN_MIN || total < header_len || total > len)
		return DROP_IP_MALFORMED;
	if (checksum_fold(checksum_add(0, p, header_len)) != 0xffff)
		return DROP_IP_CHECKSUM;

	fragment = load_be16(p + 6);
	t->head = p;
	t->head_len = total; /* until a transport header is found */
	t->len = total;
	t->ip6 = false;
	t->src = load_be32(p + 12);
	t->dst = load_be32(p + 16);
	t->l4 = (uint16_t)header_len;
	t->proto = p[9];
	t->ttl = p[8];
	t->tos = p[1];
	t->dont_fragment = fragment & 0x4000;
	t->more_fragments = fragment & 0x2000;
	t->frag_offset = (uint16_t)((fragment & 0x1fff) * 8);
	return check_options(p + IP4_LEN_MIN, header_len - IP4_LEN_MIN);
}

/* The bytes that a transport header has at least; 0 for protocols that are not looked into. */
static uint32_t l4_len_min(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_NUM_TCP:
		return TCP_LEN_MIN;
	case IPPROTO_NUM_UDP:
		return UDP_LEN;
	case IPPROTO_NUM_ICMP:
		return ICMP_LEN_MIN;
	default:
		return 0;
	}
}

/*
 * A fragment's place must be possible, and the first one must hold the whole transport header
 * with nothing able to overwrite it later (RFC 1858 sections 3 and 4, RFC 3128).
 */
static enum verdict check_fragment(const struct train *t)
{
	uint32_t payload = t->len - t->l4;
	uint32_t l4_len = l4_len_min(t->proto);

	if (payload == 0 || t->l4 + t->frag_offset + payload > TRAIN_LEN_MAX)
		return DROP_FRAGMENT;
	if (t->more_fragments && payload % 8 != 0)
		return DROP_FRAGMENT;
	if (t->frag_offset > 0)
		return t->frag_offset < l4_len ? DROP_FRAGMENT : PASS;
	if (payload < l4_len)
		return DROP_FRAGMENT;
	if (t->proto == IPPROTO_NUM_TCP) {
		l4_len = (train_l4(t)[12] >> 4) * 4u;
		if (l4_len < TCP_LEN_MIN)
			return DROP_L4_MALFORMED;
		return payload < l4_len ? DROP_FRAGMENT : PASS;
	}
	if (t->proto == IPPROTO_NUM_UDP && load_be16(train_l4(t) + 4) < payload)
		return DROP_L4_MALFORMED;
	return PASS;
}

/* What follows the transport header becomes the one piece. */
static void split_payload(struct train *t, uint32_t l4_len)
{
	t->head_len = t->l4 + l4_len;
	if (t->len > t->head_len) {
		t->pieces[0].data = t->head + t->head_len;
		t->pieces[0].len = t->len - t->head_len;
		t->n_pieces = 1;
	}
}

static enum verdict parse_l4(struct train *t)
{
	const uint8_t *l4 = train_l4(t);
	uint32_t avail = t->len - t->l4;
	uint32_t l4_len = l4_len_min(t->proto);

	if (avail < l4_len)
		return DROP_L4_MALFORMED;
	switch (t->proto) {
	case IPPROTO_NUM_TCP:
		l4_len = (l4[12] >> 4) * 4u;
		if (l4_len < TCP_LEN_MIN || l4_len > avail)
			return DROP_L4_MALFORMED;
		t->tcp_flags = l4[13];
		break;
	case IPPROTO_NUM_UDP:
		if (load_be16(l4 + 4) != avail)
			return DROP_L4_MALFORMED;
		break;
	case IPPROTO_NUM_ICMP:
		if (l4[0] == 0 || l4[0] == 8) /* echo reply and request, RFC 792 */
			t->sport = t->dport = load_be16(l4 + 4);
		return PASS;
	default:
		return PASS;
	}
	t->sport = load_be16(l4);
	t->dport = load_be16(l4 + 2);
	split_payload(t, l4_len);
	return PASS;
}

/* What no header says. */
static void begin(struct train *t, enum csum_state csum)
{
	t->sport = 0;
	t->dport = 0;
	t->tcp_flags = 0;
	t->csum = csum;
	t->gso_size = 0;
	t->n_pieces = 0;
}

enum verdict train_parse(struct train *t, uint8_t *packet, size_t len, enum csum_state csum)
{
	enum verdict v;

	begin(t, csum);
	v = parse_ip4(t, packet, len);
	if (v != PASS)
		return v;
	return train_is_fragment(t) ? check_fragment(t) : parse_l4(t);
}

enum verdict train_parse_any(struct train *t, uint8_t *packet, size_t len, enum csum_state csum)
{
	enum verdict v;

	if (len < 1 || packet[0] >> 4 != 6)
		return train_parse(t, packet, len, csum);
	begin(t, csum);
	v = ip6_parse(t, packet, len);
	if (v != PASS)
		return v;
	return train_has_ports(t) ? parse_l4(t) : PASS;
}

struct addr train_src(const struct train *t)
{
	struct addr a = { .family = ADDR_IP6 };

	if (!t->ip6)
		return addr_ip4(t->src);
	memcpy(a.bytes, t->head + IP6_SRC, sizeof(a.bytes));
	return a;
}

struct addr train_dst(const struct train *t)
{
	struct addr a = { .family = ADDR_IP6 };

	if (!t->ip6)
		return addr_ip4(t->dst);
	memcpy(a.bytes, t->head + IP6_DST, sizeof(a.bytes));
	return a;
}

uint32_t train_segments(const struct train *t)
{
	uint32_t payload = train_payload_len(t);

	if (t->gso_size == 0 || payload <= t->gso_size)
		return 1;
	return (payload + t->gso_size - 1) / t->gso_size;
}

uint32_t train_segment_len(const struct train *t)
{
	if (t->gso_size == 0 || train_payload_len(t) <= t->gso_size)
		return t->len;
	return t->head_len + t->gso_size;
}

/* The sum of the transport header and all payload, whose pieces may begin at odd offsets. */
static uint64_t l4_sum(const struct train *t)
{
	size_t offset = t->head_len - t->l4;
	uint64_t sum = checksum_add(0, train_l4(t), offset);

	for (uint32_t i = 0; i < t->n_pieces; i++) {
		sum = checksum_add_at(sum, t->pieces[i].data, t->pieces[i].len, offset);
		offset += t->pieces[i].len;
	}
	return sum;
}

/* What the checksum covers besides the bytes from the transport header on.
   Return: false: there is none that we know of. */
static bool is_summed(const struct train *t, uint64_t *sum)
{
	*sum = 0;
	if (t->proto == IPPROTO_NUM_ICMP)
		return !t->ip6; /* RFC 792: no pseudo-header */
	if (!train_has_ports(t) && !(t->ip6 && t->proto == IPPROTO_NUM_ICMP6))
		return false;
	*sum = train_pseudo(t, t->len - t->l4);
	return true;
}

enum verdict train_verify(struct train *t)
{
	uint64_t sum;

	if (t->csum != CSUM_UNCHECKED || train_is_fragment(t))
		return PASS;
	if (t->proto == IPPROTO_NUM_UDP && load_be16(train_l4(t) + 6) == 0) {
		if (t->ip6) /* RFC 8200 section 8.1 */
			return DROP_L4_CHECKSUM;
		/* RFC 768: the sender made none. */
	} else if (is_summed(t, &sum) && checksum_fold(sum + l4_sum(t)) != 0xffff) {
		return DROP_L4_CHECKSUM;
	}
	t->csum = CSUM_VERIFIED;
	return PASS;
}

size_t train_linearize(const struct train *t, uint8_t *out, size_t room)
{
	if (t->len > room)
		return 0;
	memcpy(out, t->head, t->head_len);
	out += t->head_len;
	for (uint32_t i = 0; i < t->n_pieces; i++) {
		memcpy(out, t->pieces[i].data, t->pieces[i].len);
		out += t->pieces[i].len;
	}
	return t->len;
}
