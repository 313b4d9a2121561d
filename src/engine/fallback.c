/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/fallback.h"

#include "wireguard/wireguard.h"

void fallback_init(struct fallback *f)
{
	*f = (struct fallback){
		.deadline = NEVER,
		.call_at = NEVER,
		.probe_interval = FALLBACK_PROBE_MIN,
	};
}

/* The only place that writes ->state, and the deadline with it. */
static void enter(struct fallback *f, enum fallback_state to, uint64_t now)
{
	switch (to) {
	case FALLBACK_SETTLED:
		f->deadline =
			f->way == FALLBACK_STREAM && f->has_udp ? now + f->probe_interval : NEVER;
		break;
	case FALLBACK_CALLED:
		f->deadline = now + FALLBACK_AFTER;
		break;
	case FALLBACK_TRYING:
		f->deadline = NEVER;
		break;
	case FALLBACK_PROBING:
		f->returned = false;
		f->deadline = now + FALLBACK_RETURN;
		break;
	}
	f->state = to;
}

static void schedule_call(struct fallback *f, enum fallback_way way, uint64_t now)
{
	f->call_way = way;
	f->call_at = now > f->may_call[way] ? now : f->may_call[way];
}

void fallback_configured(struct fallback *f, bool has_udp, bool has_stream, uint64_t now)
{
	bool same = f->has_udp == has_udp && f->has_stream == has_stream;

	f->has_udp = has_udp;
	f->has_stream = has_stream;
	if (same)
		return;
	if (!has_stream) {
		f->way = FALLBACK_UDP;
		f->open = false;
	} else if (!has_udp) {
		f->way = FALLBACK_STREAM;
	} else if (f->settled == 0) {
		f->way = FALLBACK_UDP; /* first, where nothing has been answered yet */
	}
	f->call_at = NEVER;
	enter(f, FALLBACK_SETTLED, now);
}

void fallback_stuck(struct fallback *f, uint64_t now)
{
	if (f->state != FALLBACK_PROBING)
		return;
	enter(f, FALLBACK_TRYING, now);
	if (f->open)
		schedule_call(f, FALLBACK_STREAM, now);
}

enum fallback_way fallback_next(const struct fallback *f)
{
	if (!f->has_udp && f->has_stream)
		return FALLBACK_STREAM;
	if (!f->open)
		return FALLBACK_UDP;
	switch (f->state) {
	case FALLBACK_SETTLED:
		return f->way;
	case FALLBACK_CALLED:
		return f->called_last;
	case FALLBACK_TRYING:
		return f->called_last == FALLBACK_UDP ? FALLBACK_STREAM : FALLBACK_UDP;
	case FALLBACK_PROBING:
		break;
	}
	return FALLBACK_UDP;
}

void fallback_initiation_sent(struct fallback *f, enum fallback_way way, uint64_t now)
{
	f->called_last = way;
	f->may_call[way] = now + REKEY_TIMEOUT;
	if (f->call_way == way)
		f->call_at = NEVER;
	if (f->state == FALLBACK_SETTLED && f->has_stream)
		enter(f, FALLBACK_CALLED, now);
}

/* Back on UDP for good, or did it just look so?  Then the next probe waits as long as it would have. */
static void forget_interval(struct fallback *f, uint64_t now)
{
	if (f->way == FALLBACK_UDP && now - f->settled >= FALLBACK_PROBE_MAX)
		f->probe_interval = FALLBACK_PROBE_MIN;
}

void fallback_answered(struct fallback *f, enum fallback_way way, uint64_t now)
{
	forget_interval(f, now);
	if (f->way != way || f->settled == 0)
		f->settled = now;
	f->way = way;
	f->call_at = NEVER;
	if (f->has_stream)
		enter(f, FALLBACK_SETTLED, now);
}

void fallback_heard(struct fallback *f, uint64_t when)
{
	f->heard = when;
}

