/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - a WireGuard interface in user space: an adapter, a socket, peers
 *
 * What `culvert device`, `culvert connect` and `culvert exec` have in common.  No NAT, no router:
 * a packet from the adapter goes to the peer whose AllowedIPs have its destination, a packet from a
 * peer whose AllowedIPs have its source goes to the adapter.  IPv4 and IPv6 inside, trains both ways.
 *
 * All of it is one thread: device_poll() is a function of the time and of what its descriptors hold, so that
 * a replay runs it on a virtual clock and a virtual wire.  A handshake costs a client 200 us every
 * two minutes; under a flood cookies are asked for, as in the gateway.
 *
 * It is configured in UAPI's terms, by a file (client.h) as by wg(8).
 *
 * Transport: UDP first.  Where a peer has a stream (device_set_stream()) and handshakes by UDP are not
 * answered, or data is not, the same messages go by TCP (io/stream.h) within seconds; UDP is
 * tried again from time to time, and used again once a handshake by it is answered.  The peer's
 * endpoint tells which is in use: endpoint.stream is 1 + lane for a stream.
 */
#ifndef CULVERT_ENGINE_DEVICE_H
#define CULVERT_ENGINE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "control/uapi.h"
#include "engine/counters.h"
#include "io/loop.h"
#include "io/stream.h"
#include "io/tun.h"

struct device;

struct device_params {
	struct tun *tun;   /* borrowed */
	struct rng *rng;   /* for life */
	struct loop *loop; /* its descriptors are added here; NULL in a replay */
	uint32_t peers_max;

	/*
	 * Peers are sent to where they were configured to be, wherever they are heard from.  Where all
	 * is routed into the adapter but for what goes there, another place can't be reached;
	 * and it would take nothing but to repeat a message from it to have us try.
	 */
	bool pinned;
};

/* Numbers in loop_event.what that are the device's; and what device_poll() should look at, or-ed. */
enum device_ready {
	DEVICE_UDP = 1,
	DEVICE_TUN = 2,
	DEVICE_STREAM = 4, /* any of them */
	DEVICE_ALL = 7,
};

/** device_new() - without key, peers or socket (that comes with the first device_set()).
 *  Return: 0 or -errno. */
int device_new(const struct device_params *params, struct device **ret);
struct device *device_free(struct device *d);

/**
 * device_set() - what a UAPI set= request says, whole or not at all
 * Return: 0; -EADDRINUSE: the port; -EINVAL; -ENOSPC: more than peers_max; -ENOMEM; -EACCES.
 */
int device_set(struct device *d, const struct uapi_set *set, uint64_t now, uint64_t wall);

/** device_get() - the answer to get=1: malloc'd text that holds secrets; NULL without memory */
char *device_get(const struct device *d, uint64_t now, uint64_t wall);

/**
 * device_set_stream() - where the peer with @public_key may be reached by TCP
 * @to: family ADDR_NONE: nowhere
 * @tls: borrowed for life; NULL for plain TCP
 */
int device_set_stream(struct device *d, const uint8_t public_key[static 32],
		      const struct endpoint *to, struct stream_tls *tls);

/** device_set_endpoint() - the peer's UDP address is another now (its name was looked up again);
 *  sessions stay, the next packet goes there */
void device_set_endpoint(struct device *d, const uint8_t public_key[static 32],
			 const struct endpoint *to, uint64_t now);

/**
 * device_network_changed() - an address, route or interface of the host is another, or it has slept
 *
 * The path's MTU and our source address are forgotten, streams are closed, UDP is tried first again, and
 * each peer that has been used lately is called at once, so that traffic is back in a round trip.
 */
void device_network_changed(struct device *d, uint64_t now, uint64_t wall);

/** device_connect() - begins a handshake with every peer that has an endpoint, without waiting for
 *  a packet */
void device_connect(struct device *d, uint64_t now, uint64_t wall);

/** device_poll() - one round: at most a batch from each ready source, then what is due at @now.
 *  Return: the sources that may hold more. */
unsigned int device_poll(struct device *d, unsigned int ready, uint64_t now, uint64_t wall);
uint64_t device_next_deadline(const struct device *d);

/** device_gone() - the adapter was deleted: nothing more to do */
bool device_gone(const struct device *d);

/* What a person wants to know of one peer. */
struct device_peer_status {
	uint8_t public_key[32];
	struct endpoint endpoint; /* in use; .stream tells the transport; ADDR_NONE: none */
	struct endpoint udp;      /* by UDP, as configured or learnt */
	uint64_t last_handshake;  /* ns, monotonic; 0 never */
	uint64_t last_received;   /* ns, monotonic; 0 never */
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint32_t mtu;              /* inside, that the path carries now; bytes */
	uint64_t unanswered_since; /* ns: since when handshakes go unanswered; 0: they don't */
	unsigned int streams;      /* open now */
	char stream_error[160];    /* why there is none; "" */
};

/** device_peers() - fills up to @n.  Return: how many peers there are. */
size_t device_peers(const struct device *d, struct device_peer_status *ret, size_t n);
const struct path_counters *device_counters(const struct device *d);
uint16_t device_port(const struct device *d);

#endif
