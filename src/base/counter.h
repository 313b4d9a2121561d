/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counter.h - numbers that one thread writes and any thread may read
 *
 * Relaxed atomics: a reader sees some recent value, never a torn one, and the
 * writer pays for a plain addition.  No order between two counters is promised.
 */
#ifndef CULVERT_BASE_COUNTER_H
#define CULVERT_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
	_Atomic uint64_t value;
};

/** counter_add() - Context: the one writing thread */
static inline void counter_add(struct counter *c, uint64_t n)
{
	uint64_t v = atomic_load_explicit(&c->value, memory_order_relaxed);

	atomic_store_explicit(&c->value, v + n, memory_order_relaxed);
}

/** counter_set() - Context: the one writing thread */
static inline void counter_set(struct counter *c, uint64_t v)
{
	atomic_store_explicit(&c->value, v, memory_order_relaxed);
}

/** counter_get() - Context: any thread */
static inline uint64_t counter_get(const struct counter *c)
{
	return atomic_load_explicit(&c->value, memory_order_relaxed);
}

#endif
