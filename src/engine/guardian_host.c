/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/guardian_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/guardian_plan.h"
#include "io/file.h"
#include "io/host_dns.h"
#include "io/kill_switch.h"
#include "io/lock.h"
#include "io/netlink.h"
#include "io/route.h"

#define COMPLAINT_MAX 512
#define LOCK_PATH     "/run/culvert/route-all.lock"

/* Time that programs get; together less than the five seconds that a client waits. */
#define NFT_MS      900
#define RESOLVED_MS 1500
#define REVERT_MS   400

#define LOCK_MS 2000 /* for a guardian whose client has just ended to be done */

enum noted {
	NOTED_BLOCK = 1,    /* the kill switch, and none stood before */
	NOTED_ROUTING = 2,  /* rules and routes */
	NOTED_FILE = 4,     /* resolv.conf */
	NOTED_RESOLVED = 8, /* systemd-resolved */
};

struct guardian_host {
	struct mnl_socket *nl;
	struct lock lock; /* held while all is routed */
	unsigned int noted;
	struct guardian_plan plan; /* in force */
};

static const uint8_t families[] = { ADDR_IP4, ADDR_IP6 };

int guardian_host_new(struct guardian_host **ret)
{
	struct guardian_host *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->lock.fd = -1;
	r = netlink_open(&h->nl);
	if (r < 0) {
		free(h);
		return r;
	}
	*ret = h;
	return 0;
}

struct guardian_host *guardian_host_free(struct guardian_host *h)
{
	if (!h)
		return NULL;
	mnl_socket_close(h->nl);
	free(h);
	return NULL;
}

/* --- complaints -------------------------------------------------------------------------------- */

static const char *cure(int r)
{
	switch (-r) {
	case EPERM:
	case EACCES:
		return "run it as root";
	case EROFS:
		return "make it writable, or take DNS out of the client's file";
	case ENOSPC:
	case EDQUOT:
		return "make room there";
	case EAFNOSUPPORT:
	case EOPNOTSUPP:
		return "this kernel has no policy routing, leave out --route-all";
	case ENODEV:
	case ENETDOWN:
		return "somebody has taken the adapter away or down, try again";
	default:
		return "try again, and without --route-all if it stays so";
	}
}

static int complain(const char *step, int r, char *complaint)
{
	snprintf(complaint, COMPLAINT_MAX, "%s: %s: %s", step, strerror(-r), cure(r));
	return r;
}

/* As complain(), where a module has said the rest itself. */
static int complain_of(const char *step, const char *said, int r, char *complaint)
{
	snprintf(complaint, COMPLAINT_MAX, "%s: %s", step, said[0] != '\0' ? said : strerror(-r));
	return r;
}

/* Keeps the first failure and what was said about it. */
static void keep_first(int r, const char *said, int *first, char *complaint)
{
	if (r < 0 && *first >= 0) {
		*first = r;
		snprintf(complaint, COMPLAINT_MAX, "%s", said);
	}
}

/* --- kill switch ------------------------------------------------------------------------------- */

static int block(const struct guardian_plan *plan, char *complaint)
{
	struct endpoint endpoints[GUARDIAN_ENDPOINTS_MAX];
	const struct kill_switch k = {
		.adapter = plan->adapter,
		.endpoints = endpoints,
		.n_endpoints = guardian_plan_endpoints(plan, endpoints),
		.excludes = plan->excludes,
		.n_excludes = plan->n_excludes,
	};
	char said[COMPLAINT_MAX] = "";
	int r = kill_switch_set(&k, NFT_MS, said);

	return r < 0 ? complain_of("kill switch", said, r, complaint) : 0;
}

/* @ret_stands: whether this one's stands already */
static int look_for_others(const struct guardian_plan *plan, bool *ret_stands, char *complaint)
{
	struct kill_switch_standing standing;
	char said[COMPLAINT_MAX] = "";
	int r = kill_switch_look(plan->adapter, NFT_MS, &standing, said);

	/* One that stood must not be taken for ours to lift.  Without a kill switch the routes don't
	 * need nftables, which the kernel may not have. */
	if (r < 0 && plan->kill_switch)
		return complain_of("kill switch", said, r, complaint);
	*ret_stands = standing.own;
	if (standing.other[0] == '\0')
		return 0;
	snprintf(complaint, COMPLAINT_MAX,
		 "the kill switch of %s stands and blocks every other tunnel: "
		 "culvert disconnect %s lifts it",
		 standing.other, standing.other);
	return -EBUSY;
}

