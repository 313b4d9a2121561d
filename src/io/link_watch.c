/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/link_watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

#define QUIET  (100 * NS_PER_MS)
#define LATEST (500 * NS_PER_MS) /* however restless it is */
#define BUFFER 32768             /* the kernel fills a dump's messages up to that */

struct link_watch {
	struct mnl_socket *events;
	struct mnl_socket *dump;
	char own[IFNAMSIZ];
	uint8_t own_protocol;
	uint64_t digest;
	uint64_t first; /* ns: the first notification since the last digest; NEVER: none */
	uint64_t due;   /* ns */
};

/* A sum, for the kernel's order is not ours to rely on. */
struct digest {
	unsigned int own_index;
	uint8_t own_protocol;
	uint64_t sum;
};

/* FNV-1a: a hash of a few bytes, where nobody gains by a collision. */
static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t hash_number(uint64_t h, uint32_t number)
{
	return hash_bytes(h, &number, sizeof(number));
}

static uint64_t hash_start(uint32_t kind)
{
	return hash_number(UINT64_C(0xcbf29ce484222325), kind);
}

/* Up and with a carrier: all else about a link doesn't decide where packets go. */
static void add_link(const struct nlmsghdr *nlh, struct digest *d)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(nlh);
	uint64_t h = hash_start(RTM_NEWLINK);

	if ((unsigned int)m->ifi_index == d->own_index || m->ifi_flags & IFF_LOOPBACK)
		return;
	h = hash_number(h, (uint32_t)m->ifi_index);
	d->sum += hash_number(h, m->ifi_flags & (IFF_UP | IFF_RUNNING));
}

/* What counts of a message's attributes. */
struct attributes {
	uint64_t hash;
	uint64_t types; /* a bit for each type that counts */
	unsigned int own_index;
	bool own; /* a route by our own adapter */
};

static int add_attribute(const struct nlattr *attr, void *ctx)
{
	struct attributes *a = ctx;
	uint16_t type = mnl_attr_get_type(attr);

	if (type >= 64 || !(a->types >> type & 1))
		return MNL_CB_OK;
	if (type == RTA_OIF && mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
		a->own |= mnl_attr_get_u32(attr) == a->own_index;
	a->hash = hash_number(a->hash, type);
	a->hash = hash_bytes(a->hash, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	return MNL_CB_OK;
}

#define BIT(n) (UINT64_C(1) << (n))

static void add_address(const struct nlmsghdr *nlh, struct digest *d)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(nlh);
	struct attributes a = { .hash = hash_start(RTM_NEWADDR),
				.types = BIT(IFA_ADDRESS) | BIT(IFA_LOCAL) };

	/* A tentative one is no source address yet; the kernel notifies again when it is. */
	if (m->ifa_index == d->own_index || m->ifa_flags & IFA_F_TENTATIVE)
		return;
	a.hash = hash_number(a.hash, m->ifa_index);
	a.hash = hash_number(a.hash, m->ifa_prefixlen);
	a.hash = hash_number(a.hash, m->ifa_flags & IFA_F_DEPRECATED);
	(void)mnl_attr_parse(nlh, sizeof(*m), add_attribute, &a);
	d->sum += a.hash;
}

static void add_route(const struct nlmsghdr *nlh, struct digest *d)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
	struct attributes a = { .hash = hash_start(RTM_NEWROUTE),
				.types = BIT(RTA_DST) | BIT(RTA_OIF) | BIT(RTA_GATEWAY) |
					 BIT(RTA_PRIORITY) | BIT(RTA_TABLE) | BIT(RTA_PREFSRC) |
					 BIT(RTA_MULTIPATH) | BIT(RTA_VIA),
				.own_index = d->own_index };

	if (m->rtm_protocol == d->own_protocol || m->rtm_flags & RTM_F_CLONED ||
	    m->rtm_table == RT_TABLE_LOCAL)
		return;
	a.hash = hash_number(a.hash, m->rtm_family);
	a.hash = hash_number(a.hash, m->rtm_dst_len);
	a.hash = hash_number(a.hash, m->rtm_type);
	a.hash = hash_number(a.hash, m->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN));
	(void)mnl_attr_parse(nlh, sizeof(*m), add_attribute, &a);
	if (!a.own)
		d->sum += a.hash;
}

