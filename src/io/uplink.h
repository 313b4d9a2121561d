/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uplink.h - what the host knows of its way to the internet, read and never changed
 *
 * Reads routing, link, address and neighbour tables over netlink and follows their
 * notifications.  Never writes.  Unprivileged.  Addresses are host order.
 */
#ifndef CULVERT_IO_UPLINK_H
#define CULVERT_IO_UPLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* A snapshot, copied freely between threads. */
struct uplink {
	char name[IFNAMSIZ];
	int ifindex;
	bool up;        /* IFF_UP and carrier, an IPv4 address and a route */
	bool ethernet;  /* frames have an Ethernet header; else none (ppp, tun) */
	uint8_t mac[6]; /* ours */
	uint8_t next_hop_mac[6];
	bool next_hop_known; /* next_hop_mac may be used: the neighbour entry is REACHABLE, PERMANENT, DELAY or PROBE */
	bool next_hop_stale;   /* known, but one packet by the raw socket should refresh it */
	uint32_t next_hop;     /* gateway; 0 when the default route is on-link */
	uint32_t address;      /* source address towards the internet */
	uint8_t prefix_len;    /* of that address */
	uint32_t mtu;          /* bytes: the link's, or the route's if smaller */
	uint32_t gso_max_size; /* bytes; IFLA_GSO_MAX_SIZE */
};

#define UPLINK_HOST_ADDRESSES_MAX 256
#define UPLINK_OTHER_LINKS_MAX    256

/* The host's other addresses and networks, for the router. */
struct uplink_host {
	uint32_t addresses[UPLINK_HOST_ADDRESSES_MAX]; /* all local IPv4 addresses */
	size_t n_addresses;
	/* Routes that leave by another interface, blackholes among them; none contains another. */
	struct prefix other_links[UPLINK_OTHER_LINKS_MAX];
	size_t n_other_links;
};

struct uplink_watch;

/**
 * uplink_watch_new() - finds the external interface and follows it
 * @name: its name, or NULL to take the one of the IPv4 default route with the lowest metric
 * @ignore: name of our own adapter, whose addresses and routes don't count; or NULL
 *
 * Return: 0; -ENODEV: no such interface; -ENETUNREACH: no default route.  An interface
 * that is down or without address is no error: uplink.up says so.
 *
 * The watch follows the name, or without one the default route: an interface that is made anew,
 * or another one, shows as another ifindex.  Sockets bound to the old one hear nothing more.
 * Limits: of several equal next hops the first is taken; a next hop that is an IPv6 address
 * (RTA_VIA) counts as none; policy routing tables are not read.
 */
int uplink_watch_new(const char *name, const char *ignore, struct uplink_watch **ret);
struct uplink_watch *uplink_watch_free(struct uplink_watch *w);

/** uplink_watch_fd() - readable when something has changed */
int uplink_watch_fd(const struct uplink_watch *w);

/** uplink_watch_read() - takes in the notifications.  Return: true if either snapshot changed. */
bool uplink_watch_read(struct uplink_watch *w);

const struct uplink *uplink_get(const struct uplink_watch *w);
const struct uplink_host *uplink_host_get(const struct uplink_watch *w);

#endif
