/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - a gateway, its clients and a clock, all in one process
 *
 * The gateway is the real engine on the wire of wire.h.  A client is a wg_handshaker and a
 * wg_tunnel of its own.  Time moves only by world_advance().
 */
#ifndef CULVERT_TESTS_REPLAY_WORLD_H
#define CULVERT_TESTS_REPLAY_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define WORLD_EXTERNAL 0xc6336401u /* 198.51.100.1 */

struct world;

struct world *world_new(unsigned int workers);
void world_free(struct world *w);

/** world_add_client() - a peer of the gateway; @ip4 is its tunnel address.  Return: its number. */
int world_add_client(struct world *w, const char *name, uint32_t ip4, uint16_t keepalive);
int world_client(const struct world *w, const char *name); /* -1: none */

/** world_move_client() - its datagrams come from another address from now on */
void world_move_client(struct world *w, int client, const struct endpoint *where);

/** world_remove_client() - the gateway's table loses it */
void world_remove_client(struct world *w, int client);

/** world_client_send() - one inner packet into the client's tunnel */
void world_client_send(struct world *w, int client, const uint8_t *packet, size_t len);

/** world_client_take() - the next inner packet that the client received */
bool world_client_take(struct world *w, int client, struct wire_packet *ret);

/** world_client_lose() - the client's next @n datagrams to the gateway never arrive */
void world_client_lose(struct world *w, int client, unsigned int n);

/** world_replay_last() - the client's last data datagram arrives once more, from @from or unchanged */
void world_replay_last(struct world *w, int client, const struct endpoint *from);

/** world_outside_send() - an IPv4 packet arrives at the external interface */
void world_outside_send(struct world *w, const uint8_t *packet, size_t len);

/** world_restart() - the gateway starts anew with empty state, as after kill -9 */
void world_restart(struct world *w);

/** world_set_address() - the external address changes */
void world_set_address(struct world *w, uint32_t address);

/** world_settle() - lets everything that is under way arrive */
void world_settle(struct world *w);

/** world_advance() - time passes; whatever falls due meanwhile happens at its moment */
void world_advance(struct world *w, uint64_t ns);

uint64_t world_drops(const struct world *w, const char *reason); /* UINT64_MAX: no such reason */
uint64_t world_mappings(const struct world *w);
uint64_t world_handshakes(const struct world *w, int client); /* sessions that the client made */

/** world_sum_holds() - in = out + drops, over all threads */
bool world_sum_holds(const struct world *w, char *text, size_t size);

#endif
