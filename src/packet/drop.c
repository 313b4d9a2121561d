/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/drop.h"

#include <assert.h>
#include <stddef.h>

struct reason {
	const char *name;
	const char *text;
};

static const struct reason reasons[N_VERDICTS] = { [PASS] = { "pass", "forwarded" },
#define X(name, text) [DROP_##name] = { #name, text },
						   DROP_REASONS(X)
#undef X
};

const char *drop_name(enum verdict v)
{
	assert((unsigned int)v < N_VERDICTS);
	return reasons[v].name;
}

const char *drop_text(enum verdict v)
{
	assert((unsigned int)v < N_VERDICTS);
	return reasons[v].text;
}
