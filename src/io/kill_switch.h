/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill_switch.h - a host that says nothing but by its tunnel
 *
 * One nftables table of family inet, culvert_ADAPTER, made by nft(8).  It hooks what this host
 * sends and what it forwards, for IPv4 and IPv6; its policy is drop.  These pass:
 *
 *	- loopback, and whatever goes out by the adapter, which need not exist yet
 *	- the tunnel's own packets: address, protocol and port of its endpoints
 *	- destinations that are excluded
 *	- DHCP and DHCPv6 requests, and the IPv6 neighbour discovery without which no packet of the
 *	  tunnel would leave by IPv6; ARP is not seen by nftables here
 *	- forwarded packets that come from the tunnel
 *
 * So multicast and broadcast are blocked, and so are answers to whoever connected from outside
 * and is not excluded.  Packet sockets (AF_PACKET) are below this hook: a DHCP client or a sniffer
 * that sends by one isn't held, and needs CAP_NET_RAW to do so.  `nft flush ruleset` lifts it.
 *
 * Every change is one transaction: the kernel goes from the old table to the new one at once.
 * Needs CAP_NET_ADMIN over the network namespace, nft(8), and a kernel with nf_tables.
 */
#ifndef CULVERT_IO_KILL_SWITCH_H
#define CULVERT_IO_KILL_SWITCH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

struct kill_switch {
	const char *adapter;
	const struct endpoint *endpoints; /* by TCP where .stream isn't 0, else by UDP */
	size_t n_endpoints;
	const struct prefix *excludes;
	size_t n_excludes;
};

/** kill_switch_adapter_valid() - whether the name can be written into a ruleset as it is */
bool kill_switch_adapter_valid(const char *adapter);

/** kill_switch_table() - the name of its table: "culvert_" and the adapter's, in which each byte
 *  that nft doesn't take in a name is "/" and two hex digits.  @out is returned. */
#define KILL_SWITCH_TABLE_MAX (8 + 3 * IFNAMSIZ)
const char *kill_switch_table(const char *adapter, char out[static KILL_SWITCH_TABLE_MAX]);

/** kill_switch_adapter() - the way back.  Return: false if @table isn't such a name. */
bool kill_switch_adapter(const char *table, char ret[static IFNAMSIZ]);

/** kill_switch_text() - the ruleset, for nft -f.  Return: malloc'd, NULL without memory. */
char *kill_switch_text(const struct kill_switch *k);

/** kill_switch_read_endpoints() - from `nft -j list table`; what is no endpoint is passed over.
 *  Return: how many, at most @n. */
size_t kill_switch_read_endpoints(const char *json, struct endpoint *ret, size_t n);

/** kill_switch_read_tables() - from `nft -j list tables`: calls @found for each that is ours */
void kill_switch_read_tables(const char *json, void (*found)(const char *table, void *data),
			     void *data);

/**
 * kill_switch_set() - puts it up, or replaces the one that stands
 * @complaint: 512 bytes; on failure what is wrong and its cure, without a subject
 */
int kill_switch_set(const struct kill_switch *k, int timeout_ms, char *complaint);

/* Those that stand on this host. */
struct kill_switch_standing {
	bool own;
	char other[IFNAMSIZ]; /* another adapter's, which blocks this one's tunnel; "" */
};

/**
 * kill_switch_look() - as seen from @adapter; none where nft(8) is missing
 * Return: 0; -errno and @complaint: what stands is not known.
 */
int kill_switch_look(const char *adapter, int timeout_ms, struct kill_switch_standing *ret,
		     char *complaint);

/** kill_switch_endpoints() - of the one that stands.  Return: how many, at most @n. */
size_t kill_switch_endpoints(const char *adapter, int timeout_ms, struct endpoint *ret, size_t n);

/**
 * kill_switch_lift() - @adapter's, or all of them (NULL)
 * @ret_lifted: how many stood
 * Return: 0, also if there was none; -errno and @complaint.
 */
int kill_switch_lift(const char *adapter, int timeout_ms, unsigned int *ret_lifted,
		     char *complaint);

#endif
