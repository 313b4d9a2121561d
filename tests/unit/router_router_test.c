/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * router_router_test.c - the tables of router/DESIGN.md as tables
 *
 * The world: tunnel 10.66.77.0/24, gateway .1, peers 1 and 2 at .2 and .3, and a site 10.20.0.0/16
 * behind peer 3; external address 203.0.113.5; the host also has 192.168.9.1 and 172.17.0.1.
 */
#include "router/router.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "packet/icmp.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

struct expect {
	const char *src;
	const char *dst;
	uint8_t ttl;
	enum route_to to;
	uint32_t peer;     /* ROUTE_PEER */
	enum verdict drop; /* ROUTE_NOWHERE */
	int icmp;          /* type * 256 + code; -1 for silence */
};

#define SILENT      (-1)
#define PROHIBITED  (ICMP_UNREACHABLE * 256 + ICMP_ADMIN_PROHIBITED)
#define UNREACHABLE (ICMP_UNREACHABLE * 256 + ICMP_HOST_UNREACHABLE)
#define EXCEEDED    (ICMP_TIME_EXCEEDED * 256)

#define GOES(src, dst, ttl, to)                                \
	{                                                      \
		src, dst, ttl, to, ROUTE_NO_PEER, PASS, SILENT \
	}
#define PEER(src, dst, ttl, peer)                             \
	{                                                     \
		src, dst, ttl, ROUTE_PEER, peer, PASS, SILENT \
	}
#define DROPPED(src, dst, ttl, reason, answer)                                           \
	{                                                                                \
		src, dst, ttl, ROUTE_NOWHERE, ROUTE_NO_PEER, DROP_ROUTE_##reason, answer \
	}

typedef struct route (*decide)(const struct router *r, const struct train *t, uint32_t dst_peer);

