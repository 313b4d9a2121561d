/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/uplink.h"

#include "io_netns.h"

#include <errno.h>
#include <poll.h>

static struct uplink_watch *watch;

/* Takes in notifications until @done says so, or two seconds have passed. */
static bool wait_until(bool (*done)(const struct uplink *up))
{
	struct pollfd fd = { .fd = uplink_watch_fd(watch), .events = POLLIN };

	for (int i = 0; i < 200; i++) {
		if (done(uplink_get(watch)))
			return true;
		if (poll(&fd, 1, 10) > 0)
			(void)uplink_watch_read(watch);
	}
	return done(uplink_get(watch));
}

static bool is_up(const struct uplink *up)
{
	return up->up;
}

static bool is_down(const struct uplink *up)
{
	return !up->up;
}

static bool next_hop_known(const struct uplink *up)
{
	return up->next_hop_known && !up->next_hop_stale;
}

static bool next_hop_stale(const struct uplink *up)
{
	return up->next_hop_known && up->next_hop_stale;
}

static bool next_hop_unknown(const struct uplink *up)
{
	return !up->next_hop_known;
}

static bool has_new_lease(const struct uplink *up)
{
	return up->up && up->address == 0xc0000263 && up->next_hop == 0xc0000207;
}

static bool mtu_is_1400(const struct uplink *up)
{
	return up->mtu == 1400;
}

static bool mtu_is_1500(const struct uplink *up)
{
	return up->up && up->mtu == 1500;
}

static bool follows_eth1(const struct uplink *up)
{
	return up->up && strcmp(up->name, "eth1") == 0;
}

/* [a] eth0 192.0.2.1/24, default via 192.0.2.2 */
static void set_up(void)
{
	int a, b;

	netns_pair(&a, &b);
	netns_run("ip route add default via 192.0.2.2");
}

static void the_default_routes_interface_is_found_and_described(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	const struct uplink *up;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	assert_int_equal(uplink_watch_new(NULL, NULL, &watch), -ENETUNREACH);
	assert_int_equal(uplink_watch_new("eth0", NULL, &watch), -ENODEV);
	set_up();
	netns_run("ip link set eth0 address 02:00:00:00:00:01");
	netns_run("ip addr add 198.51.100.9/24 dev eth0");
	netns_run("ip addr add 192.0.2.77/24 dev eth0");
	netns_run("ip link add dummy0 type veth peer name dummy0p && ip link set dummy0 up && ip "
		  "link set dummy0p up");
	netns_run("ip addr add 203.0.113.1/24 dev dummy0");
	netns_run("ip route add default via 203.0.113.2 metric 500");
	assert_int_equal(uplink_watch_new(NULL, NULL, &watch), 0);
	up = uplink_get(watch);
	assert_string_equal(up->name, "eth0");
	assert_int_equal(up->ifindex, if_nametoindex("eth0"));
	assert_true(up->up);
	assert_true(up->ethernet);
	assert_memory_equal(up->mac, mac, 6);
	assert_int_equal(up->next_hop, 0xc0000202);
	assert_int_equal(up->address, 0xc0000201);
	assert_int_equal(up->prefix_len, 24);
	assert_int_equal(up->mtu, 1500);
	assert_true(up->gso_max_size >= 65536);
	assert_false(up->next_hop_known);
	watch = uplink_watch_free(watch);

	/* A name goes before the metric, and an interface without a route is no error. */
	assert_int_equal(uplink_watch_new("dummy0", NULL, &watch), 0);
	assert_int_equal(uplink_get(watch)->address, 0xcb007101);
	assert_int_equal(uplink_get(watch)->next_hop, 0xcb007102);
	assert_true(uplink_get(watch)->up);
	netns_run("ip route del default via 203.0.113.2");
	assert_true(wait_until(is_down));
	watch = uplink_watch_free(watch);
	assert_int_equal(uplink_watch_new("lo", NULL, &watch), 0);
	assert_false(uplink_get(watch)->up);
	watch = uplink_watch_free(watch);
}

static void the_routes_own_source_and_mtu_are_honoured(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip addr add 198.51.100.9/24 dev eth0");
	netns_run("ip route replace default via 192.0.2.2 src 198.51.100.9 mtu 1280");
	assert_int_equal(uplink_watch_new(NULL, NULL, &watch), 0);
	assert_int_equal(uplink_get(watch)->address, 0xc6336409);
	assert_int_equal(uplink_get(watch)->mtu, 1280);
	netns_run("ip route replace default via 192.0.2.2 src 198.51.100.9 mtu 1400");
	assert_true(wait_until(mtu_is_1400));
	netns_run("ip route replace default nexthop via 192.0.2.2 nexthop via 192.0.2.3");
	assert_true(wait_until(mtu_is_1500));
	assert_int_equal(uplink_get(watch)->next_hop, 0xc0000202);
	assert_int_equal(uplink_get(watch)->address, 0xc0000201);
	watch = uplink_watch_free(watch);
}

