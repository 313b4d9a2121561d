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
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/link.h"
#include "io/netlink.h"
#include "io/route.h"

#define ENGINES_END  "engine0" /* in a namespace where it is alone with lo */
#define CARRIER_WAIT 1000      /* ms; usually it is one or none */

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

static int open_packet(int ifindex)
{
	/* Every protocol, for both families; such a socket would also hear what it sends itself. */
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : 0;

	if (r == 0)
		r = set_int(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
	if (r == 0)
		r = set_int(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (r == 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* The engine's end, in the namespace that the caller has just made for it. */
static int open_engines_end(const struct enclosure_params *params, int inside)
{
	struct mnl_socket *nl;
	int ifindex;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	r = add_pair(nl, params, inside);
	ifindex = (int)if_nametoindex(ENGINES_END);
	if (r == 0) {
		(void)link_no_link_local(nl, ifindex); /* fails where there is no IPv6 at all */
		r = link_set_flags(nl, ifindex, IFF_UP);
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

static int clear_feature(int fd, struct ifreq *ifr, uint32_t n, uint32_t bit)
{
	const uint32_t blocks = (n + 31) / 32;
	struct ethtool_sfeatures *change =
		calloc(1, sizeof(*change) + blocks * sizeof(change->features[0]));
	int r;

	if (!change)
		return -ENOMEM;
	change->cmd = ETHTOOL_SFEATURES;
	change->size = blocks;
	change->features[bit / 32].valid = 1u << (bit % 32);
	r = ethtool(fd, ifr, change);
	free(change);
	return r;
}

int enclosure_refuse_udp_trains(const char *name)
{
	uint64_t room[(sizeof(struct ethtool_sset_info) + sizeof(uint32_t) + 7) / 8] = { 0 };
	struct ethtool_sset_info *features = (struct ethtool_sset_info *)room;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };
	int bit, r;

	if (fd < 0)
		return -errno;
	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	features->cmd = ETHTOOL_GSSET_INFO;
	features->sset_mask = 1u << ETH_SS_FEATURES;
	r = ethtool(fd, &ifr, features);
	bit = r == 0 ? find_feature(fd, &ifr, features->data[0], "tx-udp-segmentation") : -1;
	if (bit >= 0)
		r = clear_feature(fd, &ifr, features->data[0], (uint32_t)bit);
	close(fd);
	return r;
}

static int set_up_commands_end(const struct enclosure_params *params)
{
	int ifindex = (int)if_nametoindex(params->name);
	struct mnl_socket *nl;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	(void)link_no_link_local(nl, ifindex);
	r = link_set_flags(nl, ifindex, IFF_NOARP | IFF_UP);
	for (size_t i = 0; r == 0 && i < params->n_addresses; i++)
		r = link_add_address(nl, ifindex, &params->addresses[i]);
	mnl_socket_close(nl);
	return r;
}

/*
 * The engine's end came up first, without a carrier, and until the kernel has noticed the other one
 * it loses what is sent: that would be the answer to the command's first packet.
 */
static void wait_for_carrier(int outside)
{
	struct ifreq ifr = { .ifr_name = ENGINES_END };

	for (int ms = 0; ms < CARRIER_WAIT; ms++) {
		if (ioctl(outside, SIOCGIFFLAGS, &ifr) < 0 || ifr.ifr_flags & IFF_RUNNING)
			return;
		(void)poll(NULL, 0, 1);
	}
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
	if (fd >= 0)
		close(fd);
	if (r == 0 && !knows_udp_trains(outside))
		r = enclosure_refuse_udp_trains(params->name);
	if (r == 0)
		r = set_up_commands_end(params);
	if (r == 0)
		wait_for_carrier(outside);
	return r;
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

/* A TUN may be missing, or refused to this user or to the whole container. */
static bool may_be_veth(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -EPERM || error == -EACCES;
}

static int set_up_routes(const struct enclosure_params *params)
{
	uint32_t adapter = if_nametoindex(params->name);
	struct mnl_socket *nl;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	r = link_set_flags(nl, (int)if_nametoindex("lo"), IFF_UP);
	if (r == 0 && has_ip4(params))
		r = route_set_default(nl, RTPROT_STATIC, ADDR_IP4, ROUTE_MAIN, adapter);
	if (r == 0 && enclosure_has_ip6(params))
		r = route_set_default(nl, RTPROT_STATIC, ADDR_IP6, ROUTE_MAIN, adapter);
	mnl_socket_close(nl);
	return r;
}

static int open_either(const struct enclosure_params *params, struct enclosure_adapter *ret,
		       bool *ret_none)
{
	int r = open_tun(params, ret);

	if (r < 0 && may_be_veth(r)) {
		r = enclosure_veth_open(params, ret);
		*ret_none = r < 0 && r != -EINVAL && if_nametoindex(params->name) == 0;
	}
	if (r < 0)
		return r;
	r = set_up_routes(params);
	if (r < 0)
		close(ret->fd);
	return r;
}

int enclosure_adapter_open(const struct enclosure_params *params, struct enclosure_adapter *ret,
			   bool *ret_none)
{
	struct enclosure_params usable = *params;
	struct prefix *addresses = calloc(params->n_addresses + 1, sizeof(*addresses));
	bool ip6 = route_has(ADDR_IP6);
	int r;

	*ret_none = false;
	if (!addresses)
		return -ENOMEM;
	usable.addresses = addresses;
	usable.n_addresses = 0;
	for (size_t i = 0; i < params->n_addresses; i++)
		if (ip6 || params->addresses[i].addr.family != ADDR_IP6)
			addresses[usable.n_addresses++] = params->addresses[i];
	r = open_either(&usable, ret, ret_none);
	free(addresses);
	return r;
}