static uint32_t ip(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return addr_to_ip4(&a);
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

/* What AllowedIPs says. */
static uint32_t peer_of(uint32_t a)
{
	if (a == ip("10.66.77.2"))
		return 1;
	if (a == ip("10.66.77.3"))
		return 2;
	return a >> 16 == 0x0a14 ? 3 : ROUTE_NO_PEER;
}

static uint32_t host_addresses[4];
static struct prefix other_links[2];

static struct router_params params(void)
{
	host_addresses[0] = ip("203.0.113.5");
	host_addresses[1] = ip("10.66.77.1");
	host_addresses[2] = ip("192.168.9.1");
	host_addresses[3] = ip("172.17.0.1");
	other_links[0] = prefix("172.17.0.0/16");
	other_links[1] = prefix("198.51.100.0/25");
	return (struct router_params){
		.gateway = ip("10.66.77.1"),
		.tunnel = prefix("10.66.77.1/24"),
		.external = ip("203.0.113.5"),
		.host_addresses = host_addresses,
		.n_host_addresses = N(host_addresses),
		.other_links = other_links,
		.n_other_links = N(other_links),
	};
}

static void check(const struct router_params *p, decide from, const struct expect *e, size_t n)
{
	struct router *r;

	assert_int_equal(router_new(p, &r), 0);
	for (size_t i = 0; i < n; i++, e++) {
		struct train t = { .src = ip(e->src), .dst = ip(e->dst), .ttl = e->ttl };
		uint32_t peer = peer_of(t.dst);
		struct route got = from(r, &t, peer);
		int icmp = got.answer ? got.icmp_type * 256 + got.icmp_code : SILENT;

		if (got.to != e->to || got.drop != e->drop || icmp != e->icmp ||
		    (e->to == ROUTE_PEER && got.peer != e->peer))
			fail_msg("%s -> %s ttl %u: to %d, %s, icmp %d", e->src, e->dst, e->ttl,
				 got.to, drop_name(got.drop), icmp);
	}
	router_free(r);
}

static void a_peers_packet_goes_where_the_table_says(void **state)
{
	static const struct expect table[] = {
		GOES("10.66.77.2", "93.184.216.34", 64, ROUTE_INTERNET),
		GOES("10.20.1.1", "8.8.8.8", 64, ROUTE_INTERNET),
		GOES("10.66.77.2", "198.51.100.128", 64, ROUTE_INTERNET),
		GOES("10.66.77.2", "10.66.77.1", 64, ROUTE_GATEWAY),
		GOES("10.66.77.2", "10.66.77.1", 1, ROUTE_GATEWAY),
		GOES("10.66.77.2", "203.0.113.5", 1, ROUTE_EXTERNAL_ADDRESS),
		GOES("10.66.77.2", "192.168.9.1", 64, ROUTE_HOST),
		GOES("10.66.77.2", "172.17.0.1", 0, ROUTE_HOST),
		PEER("10.66.77.2", "10.66.77.3", 64, 2),
		PEER("10.66.77.2", "10.20.255.255", 2, 3),
		DROPPED("10.66.77.2", "10.66.77.4", 64, NO_PEER, UNREACHABLE),
		DROPPED("10.66.77.2", "93.184.216.34", 1, TTL, EXCEEDED),
		DROPPED("10.66.77.2", "10.66.77.3", 0, TTL, EXCEEDED),
		DROPPED("10.66.77.2", "172.17.0.9", 64, OTHER_LINK, PROHIBITED),
		DROPPED("10.66.77.2", "198.51.100.127", 64, OTHER_LINK, PROHIBITED),
	};
	struct router_params p = params();

	(void)state;
	check(&p, router_from_inside, table, N(table));
}

static void a_source_that_nobody_can_have_is_a_martian(void **state)
{
	static const struct expect table[] = {
		DROPPED("0.0.0.0", "8.8.8.8", 64, MARTIAN, SILENT),
		DROPPED("0.255.255.255", "8.8.8.8", 64, MARTIAN, SILENT),
		GOES("1.0.0.0", "8.8.8.8", 64, ROUTE_INTERNET),
		GOES("126.255.255.255", "8.8.8.8", 64, ROUTE_INTERNET),
		DROPPED("127.0.0.1", "8.8.8.8", 64, MARTIAN, SILENT),
		GOES("128.0.0.1", "8.8.8.8", 64, ROUTE_INTERNET),
		GOES("223.255.255.255", "8.8.8.8", 64, ROUTE_INTERNET),
		DROPPED("224.0.0.1", "8.8.8.8", 64, MARTIAN, SILENT),
		DROPPED("255.255.255.255", "8.8.8.8", 64, MARTIAN, SILENT),
		DROPPED("10.66.77.1", "8.8.8.8", 64, MARTIAN, SILENT),
		DROPPED("203.0.113.5", "10.66.77.3", 64, MARTIAN, SILENT),
		DROPPED("192.168.9.1", "10.66.77.3", 64, MARTIAN, SILENT),
	};
	struct router_params p = params();

	(void)state;
	check(&p, router_from_inside, table, N(table));
}

static void broadcast_and_multicast_noise_is_dropped_in_silence(void **state)
{
	static const struct expect table[] = {
		DROPPED("10.66.77.2", "255.255.255.255", 64, MULTICAST, SILENT), /* DHCP */
		DROPPED("10.66.77.2", "224.0.0.1", 1, MULTICAST, SILENT),        /* IGMP */
		DROPPED("10.66.77.2", "224.0.0.251", 255, MULTICAST, SILENT),    /* mDNS */
		DROPPED("10.66.77.2", "224.0.0.252", 1, MULTICAST, SILENT),      /* LLMNR */
		DROPPED("10.66.77.2", "239.255.255.250", 4, MULTICAST, SILENT),  /* SSDP */
		DROPPED("10.66.77.2", "240.0.0.1", 64, MULTICAST, SILENT),
		DROPPED("10.66.77.2", "10.66.77.255", 128, MULTICAST, SILENT), /* NetBIOS */
		DROPPED("10.66.77.2", "10.66.77.0", 128, MULTICAST, SILENT),
		DROPPED("10.66.77.2", "169.254.1.1", 64, LINK_LOCAL, PROHIBITED),
	};
	struct router_params p = params();

	(void)state;
	check(&p, router_from_inside, table, N(table));
}

static void what_a_client_may_not_ask_for_is_refused_by_reason(void **state)
{
	static const struct expect table[] = {
		DROPPED("10.66.77.2", "169.254.169.254", 64, METADATA, PROHIBITED),
		DROPPED("10.66.77.2", "168.63.129.16", 64, METADATA, PROHIBITED),
		DROPPED("10.66.77.2", "100.100.100.200", 64, METADATA, PROHIBITED),
		DROPPED("10.66.77.2", "127.0.0.1", 64, LOOPBACK, SILENT),
		DROPPED("10.66.77.2", "0.0.0.0", 64, LOOPBACK, SILENT),
		DROPPED("10.66.77.2", "192.168.1.1", 64, PRIVATE, PROHIBITED),
		DROPPED("10.66.77.2", "10.0.0.1", 64, PRIVATE, PROHIBITED),
		DROPPED("10.66.77.2", "172.16.0.1", 64, PRIVATE, PROHIBITED),
		DROPPED("10.66.77.2", "172.31.255.255", 64, PRIVATE, PROHIBITED),
		GOES("10.66.77.2", "172.32.0.0", 64, ROUTE_INTERNET),
		DROPPED("10.66.77.2", "100.64.0.1", 64, PRIVATE, PROHIBITED),
		GOES("10.66.77.2", "100.128.0.0", 64, ROUTE_INTERNET),
	};
	struct router_params p = params();

	(void)state;
	check(&p, router_from_inside, table, N(table));
}

static void one_line_of_policy_opens_a_private_network(void **state)
{
	static const struct expect table[] = {
		GOES("10.66.77.2", "192.168.1.1", 64, ROUTE_INTERNET),
		DROPPED("10.66.77.2", "192.168.2.1", 64, PRIVATE, PROHIBITED),
	};
	struct policy_rule rule = { prefix("192.168.1.0/24"), true };
	struct router_params p = params();

	(void)state;
	p.rules = &rule;
	p.n_rules = 1;
	check(&p, router_from_inside, table, N(table));
}

static void the_longest_rule_wins_above_the_defaults(void **state)
{
	static const struct expect table[] = {
		GOES("10.66.77.2", "8.8.8.8", 64, ROUTE_INTERNET),
		DROPPED("10.66.77.2", "8.8.4.4", 64, POLICY, PROHIBITED),
		DROPPED("10.66.77.2", "1.1.1.1", 64, POLICY, PROHIBITED),
		GOES("10.66.77.2", "172.17.3.4", 64, ROUTE_INTERNET), /* another link, but named */
		GOES("10.66.77.2", "169.254.7.7", 64, ROUTE_INTERNET),
		PEER("10.66.77.2", "10.66.77.3", 64, 2), /* rules are about the internet side */
		GOES("10.66.77.2", "10.66.77.1", 64, ROUTE_GATEWAY),
		GOES("10.66.77.2", "9.9.9.9", 64,
		     ROUTE_INTERNET), /* the later of two equal rules */
		DROPPED("10.66.77.2", "100.64.1.1", 64, POLICY, PROHIBITED),
	};
	struct policy_rule rules[] = {
		{ prefix("9.9.9.9/32"), false },    { prefix("9.9.9.9/32"), true },
		{ prefix("8.8.0.0/16"), true },     { prefix("8.8.4.4/32"), false },
		{ prefix("0.0.0.0/0"), false },     { prefix("172.17.0.0/16"), true },
		{ prefix("169.254.0.0/16"), true },
	};
	struct router_params p = params();

	(void)state;
	p.rules = rules;
	p.n_rules = N(rules);
	check(&p, router_from_inside, table, N(table));
}

static void no_rule_opens_what_no_packet_may_leave_for(void **state)
{
	static const struct expect table[] = {
		DROPPED("10.66.77.2", "224.0.0.251", 64, MULTICAST, SILENT),
		DROPPED("10.66.77.2", "255.255.255.255", 64, MULTICAST, SILENT),
		DROPPED("10.66.77.2", "10.66.77.255", 64, MULTICAST, SILENT),
		DROPPED("10.66.77.2", "127.0.0.1", 64, LOOPBACK, SILENT),
		/* Only a rule for exactly the metadata service opens it. */
		DROPPED("10.66.77.2", "100.100.100.200", 64, METADATA, PROHIBITED),
		GOES("10.66.77.2", "169.254.169.254", 64, ROUTE_INTERNET),
	};
	struct policy_rule rules[] = {
		{ prefix("0.0.0.0/0"), true },          { prefix("224.0.0.251/32"), true },
		{ prefix("127.0.0.1/32"), true },       { prefix("100.100.100.200/31"), true },
		{ prefix("169.254.169.254/32"), true },
	};
	struct router_params p = params();

	(void)state;
	p.rules = rules;
	p.n_rules = N(rules);
	check(&p, router_from_inside, table, N(table));
}

static void private_networks_can_be_allowed_as_a_whole(void **state)
{
	static const struct expect table[] = {
		GOES("10.66.77.2", "192.168.1.1", 64, ROUTE_INTERNET),
		GOES("10.66.77.2", "10.0.0.1", 64, ROUTE_INTERNET),
		GOES("10.66.77.2", "100.64.0.1", 64, ROUTE_INTERNET),
		DROPPED("10.66.77.2", "100.100.100.200", 64, METADATA, PROHIBITED),
		DROPPED("10.66.77.2", "169.254.1.1", 64, LINK_LOCAL, PROHIBITED),
		DROPPED("10.66.77.2", "172.17.0.9", 64, OTHER_LINK, PROHIBITED),
	};
	struct router_params p = params();

	(void)state;
	p.allow_private = true;
	check(&p, router_from_inside, table, N(table));
}

static void an_external_address_that_the_host_does_not_own_is_ours_too(void **state)
{
	static const struct expect table[] = {
		GOES("10.66.77.2", "198.51.100.200", 64, ROUTE_EXTERNAL_ADDRESS),
		DROPPED("198.51.100.200", "10.66.77.2", 64, MARTIAN, SILENT),
		GOES("10.66.77.2", "203.0.113.5", 64, ROUTE_HOST),
	};
	struct router_params p = params();

	(void)state;
	p.external = ip("198.51.100.200");
	check(&p, router_from_inside, table, N(table));
}

static void isolated_clients_reach_everything_but_each_other(void **state)
{
	static const struct expect table[] = {
		DROPPED("10.66.77.2", "10.66.77.3", 64, ISOLATED, PROHIBITED),
		DROPPED("10.66.77.2", "10.20.0.1", 64, ISOLATED, PROHIBITED),
		GOES("10.66.77.2", "10.66.77.1", 64, ROUTE_GATEWAY),
		GOES("10.66.77.2", "8.8.8.8", 64, ROUTE_INTERNET),
	};
	static const struct expect from_host[] = { PEER("10.66.77.1", "10.66.77.3", 64, 2) };
	struct router_params p = params();

	(void)state;
	p.isolate_clients = true;
	check(&p, router_from_inside, table, N(table));
	check(&p, router_from_host, from_host, N(from_host));
}

static void a_tunnel_of_two_addresses_has_no_broadcast(void **state)
{
	static const struct expect table[] = {
		GOES("10.66.77.2", "10.9.9.0", 64, ROUTE_GATEWAY),
		DROPPED("10.66.77.2", "10.9.9.1", 64, NO_PEER, UNREACHABLE),
		DROPPED("10.66.77.2", "10.9.9.2", 64, PRIVATE, PROHIBITED),
	};
	struct router_params p = params();

	(void)state;
	p.tunnel = prefix("10.9.9.0/31");
	p.gateway = ip("10.9.9.0");
	check(&p, router_from_inside, table, N(table));
}

static void without_an_external_address_and_tunnel_the_rest_still_works(void **state)
{
	static const struct expect table[] = {
		GOES("10.66.77.2", "8.8.8.8", 64, ROUTE_INTERNET),
		PEER("10.66.77.2", "10.66.77.3", 64, 2),
		DROPPED("10.66.77.2", "10.66.77.255", 64, PRIVATE, PROHIBITED),
		DROPPED("10.66.77.2", "0.0.0.0", 64, LOOPBACK, SILENT),
	};
	struct router_params p = { .gateway = 0 };

	(void)state;
	check(&p, router_from_inside, table, N(table));
}

static void the_adapter_carries_only_the_hosts_own_packets_to_peers(void **state)
{
	static const struct expect table[] = {
		PEER("10.66.77.1", "10.66.77.2", 1, 1),
		PEER("192.168.9.1", "10.20.0.1", 64, 3),
		PEER("203.0.113.5", "10.66.77.3", 64, 2),
		DROPPED("192.168.9.77", "10.66.77.2", 64, HOST_SOURCE, SILENT),
		DROPPED("8.8.8.8", "10.66.77.2", 64, HOST_SOURCE, SILENT),
		DROPPED("10.66.77.2", "10.66.77.3", 64, HOST_SOURCE, SILENT),
		DROPPED("10.66.77.1", "10.66.77.9", 64, NO_PEER, UNREACHABLE),
		DROPPED("10.66.77.1", "8.8.8.8", 64, NO_PEER, UNREACHABLE),
		DROPPED("10.66.77.1", "224.0.0.251", 255, MULTICAST, SILENT),
		DROPPED("10.66.77.1", "10.66.77.255", 64, MULTICAST, SILENT),
	};
	struct router_params p = params();

	(void)state;
	check(&p, router_from_host, table, N(table));
}

static void from_outside_only_peers_are_reached_and_nobody_is_answered(void **state)
{
	static const struct expect table[] = {
		PEER("93.184.216.34", "10.66.77.2", 2, 1),
		PEER("192.168.1.1", "10.66.77.2", 64, 1), /* a private next hop */
		PEER("203.0.113.5", "10.66.77.2", 64, 1), /* hairpin */
		DROPPED("93.184.216.34", "10.66.77.2", 1, TTL, SILENT),
		DROPPED("93.184.216.34", "10.66.77.9", 64, NO_PEER, SILENT),
		DROPPED("93.184.216.34", "8.8.8.8", 64, NO_PEER, SILENT),
		DROPPED("93.184.216.34", "10.66.77.1", 64, NO_PEER, SILENT),
		DROPPED("10.66.77.3", "10.66.77.2", 64, MARTIAN, SILENT),
		DROPPED("10.66.77.1", "10.66.77.2", 64, MARTIAN, SILENT),
		DROPPED("172.17.0.1", "10.66.77.2", 64, MARTIAN, SILENT),
		DROPPED("127.0.0.1", "10.66.77.2", 64, MARTIAN, SILENT),
		DROPPED("0.1.2.3", "10.66.77.2", 64, MARTIAN, SILENT),
		DROPPED("224.0.0.1", "10.66.77.2", 64, MARTIAN, SILENT),
		DROPPED("255.255.255.255", "10.66.77.2", 64, MARTIAN, SILENT),
	};
	struct router_params p = params();

	(void)state;
	check(&p, router_from_outside, table, N(table));
}

/* AddressSanitizer's allocator would end the program where others return NULL. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void without_memory_no_router_is_made(void **state)
{
	struct router_params p = params();
	struct router *r = NULL;

	(void)state;
	p.n_rules = SIZE_MAX / 64; /* more than any machine has; the rules are never read */
	assert_int_equal(router_new(&p, &r), -ENOMEM);
	p = params();
	p.n_host_addresses = SIZE_MAX / 64;
	assert_int_equal(router_new(&p, &r), -ENOMEM);
	assert_null(r);
}

