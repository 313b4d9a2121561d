/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expiry.h - idle timers: one list per timeout class, oldest first
 *
 * All members of a class have the same timeout, so the order of touching is the
 * order of expiry: arming, moving and removing are O(1), and the next deadline
 * is the earliest of a handful of heads.
 *
 * A timer runs at least its timeout and at most EXPIRY_GRAIN more: what was armed
 * within the last grain is not moved again, which spares the packets of a busy
 * flow two cache misses each.  The RFCs' timers are minima.
 *
 * Pure; private to nat/.
 */
#ifndef CULVERT_NAT_EXPIRY_H
#define CULVERT_NAT_EXPIRY_H

#include <stdint.h>

#include "base/clock.h"

#define EXPIRY_GRAIN NS_PER_S

enum expiry_class {
	EXPIRY_NONE, /* not armed; zeroed memory is this */
	EXPIRY_TCP_TRANSITORY,
	EXPIRY_TCP_ESTABLISHED,
	EXPIRY_TCP_CLOSED,
	EXPIRY_UDP,
	EXPIRY_UDP_DNS,
	EXPIRY_ICMP,
	EXPIRY_UDP_REMOTE,  /* of a mapping with address-dependent filtering */
	EXPIRY_ICMP_REMOTE, /* the same */
	N_EXPIRY_CLASSES
};

struct timer {
	uint64_t expires; /* ns */
	uint32_t prev;    /* towards the older; 0 at the end */
	uint32_t next;
	uint32_t class; /* enum expiry_class */
};

struct expiry {
	struct timer *timers; /* 1..capacity; 0 is nobody */
	uint32_t first[N_EXPIRY_CLASSES];
	uint32_t last[N_EXPIRY_CLASSES];
	uint64_t timeout[N_EXPIRY_CLASSES]; /* ns; set by the owner before use */
};

/** nat_expiry_init() - timers for the ids 1..@capacity.  Return: 0, or -ENOMEM. */
int nat_expiry_init(struct expiry *e, uint32_t capacity);
void nat_expiry_done(struct expiry *e);

/** nat_expiry_arm() - @id runs out in @class's timeout from @now, whatever it did before */
void nat_expiry_arm(struct expiry *e, uint32_t id, enum expiry_class class, uint64_t now);

/** nat_expiry_stop() - @id does not run out; harmless if it is not armed */
void nat_expiry_stop(struct expiry *e, uint32_t id);

/** nat_expiry_class_of() - EXPIRY_NONE if @id is not armed */
enum expiry_class nat_expiry_class_of(const struct expiry *e, uint32_t id);

/** nat_expiry_next() - when the first one runs out; NEVER if none is armed */
uint64_t nat_expiry_next(const struct expiry *e);

/** nat_expiry_due() - Return: an id that has run out, still armed; 0 if there is none */
uint32_t nat_expiry_due(const struct expiry *e, uint64_t now);

#endif
