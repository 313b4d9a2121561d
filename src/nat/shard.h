/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shard.h - what the files of nat/ share: the shard, its mappings and its flows
 *
 * Arenas are indexed from 1; 0 is nobody, so that zeroed memory is an empty table
 * that costs nothing until it is used.  A *mapping* ties an inside endpoint to an
 * external port.  A *flow* is one remote of a mapping: a TCP connection, or an
 * address that address-dependent filtering admits.
 *
 * Private to nat/.
 */
#ifndef CULVERT_NAT_SHARD_H
#define CULVERT_NAT_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#include "nat/expiry.h"
#include "nat/fragment.h"
#include "nat/hash.h"
#include "nat/nat.h"
#include "nat/ports.h"
#include "nat/tcp.h"

/*
 * A client may have this many flows per mapping of its quota, so that one with
 * few mappings and very many remotes can't fill the table for all.
 */
#define FLOWS_PER_QUOTA 2

enum flow_origin {
	FLOW_FROM_INSIDE,
	FLOW_FROM_OUTSIDE, /* gets half of what there is: strangers must not use up the client's */
};

struct mapping {
	uint32_t inside; /* address */
	uint16_t inside_port;
	uint16_t external_port;
	uint32_t client;
	uint32_t protocol;  /* enum nat_protocol */
	uint32_t hash_next; /* also the free list */
	uint32_t client_prev;
	uint32_t client_next;
	uint32_t flows;     /* the first */
	uint32_t n_holding; /* flows that inside has sent to; a TCP mapping ends with the last */
};

struct flow {
	uint32_t mapping;
	uint32_t remote;      /* address */
	uint16_t remote_port; /* TCP; 0 for what is only filtered by address */
	bool holding;         /* inside has sent to it; counted in n_holding */
	struct tcp_flow tcp;
	uint32_t hash_next; /* same bucket by remote address and port; also the free list */
	uint32_t near_prev; /* same bucket by remote address */
	uint32_t near_next;
	uint32_t sibling_prev; /* same mapping */
	uint32_t sibling_next;
};

struct client {
	uint32_t n_mappings[N_NAT_PROTOCOLS];
	uint32_t n_flows[N_NAT_PROTOCOLS];
	uint32_t mappings; /* the first */
};

struct nat {
	struct nat_params params;
	struct rng *rng;
	struct hash_key key;
	uint64_t now; /* of the last call that told */

	struct mapping *mappings;
	uint32_t mappings_free; /* head of the free list */
	uint32_t mappings_used; /* indices above were never used */
	uint32_t n_mappings[N_NAT_PROTOCOLS];
	uint32_t *mapping_buckets; /* by protocol and inside endpoint */
	uint32_t mapping_mask;

	struct flow *flows;
	uint32_t flows_free;
	uint32_t flows_used;
	uint32_t n_flows;
	uint32_t *flow_buckets; /* by mapping, remote address and port */
	uint32_t *near_buckets; /* by mapping and remote address */
	uint32_t flow_mask;

	struct client *clients;
	struct ports_client *ports_clients[N_NAT_PROTOCOLS];
	struct ports ports[N_NAT_PROTOCOLS];
	struct expiry expiry; /* mappings have the low ids, flows those above mappings_max */
	struct fragments fragments;
};

/* mapping.c */

/** nat_mapping_find() - by inside endpoint.  Return: its index, or 0. */
uint32_t nat_mapping_find(const struct nat *nat, enum nat_protocol protocol, uint32_t inside,
			  uint16_t inside_port);

/** nat_mapping_at() - by external port.  Return: its index, or 0. */
static inline uint32_t nat_mapping_at(const struct nat *nat, enum nat_protocol protocol,
				      uint16_t port)
{
	return nat->ports[protocol].mapping[port];
}

/**
 * nat_mapping_add() - a new mapping on a port of its own; nothing keeps it alive yet
 * Return: PASS and *ret, or DROP_NAT_QUOTA, _TABLE_FULL or _NO_PORT.
 */
enum verdict nat_mapping_add(struct nat *nat, enum nat_protocol protocol, uint32_t inside,
			     uint16_t inside_port, uint32_t client, uint64_t now, uint32_t *ret);

/** nat_mapping_end() - with its flows; the port is given back */
void nat_mapping_end(struct nat *nat, uint32_t index, uint64_t now);

/* flow.c */

/** nat_flow_find() - Return: the flow of @mapping to this remote, or 0 */
uint32_t nat_flow_find(const struct nat *nat, uint32_t mapping, uint32_t remote,
		       uint16_t remote_port);

/** nat_flow_admits() - whether inside has sent from @mapping to this address, whatever the port */
bool nat_flow_admits(const struct nat *nat, uint32_t mapping, uint32_t remote);

/**
 * nat_flow_add() - a remote of @mapping, without timer or hold yet
 * @origin: who opens it
 *
 * Return: PASS and *ret, or DROP_NAT_QUOTA or _TABLE_FULL.
 */
enum verdict nat_flow_add(struct nat *nat, uint32_t mapping, uint32_t remote, uint16_t remote_port,
			  enum flow_origin origin, uint32_t *ret);

/** nat_flow_end() - the flow only, whatever becomes of its mapping */
void nat_flow_end(struct nat *nat, uint32_t index);

/** nat_flow_hold() - whether inside has sent to it, so that it admits and keeps its mapping alive */
void nat_flow_hold(struct nat *nat, uint32_t index, bool holding);

static inline uint32_t nat_flow_timer(const struct nat *nat, uint32_t index)
{
	return nat->params.mappings_max + index;
}

/* translate.c */

/** nat_protocol_of() - of an IP protocol number; N_NAT_PROTOCOLS if it is none of ours */
enum nat_protocol nat_protocol_of(uint8_t proto);

/** nat_reap() - ends at most @budget of what has run out */
void nat_reap(struct nat *nat, uint64_t now, uint32_t budget);

/* icmp_error.c */
enum verdict nat_icmp_error_outbound(struct nat *nat, struct train *t, uint32_t client);
enum verdict nat_icmp_error_inbound(struct nat *nat, struct train *t);

#endif
