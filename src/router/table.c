/* SPDX-License-Identifier: BSD-2-Clause */
#include "router/table.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t entry_first(const struct table_entry *e)
{
	return e->len == 0 ? 0 : e->net & UINT32_MAX << (32 - e->len);
}

static uint32_t entry_last(const struct table_entry *e)
{
	return e->len == 32 ? e->net : entry_first(e) | UINT32_MAX >> e->len;
}

static int by_first(const void *a, const void *b)
{
	uint32_t x = ((const struct table_range *)a)->first;
	uint32_t y = ((const struct table_range *)b)->first;

	return (x > y) - (x < y);
}

static int by_priority(const void *a, const void *b)
{
	const struct table_entry *x = a;
	const struct table_entry *y = b;

	if (x->layer != y->layer)
		return x->layer - y->layer;
	if (x->len != y->len)
		return x->len - y->len;
	return (x->order > y->order) - (x->order < y->order);
}

/* Begins a range wherever an entry begins or has just ended.  Return: how many, in order. */
static size_t split(struct table_range *ranges, const struct table_entry *entries, size_t n)
{
	size_t n_ranges = 0;
	size_t n_unique = 1;

	ranges[n_ranges++] = (struct table_range){ .first = 0, .verdict = PASS };
	for (size_t i = 0; i < n; i++) {
		ranges[n_ranges++] = (struct table_range){ .first = entry_first(&entries[i]) };
		if (entry_last(&entries[i]) != UINT32_MAX)
			ranges[n_ranges++] =
				(struct table_range){ .first = entry_last(&entries[i]) + 1 };
	}
	qsort(ranges, n_ranges, sizeof(*ranges), by_first);
	for (size_t i = 1; i < n_ranges; i++) {
		if (ranges[i].first != ranges[n_unique - 1].first)
			ranges[n_unique++] = ranges[i];
	}
	return n_unique;
}

/* The range that holds @address. */
static size_t find(const struct table *table, uint32_t address)
{
	size_t low = 0;
	size_t high = table->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (table->ranges[middle].first <= address)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int table_init(struct table *table, struct table_entry *entries, size_t n)
{
	size_t n_merged = 1;

	table->ranges = calloc(2 * n + 1, sizeof(*table->ranges));
	if (!table->ranges)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		entries[i].order = i;
	if (n > 0)
		qsort(entries, n, sizeof(*entries), by_priority);
	table->n = split(table->ranges, entries, n);
	/* Each entry paints over the weaker ones.  Prefixes of one length don't overlap, so this
	 * touches a range at most 33 times per layer. */
	for (size_t i = 0; i < n; i++) {
		uint32_t last = entry_last(&entries[i]);

		for (size_t k = find(table, entry_first(&entries[i]));
		     k < table->n && table->ranges[k].first <= last; k++)
			table->ranges[k].verdict = entries[i].verdict;
	}
	for (size_t k = 1; k < table->n; k++) {
		if (table->ranges[k].verdict != table->ranges[n_merged - 1].verdict)
			table->ranges[n_merged++] = table->ranges[k];
	}
	table->n = n_merged;
	return 0;
}

void table_done(struct table *table)
{
	free(table->ranges);
}

enum verdict table_find(const struct table *table, uint32_t address)
{
	return table->ranges[find(table, address)].verdict;
}
