/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun_make.c - an adapter is made or taken over, configured, and asked what has become of it
 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/link.h"
#include "io/netlink.h"
#include "io/tun_parts.h"
#include "io/vnet.h"

#define VETH_QUEUE (4 << 20) /* bytes asked for; a train of 64 KiB counts with all its memory */

/* linux/if_tun.h, Linux 6.2; the kernel takes them only together. */
#define OFFLOAD_USO4 0x20
#define OFFLOAD_USO6 0x40

static int tun_alloc(enum tun_kind kind, uint32_t mtu, bool ip6, struct tun **ret)
{
	struct tun *tun = calloc(1, sizeof(*tun));
	int r = 0;

	if (!tun)
		return -ENOMEM;
	tun->fd = -1;
	tun->kind = kind;
	tun->mtu = mtu;
	tun->ip6 = ip6;
	tun->query = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (tun->query < 0)
		r = -errno;
	tun->buffers = aligned_alloc(64, (size_t)TUN_RX_BATCH * TUN_BUFFER);
	if (!tun->buffers)
		r = -ENOMEM;
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
	if (tun->query >= 0)
		close(tun->query);
	free(tun->buffers);
	free(tun);
	return NULL;
}

static int set_offloads(struct tun *tun)
{
	int header_size = sizeof(struct vnet_header);
	unsigned int offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;

	if (tun->ip6)
		offload |= TUN_F_TSO6;
	if (ioctl(tun->fd, TUNSETVNETHDRSZ, &header_size) < 0)
		return -errno;
	tun->udp_trains = ioctl(tun->fd, TUNSETOFFLOAD, offload | OFFLOAD_USO4 | OFFLOAD_USO6) == 0;
	if (!tun->udp_trains && ioctl(tun->fd, TUNSETOFFLOAD, offload) < 0)
		return -errno;
	return 0;
}

static int create(struct tun *tun, const char *name)
{
	/* EXCL: an adapter that somebody made persistent is not ours to join. */
	struct ifreq ifr = { .ifr_flags =
				     (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL) };

	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	tun->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tun->fd < 0)
		return errno == ENXIO || errno == ENODEV ? -ENOENT : -errno;
	if (ioctl(tun->fd, TUNSETIFF, &ifr) < 0)
		return -errno;
	memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
	tun->ifindex = (int)if_nametoindex(tun->name);
	return tun->ifindex > 0 ? set_offloads(tun) : -ENODEV;
}

/* The address of an interface's entry; ADDR_NONE for other families. */
static struct addr address_of(const struct sockaddr *sa)
{
	struct addr a = { .family = ADDR_NONE };

	if (sa && sa->sa_family == AF_INET) {
		a.family = ADDR_IP4;
		memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa && sa->sa_family == AF_INET6) {
		a.family = ADDR_IP6;
		memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	}
	return a;
}

