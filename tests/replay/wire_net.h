/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire_net.h - hosts on a network made of memory, under a virtual clock: io/udp.h, tun.h, stream.h
 *
 * A unit test links this instead of io/'s, so that whole devices talk to each other in one
 * process.  Datagrams take NET_DELAY, or are lost.  A stream leads to a helper, as there are for
 * udp-over-tcp: each message goes on as a datagram from a port of the helper's own to the
 * device that listens on net.helped_port, and answers come back.
 */
#ifndef CULVERT_TESTS_REPLAY_WIRE_NET_H
#define CULVERT_TESTS_REPLAY_WIRE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rng.h"
#include "io/stream.h"
#include "io/tun.h"
#include "io/udp.h"

#define NET_DELAY   (10 * NS_PER_MS)
#define NET_PACKETS 4096
#define NET_KEPT    4096 /* packets that an adapter keeps for the test to look at */

enum net_tcp {
	NET_TCP_OPENS,
	NET_TCP_REFUSED,
	NET_TCP_SILENT, /* neither answer nor refusal */
};

struct net {
	uint64_t now;
	struct rng chance;
	uint32_t loss;                 /* per cent of all datagrams */
	unsigned int lose_initiations; /* by UDP: so many to come */
	bool udp_dead;    /* every datagram between devices is lost; the helper's own are not */
	uint32_t dead_to; /* if not 0: only those to this IPv4 address are lost */
	enum net_tcp tcp;
	uint16_t helped_port;
	uint32_t host;         /* IPv4 address of the sockets that will be opened */
	int refuse_port;       /* -errno of the next udp_open_group(); 0: none */
	uint32_t stale;        /* messages that streams say they have dropped, next time */
	size_t stream_at_once; /* messages that one stream_recv() gives at most; 0: all */
	uint32_t empty;        /* empty frames that streams bring next */
	uint32_t path_mtu;     /* bytes; longer datagrams are refused with EMSGSIZE; 0: any */

	/* What has been seen. */
	unsigned int connects; /* stream_connect() */
	unsigned int initiations_udp;
	unsigned int initiations_stream;
	uint64_t initiated[2];    /* ns: the last one, by UDP and by a stream */
	uint64_t least_gap[2];    /* ns: between two of them, by UDP and by a stream */
	unsigned int sent_udp;    /* datagrams between devices */
	unsigned int sent_stream; /* messages towards the helper */
};

extern struct net net;

/** net_reset() - a whole and quiet network at 1000 s */
void net_reset(void);

/** net_deliver() - what is due up to now.  Return: when the next packet is */
uint64_t net_deliver(void);

/** net_tun_new() - an adapter, freed with tun_free() */
struct tun *net_tun_new(uint32_t mtu);

/** net_tun_put() - the host behind @tun sends a packet */
void net_tun_put(struct tun *tun, const uint8_t *packet, size_t len);

/** net_tun_take() - the oldest packet that came out of @tun; its length, 0 when there is none */
size_t net_tun_take(struct tun *tun, uint8_t out[static 65536]);

/** net_streams_break() - every connection breaks;  net_streams_kill() - they swallow everything */
void net_streams_break(void);
void net_streams_kill(void);

#endif
