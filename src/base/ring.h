/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - a bounded queue of records between exactly two threads
 *
 * Records of any size are copied into one flat ring of bytes, so a message that
 * crosses needs no pool, no allocation and no way back for its buffer.  One
 * thread produces, one consumes; neither ever waits.  A full ring refuses: the
 * producer counts a drop.  Waking the consumer is io/'s business.
 */
#ifndef CULVERT_BASE_RING_H
#define CULVERT_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/**
 * ring_new() - @size bytes are rounded up to a power of two
 * Return: 0, or -ENOMEM.
 */
int ring_new(size_t size, struct ring **ret);
struct ring *ring_free(struct ring *ring);

/**
 * ring_reserve() - room for one record of @len bytes, 16-byte aligned
 *
 * Context: the producer.  Nothing is visible before ring_commit(); a
 * reservation that is not committed is simply made again.
 * Return: where to write, or NULL when the ring is full or @len exceeds half of it.
 */
void *ring_reserve(struct ring *ring, size_t len);

/**
 * ring_commit() - publishes the last reservation, shortened to @len bytes
 *
 * Return: true when the ring was empty before, that is when the consumer may be
 * asleep and wants waking.
 */
bool ring_commit(struct ring *ring, size_t len);

/**
 * ring_peek() - the oldest record, borrowed until ring_release()
 *
 * Context: the consumer.
 * Return: the record and its length in *ret_len, or NULL when there is none.
 */
void *ring_peek(struct ring *ring, size_t *ret_len);
void ring_release(struct ring *ring);

#endif