/* Link-local addresses are of their link: each may have the same. */
static bool is_link_local(const struct addr *a)
{
	return a->family == ADDR_IP6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static bool is_one_of(const struct addr *a, const struct tun_params *params)
{
	for (size_t i = 0; i < params->n_addresses; i++) {
		if (addr_equal(a, &params->addresses[i].addr))
			return true;
	}
	return false;
}

/* The kernel would give a second interface the same address, and answer by either. */
static int check_addresses(const struct tun *tun, const struct tun_params *params)
{
	struct ifaddrs *list;
	int r = 0;

	if (getifaddrs(&list) < 0)
		return -errno;
	for (const struct ifaddrs *i = list; i && r == 0; i = i->ifa_next) {
		struct addr a = address_of(i->ifa_addr);

		if (strcmp(i->ifa_name, tun->name) != 0 && !is_link_local(&a) &&
		    is_one_of(&a, params))
			r = -EADDRINUSE;
	}
	freeifaddrs(list);
	return r;
}

static int configure(const struct tun *tun, const struct tun_params *params)
{
	struct mnl_socket *nl;
	int r = check_addresses(tun, params);

	if (r == 0)
		r = netlink_open(&nl);
	if (r < 0)
		return r;
	(void)link_no_link_local(nl, tun->ifindex); /* fails where there is no IPv6 at all */
	r = link_set_mtu(nl, tun->ifindex, params->mtu);
	for (size_t i = 0; i < params->n_addresses && r == 0; i++)
		r = link_add_address(nl, tun->ifindex, &params->addresses[i]);
	if (r == 0 && params->up)
		r = link_set_flags(nl, tun->ifindex, IFF_UP);
	mnl_socket_close(nl);
	return r;
}

int tun_open(const struct tun_params *params, struct tun **ret)
{
	struct tun *tun;
	int r = tun_alloc(TUN_ADAPTER, params->mtu, params->ip6, &tun);

	if (r < 0)
		return r;
	r = create(tun, params->name);
	if (r == 0)
		r = configure(tun, params);
	if (r < 0) {
		tun_free(tun);
		return r;
	}
	*ret = tun;
	return 0;
}

/* Whether the adapter is in the namespace of this thread.  False where we may not ask. */
static bool is_here(int fd)
{
	struct stat ours, its;
	int ns = ioctl(fd, TUNGETDEVNETNS);
	bool here;

	if (ns < 0)
		return false;
	here = fstat(ns, &its) == 0 && stat("/proc/thread-self/ns/net", &ours) == 0 &&
	       its.st_dev == ours.st_dev && its.st_ino == ours.st_ino;
	close(ns);
	return here;
}

static int adopt_adapter(struct tun *tun)
{
	/* IFF_NO_PI can't be asked for: TUNGETIFF has another flag (IFF_NOFILTER) in its bit. */
	const unsigned short want = IFF_TUN | IFF_VNET_HDR;
	struct ifreq ifr = { .ifr_flags = 0 };

	if (ioctl(tun->fd, TUNGETIFF, &ifr) < 0)
		return errno == EBADFD ? -ENODEV : -EINVAL;
	if (((unsigned short)ifr.ifr_flags & want) != want)
		return -EINVAL;
	if (is_here(tun->fd)) {
		memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
		tun->ifindex = (int)if_nametoindex(tun->name);
	}
	return set_offloads(tun);
}

/* Beyond the host's limit only with CAP_NET_ADMIN over the host. */
static void set_queue(int fd, int forced, int limited)
{
	int size = VETH_QUEUE;

	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, limited, &size, sizeof(size));
}

static int adopt_veth(struct tun *tun, const uint8_t *peer_mac)
{
	int on = 1;

	tun->l2 = ETH_HLEN;
	tun->udp_trains = true; /* until one is refused */
	memcpy(tun->peer_mac, peer_mac, sizeof(tun->peer_mac));
	/* What the kernel itself sends from this end is not for the tunnel. */
	if (setsockopt(tun->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		return -errno;
	set_queue(tun->fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_queue(tun->fd, SO_SNDBUFFORCE, SO_SNDBUF);
	return 0;
}

int tun_adopt(int fd, enum tun_kind kind, const uint8_t *peer_mac, uint32_t mtu, bool ip6,
	      struct tun **ret)
{
	struct tun *tun;
	int r = tun_alloc(kind, mtu, ip6, &tun);

	if (r < 0) {
		close(fd);
		return r;
	}
	tun->fd = fd;
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		r = -errno;
	else
		r = kind == TUN_VETH ? adopt_veth(tun, peer_mac) : adopt_adapter(tun);
	if (r < 0) {
		tun_free(tun);
		return r;
	}
	*ret = tun;
	return 0;
}

const char *tun_name(const struct tun *tun)
{
	return tun->name;
}

uint32_t tun_mtu(struct tun *tun)
{
	struct ifreq ifr = { .ifr_ifindex = tun->ifindex };

	/* By its number: it may have another name by now, and in its absence another its name. */
	if (tun->ifindex > 0 && ioctl(tun->query, SIOCGIFNAME, &ifr) == 0 &&
	    ioctl(tun->query, SIOCGIFMTU, &ifr) == 0)
		tun->mtu = (uint32_t)ifr.ifr_mtu;
	return tun->mtu;
}

bool tun_gone(const struct tun *tun)
{
	struct sockaddr_ll at = { .sll_ifindex = 0 };
	socklen_t len = sizeof(at);
	struct ifreq ifr;

	if (tun->kind == TUN_ADAPTER)
		return ioctl(tun->fd, TUNGETIFF, &ifr) < 0 && errno == EBADFD;
	/* The kernel unbinds a packet socket from an interface that ends. */
	return getsockname(tun->fd, (struct sockaddr *)&at, &len) == 0 && at.sll_ifindex <= 0;
}
