/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/uplink.h"

#include <errno.h>
#include <limits.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

#define MESSAGE_MAX      32768 /* bytes of one read; the kernel's dumps come in at most this */
#define READS_MAX        1000  /* per uplink_watch_read(); what is left is still readable */
#define DUMP_TRIES       4     /* a table that changes under a dump is read again */
#define GSO_MAX_FALLBACK 65536 /* bytes; what every kernel that doesn't say uses */

/*
 * A change of link, address or route makes us read everything again; that is rare,
 * and no increment can get out of step.  Neighbour entries change all the time on a
 * busy link: only the next hop's are looked at, and taken from the notification itself.
 */
struct uplink_watch {
	struct mnl_socket *events;
	struct mnl_socket *query;
	uint32_t sequence;
	char wanted[IFNAMSIZ]; /* empty: whatever the default route uses */
	char ignore[IFNAMSIZ]; /* empty: none */
	struct uplink now;
	struct uplink_host host;
};

/* What one reading of the tables collects. */
struct reading {
	struct uplink up;
	struct uplink_host host;
	int only;    /* the default route must use this interface; 0: any */
	int ignored; /* our own adapter, or 0 */
	bool has_route;
	uint32_t metric;
	uint32_t route_mtu;
	uint32_t route_source;
	uint8_t address_rank; /* how good the chosen source address is; 0: none yet */
};

/* The attribute @type among @len bytes of them, or NULL if it is missing or shorter than @min_len. */
static const struct nlattr *find_among(const void *attrs, size_t len, uint16_t type, size_t min_len)
{
	const struct nlattr *attr = attrs;

	while (len <= INT_MAX && mnl_attr_ok(attr, (int)len)) {
		size_t step = (attr->nla_len + 3u) & ~3u;

		if (mnl_attr_get_type(attr) == type)
			return mnl_attr_get_payload_len(attr) >= min_len ? attr : NULL;
		len = step < len ? len - step : 0;
		attr = mnl_attr_next(attr);
	}
	return NULL;
}

/* The same for a message whose fixed header has @offset bytes. */
static const struct nlattr *find_attr(const struct nlmsghdr *nlh, size_t offset, uint16_t type,
				      size_t min_len)
{
	size_t skip = sizeof(*nlh) + offset; /* all fixed headers are multiples of 4 bytes */

	if (nlh->nlmsg_len < skip)
		return NULL;
	return find_among((const uint8_t *)nlh + skip, nlh->nlmsg_len - skip, type, min_len);
}

static uint32_t attr_ip4(const struct nlattr *attr)
{
	return attr ? load_be32(mnl_attr_get_payload(attr)) : 0;
}

static uint32_t attr_u32(const struct nlattr *attr, uint32_t otherwise)
{
	return attr ? mnl_attr_get_u32(attr) : otherwise;
}

/* Sends what is in @nlh and gives every answer to @take. */
static int query(struct uplink_watch *w, struct nlmsghdr *nlh, mnl_cb_t take, void *data)
{
	uint8_t buffer[MESSAGE_MAX];
	unsigned int port = mnl_socket_get_portid(w->query);
	ssize_t n;
	int r = MNL_CB_OK;

	nlh->nlmsg_seq = ++w->sequence;
	if (mnl_socket_sendto(w->query, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(w->query, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)n, w->sequence, port, take, data);
		/* A leftover of a query that was given up. */
		if (r < 0 && errno == ESRCH && mnl_nlmsg_ok((void *)buffer, (int)n) &&
		    ((struct nlmsghdr *)(void *)buffer)->nlmsg_seq != w->sequence)
			r = MNL_CB_OK;
	}
	return r < 0 ? -errno : 0;
}

static struct nlmsghdr *put_header(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return nlh;
}

