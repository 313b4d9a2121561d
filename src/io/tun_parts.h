/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun_parts.h - what tun.c and tun_make.c share
 */
#ifndef CULVERT_IO_TUN_PARTS_H
#define CULVERT_IO_TUN_PARTS_H

#include <linux/if_ether.h>
#include <net/if.h>

#include "io/tun.h"

#define TUN_BUFFER 65600 /* an IP packet of any length that a train has, in whole cache lines */

struct tun {
	int fd;
	int query; /* a socket of the namespace in which it was opened, for tun_mtu() */
	enum tun_kind kind;
	char name[IFNAMSIZ]; /* "": not of this namespace */
	int ifindex;         /* in this namespace; 0: not of it */
	uint32_t mtu;        /* the last known */
	bool ip6;
	bool udp_trains;       /* what the kernel has, or may have; else UDP trains are cut */
	bool udp_trains_taken; /* TUN_VETH: at least one was */
	uint32_t l2;           /* bytes before each packet: ETH_HLEN or 0 */
	uint8_t peer_mac[ETH_ALEN];
	uint8_t *buffers; /* TUN_RX_BATCH of TUN_BUFFER bytes */
	uint8_t segment[TUN_BUFFER];
};

#endif