static int add_message(const struct nlmsghdr *nlh, void *ctx)
{
	if (nlh->nlmsg_type == RTM_NEWLINK)
		add_link(nlh, ctx);
	else if (nlh->nlmsg_type == RTM_NEWADDR)
		add_address(nlh, ctx);
	else if (nlh->nlmsg_type == RTM_NEWROUTE)
		add_route(nlh, ctx);
	return MNL_CB_OK;
}

/* Return: 0 or -errno. */
static int dump(struct link_watch *w, uint16_t type, uint8_t *buffer, struct digest *d)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtgenmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	unsigned int port = mnl_socket_get_portid(w->dump);
	int r = MNL_CB_OK;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	m->rtgen_family = AF_UNSPEC;
	if (mnl_socket_sendto(w->dump, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(w->dump, buffer, BUFFER);

		if (n < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)n, 0, port, add_message, d);
	}
	/* A dump that a change interrupted (EINTR) is told by that change's own notification. */
	return r < 0 ? -errno : 0;
}

static uint64_t take_digest(struct link_watch *w)
{
	struct digest d = { .own_index = if_nametoindex(w->own), .own_protocol = w->own_protocol };
	uint8_t *buffer = malloc(BUFFER);

	if (!buffer)
		return w->digest;
	if (dump(w, RTM_GETLINK, buffer, &d) < 0 || dump(w, RTM_GETADDR, buffer, &d) < 0 ||
	    dump(w, RTM_GETROUTE, buffer, &d) < 0)
		d.sum++; /* unknown: rather a change too many */
	free(buffer);
	return d.sum;
}

static int open_events(struct mnl_socket **ret)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (!nl)
		return -errno;
	*ret = nl;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		/* IPv6 may not be there at all. */
		if (mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0 &&
		    i == 0)
			return -errno;
	}
	return 0;
}

static int open_dump(struct mnl_socket **ret)
{
	*ret = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!*ret || mnl_socket_bind(*ret, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

int link_watch_new(const char *own, uint8_t own_protocol, struct link_watch **ret)
{
	struct link_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	strncpy(w->own, own, sizeof(w->own) - 1);
	w->own_protocol = own_protocol;
	w->first = NEVER;
	w->due = NEVER;
	r = open_events(&w->events);
	if (r == 0)
		r = open_dump(&w->dump);
	if (r < 0) {
		link_watch_free(w);
		return r;
	}
	w->digest = take_digest(w);
	*ret = w;
	return 0;
}

struct link_watch *link_watch_free(struct link_watch *w)
{
	if (!w)
		return NULL;
	if (w->events)
		mnl_socket_close(w->events);
	if (w->dump)
		mnl_socket_close(w->dump);
	free(w);
	return NULL;
}

int link_watch_fd(const struct link_watch *w)
{
	return mnl_socket_get_fd(w->events);
}

void link_watch_read(struct link_watch *w, uint64_t now)
{
	uint8_t buffer[8192];
	bool heard = false;

	/* What they say is read from the tables, so ENOBUFS loses nothing, and neither does a
	 * message that is cut. */
	while (recv(link_watch_fd(w), buffer, sizeof(buffer), 0) >= 0 || errno == ENOBUFS ||
	       errno == EINTR)
		heard = true;
	if (!heard)
		return;
	if (w->first == NEVER)
		w->first = now;
	w->due = earlier(now + QUIET, w->first + LATEST);
}

uint64_t link_watch_next_deadline(const struct link_watch *w)
{
	return w->due;
}

bool link_watch_changed(struct link_watch *w, uint64_t now)
{
	uint64_t before = w->digest;

	if (now < w->due)
		return false;
	w->due = NEVER;
	w->first = NEVER;
	w->digest = take_digest(w);
	return w->digest != before;
}
