/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world_parts.h - the inside of a world (private to the replay)
 *
 * world.c    the gateway with its main, and the clock
 * clients.c  the other ends of its tunnels
 */
#ifndef CULVERT_TESTS_REPLAY_WORLD_PARTS_H
#define CULVERT_TESTS_REPLAY_WORLD_PARTS_H

#include "base/clock.h"
#include "engine/handshake.h"
#include "engine/leases.h"
#include "engine/roster.h"
#include "engine/stream_server.h"
#include "engine/worker.h"
#include "wire_stream.h"
#include "world.h"

#define STREAMS_MAX 8 /* of one client */
#define CLIENTS_MAX 16
#define WORKERS_MAX 8
#define PEERS_MAX   64
#define START       (1000 * NS_PER_S)
#define WALL        (UINT64_C(1700000000) * NS_PER_S)

struct client {
	char name[32];
	uint16_t keepalive;
	bool configured; /* the gateway knows it */
	bool asleep;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	uint8_t psk[WG_KEY_LEN];
	struct prefix allowed[2]; /* its IPv4 and its IPv6 address */
	struct endpoint where;
	struct stream *streams[STREAMS_MAX];
	int lane;                       /* the stream that its messages take; -1: they go by UDP */
	unsigned int came[STREAMS_MAX]; /* data messages by each stream */
	struct wg_handshaker *handshaker;
	struct wg_tunnel *tunnel;
	struct wire_queue *got;
	struct wire_queue *waiting;    /* for a session */
	struct wire_packet last;       /* data datagram */
	struct wire_packet last_hello; /* initiation */
	unsigned int lose;
	uint8_t tos; /* of its datagrams: what the path makes of it */
	uint8_t tos_got;
	uint64_t handshakes;
};

struct world {
	uint64_t now;
	uint64_t next_trim;
	struct world_settings settings;
	unsigned int workers;
	struct rng rng;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	struct endpoint where; /* the gateway's tunnel port */
	struct post *post;
	struct udp *udp[1 + WORKERS_MAX];
	struct external *external[WORKERS_MAX];
	struct tun *tun;
	struct dns_proxy *dns;
	struct worker *worker[WORKERS_MAX];
	struct handshake *handshake;
	struct stream_server *streams;
	int listener;
	struct roster *roster;
	struct leases *leases;
	struct config config;
	struct config_rule rules[8];
	size_t n_rules;
	struct config_peer peers[CLIENTS_MAX];
	struct uplink uplink;
	struct uplink_host host;
	struct client clients[CLIENTS_MAX];
	int n_clients;
};

/* clients.c */
void clients_timers(struct world *w);
void clients_free(struct world *w);

/** clients_deliver() - what the gateway has sent into tunnels.  Return: whether there was any. */
bool clients_deliver(struct world *w);
uint64_t clients_next_deadline(const struct world *w);

/* world.c */
void world_publish(struct world *w);

#endif
