/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/netlink.h"

#define DUMP_MAX   32768 /* bytes of one read; the kernel's dumps come in at most this */
#define DUMP_TRIES 4     /* a table that changes under a dump is read again */
#define RULES_MAX  512   /* of ours in one family; more than ever made here */

static unsigned char family_number(uint8_t family)
{
	return family == ADDR_IP4 ? AF_INET : AF_INET6;
}

bool route_has(uint8_t family)
{
	/* Absent where IPv6 is switched off at boot, or not built in. */
	return family == ADDR_IP4 || access("/proc/net/if_inet6", F_OK) == 0;
}

uint32_t route_ifindex(const char *name)
{
	return if_nametoindex(name);
}

static struct nlmsghdr *put_header(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	return nlh;
}

/* Gives every message of the dump that @nlh asks for to @take. */
static int dump(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t take, void *data)
{
	static uint32_t sequence;
	uint8_t buffer[DUMP_MAX];
	unsigned int port = mnl_socket_get_portid(nl);
	int r = MNL_CB_OK;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++sequence;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)n, nlh->nlmsg_seq, port, take, data);
		/* What is left of a dump that was given up. */
		if (r < 0 && errno == ESRCH)
			r = MNL_CB_OK;
	}
	return r < 0 ? -errno : 0;
}

/* A message's attributes by their types. */
struct attrs {
	const struct nlattr *of[64];
};

static int keep_attr(const struct nlattr *attr, void *data)
{
	struct attrs *attrs = data;
	uint16_t type = mnl_attr_get_type(attr);

	if (type < sizeof(attrs->of) / sizeof(attrs->of[0]))
		attrs->of[type] = attr;
	return MNL_CB_OK;
}

static uint32_t attr_u32(const struct attrs *attrs, uint16_t type, uint32_t otherwise)
{
	const struct nlattr *attr = attrs->of[type];

	return attr && mnl_attr_get_payload_len(attr) >= 4 ? mnl_attr_get_u32(attr) : otherwise;
}

static uint8_t attr_u8(const struct attrs *attrs, uint16_t type)
{
	const struct nlattr *attr = attrs->of[type];

	return attr && mnl_attr_get_payload_len(attr) >= 1 ? mnl_attr_get_u8(attr) : 0;
}

/* --- rules ------------------------------------------------------------------------------------ */

struct rule_list {
	struct route_rule rules[RULES_MAX];
	size_t n;
	uint8_t owner;
	unsigned char family; /* AF_ */
};

static bool same_rule(const struct route_rule *a, const struct route_rule *b)
{
	return a->priority == b->priority && a->protocol == b->protocol && a->sport == b->sport &&
	       a->dport == b->dport && a->table == b->table && a->to.len == b->to.len &&
	       addr_equal(&a->to.addr, &b->to.addr);
}

static const struct route_rule *find_rule(const struct route_rule *rules, size_t n,
					  const struct route_rule *wanted)
{
	for (size_t i = 0; i < n; i++) {
		if (same_rule(&rules[i], wanted))
			return &rules[i];
	}
	return NULL;
}

/* A single port, or 0 for none and for a range, which isn't ours. */
static uint16_t attr_port(const struct nlattr *attr)
{
	const struct fib_rule_port_range *range = attr ? mnl_attr_get_payload(attr) : NULL;

	return range && mnl_attr_get_payload_len(attr) >= sizeof(*range) &&
			       range->start == range->end
		       ? range->start
		       : 0;
}

static void read_to(const struct nlattr *attr, unsigned char family, uint8_t len, struct prefix *to)
{
	size_t size = family == AF_INET ? 4 : 16;

	if (mnl_attr_get_payload_len(attr) < size)
		return;
	memcpy(to->addr.bytes, mnl_attr_get_payload(attr), size);
	to->addr.family = family == AF_INET ? ADDR_IP4 : ADDR_IP6;
	to->len = len;
}

static int take_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct fib_rule_hdr *h = mnl_nlmsg_get_payload(nlh);
	struct rule_list *list = data;
	struct route_rule rule = { 0 };
	struct attrs attrs = { 0 };

	if (nlh->nlmsg_type != RTM_NEWRULE || h->family != list->family)
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof(*h), keep_attr, &attrs);
	rule.priority = attr_u32(&attrs, FRA_PRIORITY, 0);
	rule.table = attr_u32(&attrs, FRA_TABLE, h->table);
	rule.protocol = attr_u8(&attrs, FRA_IP_PROTO);
	rule.sport = attr_port(attrs.of[FRA_SPORT_RANGE]);
	rule.dport = attr_port(attrs.of[FRA_DPORT_RANGE]);
	if (attrs.of[FRA_DST])
		read_to(attrs.of[FRA_DST], h->family, h->dst_len, &rule.to);
	if (h->action == FR_ACT_UNREACHABLE)
		rule.table = 0;
	if (attr_u8(&attrs, FRA_PROTOCOL) == list->owner && list->n < RULES_MAX)
		list->rules[list->n++] = rule;
	return MNL_CB_OK;
}

