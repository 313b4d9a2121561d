/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/guardian_plan.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "io/kill_switch.h"

#define COMPLAINT_MAX 512

/* RFC 2131 section 4.1 */
#define DHCP_CLIENT 68
#define DHCP_SERVER 67

/* What would make another line, or another word than a domain, of a resolv.conf or a command. */
static bool is_search(const char *text, size_t size)
{
	if (!memchr(text, '\0', size))
		return false;
	for (const char *c = text; *c != '\0'; c++) {
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || strchr(".-_ ", *c)))
			return false;
	}
	/* resolvectl would take it for an option. */
	return text[0] != '-' && !strstr(text, " -");
}

static int check_excludes(const struct guardian_plan *plan, char *complaint)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < plan->n_excludes; i++) {
		if (plan->excludes[i].addr.family == ADDR_NONE || plan->excludes[i].len > 0)
			continue;
		snprintf(complaint, COMPLAINT_MAX,
			 "%s would exclude everything: leave out --route-all instead",
			 prefix_format(&plan->excludes[i], text));
		return -EINVAL;
	}
	return 0;
}

int guardian_plan_check(const struct guardian_plan *plan, char *complaint)
{
	if (!memchr(plan->adapter, '\0', sizeof(plan->adapter)) ||
	    !kill_switch_adapter_valid(plan->adapter)) {
		snprintf(complaint, COMPLAINT_MAX,
			 "%.*s can't be an adapter's name: want 1 to %d of a-z A-Z 0-9 _ = + . @ -",
			 (int)sizeof(plan->adapter), plan->adapter, IFNAMSIZ - 1);
		return -EINVAL;
	}
	if (plan->n_endpoints > GUARDIAN_ENDPOINTS_MAX ||
	    plan->n_excludes > GUARDIAN_EXCLUDES_MAX || plan->n_dns > GUARDIAN_DNS_MAX) {
		snprintf(complaint, COMPLAINT_MAX,
			 "too much for one tunnel: at most %d endpoints, %d excludes, %d DNS "
			 "servers",
			 GUARDIAN_ENDPOINTS_MAX, GUARDIAN_EXCLUDES_MAX, GUARDIAN_DNS_MAX);
		return -EINVAL;
	}
	if (!is_search(plan->search, sizeof(plan->search))) {
		snprintf(complaint, COMPLAINT_MAX, "%.*s: want domain names, blanks between them",
			 (int)sizeof(plan->search), plan->search);
		return -EINVAL;
	}
	return check_excludes(plan, complaint);
}

static struct prefix one_address(const struct addr *a)
{
	return (struct prefix){ .addr = *a, .len = a->family == ADDR_IP4 ? 32 : 128 };
}

/* What is never the tunnel's; the table and the priority are still to be filled in. */
static size_t put_bypasses(const struct guardian_plan *plan, uint8_t family,
			   struct route_rule *rules)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_endpoints; i++) {
		const struct guardian_endpoint *e = &plan->endpoints[i];

		if (e->addr.family == family)
			rules[n++] = (struct route_rule){
				.to = one_address(&e->addr),
				.protocol = e->tcp ? IPPROTO_TCP : IPPROTO_UDP,
				.dport = e->port,
			};
	}
	for (size_t i = 0; i < plan->n_excludes; i++) {
		struct prefix to = plan->excludes[i];

		prefix_mask(&to);
		if (to.addr.family == family)
			rules[n++] = (struct route_rule){ .to = to };
	}
	if (family == ADDR_IP4)
		rules[n++] = (struct route_rule){ .protocol = IPPROTO_UDP,
						  .sport = DHCP_CLIENT,
						  .dport = DHCP_SERVER };
	else
		rules[n++] = (struct route_rule){
			.to = { .addr = { .bytes = { 0xfe, 0x80 }, .family = ADDR_IP6 },
				.len = 10 },
		};
	return n;
}

size_t guardian_plan_rules(const struct guardian_plan *plan, uint8_t family,
			   struct route_rule ret[static GUARDIAN_RULES_MAX])
{
	size_t n = put_bypasses(plan, family, ret);

	for (size_t i = 0; i < n; i++) {
		ret[i].priority = GUARDIAN_RULES_AT;
		ret[i].table = ROUTE_MAIN;
		ret[n + i] = ret[i];
		ret[n + i].priority = GUARDIAN_RULES_AT + 1;
		ret[n + i].table = 0;
	}
	n *= 2;
	ret[n++] =
		(struct route_rule){ .priority = GUARDIAN_RULES_AT + 2, .table = GUARDIAN_TABLE };
	if (family == ADDR_IP6)
		ret[n++] = (struct route_rule){ .priority = GUARDIAN_RULES_AT + 3 };
	return n;
}

size_t guardian_plan_endpoints(const struct guardian_plan *plan,
			       struct endpoint ret[static GUARDIAN_ENDPOINTS_MAX])
{
	for (size_t i = 0; i < plan->n_endpoints; i++) {
		const struct guardian_endpoint *e = &plan->endpoints[i];

		ret[i] = (struct endpoint){ .addr = e->addr, .port = e->port, .stream = e->tcp };
	}
	return plan->n_endpoints;
}
