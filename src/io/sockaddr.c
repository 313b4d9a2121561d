/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/sockaddr.h"

#include <arpa/inet.h>
#include <string.h>

socklen_t sockaddr_put(const struct endpoint *e, union sockaddr_any *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (e->addr.family == ADDR_IP6) {
		ret->in6.sin6_family = AF_INET6;
		ret->in6.sin6_port = htons(e->port);
		ret->in6.sin6_scope_id = e->scope;
		memcpy(&ret->in6.sin6_addr, e->addr.bytes, 16);
		return sizeof(ret->in6);
	}
	ret->in.sin_family = AF_INET;
	ret->in.sin_port = htons(e->port);
	memcpy(&ret->in.sin_addr, e->addr.bytes, 4);
	return sizeof(ret->in);
}

struct addr sockaddr_get_in6(const struct in6_addr *in6)
{
	struct addr a = { .family = ADDR_IP6 };

	if (IN6_IS_ADDR_V4MAPPED(in6)) {
		a.family = ADDR_IP4;
		memcpy(a.bytes, in6->s6_addr + 12, 4);
	} else {
		memcpy(a.bytes, in6->s6_addr, 16);
	}
	return a;
}

struct endpoint sockaddr_get(const union sockaddr_any *sa)
{
	struct endpoint e = { .addr.family = ADDR_NONE };

	if (sa->any.sa_family == AF_INET) {
		e.addr.family = ADDR_IP4;
		memcpy(e.addr.bytes, &sa->in.sin_addr, 4);
		e.port = ntohs(sa->in.sin_port);
	} else if (sa->any.sa_family == AF_INET6) {
		e.addr = sockaddr_get_in6(&sa->in6.sin6_addr);
		e.port = ntohs(sa->in6.sin6_port);
		e.scope = e.addr.family == ADDR_IP6 ? sa->in6.sin6_scope_id : 0;
	}
	return e;
}