/* Those that bear @owner, as the kernel has them: by priority. */
static int list_rules(struct mnl_socket *nl, uint8_t owner, uint8_t family, struct rule_list *ret)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh;
	struct fib_rule_hdr *h;
	int r = -EINTR;

	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		ret->n = 0;
		ret->owner = owner;
		ret->family = family_number(family);
		nlh = put_header(buffer, RTM_GETRULE, 0);
		h = mnl_nlmsg_put_extra_header(nlh, sizeof(*h));
		h->family = ret->family;
		r = dump(nl, nlh, take_rule, ret);
	}
	return r;
}

static void put_port(struct nlmsghdr *nlh, uint16_t type, uint16_t port)
{
	const struct fib_rule_port_range range = { .start = port, .end = port };

	if (port != 0)
		mnl_attr_put(nlh, type, sizeof(range), &range);
}

static int change_rule(struct mnl_socket *nl, uint16_t type, uint8_t owner, uint8_t family,
		       const struct route_rule *rule)
{
	uint8_t buffer[512];
	struct nlmsghdr *nlh =
		put_header(buffer, type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct fib_rule_hdr *h = mnl_nlmsg_put_extra_header(nlh, sizeof(*h));

	h->family = family_number(family);
	h->action = rule->table != 0 ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE;
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, owner);
	mnl_attr_put_u32(nlh, FRA_PRIORITY, rule->priority);
	if (rule->table != 0)
		mnl_attr_put_u32(nlh, FRA_TABLE, rule->table);
	if (rule->to.addr.family != ADDR_NONE && rule->to.len > 0) {
		h->dst_len = rule->to.len;
		mnl_attr_put(nlh, FRA_DST, family == ADDR_IP4 ? 4 : 16, rule->to.addr.bytes);
	}
	if (rule->protocol != 0)
		mnl_attr_put_u8(nlh, FRA_IP_PROTO, rule->protocol);
	put_port(nlh, FRA_SPORT_RANGE, rule->sport);
	put_port(nlh, FRA_DPORT_RANGE, rule->dport);
	return netlink_request(nl, nlh);
}

static int add_missing(struct mnl_socket *nl, const struct rule_list *have, uint8_t family,
		       const struct route_rule *rules, size_t n, unsigned int *changed)
{
	for (size_t i = 0; i < n; i++) {
		int r;

		if (find_rule(have->rules, have->n, &rules[i]))
			continue;
		r = change_rule(nl, RTM_NEWRULE, have->owner, family, &rules[i]);
		if (r < 0 && r != -EEXIST)
			return r;
		(*changed)++;
	}
	return 0;
}

static int delete_surplus(struct mnl_socket *nl, const struct rule_list *have, uint8_t family,
			  const struct route_rule *rules, size_t n, unsigned int *changed)
{
	int first = 0;

	for (size_t i = have->n; i-- > 0;) {
		int r;

		if (find_rule(rules, n, &have->rules[i]))
			continue;
		r = change_rule(nl, RTM_DELRULE, have->owner, family, &have->rules[i]);
		if (r < 0 && r != -ENOENT)
			first = first < 0 ? first : r;
		else
			(*changed)++;
	}
	return first;
}

int route_set_rules(struct mnl_socket *nl, uint8_t owner, uint8_t family,
		    const struct route_rule *rules, size_t n, unsigned int *ret_changed)
{
	struct rule_list *have = calloc(1, sizeof(*have));
	unsigned int changed = 0;
	int r;

	if (!have)
		return -ENOMEM;
	r = list_rules(nl, owner, family, have);
	if (r == 0)
		r = add_missing(nl, have, family, rules, n, &changed);
	if (r == 0)
		r = delete_surplus(nl, have, family, rules, n, &changed);
	free(have);
	if (ret_changed)
		*ret_changed += changed;
	return r;
}

int route_count_rules(struct mnl_socket *nl, uint8_t owner, uint8_t family)
{
	struct rule_list *have = calloc(1, sizeof(*have));
	int r;

	if (!have)
		return -ENOMEM;
	r = list_rules(nl, owner, family, have);
	if (r == 0)
		r = (int)have->n;
	free(have);
	return r;
}

/* --- routes ----------------------------------------------------------------------------------- */

/* A default route. */
struct route {
	uint8_t type;     /* RTN_UNICAST or RTN_UNREACHABLE */
	uint32_t ifindex; /* 0 for the latter */
	uint32_t metric;  /* 0: the family's usual one */
};

