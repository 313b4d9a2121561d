/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h - a wire made of memory: io/udp.h, external.h, tun.h, ports.h and a DNS proxy
 *
 * The replay links these instead of the real ones, so that the whole gateway runs in one
 * process without a socket.  What the gateway sends is queued for the scenario to look at; what the
 * scenario sends is queued for the gateway's next poll.  Ends may belong to threads: each queue is
 * safe, and each end's descriptor is readable while something waits.
 */
#ifndef CULVERT_TESTS_REPLAY_WIRE_H
#define CULVERT_TESTS_REPLAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "io/external.h"
#include "io/udp.h"

/* A datagram of the tunnel or a packet of the external interface. */
struct wire_packet {
	struct endpoint from; /* tunnel only */
	struct endpoint to;   /* tunnel only */
	uint8_t tos;          /* tunnel only: of the outer header */
	size_t len;
	uint8_t data[2048];
};

#define WIRE_QUEUE      4096
#define WIRE_BLOCKS_MAX 1024

struct wire_queue {
	int fd; /* an eventfd, or 0: nobody waits */
	size_t first, n;
	struct wire_packet packets[WIRE_QUEUE];
};

void wire_put(struct wire_queue *q, const struct wire_packet *p);
bool wire_take(struct wire_queue *q, struct wire_packet *ret);

/* What the gateway has sent. */
extern struct wire_queue wire_tunnel_out;
extern struct wire_queue wire_external_out;
extern struct wire_queue wire_host_out;

/* What goes wrong: so many sends to come fail. */
extern unsigned int wire_tunnel_fails;
extern unsigned int wire_external_fails;
extern unsigned int wire_host_fails;
extern unsigned int wire_filter_fails;

/* The DNS proxy's queue is full. */
extern bool wire_dns_full;

/* What external_set_ports() passed last. */
extern struct external_ports wire_filter;

/* Blocks of external ports that a worker may have of one protocol. */
extern unsigned int wire_blocks;

/** wire_reset() - empty and whole again */
void wire_reset(void);

/** wire_dns_new() - a proxy that answers each query with itself; freed with wire_dns_free() */
struct dns_proxy *wire_dns_new(void);
struct dns_proxy *wire_dns_free(struct dns_proxy *p);

/** wire_tun_new() - an adapter, freed with tun_free() */
struct tun *wire_tun_new(void);
void wire_host_in(struct tun *tun, const uint8_t *packet, size_t len);

/** wire_tunnel_in() - a datagram for the tunnel's port, steered as the kernel would */
void wire_tunnel_in(struct udp **group, unsigned int workers, const struct wire_packet *p);

/** wire_external_last() - the first end of the group that was opened last */
struct external *wire_external_last(void);

/** wire_external_in() - an IPv4 packet for the external interface, steered by @worker */
void wire_external_in(struct external *ext, const uint8_t *packet, size_t len);

#endif
