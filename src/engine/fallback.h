/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fallback.h - by UDP or by a stream: which way a peer's messages take
 *
 *	                 +----------- answered -----------+
 *	                 v                                |
 *	   +--------------------+  initiation sent   +--------+  3 s   +--------+
 *	   | SETTLED            | -----------------> | CALLED | -----> | TRYING |
 *	   | on UDP or a stream | <---- answered --- +--------+        +--------+
 *	   +--------------------+ <------- answered, given up ------------+   ^
 *	      |          ^                                                    |
 *	      | on a     | unanswered for 5 s, and                            |
 *	      | stream:  | the next one later                                 |
 *	      v          |                                                    |
 *	   +--------------------+      all streams closed                     |
 *	   | PROBING, by UDP    | --------------------------------------------+
 *	   +--------------------+
 *
 * While it is SETTLED data takes the way that is in use; in the other states too, since a
 * session may live on.  In TRYING initiations go by UDP and, as soon as one is open, by a stream, in
 * turn.  On each way there is at most one initiation in REKEY_TIMEOUT, as the protocol has it, or after
 * another network has come, in FALLBACK_AGAIN: one that left by the old network says nothing of this one.
 * Without a stream configured it is always SETTLED on UDP, and the protocol's own timers rule.
 *
 * A state machine: pure, of one peer.  Facts go in, what is to be done comes out of fallback_run().
 */
#ifndef CULVERT_ENGINE_FALLBACK_H
#define CULVERT_ENGINE_FALLBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define FALLBACK_AFTER     (3 * NS_PER_S)    /* an initiation goes unanswered: streams are tried */
#define FALLBACK_RETURN    (300 * NS_PER_MS) /* a probe does: the peer must not take us for moved */
#define FALLBACK_AGAIN     NS_PER_S          /* between initiations where the network is another */
#define FALLBACK_PROBE_MIN (10 * NS_PER_S)
#define FALLBACK_PROBE_MAX (300 * NS_PER_S)

enum fallback_way {
	FALLBACK_UDP,
	FALLBACK_STREAM,
	N_FALLBACK_WAYS,
};

enum fallback_state {
	FALLBACK_SETTLED,
	FALLBACK_CALLED,
	FALLBACK_TRYING,
	FALLBACK_PROBING,
};

struct fallback {
	enum fallback_state state;
	enum fallback_way way; /* in use for data */
	bool has_udp;          /* the peer has a UDP endpoint */
	bool has_stream;       /* it may be reached by TCP */
	bool open;             /* at least one stream is */
	uint64_t deadline;     /* of the state, ns */
	uint64_t
		call_at; /* ns: an initiation is due by call_way, whatever the protocol's timers say */
	enum fallback_way call_way;
	enum fallback_way called_last;
	uint64_t may_call[N_FALLBACK_WAYS]; /* ns: not before */
	uint64_t probe_interval;            /* ns */
	bool returned;                      /* PROBING: the keepalive has been sent */
	uint64_t settled;                   /* ns: on the way in use since */
	uint64_t heard;                     /* ns: something genuine, the last time */
};

void fallback_init(struct fallback *f);

/** fallback_configured() - which ways there are; one that is gone is not in use any more */
void fallback_configured(struct fallback *f, bool has_udp, bool has_stream, uint64_t now);

/** fallback_stuck() - a packet waits and there is no session: a probe must not hold it up */
void fallback_stuck(struct fallback *f, uint64_t now);

/** fallback_next() - by which way an initiation goes that the protocol's timers send now */
enum fallback_way fallback_next(const struct fallback *f);

void fallback_initiation_sent(struct fallback *f, enum fallback_way way, uint64_t now);

/** fallback_answered() - a handshake of ours has been completed by @way, which is in use now */
void fallback_answered(struct fallback *f, enum fallback_way way, uint64_t now);

/** fallback_heard() - something genuine came at @when, in a session that goes on: an initiation may
 *  get lost where all is well */
void fallback_heard(struct fallback *f, uint64_t when);

/** fallback_failed() - the handshake was given up after REKEY_ATTEMPT_TIME */
void fallback_failed(struct fallback *f);

/** fallback_streams() - at least one stream is open now, or none */
void fallback_streams(struct fallback *f, bool open, uint64_t now);

/** fallback_network_changed() - all that was learnt is worth nothing; @call: at once */
void fallback_network_changed(struct fallback *f, bool call, uint64_t now);

/** fallback_call() - an initiation shall go as soon as it may, without a packet that wants it */
void fallback_call(struct fallback *f, uint64_t now);

/** fallback_wants_streams() - whether they should be connected, or kept */
bool fallback_wants_streams(const struct fallback *f);

enum fallback_action {
	FALLBACK_NOTHING,
	FALLBACK_INITIATE,  /* now, by call_way */
	FALLBACK_KEEPALIVE, /* by the way in use */
	FALLBACK_CANCEL,    /* the handshake under way is not waited for any more */
};

/** fallback_run() - what is due at @now; call until it says FALLBACK_NOTHING */
enum fallback_action fallback_run(struct fallback *f, uint64_t now);
uint64_t fallback_next_deadline(const struct fallback *f);

#endif
