/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors, both ways.  The packet that an error is about stands inside it as its
 * receiver saw it, and is translated back; so is the address outside it.  An error
 * changes no table (RFC 4787 REQ-12, RFC 5382 REQ-10, RFC 5508 REQ-6).
 *
 * Source: RFC 5508 sections 4 and 7; RFC 792.
 */
#include "base/wire.h"
#include "nat/shard.h"
#include "packet/checksum.h"
#include "packet/icmp.h"

#define ICMP_HEADER 8

#define IP_CHECKSUM_AT   10
#define IP_SRC_AT        12
#define IP_DST_AT        16
#define PORT_SRC_AT      0
#define PORT_DST_AT      2
#define UDP_CHECKSUM_AT  6
#define TCP_CHECKSUM_AT  16
#define ICMP_CHECKSUM_AT 2
#define ICMP_ID_AT       4

/* The packet inside the error; perhaps cut off after 8 bytes of its transport header. */
struct embedded {
	uint8_t *ip;
	uint8_t *l4;
	uint32_t l4_len; /* bytes that are there */
	enum nat_protocol protocol;
	uint32_t src;
	uint32_t dst;
	uint16_t sport; /* an echo's identifier in both */
	uint16_t dport;
};

static bool is_later_fragment(const uint8_t *ip)
{
	return (load_be16(ip + 6) & 0x1fff) != 0;
}

/* Nothing here may be believed: it is what somebody claims to have received. */
static bool embedded_parse(const struct train *t, struct embedded *e)
{
	uint8_t *ip = train_l4(t) + ICMP_HEADER;
	uint32_t room = t->head_len - t->l4;
	uint32_t header;

	if (room < ICMP_HEADER + 20)
		return false;
	room -= ICMP_HEADER;
	header = (uint32_t)(ip[0] & 15) * 4;
	if (ip[0] >> 4 != 4 || header < 20 || room < header + 8)
		return false;
	/* RFC 5508 REQ-3a: the embedded IP checksum must be right; 3b: options are skipped;
	 * 3c: the embedded transport checksum is nobody's business. */
	if (checksum_fold(checksum_add(0, ip, header)) != 0xffff || is_later_fragment(ip))
		return false;
	*e = (struct embedded){
		.ip = ip,
		.l4 = ip + header,
		.l4_len = room - header,
		.protocol = nat_protocol_of(ip[9]),
		.src = load_be32(ip + IP_SRC_AT),
		.dst = load_be32(ip + IP_DST_AT),
	};
	if (e->protocol == N_NAT_PROTOCOLS)
		return false;
	e->sport = load_be16(e->l4 + (e->protocol == NAT_ICMP ? ICMP_ID_AT : PORT_SRC_AT));
	e->dport = load_be16(e->l4 + (e->protocol == NAT_ICMP ? ICMP_ID_AT : PORT_DST_AT));
	return true;
}

/* Where the embedded transport checksum is; NULL if it was cut off or not computed. */
static uint8_t *embedded_checksum(const struct embedded *e)
{
	switch (e->protocol) {
	case NAT_UDP:
		return load_be16(e->l4 + UDP_CHECKSUM_AT) ? e->l4 + UDP_CHECKSUM_AT : NULL;
	case NAT_TCP:
		return e->l4_len >= TCP_CHECKSUM_AT + 2 ? e->l4 + TCP_CHECKSUM_AT : NULL;
	case NAT_ICMP:
		return e->l4 + ICMP_CHECKSUM_AT;
	case N_NAT_PROTOCOLS:
		break;
	}
	return NULL;
}

/* RFC 768: a UDP checksum of 0 would say that there is none. */
static void store_checksum(const struct embedded *e, uint8_t *sum, uint16_t check)
{
	store_be16(sum, e->protocol == NAT_UDP && check == 0 ? 0xffff : check);
}

static void embedded_set_address(const struct embedded *e, int at, uint32_t to)
{
	uint32_t from = load_be32(e->ip + at);
	uint8_t *sum = embedded_checksum(e);
	uint8_t *ip_sum = e->ip + IP_CHECKSUM_AT;

	store_be32(e->ip + at, to);
	store_be16(ip_sum, checksum_adjust32(load_be16(ip_sum), from, to));
	if (sum && e->protocol != NAT_ICMP) /* which has no pseudo-header */
		store_checksum(e, sum, checksum_adjust32(load_be16(sum), from, to));
}

