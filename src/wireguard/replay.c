/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/replay.h"

static uint64_t bit_of(uint64_t counter)
{
	return UINT64_C(1) << counter % 64;
}

bool replay_fresh(const struct replay *r, uint64_t counter)
{
	if (counter >= r->next)
		return true;
	if (r->next - 1 - counter > REPLAY_WINDOW)
		return false;
	return (r->words[counter / 64 % REPLAY_WORDS] & bit_of(counter)) == 0;
}

/* Makes @counter the greatest; the words between the old and the new one are empty then. */
static void advance(struct replay *r, uint64_t counter)
{
	uint64_t from = r->next > 0 ? (r->next - 1) / 64 : 0;
	uint64_t steps = counter / 64 - from;

	if (steps > REPLAY_WORDS)
		steps = REPLAY_WORDS;
	for (uint64_t i = 1; i <= steps; i++)
		r->words[(from + i) % REPLAY_WORDS] = 0;
	r->next = counter + 1;
}

bool replay_accept(struct replay *r, uint64_t counter)
{
	if (!replay_fresh(r, counter))
		return false;
	if (counter >= r->next)
		advance(r, counter);
	r->words[counter / 64 % REPLAY_WORDS] |= bit_of(counter);
	return true;
}
