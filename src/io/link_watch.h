/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link_watch.h - notices that the host's network is another one
 *
 * For a client on its way between networks: a link that goes up or down, an address that comes or
 * leaves, a route that changes, of both families.  The kernel also notifies of what doesn't
 * matter, the lifetime of an address that is prolonged for instance; so what is compared is a digest
 * of all links, addresses and routes, made once the notifications have been quiet for 100 ms.
 *
 * Reads netlink and never writes.  Unprivileged.  Costs nothing while nothing is notified.
 */
#ifndef CULVERT_IO_LINK_WATCH_H
#define CULVERT_IO_LINK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct link_watch;

/**
 * link_watch_new() - begins
 * @own: name of our adapter, whose link, addresses and routes don't count
 * @own_protocol: routes with this rtm_protocol don't count either
 */
int link_watch_new(const char *own, uint8_t own_protocol, struct link_watch **ret);
struct link_watch *link_watch_free(struct link_watch *w);

/** link_watch_fd() - readable when link_watch_read() is wanted */
int link_watch_fd(const struct link_watch *w);

/** link_watch_read() - takes the notifications in; link_watch_next_deadline() is set by them */
void link_watch_read(struct link_watch *w, uint64_t now);

/** link_watch_next_deadline() - ns, when link_watch_changed() should be asked; NEVER: nothing notified */
uint64_t link_watch_next_deadline(const struct link_watch *w);

/** link_watch_changed() - whether the network differs from that of the last call, or the beginning;
 *  false before the deadline */
bool link_watch_changed(struct link_watch *w, uint64_t now);

#endif