static int take_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *name = find_attr(nlh, sizeof(*m), IFLA_IFNAME, 1);
	const struct nlattr *mac = find_attr(nlh, sizeof(*m), IFLA_ADDRESS, 6);
	struct uplink *up = data;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	if (name)
		strncpy(up->name, mnl_attr_get_str(name), sizeof(up->name) - 1);
	up->ifindex = m->ifi_index;
	up->up = (m->ifi_flags & IFF_UP) && (m->ifi_flags & IFF_RUNNING);
	up->ethernet = m->ifi_type == ARPHRD_ETHER;
	up->mtu = attr_u32(find_attr(nlh, sizeof(*m), IFLA_MTU, 4), 0);
	up->gso_max_size =
		attr_u32(find_attr(nlh, sizeof(*m), IFLA_GSO_MAX_SIZE, 4), GSO_MAX_FALLBACK);
	if (mac && up->ethernet)
		memcpy(up->mac, mnl_attr_get_payload(mac), sizeof(up->mac));
	return MNL_CB_OK;
}

/* By name, or by index where @name is NULL. */
static int read_link(struct uplink_watch *w, const char *name, int ifindex, struct uplink *up)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = put_header(buffer, RTM_GETLINK, NLM_F_ACK);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	m->ifi_index = ifindex;
	if (name)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return query(w, nlh, take_link, up);
}

static int index_of(struct uplink_watch *w, const char *name)
{
	struct uplink up = { 0 };

	return name[0] != '\0' && read_link(w, name, 0, &up) == 0 ? up.ifindex : 0;
}

/* The parts of a route that matter here, whichever way the kernel writes it. */
struct route_seen {
	int ifindex;
	uint32_t
		gateway; /* 0: on-link, or by an IPv6 next hop (RTA_VIA), which we leave to the kernel */
};

static struct route_seen read_next_hop(const struct nlmsghdr *nlh)
{
	const struct nlattr *multi =
		find_attr(nlh, sizeof(struct rtmsg), RTA_MULTIPATH, sizeof(struct rtnexthop));
	const struct rtnexthop *hop;
	struct route_seen seen = { 0 };
	size_t len;

	if (!multi) {
		seen.ifindex = (int)attr_u32(find_attr(nlh, sizeof(struct rtmsg), RTA_OIF, 4), 0);
		seen.gateway = attr_ip4(find_attr(nlh, sizeof(struct rtmsg), RTA_GATEWAY, 4));
		return seen;
	}
	/* Of several equal ways we take the first, for all flows. */
	hop = mnl_attr_get_payload(multi);
	seen.ifindex = hop->rtnh_ifindex;
	len = hop->rtnh_len;
	if (len < sizeof(*hop) || len > mnl_attr_get_payload_len(multi))
		return seen;
	len -= sizeof(*hop);
	seen.gateway = attr_ip4(find_among(hop + 1, len, RTA_GATEWAY, 4));
	return seen;
}

static bool is_main_ip4(const struct nlmsghdr *nlh)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *table = find_attr(nlh, sizeof(*m), RTA_TABLE, 4);

	return m->rtm_family == AF_INET && m->rtm_tos == 0 &&
	       attr_u32(table, m->rtm_table) == RT_TABLE_MAIN && !(m->rtm_flags & RTM_F_CLONED);
}

static uint32_t read_route_mtu(const struct nlmsghdr *nlh)
{
	const struct nlattr *metrics = find_attr(nlh, sizeof(struct rtmsg), RTA_METRICS, 0);

	if (!metrics)
		return 0;
	return attr_u32(find_among(mnl_attr_get_payload(metrics), mnl_attr_get_payload_len(metrics),
				   RTAX_MTU, 4),
			0);
}

