/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/route.h"

#include "io_netns.h"

#include <errno.h>
#include <netinet/in.h>

#include "io/netlink.h"

#define OWNER 67
#define TABLE 51866

static struct mnl_socket *nl;

static void set_up(void)
{
	netns_new();
	assert_int_equal(netlink_open(&nl), 0);
}

static struct route_rule rule_to(uint32_t priority, const char *to, uint32_t table)
{
	struct route_rule rule = { .priority = priority, .table = table };

	assert_true(prefix_parse(to, &rule.to));
	return rule;
}

static void rules_of_every_kind_are_made_and_known_again(void **state)
{
	struct route_rule rules[4];
	unsigned int changed = 0;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	rules[0] = rule_to(5187, "192.0.2.1/32", ROUTE_MAIN);
	rules[0].protocol = IPPROTO_UDP;
	rules[0].sport = 68;
	rules[0].dport = 51820;
	rules[1] = rule_to(5188, "192.0.2.0/24", 0);
	rules[2] = (struct route_rule){ .priority = 5189, .table = TABLE };
	rules[3] = (struct route_rule){ .priority = 5190 };
	assert_int_equal(route_set_rules(nl, OWNER, ADDR_IP4, rules, 4, &changed), 0);
	assert_int_equal(changed, 4);
	netns_run(
		"ip rule | grep -q '^5187:.from all to 192.0.2.1 ipproto udp sport 68 dport 51820 "
		"lookup main proto 67'");
	netns_run("ip rule | grep -q '^5188:.from all to 192.0.2.0/24 unreachable proto 67'");
	netns_run("ip rule | grep -q '^5189:.from all lookup 51866 proto 67'");
	netns_run("ip rule | grep -q '^5190:.from all unreachable proto 67'");
	assert_int_equal(route_count_rules(nl, OWNER, ADDR_IP4), 4);
	assert_int_equal(route_count_rules(nl, OWNER, ADDR_IP6), 0);
	/* The same again changes nothing. */
	assert_int_equal(route_set_rules(nl, OWNER, ADDR_IP4, rules, 4, &changed), 0);
	assert_int_equal(changed, 4);
	/* One is another now. */
	rules[0].dport = 51821;
	changed = 0;
	assert_int_equal(route_set_rules(nl, OWNER, ADDR_IP4, rules, 4, &changed), 0);
	assert_int_equal(changed, 2);
	assert_int_equal(route_count_rules(nl, OWNER, ADDR_IP4), 4);
	mnl_socket_close(nl);
}

static void setting_none_leaves_what_is_not_ours(void **state)
{
	const struct route_rule rule = { .priority = 5189, .table = TABLE };
	unsigned int changed = 0;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip -6 rule add pref 5187 from all lookup 100");
	netns_run("ip -6 rule add pref 5188 to 2001:db8::/32 lookup 100 protocol 99");
	netns_run("ip -6 rule > /tmp/route-before.$PPID");
	assert_int_equal(route_set_rules(nl, OWNER, ADDR_IP6, &rule, 1, NULL), 0);
	assert_int_equal(route_count_rules(nl, OWNER, ADDR_IP6), 1);
	assert_int_equal(route_set_rules(nl, OWNER, ADDR_IP6, NULL, 0, &changed), 0);
	assert_int_equal(changed, 1);
	netns_run("ip -6 rule | cmp - /tmp/route-before.$PPID && rm /tmp/route-before.$PPID");
	mnl_socket_close(nl);
}

static void the_table_is_filled_and_emptied(void **state)
{
	unsigned int changed = 0;
	uint32_t ifindex;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip link add eth0 type veth peer name eth1 && ip link set eth0 up");
	netns_run("ip route add 192.0.2.0/24 dev eth0 table 51866 proto 99");
	ifindex = route_ifindex("eth0");
	assert_true(ifindex > 0);
	assert_int_equal(route_ifindex("eth7"), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(route_set_default(nl, OWNER, ADDR_IP4, TABLE, ifindex), 0);
		assert_int_equal(route_set_default(nl, OWNER, ADDR_IP6, TABLE, ifindex), 0);
	}
	netns_run("ip route show table 51866 | grep '^default dev eth0 proto 67' | "
		  "grep -qv scope");
	netns_run("ip route show table 51866 | "
		  "grep -q '^unreachable default proto 67 metric 4294967295'");
	netns_run("ip -6 route show table 51866 | grep -q '^default dev eth0 proto 67'");
	assert_int_equal(route_flush(nl, OWNER, ADDR_IP4, TABLE, &changed), 0);
	assert_int_equal(route_flush(nl, OWNER, ADDR_IP6, TABLE, &changed), 0);
	assert_int_equal(changed, 3);
	assert_int_equal(route_flush(nl, OWNER, ADDR_IP4, TABLE, &changed), 0);
	assert_int_equal(changed, 3);
	netns_run("test \"$(ip -4 route show table 51866 | wc -l)\" = 1");
	netns_run("test \"$(ip -6 route show table 51866 | wc -l)\" = 0");
	/* A table that nobody ever used. */
	assert_int_equal(route_flush(nl, OWNER, ADDR_IP4, 4711, &changed), 0);
	assert_int_equal(route_flush(nl, OWNER, ADDR_IP6, 4711, &changed), 0);
	mnl_socket_close(nl);
}

