/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockaddr.h - endpoints as the kernel has them, and back
 *
 * The one place where addresses of sockets change their form: a sockaddr holds network order, an
 * endpoint bytes and host-order integers.  Pure.
 */
#ifndef CULVERT_IO_SOCKADDR_H
#define CULVERT_IO_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/addr.h"

union sockaddr_any {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/** sockaddr_put() - @e in its own family.  Return: the length that goes with it. */
socklen_t sockaddr_put(const struct endpoint *e, union sockaddr_any *ret);

/** sockaddr_get() - an IPv4 address that an IPv6 socket has mapped is IPv4 again; family ADDR_NONE:
 *  it is of neither */
struct endpoint sockaddr_get(const union sockaddr_any *sa);

/** sockaddr_get_in6() - the same of an address alone */
struct addr sockaddr_get_in6(const struct in6_addr *in6);

#endif
