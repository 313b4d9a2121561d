/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h - an interface of one's own gets its MTU and addresses, and comes up
 *
 * Each is one request (netlink.h), of the network namespace that the socket was opened in, and
 * needs CAP_NET_ADMIN over it.  Return: 0 or -errno.
 *
 * Source: rtnetlink(7), linux/if_link.h, linux/if_addr.h.
 */
#ifndef CULVERT_IO_LINK_H
#define CULVERT_IO_LINK_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "base/addr.h"

/**
 * link_no_link_local() - it has no IPv6 address that it wasn't given, like the kernel's own WireGuard
 *
 * The other end of a tunnel could not be told of such an address, and router solicitations would go
 * into it.  Fails where there is no IPv6 at all.
 */
int link_no_link_local(struct mnl_socket *nl, int ifindex);

/** link_set_mtu() - bytes; below 1280 an interface takes no IPv6 address, so before these */
int link_set_mtu(struct mnl_socket *nl, int ifindex, uint32_t mtu);

/** link_set_flags() - sets @flags, or-ed IFF_UP and the like, and leaves the others */
int link_set_flags(struct mnl_socket *nl, int ifindex, unsigned int flags);

/** link_add_address() - usable at once; one that it has is none of its failures.
 *  Return: also -EAFNOSUPPORT: IPv6 is switched off. */
int link_add_address(struct mnl_socket *nl, int ifindex, const struct prefix *address);

#endif