int guardian_host_block(struct guardian_host *h, const struct guardian_plan *plan, char *complaint)
{
	bool stands;
	int r = look_for_others(plan, &stands, complaint);

	if (r < 0 || !plan->kill_switch)
		return r;
	h->plan = *plan;
	if (!stands)
		h->noted |= NOTED_BLOCK;
	r = block(plan, complaint);
	/* It is one transaction: nothing was put up, and what stood still stands. */
	if (r < 0 && !stands)
		h->noted &= ~(unsigned int)NOTED_BLOCK;
	return r;
}

int guardian_host_unblock(struct guardian_host *h, char *complaint)
{
	char said[COMPLAINT_MAX] = "";
	unsigned int lifted;
	int r;

	if (!(h->noted & NOTED_BLOCK))
		return 0;
	r = kill_switch_lift(h->plan.adapter, NFT_MS / 2, &lifted, said);
	if (r < 0)
		return complain_of("kill switch", said, r, complaint);
	h->noted &= ~(unsigned int)NOTED_BLOCK;
	return 0;
}

/* --- routing ------------------------------------------------------------------------------------- */

static int route_family(struct guardian_host *h, const struct guardian_plan *plan, uint8_t family,
			uint32_t ifindex, char *complaint)
{
	struct route_rule rules[GUARDIAN_RULES_MAX];
	size_t n = guardian_plan_rules(plan, family, rules);
	int r = route_set_default(h->nl, GUARDIAN_PROTOCOL, family, GUARDIAN_TABLE, ifindex);

	/* An adapter without IPv6: what would leave by IPv6 is refused by the last rule. */
	if (family == ADDR_IP6 && (r == -EACCES || r == -ENODEV))
		r = 0;
	if (r < 0)
		return complain(family == ADDR_IP4 ? "ip route" : "ip -6 route", r, complaint);
	r = route_set_rules(h->nl, GUARDIAN_PROTOCOL, family, rules, n, NULL);
	if (r < 0)
		return complain(family == ADDR_IP4 ? "ip rule" : "ip -6 rule", r, complaint);
	return 0;
}

static int route(struct guardian_host *h, const struct guardian_plan *plan, char *complaint)
{
	uint32_t ifindex = route_ifindex(plan->adapter);
	int r = 0;

	if (ifindex == 0)
		return complain("ip route", -ENODEV, complaint);
	h->noted |= NOTED_ROUTING;
	for (size_t i = 0; i < 2 && r == 0; i++) {
		if (route_has(families[i]))
			r = route_family(h, plan, families[i], ifindex, complaint);
	}
	return r;
}

/*
 * We don't change it: it is the administrator's.  An ARP request is checked by the address alone, and
 * the way back to that is the adapter.
 */
static void warn_of_strictness(void)
{
	char name[IFNAMSIZ];

	if (route_strict(name))
		log_warning("%s checks reverse paths strictly, so this host does not answer its "
			    "router's ARP while all goes through the tunnel, which may stall: "
			    "sysctl -w net.ipv4.conf.%s.rp_filter=2",
			    name, name);
}

/* @ret_changed: how many rules and routes there were; what is said is about the first failure. */
static int unroute(struct guardian_host *h, unsigned int *ret_changed, char *complaint)
{
	int first = 0;

	for (size_t i = 0; i < 2; i++) {
		const char *step = "ip rule";
		int r;
		int flushed;

		if (!route_has(families[i]))
			continue;
		r = route_set_rules(h->nl, GUARDIAN_PROTOCOL, families[i], NULL, 0, ret_changed);
		flushed = route_flush(h->nl, GUARDIAN_PROTOCOL, families[i], GUARDIAN_TABLE,
				      ret_changed);
		if (r == 0 && flushed < 0) {
			step = "ip route";
			r = flushed;
		}
		if (r < 0 && first == 0)
			first = complain(step, r, complaint);
	}
	if (first == 0)
		h->noted &= ~(unsigned int)NOTED_ROUTING;
	return first;
}

/* --- name servers -------------------------------------------------------------------------------- */

static bool asks_stub(void)
{
	char *text;
	size_t len;
	bool stub;

	if (file_read(HOST_DNS_FILE, &text, &len) < 0)
		return false;
	stub = host_dns_is_stub(text);
	file_text_free(text, len);
	return stub;
}

