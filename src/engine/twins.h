/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twins.h - whether two devices seem to use one key
 *
 * Each takes the tunnel from the other, so that the peer is heard from two places in turns, and
 * neither works well; nobody who sees only one of them finds out why.  A device that roams
 * comes back to a place too, but not again and again within a minute.  Pure.
 */
#ifndef CULVERT_ENGINE_TWINS_H
#define CULVERT_ENGINE_TWINS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

#define TWINS_RETURNS 6 /* to the place before, within */
#define TWINS_WINDOW \
	(60 * NS_PER_S) /* two devices that are used take the tunnel every 15 s at most */
#define TWINS_QUIET (3600 * NS_PER_S) /* between two mentions */

/* What is remembered of one peer; all zero to begin with. */
struct twins {
	struct endpoint here;
	struct endpoint before;
	uint64_t since; /* ns: the first of the returns counted */
	uint64_t told;  /* ns; 0: never */
	unsigned int returns;
};

/**
 * twins_heard() - an authenticated packet of the peer came from @at
 *
 * A stream is another way of the same device, and none is counted.
 * Return: whether to say now that ->here and ->before are probably two devices.
 */
bool twins_heard(struct twins *t, const struct endpoint *at, uint64_t now);

#endif
