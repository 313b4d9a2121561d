/* SPDX-License-Identifier: BSD-2-Clause */
/* nat_outbound() and nat_inbound(): the walk of one train through the tables. */
#include <assert.h>

#include "base/wire.h"
#include "nat/shard.h"
#include "packet/icmp.h"

/* Enough to keep up with any rate of new mappings, and nothing that a packet would notice. */
#define REAP_PER_PACKET 2

#define DNS_PORT 53

/* Which mapping a train belongs to, and the far end. */
struct tuple {
	enum nat_protocol protocol;
	uint32_t inside_address; /* outbound: the source; inbound: the destination */
	uint16_t inside_port;
	uint32_t remote;
	uint16_t remote_port; /* 0 for ICMP */
};

enum nat_protocol nat_protocol_of(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_NUM_TCP:
		return NAT_TCP;
	case IPPROTO_NUM_UDP:
		return NAT_UDP;
	case IPPROTO_NUM_ICMP:
		return NAT_ICMP;
	default:
		return N_NAT_PROTOCOLS;
	}
}

static bool by_address(const struct nat *nat, enum nat_protocol protocol)
{
	return nat->params.filtering[protocol] == NAT_FILTER_ADDRESS_DEPENDENT;
}

static bool is_icmp_error(const struct train *t)
{
	switch (train_l4(t)[0]) {
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER_PROBLEM:
		return true;
	default:
		return false;
	}
}

/* Read from the bytes, not from sport and dport: a first fragment has those only there. */
static struct tuple tuple_of(const struct train *t, enum nat_protocol protocol, bool outbound)
{
	const uint8_t *l4 = train_l4(t);
	uint16_t sport = load_be16(l4);
	uint16_t dport = load_be16(l4 + 2);

	if (protocol == NAT_ICMP)
		return (struct tuple){ protocol, outbound ? t->src : t->dst, load_be16(l4 + 4),
				       outbound ? t->dst : t->src, 0 };
	if (outbound)
		return (struct tuple){ protocol, t->src, sport, t->dst, dport };
	return (struct tuple){ protocol, t->dst, dport, t->src, sport };
}

static struct tcp_segment tcp_segment_of(const struct train *t)
{
	const uint8_t *l4 = train_l4(t);
	uint32_t header = (uint32_t)(l4[12] >> 4) * 4;
	uint32_t behind_ip = t->len - t->l4;

	return (struct tcp_segment){
		.flags = l4[13],
		.seq = load_be32(l4 + 4),
		.ack = load_be32(l4 + 8),
		.len = behind_ip > header ? behind_ip - header : 0,
	};
}

static struct fragment_key fragment_key_of(const struct train *t, bool outbound)
{
	return (struct fragment_key){
		.src = t->src,
		.dst = t->dst,
		.id = load_be16(t->head + 4),
		.proto = t->proto,
		.outbound = outbound,
	};
}

/*
 * The timers of a TCP flow.  Packets from inside refresh; packets from outside only
 * count when they change the state.  What outside has begun does not hold the
 * mapping until inside answers, else a remote could keep it for ever.
 */
static void tcp_pass(struct nat *nat, uint32_t index, enum tcp_direction direction,
		     const struct tcp_segment *s, uint64_t now)
{
	struct flow *f = &nat->flows[index];
	uint8_t before = f->tcp.state;

	nat_tcp_advance(&f->tcp, direction, s);
	if (direction == TCP_OUT || f->tcp.state != before)
		nat_expiry_arm(&nat->expiry, nat_flow_timer(nat, index), nat_tcp_class(&f->tcp),
			       now);
	if (direction == TCP_OUT)
		nat_flow_hold(nat, index, true);
}

static enum verdict outbound_tcp(struct nat *nat, const struct tuple *at, const struct train *t,
				 uint32_t mapping, uint64_t now)
{
	struct tcp_segment s = tcp_segment_of(t);
	uint32_t flow = nat_flow_find(nat, mapping, at->remote, at->remote_port);
	enum verdict v;

	if (!flow) {
		if (s.flags & TCP_RST) /* it ends a connection that is gone already */
			return PASS;
		v = nat_flow_add(nat, mapping, at->remote, at->remote_port, FLOW_FROM_INSIDE,
				 &flow);
		if (v != PASS)
			return v;
	}
	tcp_pass(nat, flow, TCP_OUT, &s, now);
	return PASS;
}

