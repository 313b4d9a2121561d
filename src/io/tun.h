/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun.h - an adapter that speaks trains: a non-persistent TUN, or one end of a veth pair
 *
 * The gateway's is for traffic between clients and its own host; a client's is where all traffic
 * enters the tunnel.  A TUN vanishes with its descriptor.  Making one needs CAP_NET_ADMIN over the
 * network namespace, and /dev/net/tun; using one needs nothing.
 */
#ifndef CULVERT_IO_TUN_H
#define CULVERT_IO_TUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "packet/train.h"

#define TUN_RX_BATCH 8

struct tun;

struct tun_params {
	const char *name;
	const struct prefix *addresses; /* each sets the connected route that it implies */
	size_t n_addresses;
	uint32_t mtu; /* bytes */
	bool ip6;     /* carries both families; else IPv6 packets read from it count as
			 DROP_IP6_REFUSED, and @addresses are IPv4 */
	bool up;      /* false: whoever asked for it will bring it up */
};

/**
 * tun_open() - creates an adapter
 *
 * With vnet headers, TSO4, TSO6 where params->ip6, and USO where the kernel has it.  It never has
 * an IPv6 address that is not in @params->addresses, not even a link-local one.
 * Return: 0; -EBUSY: the name is taken; -EPERM; -ENOENT: no /dev/net/tun; -EADDRINUSE: another
 * interface of this host has one of the addresses; -EAFNOSUPPORT: IPv6 is switched off; -errno.
 */
int tun_open(const struct tun_params *params, struct tun **ret);

enum tun_kind {
	TUN_ADAPTER, /* a TUN with IFF_NO_PI, IFF_VNET_HDR and a 10-byte header */
	TUN_VETH,    /* a packet socket (SOCK_RAW, PACKET_VNET_HDR) bound to one end of a veth pair
			whose other end has no ARP: 14 bytes of Ethernet go before each packet */
};

/**
 * tun_adopt() - an adapter that another process made, perhaps in another namespace
 * @fd: takes, and closes on failure; is made non-blocking
 * @peer_mac: TUN_VETH: the other end's address; else NULL
 * @mtu: bytes; what tun_mtu() says of an adapter that is not of this namespace
 *
 * Sets the offloads as tun_open() does, but no address, and does not bring it up.
 * Return: 0; -EINVAL: not an adapter of that kind; -ENODEV: it was deleted; -errno.
 */
int tun_adopt(int fd, enum tun_kind kind, const uint8_t *peer_mac, uint32_t mtu, bool ip6,
	      struct tun **ret);
struct tun *tun_free(struct tun *tun);

int tun_fd(const struct tun *tun);
const char *tun_name(const struct tun *tun); /* "" if adopted and not of this namespace */

/** tun_mtu() - bytes, as it is now; while the adapter is in another namespace the last known, or
 *  what it carried, whichever is more */
uint32_t tun_mtu(struct tun *tun);

/** tun_gone() - whether the adapter was deleted: nothing will ever be read again */
bool tun_gone(const struct tun *tun);

/** tun_recv() - as external_recv() */
size_t tun_recv(struct tun *tun, struct train *t, size_t n, uint64_t *drops);

/** tun_send() - of either family.  Return: PASS or DROP_HOST_SEND */
enum verdict tun_send(struct tun *tun, const struct train *t);

/** tun_send_raw() - one whole packet of any version.  Return: PASS or DROP_HOST_SEND. */
enum verdict tun_send_raw(struct tun *tun, const uint8_t *packet, size_t len);

#endif
