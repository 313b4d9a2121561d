/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static void system_fill(struct rng *rng, void *out, size_t len)
{
	uint8_t *p = out;

	(void)rng;
	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* A gateway without randomness has no keys: there is nothing left to do. */
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

struct rng rng_system(void)
{
	return (struct rng){ .fill = system_fill };
}
