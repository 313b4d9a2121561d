/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/netlink.h"

#include "io_netns.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

/* "ip link set INDEX up" */
static int set_up(struct mnl_socket *nl, int ifindex)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = RTM_NEWLINK;
	m->ifi_index = ifindex;
	m->ifi_flags = IFF_UP;
	m->ifi_change = IFF_UP;
	return netlink_request(nl, nlh);
}

static void each_request_has_its_own_answer(void **state)
{
	struct mnl_socket *nl;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	netns_run("ip link set lo down");
	assert_int_equal(netlink_open(&nl), 0);
	assert_int_equal(set_up(nl, 4711), -ENODEV);
	assert_int_equal(set_up(nl, 1), 0);
	netns_run("ip link show lo | grep -q ,UP");
	assert_int_equal(set_up(nl, 4711), -ENODEV);
	mnl_socket_close(nl);
}

static void a_long_request_that_is_refused_is_not_quoted_at_length(void **state)
{
	static const uint8_t nothing[200];
	static uint8_t buffer[4096];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	struct mnl_socket *nl;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	assert_int_equal(netlink_open(&nl), 0);
	nlh->nlmsg_type = RTM_NEWLINK;
	m->ifi_index = 4711;
	mnl_attr_put(nlh, IFLA_IFALIAS, sizeof(nothing), nothing);
	for (int i = 0; i < 10; i++)
		mnl_attr_put(nlh, IFLA_PAD, sizeof(nothing), nothing);
	assert_int_equal(netlink_request(nl, nlh), -ENODEV);
	mnl_socket_close(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_has_its_own_answer),
		cmocka_unit_test(a_long_request_that_is_refused_is_not_quoted_at_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