struct route_list {
	struct route routes[16]; /* far more than are made here */
	size_t n;
	uint8_t owner;
	uint32_t table;
};

static int change_route(struct mnl_socket *nl, uint16_t type, uint8_t owner, uint8_t family,
			uint32_t table, const struct route *route)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh =
		put_header(buffer, type, type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	m->rtm_family = family_number(family);
	m->rtm_protocol = owner;
	m->rtm_type = route->type;
	m->rtm_scope = RT_SCOPE_UNIVERSE;
	mnl_attr_put_u32(nlh, RTA_TABLE, table);
	if (route->ifindex != 0)
		mnl_attr_put_u32(nlh, RTA_OIF, route->ifindex);
	if (route->metric != 0)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	return netlink_request(nl, nlh);
}

int route_set_default(struct mnl_socket *nl, uint8_t owner, uint8_t family, uint32_t table,
		      uint32_t ifindex)
{
	const struct route last = { .type = RTN_UNREACHABLE, .metric = UINT32_MAX };
	const struct route route = { .type = RTN_UNICAST, .ifindex = ifindex };
	int r = 0;

	if (family == ADDR_IP4)
		r = change_route(nl, RTM_NEWROUTE, owner, family, table, &last);
	return r < 0 ? r : change_route(nl, RTM_NEWROUTE, owner, family, table, &route);
}

static int take_route(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
	struct route_list *list = data;
	struct attrs attrs = { 0 };

	if (nlh->nlmsg_type != RTM_NEWROUTE || m->rtm_protocol != list->owner ||
	    m->rtm_dst_len != 0)
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof(*m), keep_attr, &attrs);
	if (attr_u32(&attrs, RTA_TABLE, m->rtm_table) == list->table &&
	    list->n < sizeof(list->routes) / sizeof(list->routes[0]))
		list->routes[list->n++] = (struct route){
			.type = m->rtm_type,
			/* IPv6 says lo where there is none. */
			.ifindex = m->rtm_type == RTN_UNICAST ? attr_u32(&attrs, RTA_OIF, 0) : 0,
			.metric = attr_u32(&attrs, RTA_PRIORITY, 0),
		};
	return MNL_CB_OK;
}

static int list_routes(struct mnl_socket *nl, uint8_t family, struct route_list *list)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh;
	struct rtmsg *m;
	int strict = 1;
	int r = -EINTR;

	/* Then a router's other tables are not copied to us. */
	(void)mnl_socket_setsockopt(nl, NETLINK_GET_STRICT_CHK, &strict, sizeof(strict));
	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		list->n = 0;
		nlh = put_header(buffer, RTM_GETROUTE, 0);
		m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
		m->rtm_family = family_number(family);
		mnl_attr_put_u32(nlh, RTA_TABLE, list->table);
		r = dump(nl, nlh, take_route, list);
	}
	/* A table that was never filled isn't known. */
	return r == -ENOENT ? 0 : r;
}

int route_flush(struct mnl_socket *nl, uint8_t owner, uint8_t family, uint32_t table,
		unsigned int *ret_changed)
{
	struct route_list list = { .owner = owner, .table = table };
	int first = list_routes(nl, family, &list);

	for (size_t i = 0; i < list.n; i++) {
		int r = change_route(nl, RTM_DELROUTE, owner, family, table, &list.routes[i]);

		if (r == 0 && ret_changed)
			(*ret_changed)++;
		/* It went with its interface. */
		if (r < 0 && r != -ESRCH && r != -ENODEV)
			first = first < 0 ? first : r;
	}
	return first;
}

static int read_number(const char *path)
{
	FILE *in = fopen(path, "re");
	int number = 0;

	if (in && fscanf(in, "%d", &number) != 1)
		number = 0;
	if (in)
		fclose(in);
	return number;
}

static int rp_filter(const char *name)
{
	char path[64 + IFNAMSIZ];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", name);
	return read_number(path);
}

bool route_strict(char ret_name[static IFNAMSIZ])
{
	FILE *in = fopen("/proc/net/route", "re");
	int all = rp_filter("all");
	bool strict = false;
	char line[256];

	while (in && !strict && fgets(line, sizeof(line), in)) {
		char name[IFNAMSIZ];
		unsigned int to;
		int own;

		if (sscanf(line, "%15s %x", name, &to) != 2 || to != 0)
			continue;
		/* The larger of the two numbers is in force (ip-sysctl). */
		own = rp_filter(name);
		strict = (own > all ? own : all) == 1;
		if (strict)
			memcpy(ret_name, name, sizeof(name));
	}
	if (in)
		fclose(in);
	return strict;
}
