/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_fuzz.c - a history of packets, timers and removals against a very small NAT
 *
 * The input is a program: one byte of operation, then its operands.  After every
 * operation the tables are walked and must agree with each other, a dropped packet
 * must be unchanged, and a passed one must have the right addresses and IP checksum.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "nat/shard.h"
#include "packet/checksum.h"

#define EXTERNAL 0xcb007105u /* 203.0.113.5 */
#define INSIDE   0x0a424d02u /* 10.66.77.2, client 0 */
#define CLIENTS  3
#define FIRST    40000
#define HEADER   20

struct input {
	const uint8_t *data;
	size_t len;
};

struct world {
	struct nat *nat;
	struct rng rng;
	uint64_t now;
	uint8_t last[256]; /* the last packet that passed, as it came out */
	size_t last_len;
	bool last_out;
};

static uint8_t next(struct input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->data++;
}

static void require(bool fact)
{
	if (!fact)
		abort();
}

static uint32_t check_flows(const struct nat *nat, uint32_t mapping)
{
	const struct mapping *m = &nat->mappings[mapping];
	uint32_t holding = 0;
	uint32_t n = 0;

	for (uint32_t i = m->flows; i; i = nat->flows[i].sibling_next) {
		const struct flow *f = &nat->flows[i];

		require(f->mapping == mapping);
		require(nat_flow_find(nat, mapping, f->remote, f->remote_port) == i);
		require(nat_flow_admits(nat, mapping, f->remote) || !f->holding);
		require(nat_expiry_class_of(&nat->expiry, nat_flow_timer(nat, i)) != EXPIRY_NONE);
		holding += f->holding;
		n++;
	}
	require(holding == m->n_holding);
	require(m->protocol != NAT_TCP || holding > 0);
	require(m->protocol == NAT_TCP ||
		nat_expiry_class_of(&nat->expiry, mapping) != EXPIRY_NONE);
	return n;
}

/* Every table tells the same story. */
static void check(const struct nat *nat)
{
	uint32_t n_mappings = 0;
	uint32_t n_flows = 0;
	uint32_t n_client = 0;

	for (int protocol = 0; protocol < N_NAT_PROTOCOLS; protocol++) {
		struct nat_counts c = nat_counts(nat, (enum nat_protocol)protocol);
		uint32_t n = 0;

		for (uint32_t port = FIRST; port < FIRST + 128; port++) {
			uint32_t i = nat->ports[protocol].mapping[port];
			const struct mapping *m = &nat->mappings[i];

			if (!i)
				continue;
			require(m->external_port == port && m->protocol == (uint32_t)protocol);
			require(nat_mapping_find(nat, (enum nat_protocol)protocol, m->inside,
						 m->inside_port) == i);
			n_flows += check_flows(nat, i);
			n++;
		}
		require(n == c.mappings);
		require(c.mappings + c.ports_free <= c.ports_leased);
		n_mappings += n;
	}
	for (uint32_t client = 0; client < CLIENTS; client++)
		n_client += nat_client_mappings(nat, client);
	require(n_client == n_mappings && n_mappings <= nat->params.mappings_max);
	require(n_flows == nat->n_flows && n_flows <= nat->params.flows_max);
	require(nat_next_deadline(nat) != NEVER || n_mappings == 0);
}

static void seal_ip(uint8_t *p, size_t len)
{
	size_t header = (p[0] & 15u) * 4;

	if (len < HEADER || header < HEADER || header > len)
		return;
	store_be16(p + 2, (uint16_t)len);
	store_be16(p + 10, 0);
	store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, header)));
}

/* The packet in an exact allocation, so that AddressSanitizer sees the first byte too far. */
static void pass(struct world *w, const uint8_t *packet, size_t len, bool out, uint32_t client)
{
	uint8_t *p = malloc(len ? len : 1);
	struct train t;
	enum verdict v;

	require(p != NULL);
	memcpy(p, packet, len);
	seal_ip(p, len);
	if (train_parse(&t, p, len, CSUM_UNCHECKED) == PASS) {
		uint8_t before[256];

		memcpy(before, p, len);
		v = out ? nat_outbound(w->nat, &t, client, w->now)
			: nat_inbound(w->nat, &t, w->now);
		if (v == PASS) {
			require(out ? t.src == EXTERNAL : t.dst != EXTERNAL);
			require(load_be32(p + (out ? 12 : 16)) == (out ? t.src : t.dst));
			require(checksum_fold(checksum_add(0, p, t.l4)) == 0xffff);
			memcpy(w->last, p, len);
			w->last_len = len;
			w->last_out = out;
		} else {
			require(memcmp(before, p, len) == 0);
		}
	}
	free(p);
}

static void raw(struct world *w, struct input *in, bool out)
{
	uint32_t client = next(in) % CLIENTS;
	size_t len = next(in);

	if (len > in->len)
		len = in->len;
	pass(w, in->data, len, out, client);
	in->data += len;
	in->len -= len;
}