/* A remote that address-dependent filtering is to admit. */
static enum verdict outbound_remote(struct nat *nat, const struct tuple *at, uint32_t mapping,
				    uint64_t now)
{
	enum expiry_class class = at->protocol == NAT_UDP ? EXPIRY_UDP_REMOTE : EXPIRY_ICMP_REMOTE;
	uint32_t flow = nat_flow_find(nat, mapping, at->remote, 0);

	if (!flow) {
		enum verdict v = nat_flow_add(nat, mapping, at->remote, 0, FLOW_FROM_INSIDE, &flow);

		if (v != PASS)
			return v;
	}
	nat_expiry_arm(&nat->expiry, nat_flow_timer(nat, flow), class, now);
	nat_flow_hold(nat, flow, true);
	return PASS;
}

/*
 * RFC 4787 REQ-5a: a mapping that has only asked name servers is short-lived.  Once it
 * has sent elsewhere it stays an ordinary one.
 */
static enum expiry_class mapping_class(const struct nat *nat, const struct tuple *at,
				       uint32_t mapping)
{
	if (at->protocol == NAT_ICMP)
		return EXPIRY_ICMP;
	if (at->remote_port == DNS_PORT && nat_expiry_class_of(&nat->expiry, mapping) != EXPIRY_UDP)
		return EXPIRY_UDP_DNS;
	return EXPIRY_UDP;
}

static enum verdict outbound_note(struct nat *nat, const struct tuple *at, const struct train *t,
				  uint32_t mapping, uint64_t now)
{
	if (at->protocol == NAT_TCP)
		return outbound_tcp(nat, at, t, mapping, now);
	if (by_address(nat, at->protocol)) {
		enum verdict v = outbound_remote(nat, at, mapping, now);

		if (v != PASS)
			return v;
	}
	nat_expiry_arm(&nat->expiry, mapping, mapping_class(nat, at, mapping), now);
	return PASS;
}

/* The mapping of an outbound train, made if need be, with its timers and remotes up to date. */
static enum verdict outbound_mapping(struct nat *nat, const struct tuple *at, const struct train *t,
				     uint32_t client, uint64_t now, uint32_t *ret)
{
	uint32_t mapping = nat_mapping_find(nat, at->protocol, at->inside_address, at->inside_port);
	bool made = false;
	enum verdict v;

	/* The address has moved to another peer: what was opened before is not for this one. */
	if (mapping && nat->mappings[mapping].client != client) {
		nat_mapping_end(nat, mapping, now);
		mapping = 0;
	}
	if (!mapping) {
		if (at->protocol == NAT_TCP && train_l4(t)[13] & TCP_RST)
			return DROP_NAT_TCP_STATE;
		v = nat_mapping_add(nat, at->protocol, at->inside_address, at->inside_port, client,
				    now, &mapping);
		if (v != PASS)
			return v;
		made = true;
	}
	v = outbound_note(nat, at, t, mapping, now);
	if (v != PASS && made)
		nat_mapping_end(nat, mapping, now);
	*ret = mapping;
	return v;
}

static void set_source(struct train *t, enum nat_protocol protocol, uint32_t address, uint16_t port)
{
	train_set_src(t, address);
	if (protocol == NAT_ICMP)
		train_set_icmp_id(t, port);
	else
		train_set_sport(t, port);
}

static void set_destination(struct train *t, enum nat_protocol protocol, uint32_t address,
			    uint16_t port)
{
	train_set_dst(t, address);
	if (protocol == NAT_ICMP)
		train_set_icmp_id(t, port);
	else
		train_set_dport(t, port);
}

static enum verdict later_fragment(struct nat *nat, struct train *t, bool outbound, uint64_t now)
{
	struct fragment_key key = fragment_key_of(t, outbound);
	uint32_t address;

	if (!nat_fragments_find(&nat->fragments, &key, now, &address))
		return DROP_FRAGMENT;
	if (outbound)
		train_set_src(t, address);
	else
		train_set_dst(t, address);
	return PASS;
}

