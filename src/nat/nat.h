/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat.h - one worker's shard of the NAT44
 *
 * Endpoint-independent mapping for TCP, UDP and ICMP queries; filtering by
 * address for TCP and ICMP, endpoint-independent for UDP; hairpinning; ICMP errors
 * both ways.  A shard owns the external ports of the blocks leased to it and the
 * mappings on them, and shares nothing with another.
 *
 * Words: *inside* is the tunnel, *outside* the internet; outbound goes inside to
 * outside.  All addresses and ports are host order.
 *
 * Pure: no system call, no clock, no allocation after nat_new().
 * Source: RFC 3022, 4787, 5382, 5508, 6888, 7857.  Read nat/DESIGN.md next.
 */
#ifndef CULVERT_NAT_NAT_H
#define CULVERT_NAT_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rng.h"
#include "packet/train.h"

#define NAT_BLOCK_PORTS 64 /* a lease: ports p..p+63, p a multiple of 64 */

enum nat_protocol {
	NAT_TCP,
	NAT_UDP,
	NAT_ICMP, /* query identifiers */
	N_NAT_PROTOCOLS
};

enum nat_filtering {
	NAT_FILTER_ENDPOINT_INDEPENDENT,
	NAT_FILTER_ADDRESS_DEPENDENT,
};

struct nat_params {
	uint32_t address;      /* external IPv4 address; 0 while there is none */
	uint32_t mappings_max; /* all protocols of this shard */
	uint32_t flows_max;    /* tracked remotes: TCP connections and filter entries */
	uint32_t clients_max;  /* client ids are below this */
	uint32_t client_quota[N_NAT_PROTOCOLS]; /* mappings per client */
	enum nat_filtering filtering[N_NAT_PROTOCOLS];
	uint64_t tcp_established; /* ns; RFC 5382 REQ-5: 2 h 4 min at least */
	uint64_t tcp_transitory;  /* ns; RFC 5382 REQ-5: 4 min */
	uint64_t tcp_closed;      /* ns; both FINs acknowledged, or reset from inside */
	uint64_t udp;             /* ns; RFC 4787 REQ-5: 5 min */
	uint64_t udp_dns;         /* ns; RFC 4787 REQ-5a: while it has only sent to port 53 */
	uint64_t icmp;            /* ns; RFC 5508 REQ-2: 60 s */
};

/** nat_params_default() - the RFCs' timers and sensible sizes; address 0 */
struct nat_params nat_params_default(void);

struct nat;

/** nat_new() - @rng borrowed for life.  Return: 0, or -ENOMEM. */
int nat_new(const struct nat_params *params, struct rng *rng, struct nat **ret);
struct nat *nat_free(struct nat *nat);

/**
 * nat_lease_add() - the shard may use ports @first..@first+63 of @protocol
 *
 * Identifiers of ICMP queries are leased likewise.  Port 0 of block 0 is never used.
 *
 * Return: 0, -EINVAL if @first is no multiple of NAT_BLOCK_PORTS, -EEXIST if leased already.
 */
int nat_lease_add(struct nat *nat, enum nat_protocol protocol, uint16_t first);

/**
 * nat_lease_idle() - a block without mappings that may be given back, if more than @keep
 * blocks of @protocol are wholly free
 *
 * Return: its first port, and it is no longer leased; or -1.
 */
int nat_lease_idle(struct nat *nat, enum nat_protocol protocol, uint32_t keep, uint64_t now);

/**
 * nat_outbound() - translates a train from a client, in place
 * @client: the peer's index, for its quota
 *
 * Makes a mapping if there is none.  Rewrites source address and port (or ICMP
 * identifier, or the embedded packet of an ICMP error) once per train.
 *
 * Return: PASS, or the DROP_ reason; on a drop the train is unchanged.
 */
enum verdict nat_outbound(struct nat *nat, struct train *t, uint32_t client, uint64_t now);

/**
 * nat_inbound() - translates a train that arrived for the external address, in place
 *
 * Rewrites the destination to the inside address, from which the router finds the peer.
 * Never creates a mapping and never refreshes one (RFC 4787 REQ-6; TCP state excepted).
 *
 * Return: PASS, or the DROP_ reason; on a drop the train is unchanged.
 */
enum verdict nat_inbound(struct nat *nat, struct train *t, uint64_t now);

/** nat_has_mapping() - whether @port of our address is mapped: the router's question before hairpinning */
bool nat_has_mapping(const struct nat *nat, enum nat_protocol protocol, uint16_t port);

/**
 * nat_set_address() - the external address has changed
 *
 * Every mapping ends; leases end too (they were made for the old address).  Nothing
 * happens if @address is the one it has.
 * Return: the number of mappings ended.
 */
uint32_t nat_set_address(struct nat *nat, uint32_t address);

/** nat_client_mappings() - how many one client has, all protocols: for status */
uint32_t nat_client_mappings(const struct nat *nat, uint32_t client);

/** nat_client_remove() - ends the mappings of one client.  Return: how many. */
uint32_t nat_client_remove(struct nat *nat, uint32_t client);

/** nat_next_deadline() - when to call nat_on_deadline(), on whole seconds; NEVER if all is idle */
uint64_t nat_next_deadline(const struct nat *nat);

/** nat_on_deadline() - reaps what has expired, at most @budget mappings */
void nat_on_deadline(struct nat *nat, uint64_t now, uint32_t budget);

struct nat_counts {
	uint32_t mappings;
	uint32_t ports_leased;
	uint32_t ports_free; /* leased and not mapped, held down ones not counted */
};

struct nat_counts nat_counts(const struct nat *nat, enum nat_protocol protocol);

#endif
