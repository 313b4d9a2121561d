/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "io/netlink.h"

/* A request about one interface, its body still to come. */
static struct nlmsghdr *put_link(void *buffer, int ifindex, struct ifinfomsg **ret)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = RTM_NEWLINK;
	*ret = mnl_nlmsg_put_extra_header(nlh, sizeof(**ret));
	(*ret)->ifi_index = ifindex;
	return nlh;
}

int link_no_link_local(struct mnl_socket *nl, int ifindex)
{
	uint8_t buffer[256];
	struct ifinfomsg *m;
	struct nlmsghdr *nlh = put_link(buffer, ifindex, &m);
	struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *ip6 = mnl_attr_nest_start(nlh, AF_INET6);

	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, ip6);
	mnl_attr_nest_end(nlh, spec);
	return netlink_request(nl, nlh);
}

int link_set_mtu(struct mnl_socket *nl, int ifindex, uint32_t mtu)
{
	uint8_t buffer[256];
	struct ifinfomsg *m;
	struct nlmsghdr *nlh = put_link(buffer, ifindex, &m);

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return netlink_request(nl, nlh);
}

int link_set_flags(struct mnl_socket *nl, int ifindex, unsigned int flags)
{
	uint8_t buffer[256];
	struct ifinfomsg *m;
	struct nlmsghdr *nlh = put_link(buffer, ifindex, &m);

	m->ifi_flags = flags;
	m->ifi_change = flags;
	return netlink_request(nl, nlh);
}

int link_add_address(struct mnl_socket *nl, int ifindex, const struct prefix *address)
{
	bool ip6 = address->addr.family == ADDR_IP6;
	size_t len = ip6 ? 16 : 4;
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	int r;

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	m->ifa_family = ip6 ? AF_INET6 : AF_INET;
	m->ifa_prefixlen = address->len;
	m->ifa_index = (uint32_t)ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, len, address->addr.bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, len, address->addr.bytes);
	/* Nobody at the other end would object, and until then it could not be used. */
	if (ip6)
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
	r = netlink_request(nl, nlh);
	if (r == -EEXIST) /* listed twice */
		return 0;
	return ip6 && (r == -EACCES || r == -EOPNOTSUPP) ? -EAFNOSUPPORT : r;
}