/* An ordinary packet, its fields few enough that histories meet. */
static void plain(struct world *w, struct input *in, bool out)
{
	static const uint8_t protos[] = { 6, 17, 1 };
	uint32_t client = next(in) % CLIENTS;
	uint8_t shape = next(in);
	uint8_t p[HEADER + 20] = { 0x45 };
	uint8_t *l4 = p + HEADER;
	uint32_t remote = 0xc6336400u + next(in) % 4;
	uint16_t near = (uint16_t)(next(in) % 32);
	uint16_t far = (uint16_t)(next(in) % 4 + 52);

	if (!out)
		near = (uint16_t)(FIRST + near);
	p[8] = 64;
	p[9] = protos[shape % 3];
	p[6] = shape & 0x80 ? 0x20 : 0;
	p[7] = shape & 0x40 ? 1 : 0;
	store_be32(p + 12, out ? INSIDE + client : remote);
	store_be32(p + 16, out ? remote : EXTERNAL);
	store_be16(l4, out ? near : far);
	store_be16(l4 + 2, out ? far : near);
	if (p[9] == 1) {
		l4[0] = out ? 8 : 0;
		store_be16(l4 + 4, near);
	} else if (p[9] == 17) {
		store_be16(l4 + 4, 20);
	} else {
		l4[7] = next(in) % 4;
		l4[11] = next(in) % 4;
		l4[12] = 0x50;
		l4[13] = next(in);
	}
	pass(w, p, sizeof(p), out, client);
}

/* An error about the last packet that passed, one byte of it changed. */
static void error(struct world *w, struct input *in)
{
	uint8_t p[28 + 128] = { 0x45 };
	uint8_t at = next(in);
	uint8_t by = next(in);
	size_t quote = w->last_len < 128 ? w->last_len : 128;
	size_t len = 28 + quote;

	if (quote < HEADER)
		return;
	memcpy(p + 28, w->last, quote);
	p[28 + at % quote] ^= by;
	p[8] = 64;
	p[9] = 1;
	store_be32(p + 12, 0xc0000201u);
	store_be32(p + 16, load_be32(w->last + 12));
	p[20] = (uint8_t[]){ 3, 11, 12, 5 }[next(in) % 4];
	store_be16(p + 22, (uint16_t)~checksum_fold(checksum_add(0, p + 20, len - 20)));
	pass(w, p, len, !w->last_out, next(in) % CLIENTS);
}

static void lease(struct world *w, struct input *in)
{
	enum nat_protocol protocol = (enum nat_protocol)(next(in) % N_NAT_PROTOCOLS);
	uint8_t what = next(in);

	if (what & 1)
		(void)nat_lease_add(w->nat, protocol, (uint16_t)(FIRST + (what & 64)));
	else
		(void)nat_lease_idle(w->nat, protocol, what & 2, w->now);
}

static void step(struct world *w, struct input *in)
{
	switch (next(in) % 9) {
	case 0:
		w->now += (uint64_t)(next(in) << 8 | next(in)) * 50 * NS_PER_MS;
		nat_on_deadline(w->nat, w->now, next(in));
		break;
	case 1:
		raw(w, in, true);
		break;
	case 2:
		raw(w, in, false);
		break;
	case 3:
	case 4:
		plain(w, in, true);
		break;
	case 5:
		plain(w, in, false);
		break;
	case 6:
		error(w, in);
		break;
	case 7:
		(void)nat_client_remove(w->nat, next(in) % CLIENTS);
		break;
	case 8:
		lease(w, in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* One NAT per way of filtering UDP, emptied between inputs: making one costs megabytes. */
static struct world *world_of(bool by_address)
{
	static struct world worlds[2];
	struct world *w = &worlds[by_address];
	struct nat_params params = nat_params_default();

	w->rng = rng_seeded(1);
	if (!w->nat) {
		params.mappings_max = 40;
		params.flows_max = 60;
		params.clients_max = CLIENTS;
		for (int i = 0; i < N_NAT_PROTOCOLS; i++)
			params.client_quota[i] = 16;
		if (by_address)
			params.filtering[NAT_UDP] = NAT_FILTER_ADDRESS_DEPENDENT;
		require(nat_new(&params, &w->rng, &w->nat) == 0);
	}
	w->last_len = 0;
	w->now += NS_PER_S;
	require(nat_set_address(w->nat, EXTERNAL) == 0);
	for (int i = 0; i < N_NAT_PROTOCOLS; i++)
		require(nat_lease_add(w->nat, (enum nat_protocol)i, FIRST) == 0);
	return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	struct world *w = world_of(next(&in) & 1);

	while (in.len > 0) {
		step(w, &in);
		check(w->nat);
	}
	require(nat_set_address(w->nat, 0) <= w->nat->params.mappings_max);
	check(w->nat);
	return 0;
}
