/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_rig.h - a NAT with a virtual clock, and packets to send through it
 *
 * Each helper builds one packet, sends it, checks that every checksum of what comes
 * out is right by computing it anew, and leaves it in rig.bytes and rig.t.
 */
#ifndef CULVERT_TESTS_NAT_RIG_H
#define CULVERT_TESTS_NAT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nat/nat.h"
#include "packet_build.h"

#define EXTERNAL 0xcb007105u /* 203.0.113.5 */
#define ALICE    0x0a424d02u /* 10.66.77.2, client 0 */
#define BOB      0x0a424d03u /* 10.66.77.3, client 1 */
#define OTHER    0xc6336463u /* 198.51.100.99: somebody else outside */

#define TCP  6
#define UDP  17
#define ICMP 1

#define SECOND NS_PER_S

struct rig {
	struct nat *nat;
	struct rng rng;
	uint64_t now;
	struct train t;
	size_t len;
	uint8_t bytes[TRAIN_LEN_MAX];
	uint8_t sent[TRAIN_LEN_MAX]; /* as it was before translation */
};

/* Small enough to fill, with quotas that don't get in the way unless a test wants them to. */
static inline struct nat_params rig_params(void)
{
	struct nat_params p = nat_params_default();

	p.address = EXTERNAL;
	p.mappings_max = 4096;
	p.flows_max = 4096;
	p.clients_max = 8;
	return p;
}

/* @blocks of 64 ports from 40000 on, for each protocol. */
static inline void rig_start(struct rig *rig, const struct nat_params *params, int blocks)
{
	memset(rig, 0, offsetof(struct rig, bytes));
	rig->rng = rng_seeded(11);
	rig->now = 1000 * SECOND;
	assert_int_equal(nat_new(params, &rig->rng, &rig->nat), 0);
	for (int i = 0; i < blocks; i++)
		for (int protocol = 0; protocol < N_NAT_PROTOCOLS; protocol++)
			assert_int_equal(nat_lease_add(rig->nat, (enum nat_protocol)protocol,
						       (uint16_t)(40000 + i * NAT_BLOCK_PORTS)),
					 0);
}

static inline void rig_stop(struct rig *rig)
{
	rig->nat = nat_free(rig->nat);
}

/* Every sum of the packet at @p is what the slow way computes; +0 and -0 are one. */
static inline bool sums_are_right(const uint8_t *p)
{
	static uint8_t fresh[TRAIN_LEN_MAX];
	size_t len = load_be16(p + 2);
	size_t at = build_check_at(p);

	memcpy(fresh, p, len);
	build_sums(fresh);
	if (at > 0 && !(load_be16(p + 6) & 0x3fff) &&
	    load_be16(fresh + at) % 0xffff != load_be16(p + at) % 0xffff)
		return false;
	return load_be16(fresh + 10) % 0xffff == load_be16(p + 10) % 0xffff;
}

/* Takes the packet in rig->bytes through the NAT. */
static inline enum verdict rig_pass(struct rig *rig, bool out, uint32_t client)
{
	enum verdict v;

	assert_int_equal(train_parse(&rig->t, rig->bytes, rig->len, CSUM_UNCHECKED), PASS);
	memcpy(rig->sent, rig->bytes, rig->len);
	v = out ? nat_outbound(rig->nat, &rig->t, client, rig->now)
		: nat_inbound(rig->nat, &rig->t, rig->now);
	if (v == PASS)
		assert_true(sums_are_right(rig->bytes));
	else
		assert_memory_equal(rig->bytes, rig->sent, rig->len);
	return v;
}

static inline enum verdict rig_build(struct rig *rig, bool out, uint32_t client,
				     const struct build *b)
{
	static const uint8_t payload[] = "odd payload!";

	rig->len = build_packet(b, rig->bytes, payload, b->flags & TCP_SYN ? 0 : 12 + 1);
	return rig_pass(rig, out, client);
}

static inline uint32_t client_of(uint32_t src)
{
	return src - ALICE;
}

static inline enum verdict udp_out(struct rig *rig, uint32_t src, uint16_t sport, uint32_t dst,
				   uint16_t dport)
{
	struct build b = { .src = src, .dst = dst, .proto = UDP, .sport = sport, .dport = dport };

	return rig_build(rig, true, client_of(src), &b);
}

static inline enum verdict udp_in(struct rig *rig, uint32_t src, uint16_t sport, uint16_t dport)
{
	struct build b = {
		.src = src, .dst = EXTERNAL, .proto = UDP, .sport = sport, .dport = dport
	};

	return rig_build(rig, false, 0, &b);
}

static inline enum verdict tcp_out(struct rig *rig, uint32_t src, uint16_t sport, uint32_t dst,
				   uint16_t dport, uint8_t flags)
{
	struct build b = {
		.src = src, .dst = dst, .proto = TCP, .sport = sport, .dport = dport, .flags = flags
	};

	return rig_build(rig, true, client_of(src), &b);
}

static inline enum verdict tcp_in(struct rig *rig, uint32_t src, uint16_t sport, uint16_t dport,
				  uint8_t flags)
{
	struct build b = { .src = src,
			   .dst = EXTERNAL,
			   .proto = TCP,
			   .sport = sport,
			   .dport = dport,
			   .flags = flags };

	return rig_build(rig, false, 0, &b);
}

static inline enum verdict echo_out(struct rig *rig, uint32_t src, uint16_t id, uint32_t dst)
{
	struct build b = { .src = src, .dst = dst, .proto = ICMP, .sport = id, .flags = 8 };

	return rig_build(rig, true, client_of(src), &b);
}

static inline enum verdict echo_in(struct rig *rig, uint32_t src, uint16_t id)
{
	struct build b = { .src = src, .dst = EXTERNAL, .proto = ICMP, .sport = id, .flags = 0 };

	return rig_build(rig, false, 0, &b);
}

/* Lets the clock run, the NAT being woken exactly when it asks to be. */
static inline void rig_wait(struct rig *rig, uint64_t ns)
{
	uint64_t end = rig->now + ns;

	while (nat_next_deadline(rig->nat) <= end) {
		if (nat_next_deadline(rig->nat) > rig->now)
			rig->now = nat_next_deadline(rig->nat);
		nat_on_deadline(rig->nat, rig->now, 64);
	}
	rig->now = end;
}

static inline uint32_t rig_mappings(const struct rig *rig)
{
	uint32_t n = 0;

	for (int i = 0; i < N_NAT_PROTOCOLS; i++)
		n += nat_counts(rig->nat, (enum nat_protocol)i).mappings;
	return n;
}

/* The rig of a test program, with cmocka's setup and teardown for it. */
static struct rig rig;

static inline int start(void **state)
{
	struct nat_params params = rig_params();

	(void)state;
	rig_start(&rig, &params, 16);
	return 0;
}

static inline int stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

#endif
