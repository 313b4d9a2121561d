/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h - which counters of a session have been seen
 *
 * A ring of bits that is never shifted: moving forward clears whole words only.  One word
 * is given up for that, so counters down to 4032 behind the greatest are told apart and
 * older ones are refused.
 *
 * Source: RFC 6479 section 3.
 */
#ifndef CULVERT_WIREGUARD_REPLAY_H
#define CULVERT_WIREGUARD_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WORDS  64
#define REPLAY_WINDOW ((REPLAY_WORDS - 1) * 64)

struct replay {
	uint64_t next; /* one more than the greatest counter seen; 0: none yet */
	uint64_t words[REPLAY_WORDS];
};

/** replay_fresh() - whether @counter is neither seen nor too old; changes nothing */
bool replay_fresh(const struct replay *r, uint64_t counter);

/**
 * replay_accept() - the same, and notes it as seen
 *
 * Only for what has authenticated: a forged counter must not move the window.
 * @counter is below REJECT_AFTER_MESSAGES.
 */
bool replay_accept(struct replay *r, uint64_t counter);

#endif