/* First pass over the routes: the default route to follow. */
static int take_default(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
	struct reading *reading = data;
	struct route_seen seen;
	uint32_t metric;

	if (nlh->nlmsg_type != RTM_NEWROUTE || !is_main_ip4(nlh) || m->rtm_dst_len != 0 ||
	    m->rtm_type != RTN_UNICAST || m->rtm_flags & RTNH_F_DEAD)
		return MNL_CB_OK;
	seen = read_next_hop(nlh);
	metric = attr_u32(find_attr(nlh, sizeof(*m), RTA_PRIORITY, 4), 0);
	if (seen.ifindex == 0 || seen.ifindex == reading->ignored ||
	    (reading->only != 0 && seen.ifindex != reading->only) ||
	    (reading->has_route && metric >= reading->metric))
		return MNL_CB_OK;
	reading->has_route = true;
	reading->metric = metric;
	reading->up.ifindex = seen.ifindex;
	reading->up.next_hop = seen.gateway;
	reading->route_mtu = read_route_mtu(nlh);
	reading->route_source = attr_ip4(find_attr(nlh, sizeof(*m), RTA_PREFSRC, 4));
	return MNL_CB_OK;
}

static void add_other_link(struct uplink_host *host, uint32_t dst, uint8_t len)
{
	struct prefix p = { .addr = addr_ip4(dst), .len = len };
	size_t kept = 0;

	for (size_t i = 0; i < host->n_other_links; i++) {
		const struct prefix *other = &host->other_links[i];

		if (other->len <= len && prefix_contains_ip4(other, dst))
			return;
		if (!(len <= other->len && prefix_contains(&p, &other->addr)))
			host->other_links[kept++] = *other;
	}
	host->n_other_links = kept;
	if (kept < UPLINK_OTHER_LINKS_MAX)
		host->other_links[host->n_other_links++] = p;
}

/* Second pass: what the host reaches by another way, or has been told not to reach. */
static int take_other(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
	struct reading *reading = data;
	bool forbidden = m->rtm_type == RTN_BLACKHOLE || m->rtm_type == RTN_UNREACHABLE ||
			 m->rtm_type == RTN_PROHIBIT;
	struct route_seen seen;

	if (nlh->nlmsg_type != RTM_NEWROUTE || !is_main_ip4(nlh) || m->rtm_dst_len == 0 ||
	    (m->rtm_type != RTN_UNICAST && !forbidden))
		return MNL_CB_OK;
	seen = read_next_hop(nlh);
	if (!forbidden && (seen.ifindex == 0 || seen.ifindex == reading->up.ifindex ||
			   seen.ifindex == reading->ignored))
		return MNL_CB_OK;
	add_other_link(&reading->host, attr_ip4(find_attr(nlh, sizeof(*m), RTA_DST, 4)),
		       m->rtm_dst_len);
	return MNL_CB_OK;
}

/*
 * The kernel's own choice (inet_select_addr): the route's source, else a primary address
 * in the gateway's network, else any primary address.
 */
static uint8_t rank_address(const struct reading *reading, const struct ifaddrmsg *m,
			    uint32_t address)
{
	struct prefix net = { .addr = addr_ip4(address), .len = m->ifa_prefixlen };

	if (m->ifa_scope >= RT_SCOPE_LINK)
		return 0;
	if (reading->route_source != 0)
		return address == reading->route_source ? 3 : 0;
	if (m->ifa_flags & IFA_F_SECONDARY)
		return 0;
	return prefix_contains_ip4(&net, reading->up.next_hop) ? 2 : 1;
}

static int take_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *local = find_attr(nlh, sizeof(*m), IFA_LOCAL, 4);
	struct reading *reading = data;
	struct uplink_host *host = &reading->host;
	uint32_t address;
	uint8_t rank;

	if (!local)
		local = find_attr(nlh, sizeof(*m), IFA_ADDRESS, 4);
	if (nlh->nlmsg_type != RTM_NEWADDR || m->ifa_family != AF_INET || !local ||
	    (int)m->ifa_index == reading->ignored)
		return MNL_CB_OK;
	address = attr_ip4(local);
	if (address >> 24 != 127 && host->n_addresses < UPLINK_HOST_ADDRESSES_MAX)
		host->addresses[host->n_addresses++] = address;
	/* A route's source may stand on another interface, lo for example. */
	if ((int)m->ifa_index != reading->up.ifindex && address != reading->route_source)
		return MNL_CB_OK;
	rank = rank_address(reading, m, address);
	if (rank > reading->address_rank) {
		reading->address_rank = rank;
		reading->up.address = address;
		reading->up.prefix_len = m->ifa_prefixlen;
	}
	return MNL_CB_OK;
}