static void freeing_no_router_is_fine(void **state)
{
	(void)state;
	assert_null(router_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peers_packet_goes_where_the_table_says),
		cmocka_unit_test(a_source_that_nobody_can_have_is_a_martian),
		cmocka_unit_test(broadcast_and_multicast_noise_is_dropped_in_silence),
		cmocka_unit_test(what_a_client_may_not_ask_for_is_refused_by_reason),
		cmocka_unit_test(one_line_of_policy_opens_a_private_network),
		cmocka_unit_test(the_longest_rule_wins_above_the_defaults),
		cmocka_unit_test(no_rule_opens_what_no_packet_may_leave_for),
		cmocka_unit_test(private_networks_can_be_allowed_as_a_whole),
		cmocka_unit_test(an_external_address_that_the_host_does_not_own_is_ours_too),
		cmocka_unit_test(isolated_clients_reach_everything_but_each_other),
		cmocka_unit_test(a_tunnel_of_two_addresses_has_no_broadcast),
		cmocka_unit_test(without_an_external_address_and_tunnel_the_rest_still_works),
		cmocka_unit_test(the_adapter_carries_only_the_hosts_own_packets_to_peers),
		cmocka_unit_test(from_outside_only_peers_are_reached_and_nobody_is_answered),
		cmocka_unit_test(without_memory_no_router_is_made),
		cmocka_unit_test(freeing_no_router_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
