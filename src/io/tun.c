/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun.c - packets and trains from and to an adapter
 */
#include "io/tun.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/wire.h"
#include "io/tun_parts.h"
#include "io/vnet.h"

#define HEADERS 2 /* iovecs before the packet: virtio_net, Ethernet */

int tun_fd(const struct tun *tun)
{
	return tun->fd;
}

static enum verdict parse(struct tun *tun, struct train *t, const struct vnet_header *header,
			  uint8_t *packet, size_t len)
{
	enum verdict v;

	if (!tun->ip6 && packet[0] >> 4 == 6)
		return DROP_IP6_REFUSED;
	v = vnet_parse_any(t, header, tun->l2, packet, len);
	/* Of an adapter that is elsewhere nobody tells us the MTU, but it carried this. */
	if (v == PASS && train_segment_len(t) > tun->mtu)
		tun->mtu = train_segment_len(t);
	return v;
}

size_t tun_recv(struct tun *tun, struct train *t, size_t n, uint64_t *drops)
{
	size_t got = 0;

	if (n > TUN_RX_BATCH)
		n = TUN_RX_BATCH;
	/* One read a packet: the kernel has no batch for adapters. */
	for (size_t i = 0; i < n; i++) {
		uint8_t *packet = tun->buffers + got * TUN_BUFFER;
		struct vnet_header header;
		uint8_t l2[ETH_HLEN];
		struct iovec iov[HEADERS + 1] = { { &header, sizeof(header) },
						  { l2, tun->l2 },
						  { packet, TUN_BUFFER } };
		size_t skip = sizeof(header) + tun->l2;
		ssize_t len = readv(tun->fd, iov, HEADERS + 1);
		enum verdict v = DROP_IP_MALFORMED;

		if (len < 0)
			break;
		if ((size_t)len > skip)
			v = parse(tun, &t[got], &header, packet, (size_t)len - skip);
		if (v == PASS)
			got++;
		else
			drops[v]++;
	}
	return got;
}

/* The Ethernet header before a packet; of length 0 where there is none. */
static struct iovec make_l2(const struct tun *tun, bool ip6, uint8_t out[static ETH_HLEN])
{
	/* Nobody answers to the sender's address: the other end asks no neighbour. */
	static const uint8_t ours[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x01 };

	memcpy(out, tun->peer_mac, ETH_ALEN);
	memcpy(out + ETH_ALEN, ours, ETH_ALEN);
	store_be16(out + 2 * ETH_ALEN, ip6 ? ETH_P_IPV6 : ETH_P_IP);
	return (struct iovec){ out, tun->l2 };
}

static int write_train(const struct tun *tun, const struct train *t)
{
	struct vnet_header header = vnet_describe(t, tun->l2);
	struct iovec iov[HEADERS + 1 + TRAIN_PIECES_MAX];
	uint8_t l2[ETH_HLEN];
	size_t n;

	iov[0] = (struct iovec){ &header, sizeof(header) };
	iov[1] = make_l2(tun, t->ip6, l2);
	n = HEADERS + vnet_gather(t, iov + HEADERS);
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

/* A packet socket doesn't say beforehand whether its kernel (before Linux 6.2: no) takes UDP trains.
   One odd train that is refused later must not end them for everybody. */
static void learn(struct tun *tun, int r)
{
	if (r == 0)
		tun->udp_trains_taken = true;
	else if (r == -EINVAL && tun->kind == TUN_VETH && !tun->udp_trains_taken)
		tun->udp_trains = false;
}

enum verdict tun_send(struct tun *tun, const struct train *t)
{
	bool train = vnet_is_train(t);
	bool udp = t->proto == IPPROTO_NUM_UDP;
	int r;

	if (train && (t->csum != CSUM_PARTIAL || (udp && !tun->udp_trains)))
		return write_cut(tun, t);
	r = write_train(tun, t);
	if (train && udp)
		learn(tun, r);
	if (train && r == -EINVAL)
		return write_cut(tun, t);
	return r < 0 ? DROP_HOST_SEND : PASS;
}

enum verdict tun_send_raw(struct tun *tun, const uint8_t *packet, size_t len)
{
	struct vnet_header header = { 0 };
	uint8_t l2[ETH_HLEN];
	struct iovec iov[HEADERS + 1] = { { &header, sizeof(header) },
					  make_l2(tun, len > 0 && packet[0] >> 4 == 6, l2),
					  { (void *)(uintptr_t)packet, len } };

	return writev(tun->fd, iov, HEADERS + 1) < 0 ? DROP_HOST_SEND : PASS;
}