/* Return: whether the message is about the next hop of @up. */
static bool take_next_hop(const struct nlmsghdr *nlh, struct uplink *up)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *dst = find_attr(nlh, sizeof(*m), NDA_DST, 4);
	const struct nlattr *mac = find_attr(nlh, sizeof(*m), NDA_LLADDR, sizeof(up->next_hop_mac));
	const uint16_t usable =
		NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP | NUD_DELAY | NUD_PROBE | NUD_STALE;

	if (m->ndm_family != AF_INET || m->ndm_ifindex != up->ifindex || !dst ||
	    up->next_hop == 0 || attr_ip4(dst) != up->next_hop || m->ndm_flags & NTF_PROXY)
		return false;
	up->next_hop_known = nlh->nlmsg_type == RTM_NEWNEIGH && (m->ndm_state & usable) && mac;
	up->next_hop_stale = up->next_hop_known && m->ndm_state == NUD_STALE;
	if (up->next_hop_known)
		memcpy(up->next_hop_mac, mnl_attr_get_payload(mac), sizeof(up->next_hop_mac));
	else
		memset(up->next_hop_mac, 0, sizeof(up->next_hop_mac));
	return true;
}

static int take_neighbour(const struct nlmsghdr *nlh, void *data)
{
	struct reading *reading = data;

	if (nlh->nlmsg_type == RTM_NEWNEIGH)
		(void)take_next_hop(nlh, &reading->up);
	return MNL_CB_OK;
}

static int dump_routes(struct uplink_watch *w, mnl_cb_t take, struct reading *reading)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = put_header(buffer, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	m->rtm_family = AF_INET;
	/* Honoured by strict kernels, so that a router's other tables are not copied to us. */
	m->rtm_table = RT_TABLE_MAIN;
	return query(w, nlh, take, reading);
}

static int dump_addresses(struct uplink_watch *w, struct reading *reading)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = put_header(buffer, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	m->ifa_family = AF_INET;
	return query(w, nlh, take_address, reading);
}

static int dump_neighbours(struct uplink_watch *w, struct reading *reading)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = put_header(buffer, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	m->ndm_family = AF_INET;
	mnl_attr_put_u32(nlh, NDA_IFINDEX, (uint32_t)reading->up.ifindex);
	return query(w, nlh, take_neighbour, reading);
}

static int read_link_of(struct uplink_watch *w, struct reading *reading)
{
	int r = read_link(w, NULL, reading->up.ifindex, &reading->up);

	if (r < 0)
		return r;
	if (reading->route_mtu != 0 && reading->route_mtu < reading->up.mtu)
		reading->up.mtu = reading->route_mtu;
	return 0;
}

static int read_once(struct uplink_watch *w, struct reading *reading)
{
	int r;

	memset(reading, 0, sizeof(*reading));
	reading->ignored = index_of(w, w->ignore);
	if (w->wanted[0] != '\0') {
		reading->only = index_of(w, w->wanted);
		if (reading->only == 0)
			return -ENODEV;
		reading->up.ifindex = reading->only;
	}
	r = dump_routes(w, take_default, reading);
	if (r == 0 && reading->up.ifindex == 0)
		return -ENETUNREACH;
	if (r == 0)
		r = read_link_of(w, reading);
	if (r == 0)
		r = dump_routes(w, take_other, reading);
	if (r == 0)
		r = dump_addresses(w, reading);
	if (r == 0 && reading->up.next_hop != 0 && reading->up.ethernet)
		r = dump_neighbours(w, reading);
	if (r == 0)
		reading->up.up = reading->up.up && reading->has_route && reading->up.address != 0;
	return r;
}

/*
 * Return: 0 and whether anything differs from the last time; what can't be read keeps
 * its last state, except that an interface or a route that is gone is down.
 */
