/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * external.h - the external interface: raw IPv4 trains to and from the network
 *
 * Speaks IPv4, never frames.  On Linux behind it: AF_PACKET with virtio_net headers
 * (TCP and UDP trains of up to 64 KiB in both directions), a raw IPv4 socket as the slow
 * path, and a filter in the kernel that passes only leased ports.  Needs CAP_NET_RAW.
 *
 * One struct external per worker; the group is one PACKET_FANOUT, steered by external
 * port: block = port >> 6, worker = (block % 256) % workers, for TCP, UDP, ICMP query
 * identifiers and the packet inside an ICMP error alike.
 *
 * Destinations on the uplink's own network, other than the next hop, take the slow path: only
 * the kernel knows their link addresses.
 */
#ifndef CULVERT_IO_EXTERNAL_H
#define CULVERT_IO_EXTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "io/uplink.h"
#include "packet/train.h"

#define EXTERNAL_RX_BATCH  64 /* packets or trains per external_recv(), at most */
#define EXTERNAL_RX_TRAINS 8  /* to ask for while they are long: what a core's cache holds */

struct external;

/** external_worker() - who owns @port; the filter in the kernel computes the same */
static inline unsigned int external_worker(uint16_t port, unsigned int workers)
{
	return (port >> 6 & 0xff) % workers;
}

/**
 * external_open_group() - one end per worker
 * @ret: array of @workers
 *
 * Nothing is received before external_set_ports().
 * Return: 0 or -errno (-EPERM: CAP_NET_RAW is missing).
 */
int external_open_group(const struct uplink *uplink, unsigned int workers, struct external **ret);
struct external *external_free(struct external *ext);

int external_fd(const struct external *ext);

/**
 * external_set_uplink() - another next hop, MAC, MTU or address
 *
 * After a change of address call external_set_ports(), with what is leased on the new one.
 * Another ifindex needs another group: a packet socket of a fanout stays where it is bound.
 * Context: the owning worker.
 */
void external_set_uplink(struct external *ext, const struct uplink *uplink);

/* The leased blocks: a bit per block of 64 ports, for each of TCP, UDP and ICMP identifiers. */
struct external_ports {
	uint32_t address; /* the external address that they are leased at; host order */
	uint64_t blocks[3][1024 / 64];
};

/**
 * external_set_ports() - what the kernel's filter passes to this group from now on
 *
 * Replaced atomically.  Also passes ICMP errors whose embedded packet came from a leased
 * port.  Context: any one thread at a time.
 * Return: 0 or -errno.
 */
int external_set_ports(struct external **group, unsigned int workers,
		       const struct external_ports *ports);

/**
 * external_recv() - up to @n <= EXTERNAL_RX_BATCH parsed trains, without waiting
 *
 * Trains borrow the socket's buffers until the next external_recv() of this end.  What does not
 * parse is counted in @drops (array of N_VERDICTS, added to) and left out.
 * Return: how many.
 */
size_t external_recv(struct external *ext, struct train *t, size_t n, uint64_t *drops);

/**
 * external_send() - sends one train
 *
 * Where external_set_offload() says so, and where the kernel refuses a kind of trains, they are cut
 * here; frames above the interface's GSO size are cut by the kernel.  A segment longer than the MTU
 * is the caller's mistake.
 *
 * Return: PASS, DROP_EXTERNAL_DOWN, DROP_EXTERNAL_SEND (also when only a part was lost).
 */
enum verdict external_send(struct external *ext, const struct train *t);

/** external_set_offload() - false: every train is cut in software.  Context: the owning worker. */
void external_set_offload(struct external *ext, bool on);

/** external_overruns() - packets that the kernel had no room for since the last call */
uint64_t external_overruns(struct external *ext);

/** external_offload() - "trains" or "packets": what the interface carries, for status */
const char *external_offload(const struct external *ext);

#endif
