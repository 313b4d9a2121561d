/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/enclosure_adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/netlink.h"

#define ENGINES_END  "engine0" /* in a namespace where it is alone with lo */
#define SOCKET_QUEUE (2 << 20) /* bytes: some 25 of the largest trains */

bool enclosure_has_ip6(const struct enclosure_params *params)
{
	for (size_t i = 0; i < params->n_addresses; i++)
		if (params->addresses[i].addr.family == ADDR_IP6)
			return true;
	return false;
}

static bool has_ip4(const struct enclosure_params *params)
{
	for (size_t i = 0; i < params->n_addresses; i++)
		if (params->addresses[i].addr.family == ADDR_IP4)
			return true;
	return false;
}

/* --- what is asked of the kernel -------------------------------------------------------- */

static int add_default_route(struct mnl_socket *nl, uint32_t ifindex, uint8_t family)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = RTM_NEWROUTE;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	m->rtm_family = family;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	m->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	return netlink_request(nl, nlh);
}

static int set_flags(struct mnl_socket *nl, uint32_t ifindex, unsigned int flags)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = RTM_NEWLINK;
	m->ifi_index = (int)ifindex;
	m->ifi_flags = flags;
	m->ifi_change = flags;
	return netlink_request(nl, nlh);
}

/* No link-local address, so that neither end speaks unasked. */
static int keep_quiet(struct mnl_socket *nl, uint32_t ifindex)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	struct nlattr *spec, *ip6;

	nlh->nlmsg_type = RTM_NEWLINK;
	m->ifi_index = (int)ifindex;
	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	ip6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, ip6);
	mnl_attr_nest_end(nlh, spec);
	return netlink_request(nl, nlh);
}

static int add_address(struct mnl_socket *nl, uint32_t ifindex, const struct prefix *address)
{
	bool ip4 = address->addr.family == ADDR_IP4;
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	m->ifa_family = ip4 ? AF_INET : AF_INET6;
	m->ifa_prefixlen = address->len;
	m->ifa_flags = ip4 ? 0 : IFA_F_NODAD;
	m->ifa_index = ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, ip4 ? 4 : 16, address->addr.bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, ip4 ? 4 : 16, address->addr.bytes);
	return netlink_request(nl, nlh);
}

/* A pair with one end here, the other as params->name in the namespace @inside. */
static int add_pair(struct mnl_socket *nl, const struct enclosure_params *params, int inside)
{
	uint8_t buffer[512];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	struct nlattr *info, *data, *peer;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, ENGINES_END);
	mnl_attr_put_u32(nlh, IFLA_MTU, params->mtu);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	*m = (struct ifinfomsg){ 0 };
	mnl_attr_put_strz(nlh, IFLA_IFNAME, params->name);
	mnl_attr_put_u32(nlh, IFLA_MTU, params->mtu);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)inside);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return netlink_request(nl, nlh);
}

/* --- a veth pair ------------------------------------------------------------------------ */

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int open_packet(uint32_t ifindex)
{
	/* Every protocol, for both families; such a socket would also hear what it sends itself. */
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : 0;

	if (r == 0)
		r = set_int(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
	if (r == 0)
		r = set_int(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (r == 0) {
		if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_QUEUE) < 0)
			(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_QUEUE);
		if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_QUEUE) < 0)
			(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_QUEUE);
		r = bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
	}
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* The engine's end, in the namespace that the caller has just made for it. */
static int open_engines_end(const struct enclosure_params *params, int inside)
{
	struct mnl_socket *nl;
	uint32_t ifindex;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	r = add_pair(nl, params, inside);
	ifindex = if_nametoindex(ENGINES_END);
	if (r == 0) {
		(void)keep_quiet(nl, ifindex); /* fails where there is no IPv6 at all */
		r = set_flags(nl, ifindex, IFF_UP);
	}
	mnl_socket_close(nl);
	return r < 0 ? r : open_packet(ifindex);
}

/*
 * A kernel before 6.2 has no name for UDP trains in a packet socket's header, and then loses
 * them.  It refuses to send one as well, which is how to find out.
 */