static int read_all(struct uplink_watch *w, bool *ret_changed)
{
	struct reading *reading = malloc(sizeof(*reading));
	int r = -EINTR;

	if (!reading)
		return -ENOMEM;
	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++)
		r = read_once(w, reading);
	if (r == 0) {
		*ret_changed = memcmp(&w->now, &reading->up, sizeof(w->now)) != 0 ||
			       memcmp(&w->host, &reading->host, sizeof(w->host)) != 0;
		memcpy(&w->now, &reading->up, sizeof(w->now));
		memcpy(&w->host, &reading->host, sizeof(w->host));
	} else if (r == -ENODEV || r == -ENETUNREACH) {
		*ret_changed = w->now.up;
		w->now.up = false;
		w->now.next_hop_known = false;
		w->now.next_hop_stale = false;
	}
	free(reading);
	return r;
}

static struct mnl_socket *open_netlink(int flags, unsigned int groups)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);

	if (nl && mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) == 0)
		return nl;
	if (nl)
		mnl_socket_close(nl);
	return NULL;
}

int uplink_watch_new(const char *name, const char *ignore, struct uplink_watch **ret)
{
	struct uplink_watch *w = calloc(1, sizeof(*w));
	int strict = 1;
	bool changed;
	int r = 0;

	if (!w)
		return -ENOMEM;
	if (name)
		strncpy(w->wanted, name, sizeof(w->wanted) - 1);
	if (ignore)
		strncpy(w->ignore, ignore, sizeof(w->ignore) - 1);
	/* Listen first, read afterwards: what changes in between is seen twice, not missed. */
	w->events = open_netlink(SOCK_NONBLOCK, RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
							RTMGRP_IPV4_ROUTE | RTMGRP_NEIGH);
	w->query = w->events ? open_netlink(0, 0) : NULL;
	if (!w->query)
		r = -errno;
	else
		(void)mnl_socket_setsockopt(w->query, NETLINK_GET_STRICT_CHK, &strict,
					    sizeof(strict));
	if (r == 0)
		r = read_all(w, &changed);
	if (r < 0) {
		uplink_watch_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

struct uplink_watch *uplink_watch_free(struct uplink_watch *w)
{
	if (!w)
		return NULL;
	if (w->events)
		mnl_socket_close(w->events);
	if (w->query)
		mnl_socket_close(w->query);
	free(w);
	return NULL;
}

int uplink_watch_fd(const struct uplink_watch *w)
{
	return mnl_socket_get_fd(w->events);
}

struct notice {
	struct uplink_watch *w;
	bool changed; /* the next hop's entry, already taken in */
	bool reread;
};

static int take_notice(const struct nlmsghdr *nlh, void *data)
{
	struct notice *notice = data;
	struct uplink *now = &notice->w->now;
	struct uplink before;

	switch (nlh->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		memcpy(&before, now, sizeof(before));
		if (take_next_hop(nlh, now) && memcmp(&before, now, sizeof(before)) != 0)
			notice->changed = true;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (is_main_ip4(nlh))
			notice->reread = true;
		break;
	default:
		notice->reread = true;
		break;
	}
	return MNL_CB_OK;
}

bool uplink_watch_read(struct uplink_watch *w)
{
	struct notice notice = { .w = w };
	uint8_t buffer[MESSAGE_MAX];
	bool changed = false;
	ssize_t n;

	for (int i = 0; i < READS_MAX; i++) {
		n = mnl_socket_recvfrom(w->events, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			notice.reread = true; /* notifications were lost */
			continue;
		}
		if (n <= 0)
			break;
		(void)mnl_cb_run(buffer, (size_t)n, 0, 0, take_notice, &notice);
	}
	if (notice.reread)
		(void)read_all(w, &changed);
	return notice.changed || changed;
}

const struct uplink *uplink_get(const struct uplink_watch *w)
{
	return &w->now;
}

const struct uplink_host *uplink_host_get(const struct uplink_watch *w)
{
	return &w->host;
}
