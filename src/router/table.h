/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - prefixes of several layers, flattened to one sorted list of ranges
 *
 * Which of many overlapping prefixes decides is settled once, when the table is
 * built, so that a packet costs one binary search whatever the policy.
 */
#ifndef CULVERT_ROUTER_TABLE_H
#define CULVERT_ROUTER_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "packet/drop.h"

/* A higher layer wins over a lower one; within a layer the longer prefix, then the later entry. */
struct table_entry {
	uint32_t net; /* host order; host bits are ignored */
	uint8_t len;  /* 0..32 */
	uint8_t layer;
	enum verdict verdict;
	size_t order; /* set by table_init() */
};

struct table_range {
	uint32_t first; /* host order; ends where the next one begins */
	enum verdict verdict;
};

struct table {
	struct table_range *ranges; /* ascending; the first begins at 0 */
	size_t n;
};

/**
 * table_init() - builds @table from @entries, which are sorted in place
 *
 * What no entry covers is PASS.  Return: 0, or -ENOMEM.
 */
int table_init(struct table *table, struct table_entry *entries, size_t n);
void table_done(struct table *table);

enum verdict table_find(const struct table *table, uint32_t address);

#endif
