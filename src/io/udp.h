/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udp.h - the tunnel's UDP sockets: one port, one socket per thread, trains
 *
 * A group of sockets shares the port by SO_REUSEPORT.  A filter in the kernel gives
 * handshake messages (types 1-3) and noise to socket 0, the handshake thread's, and data messages to
 * socket 1 + slot % workers, where slot is the first byte of the receiver index.  Trains
 * (UDP_GRO) are steered by their first datagram, so any kind may arrive anywhere: the
 * engine sorts.
 *
 * Both families: a dual-stack socket, or IPv4 alone where the host has no IPv6.
 * Unprivileged.  Linux: UDP_GRO, UDP_SEGMENT, IP_PKTINFO, IP_RECVTOS, IP_MTU_DISCOVER.
 */
#ifndef CULVERT_IO_UDP_H
#define CULVERT_IO_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define UDP_RX_BATCH  64 /* datagrams or trains per udp_recv(), at most */
#define UDP_RX_TRAINS 8  /* to ask for while they are long: what a core's cache holds */

struct udp;

struct udp_params {
	uint16_t port;        /* 0: the kernel chooses, udp_port() tells */
	unsigned int workers; /* the group has 1 + workers sockets; 0: one socket for all */
	uint32_t
		fwmark; /* SO_MARK; 0 for none (needs CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17) */
};

/* A received datagram, or a train of equal ones (the last may be shorter). */
struct udp_rx {
	uint8_t *data; /* in the socket's own buffer: valid until its next udp_recv() */
	uint32_t len;
	uint32_t segment; /* bytes of each datagram; == len for a lone one */
	struct endpoint from;
	struct addr to; /* our address, from IP_PKTINFO */
	uint8_t tos;    /* outer TOS or traffic class: ECN is carried inside by the engine */
};

/* Datagrams to send: one buffer, cut by the kernel every `segment` bytes. */
struct udp_tx {
	const uint8_t *data;
	uint32_t len;
	uint32_t segment; /* == len for a lone one */
	const struct endpoint *to;
	const struct addr *from; /* our address to send from, or family ADDR_NONE */
	uint8_t tos;
};

/**
 * udp_open_group() - opens all sockets of the port, in order, for the life of the service
 * @ret: array of 1 + workers
 *
 * Return: 0 or -errno (-EADDRINUSE: another program has the port).
 */
int udp_open_group(const struct udp_params *params, struct udp **ret);
struct udp *udp_free(struct udp *udp);

int udp_fd(const struct udp *udp);
uint16_t udp_port(const struct udp *udp);

/** udp_set_fwmark() - of all that is sent from now on; 0: none.  Return: 0 or -EPERM. */
int udp_set_fwmark(struct udp *udp, uint32_t fwmark);

/** udp_recv() - up to @n <= UDP_RX_BATCH trains, without waiting.  Return: how many, 0 for none. */
size_t udp_recv(struct udp *udp, struct udp_rx *rx, size_t n);

/** udp_set_offload() - false: datagrams are sent and received singly.  For all sockets of a group. */
void udp_set_offload(struct udp *udp, bool on);

/**
 * udp_send() - sends one train
 *
 * At most 64 segments.  Falls back to single datagrams where the kernel or the route
 * refuses UDP_SEGMENT, and remembers.  DF is set on every datagram (the tunnel never
 * makes outer fragments); EMSGSIZE says that the path is narrower than that.
 *
 * Return: 0, or -errno of what could not be sent.
 */
int udp_send(struct udp *udp, const struct udp_tx *tx);

/** udp_path_mtu() - what the kernel knows of the path to @to: IP packets of so many bytes; 0 if
 *  it can't be told */
uint32_t udp_path_mtu(const struct endpoint *to);

#endif