/* Also for a second time, with other servers. */
static int set_file(struct guardian_host *h, const struct host_dns *dns, char *complaint)
{
	char *text = host_dns_text(dns);
	int r = -ENOMEM;

	if (h->noted & NOTED_FILE)
		(void)host_dns_file_restore(HOST_DNS_FILE);
	h->noted |= NOTED_FILE;
	if (text)
		r = host_dns_file_set(HOST_DNS_FILE, text);
	free(text);
	/* Who may change rules isn't refused here but for that. */
	if (r == -EPERM) {
		snprintf(complaint, COMPLAINT_MAX,
			 "%s: %s: make it writable (chattr -i), or take DNS out of the client's "
			 "file",
			 HOST_DNS_FILE, strerror(-r));
		return r;
	}
	return r < 0 ? complain(HOST_DNS_FILE, r, complaint) : 0;
}

static int set_names(struct guardian_host *h, const struct guardian_plan *plan, char *complaint)
{
	const struct host_dns dns = {
		.adapter = plan->adapter,
		.servers = plan->dns,
		.n_servers = plan->n_dns,
		.search = plan->search,
	};
	char said[COMPLAINT_MAX] = "";
	bool resolved = host_dns_resolved();
	int r;

	if (plan->n_dns == 0)
		return 0;
	if (resolved) {
		h->noted |= NOTED_RESOLVED;
		r = host_dns_resolved_set(&dns, RESOLVED_MS, said);
		if (r < 0)
			return complain_of("systemd-resolved", said, r, complaint);
	}
	/* resolved may run without being what resolv.conf leads to: programs use either. */
	return resolved && asks_stub() ? 0 : set_file(h, &dns, complaint);
}

static int restore_file(char *complaint)
{
	int r = host_dns_file_restore(HOST_DNS_FILE);

	if (r < 0) {
		snprintf(complaint, COMPLAINT_MAX,
			 "%s: %s: the original is still " HOST_DNS_FILE HOST_DNS_SUFFIX
			 ", run culvert disconnect once this is mended",
			 HOST_DNS_FILE, strerror(-r));
		return r;
	}
	if (r != HOST_DNS_THEIRS)
		return 0;
	snprintf(complaint, COMPLAINT_MAX,
		 "%s was rewritten by somebody else meanwhile and was left as it is",
		 HOST_DNS_FILE);
	return 1;
}

/* --- all of it ------------------------------------------------------------------------------------ */

int guardian_host_undo(struct guardian_host *h, char *complaint)
{
	char said[COMPLAINT_MAX];
	int first = 0;
	int r;

	complaint[0] = '\0';
	if (h->noted & NOTED_FILE) {
		r = restore_file(said);
		keep_first(r, said, &first, complaint);
		if (r == 1 && first == 0)
			first = snprintf(complaint, COMPLAINT_MAX, "%s", said) > 0;
		if (r >= 0)
			h->noted &= ~(unsigned int)NOTED_FILE;
	}
	/* Gone with the adapter where that is gone. */
	if ((h->noted & NOTED_RESOLVED) && route_ifindex(h->plan.adapter) != 0)
		host_dns_resolved_revert(h->plan.adapter, REVERT_MS);
	h->noted &= ~(unsigned int)NOTED_RESOLVED;
	if (h->noted & NOTED_ROUTING) {
		r = unroute(h, NULL, said);
		keep_first(r, said, &first, complaint);
	}
	lock_give(&h->lock);
	return first;
}

/* Without the lock: whether there is anything at all, so that an ordinary user may begin. */
static bool is_tidy(struct guardian_host *h)
{
	for (size_t i = 0; i < 2; i++) {
		if (route_has(families[i]) &&
		    route_count_rules(h->nl, GUARDIAN_PROTOCOL, families[i]) > 0)
			return false;
	}
	return !host_dns_file_kept(HOST_DNS_FILE);
}

/* With the lock held.  @ret_found: things that were undone */
static int tidy(struct guardian_host *h, unsigned int *ret_found, char *complaint)
{
	char said[COMPLAINT_MAX];
	unsigned int changed = 0;
	int first = 0;
	int r;

	if (host_dns_file_kept(HOST_DNS_FILE)) {
		r = restore_file(said);
		keep_first(r, said, &first, complaint);
		if (r == 1)
			log_notice("%s", said);
		*ret_found += r >= 0;
	}
	r = unroute(h, &changed, said);
	keep_first(r, said, &first, complaint);
	*ret_found += changed > 0;
	return first;
}

