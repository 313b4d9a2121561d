/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_bench.c - what the NAT costs per packet, by size of its tables
 *
 * Prints one line "name value unit" per measurement.  Each packet of a round belongs
 * to another mapping, in an order that no prefetcher guesses, so a hit pays for the
 * cache misses that a busy gateway pays for.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/wire.h"
#include "nat/nat.h"
#include "packet/checksum.h"

#define CLIENTS  250
#define EXTERNAL 0xcb007105u
#define INSIDE   0x0a424d02u
#define SERVER   0xc6336407u
#define LEN      60

struct bench {
	struct nat *nat;
	struct rng rng;
	uint64_t now;    /* the NAT's virtual time */
	uint32_t *order; /* mappings in random order */
	uint16_t *port;  /* external ports by mapping */
	uint32_t n;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void packet(uint8_t p[static LEN], uint8_t proto, uint32_t src, uint32_t dst, uint16_t sport,
		   uint16_t dport)
{
	memset(p, 0, LEN);
	p[0] = 0x45;
	store_be16(p + 2, LEN);
	p[8] = 64;
	p[9] = proto;
	store_be32(p + 12, src);
	store_be32(p + 16, dst);
	store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, 20)));
	store_be16(p + 20, sport);
	store_be16(p + 22, dport);
	if (proto == IPPROTO_NUM_UDP) {
		store_be16(p + 24, LEN - 20);
	} else {
		p[32] = 0x50;
		p[33] = TCP_ACK;
	}
}

/* Mapping @i alternates between UDP and TCP, so that 65,536 of each fit. */
static uint8_t proto_of(uint32_t i)
{
	return i & 1 ? IPPROTO_NUM_UDP : IPPROTO_NUM_TCP;
}

static void out(struct bench *b, uint32_t i)
{
	uint32_t client = i / 2 % CLIENTS;
	uint8_t p[LEN];
	struct train t;

	packet(p, proto_of(i), INSIDE + client, SERVER, (uint16_t)(1024 + i / 2 / CLIENTS), 443);
	if (train_parse(&t, p, LEN, CSUM_VERIFIED) != PASS ||
	    nat_outbound(b->nat, &t, client, b->now) != PASS)
		abort();
	b->port[i] = t.sport;
}

static void in(struct bench *b, uint32_t i)
{
	uint8_t p[LEN];
	struct train t;

	packet(p, proto_of(i), SERVER, EXTERNAL, 443, b->port[i]);
	if (train_parse(&t, p, LEN, CSUM_VERIFIED) != PASS ||
	    nat_inbound(b->nat, &t, b->now) != PASS)
		abort();
}

/* The same without the NAT, to be subtracted: building and parsing the packet. */
static void nothing(struct bench *b, uint32_t i)
{
	uint8_t p[LEN];
	struct train t;

	packet(p, proto_of(i), INSIDE, SERVER, b->port[i], 443);
	if (train_parse(&t, p, LEN, CSUM_VERIFIED) != PASS)
		abort();
}

static double ns_each(struct bench *b, void (*f)(struct bench *, uint32_t), uint32_t rounds)
{
	double start = seconds();

	for (uint32_t r = 0; r < rounds; r++) {
		for (uint32_t i = 0; i < b->n; i++)
			f(b, b->order[i]);
		b->now += NS_PER_S / 50;
	}
	return (seconds() - start) * 1e9 / rounds / b->n;
}

static void start(struct bench *b, uint32_t n)
{
	struct nat_params params = nat_params_default();

	*b = (struct bench){ .rng = rng_seeded(1), .now = NS_PER_S, .n = n };
	params.address = EXTERNAL;
	params.mappings_max = 131072;
	params.flows_max = 131072;
	if (nat_new(&params, &b->rng, &b->nat) < 0)
		abort();
	for (uint32_t first = 0; first < 65536; first += NAT_BLOCK_PORTS) {
		(void)nat_lease_add(b->nat, NAT_TCP, (uint16_t)first);
		(void)nat_lease_add(b->nat, NAT_UDP, (uint16_t)first);
	}
	b->order = calloc(n, sizeof(*b->order));
	b->port = calloc(n, sizeof(*b->port));
	if (!b->order || !b->port)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = rng_below(&b->rng, i + 1);

		b->order[i] = b->order[k];
		b->order[k] = i;
	}
}

/* Pages that are really there, in bytes. */
static double resident(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		abort();
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void measure(uint32_t n)
{
	uint32_t rounds = 1 + 2000000 / n;
	struct bench b;
	double made, base, before;

	before = resident();
	start(&b, n);
	base = ns_each(&b, nothing, rounds);
	made = ns_each(&b, out, 1);
	printf("nat_new_mapping_%u %.0f ns\n", n, made - base);
	printf("nat_memory_%u %.0f bytes/mapping\n", n, (resident() - before) / n);
	printf("nat_outbound_hit_%u %.0f ns\n", n, ns_each(&b, out, rounds) - base);
	printf("nat_inbound_hit_%u %.0f ns\n", n, ns_each(&b, in, rounds) - base);
	free(b.order);
	free(b.port);
	nat_free(b.nat);
}

int main(void)
{
	/* Tables straight from the kernel every time, so that untouched memory is not there. */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	measure(1000);
	measure(10000);
	measure(100000);
	return 0;
}