static void embedded_set_port(const struct embedded *e, int at, uint16_t to)
{
	uint8_t *port = e->l4 + (e->protocol == NAT_ICMP ? ICMP_ID_AT : at);
	uint8_t *sum = embedded_checksum(e);

	if (sum)
		store_checksum(e, sum, checksum_adjust16(load_be16(sum), load_be16(port), to));
	store_be16(port, to);
}

/* The message was verified, so a fresh sum hides nothing. */
static void seal(struct train *t)
{
	uint8_t *l4 = train_l4(t);
	uint64_t sum;

	store_be16(l4 + ICMP_CHECKSUM_AT, 0);
	sum = checksum_add(0, l4, t->head_len - t->l4);
	store_be16(l4 + ICMP_CHECKSUM_AT, (uint16_t)~checksum_fold(sum));
	t->csum = CSUM_VERIFIED;
}

/* Whether the mapping has sent to the remote, as far as that is known. */
static bool is_remote_known(const struct nat *nat, uint32_t mapping, enum nat_protocol protocol,
			    uint32_t remote, uint16_t remote_port)
{
	if (protocol == NAT_TCP)
		return nat_flow_find(nat, mapping, remote, remote_port) != 0;
	if (nat->params.filtering[protocol] == NAT_FILTER_ADDRESS_DEPENDENT)
		return nat_flow_admits(nat, mapping, remote);
	return true;
}

static enum verdict check(struct train *t, struct embedded *e)
{
	enum verdict v;

	if (train_is_fragment(t))
		return DROP_FRAGMENT;
	v = train_verify(t); /* RFC 5508 REQ-3 */
	if (v != PASS)
		return v;
	return embedded_parse(t, e) ? PASS : DROP_NAT_ICMP_EMBEDDED;
}

/* About a packet that came in: its destination is the client's. */
enum verdict nat_icmp_error_outbound(struct nat *nat, struct train *t, uint32_t client)
{
	const struct mapping *m;
	struct embedded e;
	uint32_t mapping;
	enum verdict v = check(t, &e);

	if (v != PASS)
		return v;
	if (e.protocol == NAT_ICMP && e.l4[0] != ICMP_ECHO_REPLY)
		return DROP_NAT_ICMP_EMBEDDED;
	mapping = nat_mapping_find(nat, e.protocol, e.dst, e.dport);
	if (!mapping || nat->mappings[mapping].client != client ||
	    !is_remote_known(nat, mapping, e.protocol, e.src, e.sport))
		return DROP_NAT_ICMP_EMBEDDED;
	m = &nat->mappings[mapping];
	embedded_set_address(&e, IP_DST_AT, nat->params.address);
	embedded_set_port(&e, PORT_DST_AT, m->external_port);
	seal(t);
	/* RFC 5508 REQ-5c: ours is the address, even for a router behind the client. */
	train_set_src(t, nat->params.address);
	return PASS;
}

/* About a packet that went out: its source is ours. */
enum verdict nat_icmp_error_inbound(struct nat *nat, struct train *t)
{
	const struct mapping *m;
	struct embedded e;
	uint32_t mapping;
	enum verdict v = check(t, &e);

	if (v != PASS)
		return v;
	if (e.src != nat->params.address || (e.protocol == NAT_ICMP && e.l4[0] != ICMP_ECHO))
		return DROP_NAT_ICMP_EMBEDDED;
	mapping = nat_mapping_at(nat, e.protocol, e.sport);
	if (!mapping || !is_remote_known(nat, mapping, e.protocol, e.dst, e.dport))
		return DROP_NAT_ICMP_EMBEDDED;
	m = &nat->mappings[mapping];
	embedded_set_address(&e, IP_SRC_AT, m->inside);
	embedded_set_port(&e, PORT_SRC_AT, m->inside_port);
	seal(t);
	train_set_dst(t, m->inside);
	return PASS;
}
