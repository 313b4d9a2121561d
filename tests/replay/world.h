/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - a gateway, its clients and a clock, all in one process
 *
 * The gateway is the real engine on the wire of wire.h, main's roster and leases included.  A
 * client is a wg_handshaker and a wg_tunnel of its own.  Time moves only by world_advance().
 */
#ifndef CULVERT_TESTS_REPLAY_WORLD_H
#define CULVERT_TESTS_REPLAY_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define WORLD_EXTERNAL 0xc6336401u /* 198.51.100.1 */

/* What a scenario may ask for before it begins; 0 is the default. */
struct world_settings {
	unsigned int workers;  /* 2 */
	unsigned int blocks;   /* of external ports for one worker and protocol; all */
	unsigned int quota;    /* mappings of one client */
	unsigned int mappings; /* of one worker: 4096 */
	unsigned int mtu;      /* of the external interface: 1500 */
	unsigned int isolate;
	unsigned int adapter;
	unsigned int dns;
};

struct world;

struct world *world_new(const struct world_settings *settings);
void world_free(struct world *w);

/** world_add_client() - @ip4 is its tunnel address; @configured: a peer of the gateway, else
 *  a stranger; @psk: with a pre-shared key.  Return: its number. */
int world_add_client(struct world *w, const char *name, uint32_t ip4, uint16_t keepalive,
		     bool configured, bool psk);
int world_client(const struct world *w, const char *name); /* -1: none */

/** world_move_client() - its datagrams come from another address from now on */
void world_move_client(struct world *w, int client, const struct endpoint *where);

/** world_remove_client() - the gateway's table loses it */
void world_remove_client(struct world *w, int client);

/** world_client_send() - one inner packet into the client's tunnel */
void world_client_send(struct world *w, int client, const uint8_t *packet, size_t len);

/** world_client_burst() - the same packet @n times at once */
void world_client_burst(struct world *w, int client, const uint8_t *packet, size_t len,
			unsigned int n);

/** world_client_take() - the next inner packet that the client received */
bool world_client_take(struct world *w, int client, struct wire_packet *ret);

/** world_client_lose() - the client's next @n datagrams to the gateway never arrive */
void world_client_lose(struct world *w, int client, unsigned int n);

/** world_client_sleep() - hears and says nothing, until woken */
void world_client_sleep(struct world *w, int client, bool asleep);

/** world_client_reborn() - the same keys and no memory, as after a restart of its program */
void world_client_reborn(struct world *w, int client);

/** world_client_mark() - the outer ECN field of its datagrams arrives as @tos */
void world_client_mark(struct world *w, int client, uint8_t tos);
uint8_t world_client_tos(const struct world *w, int client); /* of the last datagram it got */

/** world_client_stream() - its messages go by its stream @lane from now on, which is opened if need be;
 *  -1: by UDP again */
void world_client_stream(struct world *w, int client, int lane);

/** world_client_repeat() - what @other has sent last, by a stream of @client's */
void world_client_repeat(struct world *w, int client, int other);

/** world_client_hang_up() - closes its stream @lane */
void world_client_hang_up(struct world *w, int client, int lane);

/** world_client_came() - data messages that it got by stream @lane since the last call */
unsigned int world_client_came(struct world *w, int client, int lane);

/** world_client_congest() - its stream @lane takes nothing */
void world_client_congest(struct world *w, int client, int lane, bool on);
unsigned int world_streams(const struct world *w); /* connections that the gateway has */

/** world_last() - the client's last data datagram, or its last initiation, to be sent again */
struct wire_packet *world_last(struct world *w, int client, bool initiation);

/** world_datagram() - arrives at the tunnel's port */
void world_datagram(struct world *w, const struct wire_packet *p);

/** world_outside_send() - an IPv4 packet arrives at the external interface */
void world_outside_send(struct world *w, const uint8_t *packet, size_t len);

/** world_host_send() - the gateway host sends by its adapter */
void world_host_send(struct world *w, const uint8_t *packet, size_t len);

/** world_restart() - the gateway starts anew, as after kill -9; @state: with its state file */
void world_restart(struct world *w, bool state);

/** world_set_uplink() - the external address or the state of the interface changes */
void world_set_uplink(struct world *w, uint32_t address, bool up);

/** world_set_interface() - the same address on another interface */
void world_set_interface(struct world *w, int ifindex);

/** world_rule() - [Policy] */
void world_rule(struct world *w, const struct prefix *prefix, bool allow);

/** world_false_hello() - the client's last initiation with another ephemeral key, and a right MAC1 */
void world_false_hello(struct world *w, int client);
unsigned int world_workers(const struct world *w);

/** world_other_link() - the host has a route by another interface */
void world_other_link(struct world *w, const struct prefix *prefix);

/** world_reload() - the configuration is read again, and again, @n times in a row */
void world_reload(struct world *w, unsigned int n);

/** world_settle() - lets everything that is under way arrive */
void world_settle(struct world *w);

/** world_advance() - time passes; whatever falls due meanwhile happens at its moment */
void world_advance(struct world *w, uint64_t ns);

uint64_t world_drops(const struct world *w, const char *reason); /* UINT64_MAX: no such reason */
uint64_t world_all_drops(const struct world *w);
uint64_t world_mappings(const struct world *w);
uint64_t world_handshakes(const struct world *w, int client); /* sessions that the client made */

/** world_sum_holds() - in = out + drops, over all threads */
bool world_sum_holds(const struct world *w, char *text, size_t size);

#endif
