/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lanes.h - the streams to one peer
 *
 * Up to STREAM_LANES connections to the same place, one per lane.  The first is opened alone, and the others
 * once it is open: where nothing answers, one attempt at a time is enough.  A lane that is
 * refused or ends is opened again after 1 s, then 2 s, up to 30 s.
 *
 * Context: one thread; no call waits.
 */
#ifndef CULVERT_ENGINE_LANES_H
#define CULVERT_ENGINE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/loop.h"
#include "io/stream.h"

struct lanes;

/** lanes_new() - @loop: where descriptors are registered as @what; NULL: nowhere.  Return: 0 or -ENOMEM. */
int lanes_new(struct loop *loop, uint64_t what, struct lanes **ret);
struct lanes *lanes_free(struct lanes *l);

/** lanes_set() - where they lead; another place closes what is open.
 *  @tls: borrowed for life; NULL: plain TCP */
void lanes_set(struct lanes *l, const struct endpoint *to, struct stream_tls *tls);

/** lanes_want() - open them, or close them: a few seconds later, for what is on its way */
void lanes_want(struct lanes *l, bool wanted, uint64_t now);

/** lanes_restart() - closes all at once; if they are wanted, they are opened again without delay */
void lanes_restart(struct lanes *l);

/** lanes_run() - connects, flushes, closes.  Whenever one is ready, and at lanes_next_deadline(). */
void lanes_run(struct lanes *l, uint64_t now);
uint64_t lanes_next_deadline(const struct lanes *l);

/** lanes_open() - how many are open */
unsigned int lanes_open(const struct lanes *l);

/** lanes_opened() - a bit for each that has been opened since the last call */
unsigned int lanes_opened(struct lanes *l);

bool lanes_is_open(const struct lanes *l, unsigned int lane);

/** lanes_endpoint() - where @lane leads, .stream set; family ADDR_NONE: nowhere */
struct endpoint lanes_endpoint(const struct lanes *l, unsigned int lane);

/**
 * lanes_send() - as stream_send(), by @lane, or if that is not open by another one
 * Return: 0; -EAGAIN: its queue is full; -ENOTCONN: none is open.
 */
int lanes_send(struct lanes *l, unsigned int lane, const uint8_t *data, uint32_t len,
	       uint32_t segment, uint64_t now);

/** lanes_recv() - as stream_recv(), from @lane; @ret_local: our own address there */
size_t lanes_recv(struct lanes *l, unsigned int lane, struct stream_rx *rx, size_t n,
		  struct addr *ret_local);

/** lanes_unread() - whether @lane may have more that its descriptor won't tell of */
bool lanes_unread(const struct lanes *l, unsigned int lane);

/** lanes_stale() - messages that were dropped in queues since the last call */
uint32_t lanes_stale(struct lanes *l);

/** lanes_error() - why the last one ended that did; "" while one is open */
const char *lanes_error(const struct lanes *l);

#endif