int guardian_host_tidy(struct guardian_host *h, char *complaint)
{
	char before[LOCK_HOLDER_MAX];
	unsigned int found = 0;
	int r;

	if (h->lock.fd >= 0 || is_tidy(h))
		return 0;
	r = lock_take(LOCK_PATH, 0, &h->lock, before);
	if (r == -EBUSY)
		return 0;
	if (r < 0)
		return complain(LOCK_PATH, r, complaint);
	r = tidy(h, &found, complaint);
	lock_give(&h->lock);
	return r;
}

/* One at a time on a host; what a dead one left is undone before anything is done. */
static int claim(struct guardian_host *h, const struct guardian_plan *plan, char *complaint)
{
	char before[LOCK_HOLDER_MAX];
	unsigned int found = 0;
	int r;

	if (h->lock.fd >= 0)
		return 0;
	r = lock_take(LOCK_PATH, 0, &h->lock, before);
	if (r == -EBUSY) {
		snprintf(complaint, COMPLAINT_MAX,
			 "all traffic of this host already goes through %s: end that first "
			 "(culvert disconnect %s), or leave out --route-all",
			 before[0] != '\0' ? before : "another tunnel", before);
		return r;
	}
	if (r == 0)
		r = lock_write(&h->lock, plan->adapter);
	if (r < 0)
		return complain(LOCK_PATH, r, complaint);
	return tidy(h, &found, complaint);
}

int guardian_host_apply(struct guardian_host *h, const struct guardian_plan *plan, char *complaint)
{
	char said[COMPLAINT_MAX];
	int r = guardian_host_block(h, plan, complaint);

	h->plan = *plan;
	if (r == 0 && plan->route_all)
		r = claim(h, plan, complaint);
	if (r == 0 && plan->route_all)
		r = route(h, plan, complaint);
	if (r == 0 && plan->route_all)
		r = set_names(h, plan, complaint);
	if (r == 0 && plan->route_all)
		warn_of_strictness();
	if (r < 0) {
		(void)guardian_host_undo(h, said);
		(void)guardian_host_unblock(h, said);
	}
	return r;
}

int guardian_host_endpoints(struct guardian_host *h, const struct guardian_plan *plan,
			    char *complaint)
{
	struct route_rule rules[GUARDIAN_RULES_MAX];
	int r = 0;

	h->plan = *plan;
	/* First, for a rule leads nowhere while the kill switch drops what it lets out. */
	if (plan->kill_switch)
		r = block(plan, complaint);
	for (size_t i = 0; i < 2 && r == 0 && (h->noted & NOTED_ROUTING); i++) {
		size_t n = guardian_plan_rules(plan, families[i], rules);

		if (!route_has(families[i]))
			continue;
		r = route_set_rules(h->nl, GUARDIAN_PROTOCOL, families[i], rules, n, NULL);
		if (r < 0)
			complain("ip rule", r, complaint);
	}
	return r;
}

/* --- disconnect ----------------------------------------------------------------------------------- */

/* Of @adapter, if it was that one's. */
static int disconnect_routing(struct guardian_host *h, const char *adapter, unsigned int *found,
			      char *complaint)
{
	char before[LOCK_HOLDER_MAX];
	int r;

	if (is_tidy(h))
		return 0;
	r = lock_take(LOCK_PATH, 0, &h->lock, before);
	if (adapter && before[0] != '\0' && strcmp(adapter, before) != 0) {
		/* Who held it last stays written there. */
		lock_leave(&h->lock);
		return 0;
	}
	if (r == -EBUSY)
		r = lock_take(LOCK_PATH, LOCK_MS, &h->lock, before);
	if (r == -EBUSY) {
		snprintf(complaint, COMPLAINT_MAX, "%s is still connected: end its client first",
			 before[0] != '\0' ? before : "a tunnel");
		return r;
	}
	if (r < 0)
		return complain(LOCK_PATH, r, complaint);
	r = tidy(h, found, complaint);
	lock_give(&h->lock);
	return r;
}

int guardian_host_disconnect(struct guardian_host *h, const char *adapter, unsigned int *ret_found,
			     char *complaint)
{
	char said[COMPLAINT_MAX] = "";
	unsigned int found = 0;
	unsigned int lifted = 0;
	int r = disconnect_routing(h, adapter, &found, complaint);

	if (r < 0)
		return r;
	r = kill_switch_lift(adapter, NFT_MS, &lifted, said);
	*ret_found = found + lifted;
	return r < 0 ? complain_of("kill switch", said, r, complaint) : 0;
}