enum verdict nat_outbound(struct nat *nat, struct train *t, uint32_t client, uint64_t now)
{
	enum nat_protocol protocol = nat_protocol_of(t->proto);
	struct fragment_key key;
	struct tuple at;
	uint32_t mapping;
	enum verdict v;

	assert(client < nat->params.clients_max);
	nat_reap(nat, now, REAP_PER_PACKET);
	if (protocol == N_NAT_PROTOCOLS)
		return DROP_NAT_PROTOCOL;
	if (!nat->params.address)
		return DROP_EXTERNAL_DOWN;
	if (t->frag_offset > 0)
		return later_fragment(nat, t, true, now);
	if (protocol == NAT_ICMP && is_icmp_error(t))
		return nat_icmp_error_outbound(nat, t, client);
	if (protocol == NAT_ICMP && train_l4(t)[0] != ICMP_ECHO)
		return DROP_NAT_ICMP_TYPE;

	at = tuple_of(t, protocol, true);
	v = outbound_mapping(nat, &at, t, client, now, &mapping);
	if (v != PASS)
		return v;
	if (train_is_fragment(t)) {
		key = fragment_key_of(t, true);
		nat_fragments_note(&nat->fragments, &key, nat->params.address, now);
	}
	set_source(t, protocol, nat->params.address, nat->mappings[mapping].external_port);
	return PASS;
}

/* A TCP segment from outside: of a known connection, or of a remote that may open one. */
static enum verdict inbound_tcp(struct nat *nat, const struct tuple *at, const struct train *t,
				uint32_t mapping, uint64_t now)
{
	struct tcp_segment s = tcp_segment_of(t);
	uint32_t flow = nat_flow_find(nat, mapping, at->remote, at->remote_port);

	if (!flow) {
		if (by_address(nat, NAT_TCP) && !nat_flow_admits(nat, mapping, at->remote))
			return DROP_NAT_FILTERED;
		/* RFC 5382 REQ-2, REQ-3: it may open one; the rest passes and leaves no trace. */
		if ((s.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN) {
			enum verdict v = nat_flow_add(nat, mapping, at->remote, at->remote_port,
						      FLOW_FROM_OUTSIDE, &flow);

			if (v != PASS)
				return v;
		}
	}
	if (flow)
		tcp_pass(nat, flow, TCP_IN, &s, now);
	return PASS;
}

static enum verdict inbound_admit(struct nat *nat, const struct tuple *at, const struct train *t,
				  uint32_t mapping, uint64_t now)
{
	if (at->protocol == NAT_TCP)
		return inbound_tcp(nat, at, t, mapping, now);
	if (by_address(nat, at->protocol) && !nat_flow_admits(nat, mapping, at->remote))
		return DROP_NAT_FILTERED;
	return PASS;
}

enum verdict nat_inbound(struct nat *nat, struct train *t, uint64_t now)
{
	enum nat_protocol protocol = nat_protocol_of(t->proto);
	const struct mapping *m;
	struct fragment_key key;
	struct tuple at;
	uint32_t mapping;
	enum verdict v;

	nat_reap(nat, now, REAP_PER_PACKET);
	if (protocol == N_NAT_PROTOCOLS)
		return DROP_NAT_PROTOCOL;
	if (t->dst != nat->params.address)
		return DROP_NAT_NO_MAPPING;
	if (t->frag_offset > 0)
		return later_fragment(nat, t, false, now);
	if (protocol == NAT_ICMP && is_icmp_error(t))
		return nat_icmp_error_inbound(nat, t);
	if (protocol == NAT_ICMP && train_l4(t)[0] != ICMP_ECHO_REPLY)
		return DROP_NAT_ICMP_TYPE;

	at = tuple_of(t, protocol, false);
	mapping = nat_mapping_at(nat, protocol, at.inside_port);
	if (!mapping)
		return DROP_NAT_NO_MAPPING;
	v = inbound_admit(nat, &at, t, mapping, now);
	if (v != PASS)
		return v;
	m = &nat->mappings[mapping];
	if (train_is_fragment(t)) {
		key = fragment_key_of(t, false);
		nat_fragments_note(&nat->fragments, &key, m->inside, now);
	}
	set_destination(t, protocol, m->inside, m->inside_port);
	return PASS;
}
