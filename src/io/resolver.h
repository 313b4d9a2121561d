/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver.h - a name, asked of given name servers and not of the host's
 *
 * Where all names of a host are asked for in a tunnel, the tunnel's own endpoint can't be: whoever
 * looks it up asks the servers of the network outside, by name of their addresses.
 *
 * Linux: the C library's resolver(3).  Blocks: for a thread of its own.
 */
#ifndef CULVERT_IO_RESOLVER_H
#define CULVERT_IO_RESOLVER_H

#include <stddef.h>

#include "base/addr.h"

#define RESOLVER_SERVERS_MAX 3 /* resolv.conf(5): MAXNS */

/**
 * resolver_ask() - the first address of @host, IPv4 before IPv6, some seconds at most
 * @servers: the IPv4 ones among them are asked, port 53
 *
 * Return: 0; -ENOENT: there is no such name; -EAGAIN: nobody has answered; -EAFNOSUPPORT: no server
 * has an IPv4 address.
 */
int resolver_ask(const char *host, const struct endpoint *servers, size_t n, struct addr *ret);

#endif
