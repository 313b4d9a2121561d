/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.h - the external ports of one protocol: leased, free, mapped, held down
 *
 * A leased port is in exactly one state.  Free ports stand in two dense arrays,
 * even and odd, so that a random one of either parity is taken in O(1).  A freed
 * port may be held down: for a while only the client that had it gets it again.
 * Port 0 is never used, though it may be leased.
 *
 * Pure; private to nat/.
 * Source: RFC 4787 REQ-4; RFC 6056 section 3.3.1; RFC 6888 REQ-8, REQ-15.
 */
#ifndef CULVERT_NAT_PORTS_H
#define CULVERT_NAT_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "nat/nat.h"

#define PORTS_N      65536
#define PORTS_BLOCKS (PORTS_N / NAT_BLOCK_PORTS)
#define PORTS_NOBODY UINT32_MAX

/* What is known of a port that is held down; lists are linked by port, 0 ends them. */
struct held {
	uint64_t until;  /* ns */
	uint32_t client; /* who may have it at once; PORTS_NOBODY if nobody */
	uint16_t prev;   /* in order of release */
	uint16_t next;
	uint16_t client_prev; /* the same client's */
	uint16_t client_next;
};

/* The held ports of one client; kept by the caller, zeroed at first. */
struct ports_client {
	uint32_t n_held;
	uint16_t first; /* oldest */
	uint16_t last;
};

struct ports {
	uint64_t hold;     /* ns; 0: freed ports are free at once */
	uint32_t *mapping; /* by port: the mapping on it, 0 if there is none */
	uint16_t *free[2]; /* dense, by parity */
	uint32_t n_free[2];
	uint16_t *place;              /* by port: where in free[] */
	struct held *held;            /* by port */
	struct ports_client *clients; /* borrowed: by client id */
	uint16_t held_first;
	uint16_t held_last;
	uint32_t n_leased;          /* ports, without port 0 */
	uint32_t n_idle;            /* blocks without a mapped or held port */
	uint8_t busy[PORTS_BLOCKS]; /* mapped or held ports of the block */
	bool leased[PORTS_BLOCKS];
};

/** nat_ports_init() - @clients: as many as there are client ids; borrowed.  Return: 0, or -ENOMEM. */
int nat_ports_init(struct ports *p, uint64_t hold, struct ports_client *clients);
void nat_ports_done(struct ports *p);

/** nat_ports_lease() - see nat_lease_add() */
int nat_ports_lease(struct ports *p, uint16_t first);

/** nat_ports_idle() - see nat_lease_idle() */
int nat_ports_idle(struct ports *p, uint32_t keep, uint64_t now);

/** nat_ports_clear() - ends all leases; no port may be mapped */
void nat_ports_clear(struct ports *p);

enum ports_wish {
	PORTS_ANY,
	PORTS_EVEN, /* preferred, not insisted on */
	PORTS_ODD,
};

/**
 * nat_ports_take() - a random free port for @client, and @mapping stands on it from now
 * @own: how many live and held ports the client may have before its own held
 *	ones are used again instead of free ones
 * @n_live: how many it has mapped now
 *
 * Return: the port, or 0 when there is none.
 */
uint16_t nat_ports_take(struct ports *p, uint32_t client, uint32_t n_live, uint32_t own,
			enum ports_wish wish, uint32_t mapping, struct rng *rng, uint64_t now);

/** nat_ports_give() - the mapping of @client on @port has ended */
void nat_ports_give(struct ports *p, uint16_t port, uint32_t client, uint64_t now);

/** nat_ports_forget_client() - its held ports stay held, but for nobody: the id may be used anew */
void nat_ports_forget_client(struct ports *p, uint32_t client);

/** nat_ports_release() - frees what has been held long enough */
void nat_ports_release(struct ports *p, uint64_t now);

#endif
