/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/expiry.h"

#include <errno.h>
#include <stdlib.h>

int nat_expiry_init(struct expiry *e, uint32_t capacity)
{
	*e = (struct expiry){ 0 };
	e->timers = calloc((size_t)capacity + 1, sizeof(*e->timers));
	return e->timers ? 0 : -ENOMEM;
}

void nat_expiry_done(struct expiry *e)
{
	free(e->timers);
	e->timers = NULL;
}

void nat_expiry_stop(struct expiry *e, uint32_t id)
{
	struct timer *t = &e->timers[id];

	if (t->class == EXPIRY_NONE)
		return;
	if (t->prev)
		e->timers[t->prev].next = t->next;
	else
		e->first[t->class] = t->next;
	if (t->next)
		e->timers[t->next].prev = t->prev;
	else
		e->last[t->class] = t->prev;
	*t = (struct timer){ 0 };
}

void nat_expiry_arm(struct expiry *e, uint32_t id, enum expiry_class class, uint64_t now)
{
	struct timer *t = &e->timers[id];

	if (t->class == class && t->expires >= now + e->timeout[class])
		return; /* armed within the last grain */
	nat_expiry_stop(e, id);
	*t = (struct timer){
		.expires = now + e->timeout[class] + EXPIRY_GRAIN,
		.prev = e->last[class],
		.class = class,
	};
	if (t->prev)
		e->timers[t->prev].next = id;
	else
		e->first[class] = id;
	e->last[class] = id;
}

enum expiry_class nat_expiry_class_of(const struct expiry *e, uint32_t id)
{
	return (enum expiry_class)e->timers[id].class;
}

/* The head that runs out first; 0 if nothing is armed. */
static uint32_t earliest(const struct expiry *e)
{
	uint32_t best = 0;

	for (int c = EXPIRY_NONE + 1; c < N_EXPIRY_CLASSES; c++) {
		uint32_t id = e->first[c];

		if (id && (!best || e->timers[id].expires < e->timers[best].expires))
			best = id;
	}
	return best;
}

uint64_t nat_expiry_next(const struct expiry *e)
{
	uint32_t id = earliest(e);

	return id ? e->timers[id].expires : NEVER;
}

uint32_t nat_expiry_due(const struct expiry *e, uint64_t now)
{
	uint32_t id = earliest(e);

	return id && e->timers[id].expires <= now ? id : 0;
}
