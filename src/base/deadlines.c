/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/deadlines.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define NOWHERE UINT32_MAX

struct entry {
	uint64_t when;   /* what was asked for */
	uint64_t queued; /* the key in the heap, never later than `when` */
	uint32_t place;  /* in heap[], or NOWHERE */
};

struct deadlines {
	uint32_t n_heap;
	struct entry *entries;
	uint32_t *heap; /* indices, smallest `queued` first */
};

int deadlines_new(uint32_t capacity, struct deadlines **ret)
{
	struct deadlines *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->entries = calloc(capacity ? capacity : 1, sizeof(*d->entries));
	d->heap = calloc(capacity ? capacity : 1, sizeof(*d->heap));
	if (!d->entries || !d->heap) {
		deadlines_free(d);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < capacity; i++)
		d->entries[i] = (struct entry){ NEVER, NEVER, NOWHERE };
	*ret = d;
	return 0;
}

struct deadlines *deadlines_free(struct deadlines *d)
{
	if (d) {
		free(d->entries);
		free(d->heap);
	}
	free(d);
	return NULL;
}

static void put(struct deadlines *d, uint32_t place, uint32_t index)
{
	d->heap[place] = index;
	d->entries[index].place = place;
}

static uint64_t key(const struct deadlines *d, uint32_t place)
{
	return d->entries[d->heap[place]].queued;
}

static void sift_up(struct deadlines *d, uint32_t place)
{
	uint32_t index = d->heap[place];

	while (place > 0 && key(d, (place - 1) / 2) > d->entries[index].queued) {
		put(d, place, d->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(d, place, index);
}

static void sift_down(struct deadlines *d, uint32_t place)
{
	uint32_t index = d->heap[place];

	for (;;) {
		uint32_t child = 2 * place + 1;

		if (child + 1 < d->n_heap && key(d, child + 1) < key(d, child))
			child++;
		if (child >= d->n_heap || key(d, child) >= d->entries[index].queued)
			break;
		put(d, place, d->heap[child]);
		place = child;
	}
	put(d, place, index);
}

static void remove_first(struct deadlines *d)
{
	uint32_t last = d->heap[--d->n_heap];

	d->entries[d->heap[0]].place = NOWHERE;
	if (d->n_heap > 0) {
		put(d, 0, last);
		sift_down(d, 0);
	}
}

void deadlines_set(struct deadlines *d, uint32_t index, uint64_t when)
{
	struct entry *e = &d->entries[index];

	e->when = when;
	if (e->place != NOWHERE && when >= e->queued)
		return; /* corrected when it comes up */
	if (when == NEVER)
		return;
	e->queued = when;
	if (e->place == NOWHERE)
		put(d, d->n_heap++, index);
	sift_up(d, e->place);
}

uint64_t deadlines_get(const struct deadlines *d, uint32_t index)
{
	return d->entries[index].when;
}

uint64_t deadlines_next(const struct deadlines *d)
{
	return d->n_heap > 0 ? key(d, 0) : NEVER;
}

uint32_t deadlines_pop(struct deadlines *d, uint64_t now)
{
	while (d->n_heap > 0 && key(d, 0) <= now) {
		uint32_t index = d->heap[0];
		struct entry *e = &d->entries[index];

		if (e->when <= now) {
			remove_first(d);
			e->when = NEVER;
			return index;
		}
		if (e->when == NEVER) {
			remove_first(d);
			continue;
		}
		e->queued = e->when;
		sift_down(d, 0);
	}
	return UINT32_MAX;
}