static bool knows_udp_trains(int fd)
{
	static const uint8_t frame[10 + 14 + 20 + 8 + 16] = {
		[0] = 1,            /* the checksum is partial */
		[1] = 5,            /* VIRTIO_NET_HDR_GSO_UDP_L4 */
		[10 + 12] = 0x08,   /* IPv4 */
		[10 + 14] = 0x45,   /* its header */
		[10 + 14 + 3] = 44, /* total length */
		[10 + 14 + 8] = 1,  /* TTL */
		[10 + 14 + 9] = 17, /* UDP */
		[10 + 34 + 5] = 24, /* its length */
	};
	const uint16_t numbers[] = { 14 + 20 + 8, 8, 14 + 20, 6 }; /* host order */
	uint8_t copy[sizeof(frame)];

	memcpy(copy, frame, sizeof(frame));
	memcpy(copy + 2, numbers, sizeof(numbers));
	return send(fd, copy, sizeof(copy), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EINVAL;
}

static int ethtool(int fd, struct ifreq *ifr, void *request)
{
	ifr->ifr_data = request;
	return ioctl(fd, SIOCETHTOOL, ifr) < 0 ? -errno : 0;
}

/* Which bit of the features is @name; -1: none. */
static int find_feature(int fd, struct ifreq *ifr, uint32_t n, const char *name)
{
	struct ethtool_gstrings *strings =
		calloc(1, sizeof(*strings) + (size_t)n * ETH_GSTRING_LEN);
	int found = -1;

	if (!strings)
		return -1;
	*strings = (struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS,
					      .string_set = ETH_SS_FEATURES,
					      .len = n };
	if (ethtool(fd, ifr, strings) == 0) {
		for (uint32_t i = 0; i < strings->len && found < 0; i++)
			if (strncmp((char *)strings->data + (size_t)i * ETH_GSTRING_LEN, name,
				    ETH_GSTRING_LEN) == 0)
				found = (int)i;
	}
	free(strings);
	return found;
}

/* Has the command's own kernel cut them. */
static int refuse_udp_trains(int fd, const char *name)
{
	struct ifreq ifr = { 0 };
	union {
		struct ethtool_sset_info info;
		uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} sets = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1u << ETH_SS_FEATURES } };
	struct ethtool_sfeatures *change;
	uint32_t blocks, n = 0;
	int bit, r;

	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	r = ethtool(fd, &ifr, &sets);
	memcpy(&n, sets.room + sizeof(sets.info), sizeof(n));
	bit = r == 0 ? find_feature(fd, &ifr, n, "tx-udp-segmentation") : -1;
	if (bit < 0)
		return r;
	blocks = (n + 31) / 32;
	change = calloc(1, sizeof(*change) + blocks * sizeof(change->features[0]));
	if (!change)
		return -ENOMEM;
	change->cmd = ETHTOOL_SFEATURES;
	change->size = blocks;
	change->features[bit / 32].valid = 1u << (bit % 32);
	r = ethtool(fd, &ifr, change);
	free(change);
	return r;
}

static int set_up_commands_end(const struct enclosure_params *params, uint32_t ifindex)
{
	struct mnl_socket *nl;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	(void)keep_quiet(nl, ifindex);
	r = set_flags(nl, ifindex, IFF_NOARP | IFF_UP);
	for (size_t i = 0; r == 0 && i < params->n_addresses; i++)
		r = add_address(nl, ifindex, &params->addresses[i]);
	mnl_socket_close(nl);
	return r;
}

/* The command's end; @outside: the packet socket. */
static int open_commands_end(const struct enclosure_params *params, int outside, uint8_t *ret_mac)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };
	int r = fd < 0 ? -errno : 0;

	strncpy(ifr.ifr_name, params->name, sizeof(ifr.ifr_name) - 1);
	if (r == 0 && ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		r = -errno;
	memcpy(ret_mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	if (r == 0 && !knows_udp_trains(outside))
		r = refuse_udp_trains(fd, params->name);
	if (fd >= 0)
		close(fd);
	return r == 0 ? set_up_commands_end(params, if_nametoindex(params->name)) : r;
}

int enclosure_veth_open(const struct enclosure_params *params, struct enclosure_adapter *ret)
{
	int inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = -1;
	int r;

	if (inside < 0)
		return -errno;
	r = unshare(CLONE_NEWNET) < 0 ? -errno : 0;
	if (r == 0) {
		fd = open_engines_end(params, inside);
		r = setns(inside, CLONE_NEWNET) < 0 ? -errno : fd;
	}
	close(inside);
	if (r >= 0)
		r = open_commands_end(params, fd, ret->mac);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	ret->kind = TUN_VETH;
	ret->fd = fd;
	return 0;
}

/* --- either of them --------------------------------------------------------------------- */

static int open_tun(const struct enclosure_params *params, struct enclosure_adapter *ret)
{
	struct tun *tun;
	int r = tun_open(&(struct tun_params){ .name = params->name,
					       .addresses = params->addresses,
					       .n_addresses = params->n_addresses,
					       .mtu = params->mtu,
					       .ip6 = enclosure_has_ip6(params),
					       .up = true },
			 &tun);

	if (r < 0)
		return r;
	ret->kind = TUN_ADAPTER;
	ret->fd = fcntl(tun_fd(tun), F_DUPFD_CLOEXEC, 0);
	r = ret->fd < 0 ? -errno : 0;
	tun_free(tun);
	return r;
}

static bool may_be_veth(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -ENXIO || error == -EPERM ||
	       error == -EACCES;
}

static int set_up_routes(const struct enclosure_params *params)
{
	uint32_t adapter = if_nametoindex(params->name);
	struct mnl_socket *nl;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	r = set_flags(nl, if_nametoindex("lo"), IFF_UP);
	if (r == 0 && has_ip4(params))
		r = add_default_route(nl, adapter, AF_INET);
	if (r == 0 && enclosure_has_ip6(params))
		r = add_default_route(nl, adapter, AF_INET6);
	mnl_socket_close(nl);
	return r;
}

int enclosure_adapter_open(const struct enclosure_params *params, struct enclosure_adapter *ret,
			   bool *ret_none)
{
	int r;

	*ret_none = false;
	r = open_tun(params, ret);
	if (r < 0 && may_be_veth(r)) {
		r = enclosure_veth_open(params, ret);
		*ret_none = r < 0 && if_nametoindex(params->name) == 0;
	}
	if (r < 0)
		return r;
	r = set_up_routes(params);
	if (r < 0)
		close(ret->fd);
	return r;
}
