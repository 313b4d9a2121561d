/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path.h - the inside of a worker: the steps of a packet's walk (private to engine/)
 *
 * worker.c      the round, messages, timers: the table of contents
 * from_tunnel.c datagrams -> decrypted -> joined -> routed -> translated -> out
 * from_outside.c trains of the external interface and of the adapter, towards a peer
 * to_peer.c     cut -> outbox.h: gathered, encrypted, one UDP_SEGMENT send; what waits for a session
 * streams.c     a peer that is heard by TCP: its bundle, and the way to the stream thread
 * local.c       what is addressed to us: ping, DNS, the host; ICMP answers
 */
#ifndef CULVERT_ENGINE_PATH_H
#define CULVERT_ENGINE_PATH_H

#include "engine/bundle.h"
#include "engine/limits.h"
#include "engine/loopback.h"
#include "engine/outbox.h"
#include "engine/peer_mtu.h"
#include "engine/worker.h"
#include "io/loop.h"

/* A sender, where a peer's number is expected: the gateway host, by the adapter or loopback.h. */
#define FROM_HOST (WG_NO_PEER - 1)

struct worker {
	unsigned int number;
	unsigned int workers;
	struct loop *loop; /* NULL in a replay */
	struct post *post;
	struct udp *udp;
	uint16_t stream_port; /* of [Stream]; 0: none */
	struct external *external;
	struct tun *tun;
	bool has_adapter;
	struct loopback *loopback;
	struct dns_proxy *dns;
	const struct table *table;
	struct rng *rng;
	struct wg_tunnel *tunnel;
	struct nat *nat;
	struct uplink uplink;
	uint64_t now; /* of this round */
	bool stopped;

	uint64_t leased[N_NAT_PROTOCOLS][1024 / 64]; /* every shard's blocks, a bit each */
	uint64_t lease_ask_after[N_NAT_PROTOCOLS];   /* ns */
	const struct table *unacknowledged;          /* main's ring was full; NULL: none */

	/* Whether packets come singly, so that more of them are read at once. */
	bool tunnel_lone;
	bool external_lone;

	struct staging *staging;
	struct peer_mtu *mtu;
	struct bundles *bundles;
	struct icmp_limit icmp;
	struct outbox *outbox;
	struct train trains[BATCH_MAX];
	uint8_t scratch[TRAIN_LEN_MAX + 1]; /* one whole packet: crossings, fragments, answers */
	uint8_t answer[2048];               /* ICMP and DNS answers */

	struct path_counters counters;
	struct nat_gauges gauges[N_NAT_PROTOCOLS];
	struct counter *client_mappings;     /* by peer number; ours alone are counted */
	uint64_t external_drops[N_VERDICTS]; /* external_recv() and tun_recv() add here */
};

/* Receptions not longer than this on average are lone packets, and the next are likely to be. */
#define LONE_MAX 2048

static inline void path_drop(struct worker *w, enum verdict reason, uint32_t packets)
{
	counter_add(&w->counters.drops[reason], packets);
}

/** path_mtu() - the longest inner packet that fits the tunnel of @peer, bytes */
static inline uint32_t path_mtu(const struct worker *w, uint32_t peer)
{
	return peer_mtu_get(w->mtu, peer, w->now);
}

/* from_tunnel.c */
unsigned int path_tunnel_poll(struct worker *w);
void path_datagrams(struct worker *w, const struct post_datagram *d, uint8_t *bytes);

/** path_from_peer() - a train that peer @peer sent: routed, translated, gone.
 *  Context, as for all below: the worker; @t may be changed. */
void path_from_peer(struct worker *w, struct train *t, uint32_t peer);

/** path_turn_around() - a translated train for our own external address, to the worker whose shard
 *  has @port */
void path_turn_around(struct worker *w, struct train *t, uint16_t port);

/** path_quoted_port() - the source port of the TCP segment or datagram that the ICMP error @t
 *  is about; 0 if it is no such error */
uint16_t path_quoted_port(const struct train *t);

/* from_outside.c */
unsigned int path_external_poll(struct worker *w);
unsigned int path_tun_poll(struct worker *w);
unsigned int path_loopback_poll(struct worker *w);

/** path_from_outside() - a train for our external address: translated back and to its peer */
void path_from_outside(struct worker *w, struct train *t);

/* to_peer.c */
/** path_cross() - hands @t whole to worker @owner as a message of @kind */
void path_cross(struct worker *w, unsigned int owner, enum post_kind kind, uint32_t peer,
		uint32_t client, const struct train *t);

/** path_to_peer() - into the tunnel of @peer, whichever worker owns it
 *  @client: who is told by ICMP when it is too big: the peer it came from, FROM_HOST, or
 *  WG_NO_PEER: its source on the outside */
void path_to_peer(struct worker *w, uint32_t peer, const struct train *t, uint32_t client);

/** path_packet_to_peer() - one whole packet of either version that fits the tunnel */
void path_packet_to_peer(struct worker *w, uint32_t peer, const uint8_t *packet, size_t len);
void path_tunnel_events(struct worker *w);
void path_session(struct worker *w, struct post_session *s);

/** path_send() - the outbox's way out: this worker's socket.  @worker: a struct worker. */
int path_send(void *worker, uint32_t peer, unsigned int lane, const struct udp_tx *tx);

/* streams.c */
/** path_heard_by_stream() - a message of @peer by the stream @from was genuine */
void path_heard_by_stream(struct worker *w, uint32_t peer, const struct endpoint *from,
			  const struct addr *to);

/** path_forget_streams() - the peer is another, or gone: its streams are closed */
void path_forget_streams(struct worker *w, uint32_t peer);

/** path_lane() - the outbox's lane for a flow (packet/flow_hash.h) to a peer at @to */
unsigned int path_lane(const struct endpoint *to, uint32_t flow);

/** path_send_by_stream() - as struct outbox_send has it */
int path_send_by_stream(struct worker *w, uint32_t peer, unsigned int lane,
			const struct udp_tx *tx);

/** path_mend_endpoint() - before a handshake with @peer is asked for: if the stream by which it was
 *  heard last is closed, it is where another one of its streams leads.
 *  Return: whether it is reached by a stream. */
bool path_mend_endpoint(struct worker *w, uint32_t peer);

/* local.c */
/** path_to_gateway() - for 10.66.77.1: answered here, or the host's */
void path_to_gateway(struct worker *w, struct train *t, uint32_t peer);

/** path_to_host() - for an address of the gateway host, by the adapter */
void path_to_host(struct worker *w, struct train *t, uint32_t peer);
void path_host_deliver(struct worker *w, struct train *t, uint32_t client);

/** path_icmp_to_peer() - tells @peer why @about went nowhere, within the limit */
void path_icmp_to_peer(struct worker *w, const struct train *about, uint32_t peer, uint8_t type,
		       uint8_t code, uint16_t mtu);

/** path_too_big() - DROP_TOO_BIG and fragmentation-needed to whoever sent @about
 *  @client: as path_to_peer(); @peer: whom it was for, if @client is WG_NO_PEER */
void path_too_big(struct worker *w, const struct train *about, uint32_t client, uint32_t peer,
		  uint32_t mtu);
void path_dns_answers(struct worker *w);

#endif
