/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loopback.h - DNS over TCP where there is no adapter
 *
 * UDP queries are answered by the worker itself, but TCP wants a TCP: the host's.  Without a TUN
 * a client's segments are translated once more, to 127.77.0.1, and sent raw to the proxy's listener
 * at 127.77.0.53; what the kernel answers is tapped on the loopback interface and translated
 * back.  The same parts as on the way to the internet: a NAT shard, an external interface ("lo"), and
 * guard sockets that keep the kernel silent.  Needs CAP_NET_RAW alone.
 *
 * Nothing but the proxy's listener is reached this way: programs of the host that trust
 * 127.0.0.0/8 must not meet clients there.
 *
 * Context: opened by main, then worker 0.
 */
#ifndef CULVERT_ENGINE_LOOPBACK_H
#define CULVERT_ENGINE_LOOPBACK_H

#include <stdint.h>

#include "base/rng.h"
#include "io/ports.h"
#include "packet/train.h"

#define LOOPBACK_SOURCE   0x7f4d0001u /* 127.77.0.1 */
#define LOOPBACK_LISTENER 0x7f4d0035u /* 127.77.0.53 */

struct loopback;

/** loopback_new() - @clients_max: client numbers are below it.  Return: 0 or -errno. */
int loopback_new(uint32_t clients_max, struct rng *rng, struct loopback **ret);
struct loopback *loopback_free(struct loopback *l);

int loopback_fd(const struct loopback *l);

/** loopback_send() - a segment of @client that is addressed to LOOPBACK_LISTENER; rewritten */
enum verdict loopback_send(struct loopback *l, struct train *t, uint32_t client, uint64_t now);

/**
 * loopback_recv() - up to @n trains from the listener, addressed to the client again
 * @drops: as external_recv()
 * Return: how many; they are valid until the next call.
 */
size_t loopback_recv(struct loopback *l, struct train *t, size_t n, uint64_t *drops, uint64_t now);

uint64_t loopback_next_deadline(const struct loopback *l);
void loopback_on_deadline(struct loopback *l, uint64_t now);

#endif
