/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_mtu.h - how large a packet fits each peer's tunnel
 *
 * The tunnel's datagrams bear DF, so a path narrower than the tunnel shows as EMSGSIZE: the
 * link's own MTU at once, a router's further on once its ICMP has come.  What the kernel then
 * knows of the path is kept for a while; inner packets that don't fit are fragmented, or
 * their senders told.
 *
 * Source: RFC 1191 section 6.3 (ten minutes).  Context: the worker that owns the peers.
 */
#ifndef CULVERT_ENGINE_PEER_MTU_H
#define CULVERT_ENGINE_PEER_MTU_H

#include <stdint.h>

#include "base/addr.h"

struct peer_mtu;

/** peer_mtu_new() - @inside: the tunnel's MTU where the path is wide enough, bytes.
 *  Return: 0 or -ENOMEM. */
int peer_mtu_new(uint32_t peers_max, uint32_t inside, struct peer_mtu **ret);
struct peer_mtu *peer_mtu_free(struct peer_mtu *m);

/** peer_mtu_set_inside() - the tunnel's MTU has changed; what was learnt stays */
void peer_mtu_set_inside(struct peer_mtu *m, uint32_t inside);

/** peer_mtu_get() - the longest inner packet for @peer now, bytes */
uint32_t peer_mtu_get(const struct peer_mtu *m, uint32_t peer, uint64_t now);

/** peer_mtu_learn() - the path to @to carries IP packets of @path bytes; 0: unknown, ignored */
void peer_mtu_learn(struct peer_mtu *m, uint32_t peer, const struct endpoint *to, uint32_t path,
		    uint64_t now);

/** peer_mtu_forget() - the peer has moved, or its number has */
void peer_mtu_forget(struct peer_mtu *m, uint32_t peer);

#endif
