/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_filter.h - the two classic BPF programs of the external interface
 *
 * Both find the external port of an IPv4 packet in the same places: the destination
 * port of TCP and UDP, the identifier of an ICMP echo reply, and inside an ICMP error (types 3,
 * 4, 11, 12) the source port or echo identifier of the packet that it is about.
 *
 * Loads have positive offsets: those with SKF_NET_OFF see only the linear part of a packet.
 * Pure: writes instructions, calls nothing.
 */
#ifndef CULVERT_IO_PACKET_FILTER_H
#define CULVERT_IO_PACKET_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

#include "io/external.h"

/*
 * Whatever is leased: the ports are a bitmap, not a list.  A converted program of this length
 * stays below the 20 KB that older kernels let a socket have (optmem_max).
 */
#define PACKET_FILTER_MAX 400

struct packet_filter {
	struct sock_filter code[PACKET_FILTER_MAX];
	uint16_t n;
};

/**
 * packet_filter_steer() - the fanout's program: external_worker() of the packet's port
 *
 * It runs with the IPv4 header at offset 0.  What has no port goes to worker 0.
 */
void packet_filter_steer(struct packet_filter *f, unsigned int workers);

/**
 * packet_filter_ports() - the socket's program: only what is for us and for a leased port
 * @l2: bytes before the IPv4 header
 * @address: external address, host order; so must the source be inside an ICMP error
 *
 * Drops what was sent to another machine, other VLANs, and fragments (the fanout
 * delivers them reassembled).
 */
void packet_filter_ports(struct packet_filter *f, uint32_t l2, uint32_t address,
			 const struct external_ports *ports);

#endif
