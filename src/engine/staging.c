/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/staging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE 0u /* indices are stored plus one, so that calloc'd memory is empty lists */

struct slot {
	uint32_t next;
	uint32_t len;
	unsigned int lane;
};

struct list {
	uint32_t first;
	uint32_t last;
	uint32_t n;
};

struct staging {
	uint32_t packet_max;
	uint32_t free; /* list of unused slots */
	struct slot slots[STAGING_PACKETS];
	uint8_t *packets;
	struct list *lists; /* by peer; touched only where a peer waited */
};

int staging_new(uint32_t peers_max, uint32_t packet_max, struct staging **ret)
{
	struct staging *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->packet_max = packet_max;
	s->packets = malloc((size_t)STAGING_PACKETS * packet_max);
	s->lists = calloc(peers_max, sizeof(*s->lists));
	if (!s->packets || !s->lists) {
		staging_free(s);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < STAGING_PACKETS; i++)
		s->slots[i].next = i + 1 < STAGING_PACKETS ? i + 2 : NONE;
	s->free = 1;
	*ret = s;
	return 0;
}

struct staging *staging_free(struct staging *s)
{
	if (s) {
		free(s->packets);
		free(s->lists);
	}
	free(s);
	return NULL;
}

static uint32_t unlink_first(struct staging *s, struct list *list)
{
	uint32_t slot = list->first;

	list->first = s->slots[slot - 1].next;
	if (list->first == NONE)
		list->last = NONE;
	list->n--;
	s->slots[slot - 1].next = s->free;
	s->free = slot;
	return slot;
}

enum staging_result staging_put(struct staging *s, uint32_t peer, unsigned int lane,
				const uint8_t *packet, size_t len)
{
	struct list *list = &s->lists[peer];
	enum staging_result result = STAGING_KEPT;
	uint32_t slot;

	if (len > s->packet_max)
		return STAGING_REFUSED;
	if (list->n == STAGING_PER_PEER) {
		unlink_first(s, list);
		result = STAGING_KEPT_OLDEST_LOST;
	}
	slot = s->free;
	if (slot == NONE)
		return STAGING_REFUSED;
	s->free = s->slots[slot - 1].next;
	s->slots[slot - 1] = (struct slot){ NONE, (uint32_t)len, lane };
	memcpy(s->packets + (size_t)(slot - 1) * s->packet_max, packet, len);
	if (list->last != NONE)
		s->slots[list->last - 1].next = slot;
	else
		list->first = slot;
	list->last = slot;
	list->n++;
	return result;
}

size_t staging_first(const struct staging *s, uint32_t peer, unsigned int *ret_lane)
{
	uint32_t slot = s->lists[peer].first;

	if (slot == NONE)
		return 0;
	*ret_lane = s->slots[slot - 1].lane;
	return s->slots[slot - 1].len;
}

const uint8_t *staging_take(struct staging *s, uint32_t peer, size_t *ret_len)
{
	struct list *list = &s->lists[peer];
	uint32_t slot;

	if (list->first == NONE)
		return NULL;
	slot = unlink_first(s, list);
	*ret_len = s->slots[slot - 1].len;
	return s->packets + (size_t)(slot - 1) * s->packet_max;
}

bool staging_empty(const struct staging *s, uint32_t peer)
{
	return s->lists[peer].first == NONE;
}
