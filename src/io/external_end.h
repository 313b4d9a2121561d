/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * external_end.h - what external.c and external_send.c share
 */
#ifndef CULVERT_IO_EXTERNAL_END_H
#define CULVERT_IO_EXTERNAL_END_H

#include <linux/if_ether.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "io/external.h"
#include "io/vnet.h"

#define EXTERNAL_BUFFER 65600 /* an IPv4 packet of any length, in whole cache lines */
#define EXTERNAL_STRIDE 67648 /* and so far apart that short ones do not share cache sets */

enum train_support {
	TRAINS_UNTRIED,
	TRAINS_TAKEN,   /* at least one was: what is refused later is refused for its own sake */
	TRAINS_REFUSED, /* cut them */
};

/* Where one reception goes, besides its buffer. */
struct external_slot {
	struct vnet_header vnet;
	uint8_t l2[ETH_HLEN];
	struct iovec iov[3];
};

struct external {
	int fd;      /* packet socket */
	int raw;     /* IPv4, for what needs the kernel to find the neighbour */
	uint32_t l2; /* bytes of the link's header: 14 or 0 */
	/* worker */
	struct uplink uplink;
	uint8_t frame_header[ETH_HLEN];
	bool offload; /* as external_set_offload() says */
	enum train_support tcp_trains;
	enum train_support udp_trains; /* Linux 6.2 */
	uint64_t refreshed; /* when a packet last went out to refresh a stale neighbour, ns */
	uint8_t *buffers;   /* EXTERNAL_RX_BATCH of EXTERNAL_BUFFER bytes, EXTERNAL_STRIDE apart */
	struct mmsghdr msgs[EXTERNAL_RX_BATCH]; /* ready for recvmmsg() between calls */
	struct external_slot slots[EXTERNAL_RX_BATCH];
	uint8_t segment[EXTERNAL_BUFFER];
};

#endif