static void an_adapter_without_ip6_is_told_apart(void **state)
{
	uint32_t ifindex;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip link add eth0 type veth peer name eth1");
	netns_run("echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip link set eth0 up");
	ifindex = route_ifindex("eth0");
	assert_int_equal(route_set_default(nl, OWNER, ADDR_IP6, TABLE, ifindex), -EACCES);
	netns_run("ip link set eth1 mtu 1000 up");
	assert_int_equal(route_set_default(nl, OWNER, ADDR_IP6, TABLE, route_ifindex("eth1")),
			 -ENODEV);
	assert_int_equal(route_set_default(nl, OWNER, ADDR_IP4, TABLE, ifindex), 0);
	assert_true(route_has(ADDR_IP4));
	assert_true(route_has(ADDR_IP6));
	mnl_socket_close(nl);
}

static void a_gateway_is_still_accepted_while_all_is_routed(void **state)
{
	const struct route_rule rule = { .priority = 5189, .table = TABLE };

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip link add eth0 type veth peer name eth1 && ip link set eth0 up");
	netns_run("ip link set eth1 up && ip addr add 192.0.2.1/24 dev eth0");
	netns_run("ip link add home type veth peer name away && ip link set home up");
	netns_run("ip link set away up");
	assert_int_equal(route_set_default(nl, OWNER, ADDR_IP4, TABLE, route_ifindex("home")), 0);
	assert_int_equal(route_set_rules(nl, OWNER, ADDR_IP4, &rule, 1, NULL), 0);
	netns_run("ip route get 192.0.2.2 | grep -q 'dev home'");
	netns_run("ip route add default via 192.0.2.2");
	netns_run("ip link delete home");
	netns_run("ip route get 192.0.2.2 2>&1 | grep -q 'No route to host'");
	netns_run("ip route change default via 192.0.2.3 dev eth0");
	mnl_socket_close(nl);
}

static void a_strict_reverse_path_check_is_noticed(void **state)
{
	char name[IFNAMSIZ] = "";

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_run("ip link add eth0 type veth peer name eth1 && ip link set eth0 up");
	netns_run("ip link set eth1 up && ip addr add 192.0.2.1/24 dev eth0");
	netns_run("echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter");
	netns_run("echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter");
	assert_false(route_strict(name));
	netns_run("ip route add default via 192.0.2.2");
	assert_true(route_strict(name));
	assert_string_equal(name, "eth0");
	netns_run("echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter");
	assert_false(route_strict(name));
	netns_run("echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter");
	netns_run("echo 0 >/proc/sys/net/ipv4/conf/eth0/rp_filter");
	assert_true(route_strict(name));
	mnl_socket_close(nl);
}

static void *without_rights(void *arg)
{
	const struct route_rule rule = { .priority = 5189, .table = TABLE };

	(void)arg;
	netns_drop_privileges(false);
	assert_int_equal(route_set_rules(nl, OWNER, ADDR_IP4, &rule, 1, NULL), -EPERM);
	assert_int_equal(route_count_rules(nl, OWNER, ADDR_IP4), 0);
	assert_int_equal(route_set_rules(nl, OWNER, ADDR_IP4, NULL, 0, NULL), 0);
	return NULL;
}

static void without_rights_reading_works_and_changing_does_not(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_in_thread(without_rights, NULL);
	mnl_socket_close(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_every_kind_are_made_and_known_again),
		cmocka_unit_test(setting_none_leaves_what_is_not_ours),
		cmocka_unit_test(the_table_is_filled_and_emptied),
		cmocka_unit_test(an_adapter_without_ip6_is_told_apart),
		cmocka_unit_test(a_gateway_is_still_accepted_while_all_is_routed),
		cmocka_unit_test(a_strict_reverse_path_check_is_noticed),
		cmocka_unit_test(without_rights_reading_works_and_changing_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
