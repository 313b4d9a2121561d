/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * external_end.h - what external.c and external_send.c share
 */
#ifndef CULVERT_IO_EXTERNAL_END_H
#define CULVERT_IO_EXTERNAL_END_H

#include <linux/if_ether.h>

#include "io/external.h"

#define EXTERNAL_BUFFER 65600 /* an IPv4 packet of any length, in whole cache lines */

enum train_support {
	TRAINS_UNTRIED,
	TRAINS_TAKEN,   /* at least one was: what is refused later is refused for its own sake */
	TRAINS_REFUSED, /* cut them */
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
	uint8_t *buffers;   /* EXTERNAL_RX_BATCH of EXTERNAL_BUFFER bytes */
	uint8_t segment[EXTERNAL_BUFFER];
};

#endif
