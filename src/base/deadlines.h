/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deadlines.h - which of many things is due next
 *
 * A binary heap over the indices 0..capacity-1 with one deadline each.  Setting
 * a deadline to a later time is O(1): the old place in the heap is kept and
 * corrected when it comes up, so timers that are pushed forward by every packet
 * cost next to nothing.
 */
#ifndef CULVERT_BASE_DEADLINES_H
#define CULVERT_BASE_DEADLINES_H

#include <stdint.h>

struct deadlines;

/** deadlines_new() - Return: 0, or -ENOMEM */
int deadlines_new(uint32_t capacity, struct deadlines **ret);
struct deadlines *deadlines_free(struct deadlines *d);

/** deadlines_set() - @when in ns, NEVER to disarm; replaces what was set for @index */
void deadlines_set(struct deadlines *d, uint32_t index, uint64_t when);
uint64_t deadlines_get(const struct deadlines *d, uint32_t index);

/** deadlines_next() - a time not after the earliest deadline; NEVER if there is none */
uint64_t deadlines_next(const struct deadlines *d);

/**
 * deadlines_pop() - takes one index whose deadline is <= @now and disarms it
 * Return: the index, or UINT32_MAX when nothing is due.
 */
uint32_t deadlines_pop(struct deadlines *d, uint64_t now);

#endif
