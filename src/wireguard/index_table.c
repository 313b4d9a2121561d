/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/index_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct entry {
	uint32_t index;
	uint32_t value_plus_1; /* 0: free */
};

struct index_table {
	uint32_t mask;
	uint32_t shift; /* 32 less the bits of the mask */
	uint32_t used;
	struct entry *entries;
};

int index_table_new(uint32_t capacity, struct index_table **ret)
{
	struct index_table *t = calloc(1, sizeof(*t));
	size_t size = 16;

	if (!t)
		return -ENOMEM;
	t->shift = 28;
	while (size < (size_t)capacity * 2) {
		size *= 2;
		t->shift--;
	}
	t->mask = (uint32_t)(size - 1);
	t->entries = calloc(size, sizeof(*t->entries));
	if (!t->entries) {
		free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

struct index_table *index_table_free(struct index_table *t)
{
	if (t)
		free(t->entries);
	free(t);
	return NULL;
}

/* The low byte is the slot, the same for many: the product's top bits depend on all. */
static uint32_t home(const struct index_table *t, uint32_t index)
{
	return index * UINT32_C(0x9e3779b1) >> t->shift;
}

static uint32_t place_of(const struct index_table *t, uint32_t index)
{
	uint32_t i = home(t, index);

	while (t->entries[i].value_plus_1 != 0 && t->entries[i].index != index)
		i = (i + 1) & t->mask;
	return i;
}

void index_table_put(struct index_table *t, uint32_t index, uint32_t value)
{
	struct entry *e = &t->entries[place_of(t, index)];

	if (e->value_plus_1 == 0) {
		t->used++;
		assert(t->used <= (t->mask + 1) / 2);
	}
	*e = (struct entry){ index, value + 1 };
}

uint32_t index_table_get(const struct index_table *t, uint32_t index)
{
	return t->entries[place_of(t, index)].value_plus_1 - 1;
}

void index_table_remove(struct index_table *t, uint32_t index, uint32_t value)
{
	uint32_t hole = place_of(t, index);

	if (t->entries[hole].value_plus_1 != value + 1)
		return;
	t->used--;
	for (uint32_t i = (hole + 1) & t->mask; t->entries[i].value_plus_1 != 0;
	     i = (i + 1) & t->mask) {
		uint32_t from_home = (i - home(t, t->entries[i].index)) & t->mask;
		uint32_t from_hole = (i - hole) & t->mask;

		if (from_home >= from_hole) {
			t->entries[hole] = t->entries[i];
			hole = i;
		}
	}
	t->entries[hole].value_plus_1 = 0;
}