static void link_address_and_route_are_followed(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	set_up();
	assert_int_equal(uplink_watch_new(NULL, NULL, &watch), 0);
	assert_false(uplink_watch_read(watch));
	netns_run("ip link set eth0 down");
	assert_true(wait_until(is_down));
	netns_run("ip link set eth0 up && ip route add default via 192.0.2.2");
	assert_true(wait_until(is_up));
	/* As a DHCP client does it: the old address goes with its routes, another comes. */
	netns_run("ip addr flush dev eth0");
	assert_true(wait_until(is_down));
	netns_run("ip addr add 192.0.2.99/24 dev eth0 && ip route add default via 192.0.2.7");
	assert_true(wait_until(has_new_lease));
	netns_run("ip link set eth0 mtu 1400");
	assert_true(wait_until(mtu_is_1400));
	/* The default route moves to another interface, and we with it. */
	netns_run("ip link add eth1 type veth peer name eth1p && ip link set eth1 up && ip link "
		  "set eth1p up");
	netns_run("ip addr add 203.0.113.1/24 dev eth1");
	netns_run("ip route replace default via 203.0.113.2");
	assert_true(wait_until(follows_eth1));
	assert_int_equal(uplink_get(watch)->ifindex, if_nametoindex("eth1"));
	netns_run("ip link del eth1");
	assert_true(wait_until(is_down));
	watch = uplink_watch_free(watch);
}

static void the_next_hops_neighbour_entry_is_followed(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:09 nud reachable dev eth0");
	assert_int_equal(uplink_watch_new(NULL, NULL, &watch), 0);
	assert_true(next_hop_known(uplink_get(watch)));
	assert_memory_equal(uplink_get(watch)->next_hop_mac, mac, 6);
	netns_run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:09 nud stale dev eth0");
	assert_true(wait_until(next_hop_stale));
	netns_run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:08 nud permanent dev eth0");
	assert_true(wait_until(next_hop_known));
	assert_int_equal(uplink_get(watch)->next_hop_mac[5], 8);
	/* Somebody else's entry is none of our business. */
	netns_run("ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 nud reachable dev eth0");
	assert_false(uplink_watch_read(watch));
	netns_run("ip neigh del 192.0.2.2 dev eth0");
	assert_true(wait_until(next_hop_unknown));
	watch = uplink_watch_free(watch);
}

static bool host_has(uint32_t address)
{
	const struct uplink_host *host = uplink_host_get(watch);

	for (size_t i = 0; i < host->n_addresses; i++) {
		if (host->addresses[i] == address)
			return true;
	}
	return false;
}

static const struct prefix *other_link_of(uint32_t address)
{
	const struct uplink_host *host = uplink_host_get(watch);

	for (size_t i = 0; i < host->n_other_links; i++) {
		if (prefix_contains_ip4(&host->other_links[i], address))
			return &host->other_links[i];
	}
	return NULL;
}

static void other_links_and_host_addresses_are_listed_without_our_own_adapter(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip link add docker0 type veth peer name docker0p && ip link set docker0 up && "
		  "ip link set docker0p up");
	netns_run("ip addr add 172.17.0.1/16 dev docker0");
	netns_run("ip route add 10.8.0.0/16 via 172.17.0.9");
	netns_run("ip route add 10.8.4.0/24 via 172.17.0.9");
	netns_run("ip route add blackhole 10.99.0.0/16");
	netns_run("ip route add 203.0.113.0/24 via 192.0.2.2");
	netns_run("ip link add culvert0 type veth peer name culvert0p && ip link set culvert0 up "
		  "&& ip link set culvert0p up");
	netns_run("ip addr add 10.66.77.1/24 dev culvert0");
	assert_int_equal(uplink_watch_new(NULL, "culvert0", &watch), 0);
	assert_true(host_has(0xc0000201));
	assert_true(host_has(0xac110001));
	assert_false(host_has(0x0a424d01));
	assert_false(host_has(0x7f000001));
	assert_int_equal(uplink_host_get(watch)->n_addresses, 2);
	assert_non_null(other_link_of(0xac110505));
	assert_non_null(other_link_of(0x0a080101));
	assert_non_null(other_link_of(0x0a630101));
	assert_null(other_link_of(0x0a424d02));
	assert_null(other_link_of(0xcb007101));
	assert_null(other_link_of(0xc0000203));
	/* The /24 inside the /16 is no entry of its own. */
	assert_int_equal(uplink_host_get(watch)->n_other_links, 3);

	netns_run("ip link del docker0");
	for (int i = 0; i < 20 && other_link_of(0xac110505); i++) {
		usleep(10000);
		(void)uplink_watch_read(watch);
	}
	assert_null(other_link_of(0xac110505));
	assert_false(host_has(0xac110001));
	watch = uplink_watch_free(watch);
}

static void a_table_of_more_networks_than_we_keep_is_survived(void **state)
{
	FILE *batch;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip link add dummy0 type veth peer name dummy0p && ip link set dummy0 up && ip "
		  "link set dummy0p up");
	batch = popen("ip -batch - >/dev/null", "w");
	for (int i = 0; i < 2000; i++)
		fprintf(batch, "route add 10.%d.%d.0/24 dev dummy0\n", i / 100, i % 100 * 2);
	assert_int_equal(pclose(batch), 0);
	assert_int_equal(uplink_watch_new(NULL, NULL, &watch), 0);
	assert_int_equal(uplink_host_get(watch)->n_other_links, UPLINK_OTHER_LINKS_MAX);
	/* A network that covers them all makes room again. */
	netns_run("ip route add 10.0.0.0/8 dev dummy0");
	assert_true(uplink_watch_read(watch));
	assert_int_equal(uplink_host_get(watch)->n_other_links, 1);
	watch = uplink_watch_free(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_routes_interface_is_found_and_described),
		cmocka_unit_test(the_routes_own_source_and_mtu_are_honoured),
		cmocka_unit_test(link_address_and_route_are_followed),
		cmocka_unit_test(the_next_hops_neighbour_entry_is_followed),
		cmocka_unit_test(other_links_and_host_addresses_are_listed_without_our_own_adapter),
		cmocka_unit_test(a_table_of_more_networks_than_we_keep_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