void fallback_failed(struct fallback *f)
{
	if (f->has_udp)
		f->way = FALLBACK_UDP;
	f->call_at = NEVER;
	enter(f, FALLBACK_SETTLED, 0);
}

void fallback_streams(struct fallback *f, bool open, uint64_t now)
{
	if (f->open == open)
		return;
	f->open = open;
	if (open && f->state == FALLBACK_TRYING) {
		schedule_call(f, FALLBACK_STREAM, now);
	} else if (!open && f->way == FALLBACK_STREAM && f->has_udp) {
		/* Those of a stream-only peer are opened again, and that is all that can be done. */
		enter(f, FALLBACK_TRYING, now);
		schedule_call(f, FALLBACK_UDP, now);
	}
}

void fallback_network_changed(struct fallback *f, bool call, uint64_t now)
{
	for (unsigned int way = 0; way < N_FALLBACK_WAYS; way++) {
		if (f->may_call[way] > now + FALLBACK_AGAIN)
			f->may_call[way] = now + FALLBACK_AGAIN;
	}
	f->open = false;
	f->probe_interval = FALLBACK_PROBE_MIN;
	f->settled = 0;
	f->call_at = NEVER;
	if (f->has_udp)
		f->way = FALLBACK_UDP;
	enter(f, FALLBACK_SETTLED, now);
	if (call)
		fallback_call(f, now);
}

void fallback_call(struct fallback *f, uint64_t now)
{
	if (f->has_udp)
		schedule_call(f, f->way, now);
	else if (f->has_stream && !f->open)
		enter(f, FALLBACK_TRYING, now); /* called once a stream is open */
	else if (f->has_stream)
		schedule_call(f, FALLBACK_STREAM, now);
}

bool fallback_wants_streams(const struct fallback *f)
{
	return f->has_stream && (f->way == FALLBACK_STREAM || f->state == FALLBACK_TRYING);
}

static void next_interval(struct fallback *f)
{
	f->probe_interval *= 2;
	if (f->probe_interval > FALLBACK_PROBE_MAX)
		f->probe_interval = FALLBACK_PROBE_MAX;
}

/* What the state's own deadline brings. */
static enum fallback_action on_deadline(struct fallback *f, uint64_t now)
{
	switch (f->state) {
	case FALLBACK_SETTLED: /* on a stream: is UDP back? */
		schedule_call(f, FALLBACK_UDP, now);
		enter(f, FALLBACK_PROBING, f->call_at);
		break;
	case FALLBACK_CALLED:
		if (f->heard != 0 && now - f->heard < FALLBACK_AFTER) {
			enter(f, FALLBACK_CALLED, now);
			break;
		}
		enter(f, FALLBACK_TRYING, now);
		if (f->open && f->called_last == FALLBACK_UDP)
			schedule_call(f, FALLBACK_STREAM, now);
		else if (f->has_udp && f->called_last == FALLBACK_STREAM)
			schedule_call(f, FALLBACK_UDP, now);
		break;
	case FALLBACK_PROBING:
		if (!f->returned) {
			f->returned = true;
			f->deadline = now - FALLBACK_RETURN + REKEY_TIMEOUT;
			return FALLBACK_KEEPALIVE;
		}
		next_interval(f);
		enter(f, FALLBACK_SETTLED, now);
		return FALLBACK_CANCEL;
	case FALLBACK_TRYING:
		break;
	}
	return FALLBACK_NOTHING;
}

enum fallback_action fallback_run(struct fallback *f, uint64_t now)
{
	if (f->deadline <= now) {
		enum fallback_action action = on_deadline(f, now);

		if (action != FALLBACK_NOTHING)
			return action;
	}
	if (f->call_at > now)
		return FALLBACK_NOTHING;
	f->call_at = NEVER;
	return FALLBACK_INITIATE;
}

uint64_t fallback_next_deadline(const struct fallback *f)
{
	return earlier(f->deadline, f->call_at);
}
