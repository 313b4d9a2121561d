/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters.h - where every packet of one thread ended
 *
 * Packets are counted as they are on a wire: a train counts its segments.  For each thread, and so
 * for the sum of all:
 *
 *	in_* + generated = out_* + consumed + waiting + drops
 *
 * Source of the rule: ARCHITECTURE.md, invariant 5.  A test holds it.
 */
#ifndef CULVERT_ENGINE_COUNTERS_H
#define CULVERT_ENGINE_COUNTERS_H

#include "base/counter.h"
#include "packet/drop.h"

struct path_counters {
	struct counter in_tunnel; /* datagrams of any kind on the tunnel's port */
	struct counter in_external;
	struct counter in_host;
	struct counter generated; /* made here: ICMP and DNS answers, keepalives, handshakes */
	struct counter out_tunnel;
	struct counter out_external;
	struct counter out_host;
	struct counter consumed; /* ended here by right: keepalives, handshakes, DNS queries */
	struct counter waiting;  /* now, for a session: not a sum */
	struct counter in_external_bytes;
	struct counter out_external_bytes;
	struct counter drops[N_VERDICTS];
};

/* What a worker publishes of its NAT shard. */
struct nat_gauges {
	struct counter mappings;
	struct counter leased;
	struct counter free;
};

#endif
