/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/netlink.h"
#include "io/vnet.h"

#define BUFFER_SIZE 65600 /* an IPv4 packet of any length, in whole cache lines */

/* linux/if_tun.h, Linux 6.2; the kernel takes them only together. */
#define OFFLOAD_USO4 0x20
#define OFFLOAD_USO6 0x40

struct tun {
	int fd;
	char name[IFNAMSIZ];
	bool udp_trains; /* what the kernel has; else UDP trains are cut */
	uint8_t *buffers;
	uint8_t segment[BUFFER_SIZE];
};

static int create(struct tun *tun, const char *name)
{
	/* EXCL: an adapter that somebody made persistent is not ours to join. */
	struct ifreq ifr = { .ifr_flags =
				     (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL) };
	int header_size = sizeof(struct vnet_header);
	unsigned int offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;

	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	tun->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tun->fd < 0)
		return errno == ENXIO || errno == ENODEV ? -ENOENT : -errno;
	if (ioctl(tun->fd, TUNSETIFF, &ifr) < 0)
		return -errno;
	memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
	if (ioctl(tun->fd, TUNSETVNETHDRSZ, &header_size) < 0)
		return -errno;
	tun->udp_trains = ioctl(tun->fd, TUNSETOFFLOAD, offload | OFFLOAD_USO4 | OFFLOAD_USO6) == 0;
	if (!tun->udp_trains && ioctl(tun->fd, TUNSETOFFLOAD, offload) < 0)
		return -errno;
	return 0;
}

/* Without an address generation mode the kernel would give it a link-local IPv6 address. */
static int disable_ip6(struct mnl_socket *nl, int ifindex)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	struct nlattr *spec, *ip6;

	nlh->nlmsg_type = RTM_NEWLINK;
	m->ifi_index = ifindex;
	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	ip6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, ip6);
	mnl_attr_nest_end(nlh, spec);
	return netlink_request(nl, nlh);
}

static int set_up(struct mnl_socket *nl, int ifindex, uint32_t mtu)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = RTM_NEWLINK;
	m->ifi_index = ifindex;
	m->ifi_flags = IFF_UP;
	m->ifi_change = IFF_UP;
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return netlink_request(nl, nlh);
}

static int set_address(struct mnl_socket *nl, int ifindex, const struct prefix *address)
{
	uint8_t buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	m->ifa_family = AF_INET;
	m->ifa_prefixlen = address->len;
	m->ifa_index = (uint32_t)ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, 4, address->addr.bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, 4, address->addr.bytes);
	return netlink_request(nl, nlh);
}

static int configure(const struct tun *tun, const struct prefix *address, uint32_t mtu)
{
	int ifindex = (int)if_nametoindex(tun->name);
	struct mnl_socket *nl;
	int r;

	if (ifindex == 0)
		return -ENODEV;
	r = netlink_open(&nl);
	if (r < 0)
		return r;
	(void)disable_ip6(nl, ifindex); /* fails where there is no IPv6 at all */
	r = set_address(nl, ifindex, address);
	if (r == 0)
		r = set_up(nl, ifindex, mtu);
	mnl_socket_close(nl);
	return r;
}

int tun_open(const struct tun_params *params, struct tun **ret)
{
	const struct prefix *address = params->addresses;
	struct tun *tun;
	int r;

	if (params->n_addresses != 1 || address->addr.family != ADDR_IP4)
		return -EAFNOSUPPORT;
	tun = calloc(1, sizeof(*tun));
	if (!tun)
		return -ENOMEM;
	tun->buffers = aligned_alloc(64, (size_t)TUN_RX_BATCH * BUFFER_SIZE);
	tun->fd = -1;
	r = tun->buffers ? create(tun, params->name) : -ENOMEM;
	if (r == 0)
		r = configure(tun, address, params->mtu);
	if (r < 0) {
		tun_free(tun);
		return r;
	}
	*ret = tun;
	return 0;
}

struct tun *tun_free(struct tun *tun)
{
	if (!tun)
		return NULL;
	if (tun->fd >= 0)
		close(tun->fd);
	free(tun->buffers);
	free(tun);
	return NULL;
}

int tun_fd(const struct tun *tun)
{
	return tun->fd;
}

const char *tun_name(const struct tun *tun)
{
	return tun->name;
}

size_t tun_recv(struct tun *tun, struct train *t, size_t n, uint64_t *drops)
{
	size_t got = 0;

	if (n > TUN_RX_BATCH)
		n = TUN_RX_BATCH;
	/* One read a packet: the kernel has no batch for adapters. */
	for (size_t i = 0; i < n; i++) {
		uint8_t *packet = tun->buffers + got * BUFFER_SIZE;
		struct vnet_header header;
		struct iovec iov[2] = { { &header, sizeof(header) }, { packet, BUFFER_SIZE } };
		ssize_t len = readv(tun->fd, iov, 2);
		enum verdict v = DROP_IP_MALFORMED;

		if (len < 0)
			break;
		if ((size_t)len > sizeof(header))
			v = packet[0] >> 4 == 6 ? DROP_IP6_REFUSED
						: vnet_parse(&t[got], &header, 0, packet,
							     (size_t)len - sizeof(header));
		if (v == PASS)
			got++;
		else
			drops[v]++;
	}
	return got;
}

static int write_train(const struct tun *tun, const struct train *t)
{
	struct vnet_header header = vnet_describe(t, 0);
	struct iovec iov[1 + 1 + TRAIN_PIECES_MAX];
	size_t n;

	iov[0] = (struct iovec){ &header, sizeof(header) };
	n = 1 + vnet_gather(t, iov + 1);
	return writev(tun->fd, iov, (int)n) < 0 ? -errno : 0;
}

static enum verdict write_cut(struct tun *tun, const struct train *t)
{
	enum verdict v = PASS;
	struct cut cut;
	size_t len;

	cut_start(&cut, t);
	while ((len = cut_next(&cut, tun->segment, sizeof(tun->segment))) > 0) {
		if (tun_send_raw(tun, tun->segment, len) != PASS)
			v = DROP_HOST_SEND;
	}
	return v;
}

enum verdict tun_send(struct tun *tun, const struct train *t)
{
	int r;

	if (vnet_is_train(t) &&
	    (t->csum != CSUM_PARTIAL || (t->proto == IPPROTO_NUM_UDP && !tun->udp_trains)))
		return write_cut(tun, t);
	r = write_train(tun, t);
	if (r == -EINVAL && vnet_is_train(t))
		return write_cut(tun, t);
	return r < 0 ? DROP_HOST_SEND : PASS;
}

enum verdict tun_send_raw(struct tun *tun, const uint8_t *packet, size_t len)
{
	struct vnet_header header = { 0 };
	struct iovec iov[2] = { { &header, sizeof(header) }, { (void *)(uintptr_t)packet, len } };

	return writev(tun->fd, iov, 2) < 0 ? DROP_HOST_SEND : PASS;
}
