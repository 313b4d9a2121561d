/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blast.h - what the two ends of the load generator share
 *
 *   blast.c       the client: a WireGuard tunnel made of Culvert's own parts, so that it sends
 *                 and receives whole trains, which stock clients may not
 *   blast_wire.c  the far side: trains of a TCP connection straight onto an interface
 *
 * There is no TCP behind either: sequence numbers advance and nobody answers, so the rate is
 * what the gateway carries and never what a congestion control chose.
 */
#ifndef CULVERT_BENCH_BLAST_H
#define CULVERT_BENCH_BLAST_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/train.h"

#define BLAST_MTU      1420
#define BLAST_HEAD     40 /* IPv4 and TCP without options */
#define BLAST_SEGMENT  (BLAST_MTU - BLAST_HEAD)
#define BLAST_SEGMENTS 44 /* with WireGuard's and UDP's headers just below 64 KiB */
#define BLAST_PAYLOAD  (BLAST_SEGMENTS * BLAST_SEGMENT)

/* Where the far side is said to be: the network for benchmarks (RFC 2544), the discard port. */
#define BLAST_SERVER 0xc6120001u
#define BLAST_PORT   9
#define BLAST_SOURCE 40000

/* One train that is sent again and again, further on in its connection each time. */
struct blast_train {
	uint8_t bytes[BLAST_HEAD + BLAST_PAYLOAD];
	struct train train;
};

/** blast_train_init() - @payload bytes, BLAST_SEGMENT of them per segment */
void blast_train_init(struct blast_train *b, uint32_t src, uint32_t dst, uint16_t sport,
		      uint16_t dport, uint8_t flags, uint32_t payload);
void blast_train_advance(struct blast_train *b);

/* So many bytes a second, and not faster. */
struct blast_pace {
	uint64_t start; /* ns */
	uint64_t end;   /* ns */
	uint64_t mbit;  /* 0: as fast as it goes */
	uint64_t bytes; /* of payload so far */
};

struct blast_pace blast_pace_start(const char *seconds, const char *mbit);

/** blast_pace_next() - after @bytes more; waits for its turn.  Return: false at the end. */
bool blast_pace_next(struct blast_pace *p, uint32_t bytes);
void blast_pace_print(const struct blast_pace *p);

_Noreturn void blast_fail(const char *what);

/** blast_wire() - waits for a client's SYN on @interface and sends what it asked for */
int blast_wire(const char *interface, const char *seconds, const char *mbit);

#endif
