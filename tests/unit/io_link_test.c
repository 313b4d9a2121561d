/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/link.h"

#include "io_netns.h"

#include <errno.h>
#include <net/if.h>

#include "io/netlink.h"

static struct mnl_socket *nl;
static int ifindex;

/* A dummy interface would do, but not every kernel has those. */
static void make_interface(void)
{
	close(netns_new());
	netns_run("ip link add first type veth peer name second && ip link set second up");
	assert_int_equal(netlink_open(&nl), 0);
	ifindex = (int)if_nametoindex("first");
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static void an_interface_has_what_it_was_given_and_nothing_else(void **state)
{
	struct prefix ip4 = prefix_of("10.66.77.2/24"), ip6 = prefix_of("fd00::2/64");

	(void)state;
	NETNS_OR_SKIP();
	make_interface();
	assert_int_equal(link_no_link_local(nl, ifindex), 0);
	assert_int_equal(link_set_mtu(nl, ifindex, 1280), 0);
	assert_int_equal(link_set_flags(nl, ifindex, IFF_UP), 0);
	assert_int_equal(link_set_flags(nl, ifindex, IFF_NOARP), 0);
	netns_run("ip link show dev first | grep -q 'NOARP,UP.* mtu 1280'");
	netns_run("[ -z \"$(ip addr show dev first | grep inet)\" ]");
	/* The second time it has it. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(link_add_address(nl, ifindex, &ip4), 0);
		assert_int_equal(link_add_address(nl, ifindex, &ip6), 0);
	}
	netns_run("[ $(ip addr show dev first | grep -c inet) = 2 ]");
	netns_run("ip addr show dev first | grep -q 'inet 10.66.77.2/24'");
	netns_run("ip addr show dev first | grep 'inet6 fd00::2/64' | grep -vq tentative");
	mnl_socket_close(nl);
}

static void what_the_kernel_refuses_is_its_error(void **state)
{
	struct prefix ip6 = prefix_of("fd00::2/64");

	(void)state;
	NETNS_OR_SKIP();
	make_interface();
	assert_int_equal(link_set_mtu(nl, ifindex, 20), -EINVAL);
	assert_int_equal(link_set_mtu(nl, 4711, 1280), -ENODEV);
	netns_run("sysctl -q -w net.ipv6.conf.first.disable_ipv6=1");
	assert_int_equal(link_add_address(nl, ifindex, &ip6), -EAFNOSUPPORT);
	mnl_socket_close(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interface_has_what_it_was_given_and_nothing_else),
		cmocka_unit_test(what_the_kernel_refuses_is_its_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
