/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/timers.h"

#include "wireguard/wireguard.h"

void timers_init(struct timers *t)
{
	*t = (struct timers){ .interval_s = 0 };
	for (int i = 0; i < N_TIMERS; i++)
		t->due[i] = NEVER;
}

static void rearm_persistent(struct timers *t, uint64_t now)
{
	t->due[TIMER_PERSISTENT] = t->interval_s ? now + t->interval_s * NS_PER_S : NEVER;
}

void timers_set_interval(struct timers *t, uint16_t interval_s, uint64_t now)
{
	bool was_off = t->interval_s == 0;

	if (t->interval_s == interval_s)
		return;
	t->interval_s = interval_s;
	rearm_persistent(t, now);
	if (was_off)
		t->due[TIMER_PERSISTENT] = now;
}

void timers_sent(struct timers *t, bool data, uint64_t now, struct rng *rng)
{
	t->due[TIMER_KEEPALIVE] = NEVER;
	if (data && t->due[TIMER_HANDSHAKE] == NEVER)
		t->due[TIMER_HANDSHAKE] = now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT +
					  rng_below(rng, (uint32_t)TIMER_JITTER_MAX);
	rearm_persistent(t, now);
}

void timers_received(struct timers *t, bool data, uint64_t now)
{
	t->due[TIMER_HANDSHAKE] = NEVER;
	if (data && t->due[TIMER_KEEPALIVE] == NEVER)
		t->due[TIMER_KEEPALIVE] = now + KEEPALIVE_TIMEOUT;
	rearm_persistent(t, now);
}

void timers_session_installed(struct timers *t, uint64_t now)
{
	t->due[TIMER_HANDSHAKE] = NEVER;
	t->due[TIMER_ZERO_KEYS] = now + 3 * REJECT_AFTER_TIME;
}

uint64_t timers_next(const struct timers *t)
{
	uint64_t next = NEVER;

	for (int i = 0; i < N_TIMERS; i++)
		next = earlier(next, t->due[i]);
	return next;
}

bool timers_take(struct timers *t, enum timer timer, uint64_t now)
{
	if (t->due[timer] > now)
		return false;
	t->due[timer] = NEVER;
	if (timer == TIMER_PERSISTENT)
		rearm_persistent(t, now);
	return true;
}
