/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enclosure_adapter.h - the one way out of an enclosure
 *
 * A TUN where /dev/net/tun can be opened.  Else one end of a veth pair, which has no ARP; the
 * other end is in a namespace of its own, held by nothing but the packet socket that is handed out.
 * So both kinds vanish with their descriptor.
 *
 * Linux: veth(4), packet(7).
 */
#ifndef CULVERT_IO_ENCLOSURE_ADAPTER_H
#define CULVERT_IO_ENCLOSURE_ADAPTER_H

#include <stdbool.h>
#include <stdint.h>

#include "io/enclosure.h"
#include "io/tun.h"

struct enclosure_adapter {
	int fd; /* as tun_adopt() takes it */
	enum tun_kind kind;
	uint8_t mac[6]; /* TUN_VETH */
};

/**
 * enclosure_adapter_open() - lo up, the adapter up with its addresses, default routes over it
 * @ret_none: on failure: whether no adapter could be made at all; else it could not be set up
 *
 * There is a default route for each family that the adapter has an address of; where there is none a
 * connection fails at once, and a program tries the other family without waiting.  A kernel without IPv6
 * leaves out the IPv6 addresses: in here that can't make anything go another way.
 *
 * Context: the network namespace of the command, CAP_NET_ADMIN and CAP_SYS_ADMIN over it.
 * Return: 0 or -errno.
 */
int enclosure_adapter_open(const struct enclosure_params *params, struct enclosure_adapter *ret,
			   bool *ret_none);

/** enclosure_veth_open() - the second kind alone; without routes */
int enclosure_veth_open(const struct enclosure_params *params, struct enclosure_adapter *ret);

/** enclosure_refuse_udp_trains() - has the kernel cut what the command sends with UDP_SEGMENT;
 *  before 6.2 it could not tell a packet socket of such a train.  Return: 0 or -errno. */
int enclosure_refuse_udp_trains(const char *name);

/** enclosure_has_ip6() - whether the adapter has an IPv6 address */
bool enclosure_has_ip6(const struct enclosure_params *params);

#endif
