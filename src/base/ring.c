/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ALIGN       16u
#define HEADER      ALIGN /* one uint32_t of length; keeps the record aligned */
#define WRAP_MARKER UINT32_MAX

/*
 * head and tail count bytes and never wrap in practice (64 bits); the position
 * is the count modulo the size.  A record never wraps around the end: what is
 * left there is skipped by a marker.
 */
struct ring {
	size_t size;
	uint8_t *bytes;
	/* producer */
	_Alignas(64) _Atomic uint64_t head; /* released by commit, acquired by peek */
	uint64_t tail_seen;
	uint64_t reserved_at;
	/* consumer */
	_Alignas(64) _Atomic uint64_t tail; /* released by release, acquired by reserve */
};

static size_t round_up(size_t len)
{
	return (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static uint32_t *header_at(const struct ring *ring, uint64_t count)
{
	return (uint32_t *)(void *)(ring->bytes + (count & (ring->size - 1)));
}

int ring_new(size_t size, struct ring **ret)
{
	size_t power = 4096;
	struct ring *ring;

	while (power < size)
		power *= 2;
	ring = aligned_alloc(64, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	*ring = (struct ring){ .size = power };
	ring->bytes = aligned_alloc(64, power);
	if (!ring->bytes) {
		free(ring);
		return -ENOMEM;
	}
	*ret = ring;
	return 0;
}

struct ring *ring_free(struct ring *ring)
{
	if (ring)
		free(ring->bytes);
	free(ring);
	return NULL;
}

/* Whether @len more bytes fit; asks the consumer's side only when it must. */
static bool room_for(struct ring *ring, uint64_t head, size_t len)
{
	if (head + len - ring->tail_seen <= ring->size)
		return true;
	ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	return head + len - ring->tail_seen <= ring->size;
}

void *ring_reserve(struct ring *ring, size_t len)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	size_t need = HEADER + round_up(len);
	size_t to_end = ring->size - (size_t)(head & (ring->size - 1));
	size_t skip = need > to_end ? to_end : 0;

	if (len > ring->size / 2 || !room_for(ring, head, skip + need))
		return NULL;
	if (skip > 0)
		*header_at(ring, head) = WRAP_MARKER;
	ring->reserved_at = head + skip;
	return (uint8_t *)header_at(ring, ring->reserved_at) + HEADER;
}

bool ring_commit(struct ring *ring, size_t len)
{
	uint64_t before = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t after = ring->reserved_at + HEADER + round_up(len);

	*header_at(ring, ring->reserved_at) = (uint32_t)len;
	/*
	 * Sequentially consistent together with the consumer's peek: either we
	 * see its tail caught up and wake it, or it sees our record.
	 */
	atomic_store_explicit(&ring->head, after, memory_order_seq_cst);
	return atomic_load_explicit(&ring->tail, memory_order_seq_cst) >= before;
}

void *ring_peek(struct ring *ring, size_t *ret_len)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	while (tail != atomic_load_explicit(&ring->head, memory_order_seq_cst)) {
		uint32_t *header = header_at(ring, tail);

		if (*header != WRAP_MARKER) {
			*ret_len = *header;
			return (uint8_t *)header + HEADER;
		}
		tail += ring->size - (tail & (ring->size - 1));
		atomic_store_explicit(&ring->tail, tail, memory_order_seq_cst);
	}
	return NULL;
}

void ring_release(struct ring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	tail += HEADER + round_up(*header_at(ring, tail));
	atomic_store_explicit(&ring->tail, tail, memory_order_seq_cst);
}
