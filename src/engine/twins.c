/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/twins.h"

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
	return addr_equal(&a->addr, &b->addr) && a->port == b->port;
}

bool twins_heard(struct twins *t, const struct endpoint *at, uint64_t now)
{
	bool returned = same_place(at, &t->before);

	if (at->stream != 0 || same_place(at, &t->here))
		return false;
	t->before = t->here;
	t->here = *at;
	if (!returned || now - t->since > TWINS_WINDOW) {
		t->returns = 0;
		t->since = now;
	}
	t->returns += returned;
	if (t->returns < TWINS_RETURNS || (t->told != 0 && now - t->told < TWINS_QUIET))
		return false;
	t->told = now;
	return true;
}
