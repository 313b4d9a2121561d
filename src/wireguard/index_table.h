/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_table.h - from a receiver index to what it stands for
 *
 * Open addressing with linear probing at most half full; removal moves followers up, so
 * there are no tombstones and no growth.  Keys are our own random numbers: nobody can
 * choose them to collide.
 */
#ifndef CULVERT_WIREGUARD_INDEX_TABLE_H
#define CULVERT_WIREGUARD_INDEX_TABLE_H

#include <stdint.h>

#define INDEX_NONE UINT32_MAX

struct index_table;

/** index_table_new() - for at most @capacity entries; Return: 0, or -ENOMEM */
int index_table_new(uint32_t capacity, struct index_table **ret);
struct index_table *index_table_free(struct index_table *t);

/** index_table_put() - @value < INDEX_NONE; replaces what @index stood for */
void index_table_put(struct index_table *t, uint32_t index, uint32_t value);

/** index_table_get() - Return: the value, or INDEX_NONE */
uint32_t index_table_get(const struct index_table *t, uint32_t index);

/** index_table_remove() - forgets @index if it still stands for @value */
void index_table_remove(struct index_table *t, uint32_t index, uint32_t value);

#endif
