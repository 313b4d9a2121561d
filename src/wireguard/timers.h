/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timers.h - what a peer's traffic, or its silence, asks for
 *
 * Events are facts in the past tense; each sets or clears deadlines and nothing else.
 *
 *   KEEPALIVE      data came and nothing has gone back for KEEPALIVE_TIMEOUT: the other
 *                  side must not think that we are dead
 *   HANDSHAKE      data went and nothing has come back for KEEPALIVE_TIMEOUT +
 *                  REKEY_TIMEOUT: either side may have lost the session
 *   PERSISTENT     nothing authentic has gone or come for the configured interval
 *   ZERO_KEYS      no new session for 3 * REJECT_AFTER_TIME
 *
 * Source: the WireGuard paper, sections 6.1 to 6.5.
 */
#ifndef CULVERT_WIREGUARD_TIMERS_H
#define CULVERT_WIREGUARD_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rng.h"

/* So that many peers of a dead server do not come back in step. */
#define TIMER_JITTER_MAX (334 * NS_PER_MS)

enum timer {
	TIMER_KEEPALIVE,
	TIMER_HANDSHAKE,
	TIMER_PERSISTENT,
	TIMER_ZERO_KEYS,
	N_TIMERS,
};

struct timers {
	uint64_t due[N_TIMERS]; /* ns; NEVER: not running */
	uint16_t interval_s;    /* persistent keepalive; 0: none */
};

void timers_init(struct timers *t);

/** timers_set_interval() - a persistent keepalive that was off is due at once */
void timers_set_interval(struct timers *t, uint16_t interval_s, uint64_t now);

/** timers_sent(), timers_received() - a message; @data: not a keepalive */
void timers_sent(struct timers *t, bool data, uint64_t now, struct rng *rng);
void timers_received(struct timers *t, bool data, uint64_t now);

/** timers_session_installed() - the other side has just shown that it lives */
void timers_session_installed(struct timers *t, uint64_t now);

uint64_t timers_next(const struct timers *t);

/** timers_take() - Return: whether @timer was due; it is off then, PERSISTENT rearmed */
bool timers_take(struct timers *t, enum timer timer, uint64_t now);

#endif
