/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leases.h - which worker has which external ports
 *
 * Main's side of io/ports.h: it leases blocks when a worker asks, tells the kernel's filter before
 * any worker may use them, tells every worker (each must know a leased port from one of the
 * host), and takes idle blocks back.
 *
 * Context: main thread.
 */
#ifndef CULVERT_ENGINE_LEASES_H
#define CULVERT_ENGINE_LEASES_H

#include <stdint.h>

#include "engine/post.h"
#include "io/external.h"
#include "io/ports.h"

struct leases;

struct leases_params {
	unsigned int workers;
	struct post *post;          /* borrowed, as all below */
	struct external **external; /* array of workers */
	uint16_t tunnel_port;       /* never leased */
	struct rng *rng;
};

/** leases_new() - Return: 0 or -ENOMEM */
int leases_new(const struct leases_params *params, struct leases **ret);
struct leases *leases_free(struct leases *l);

/**
 * leases_set_address() - gives up all leases and begins anew at @address
 *
 * Workers must have been sent the new address before (POST_UPLINK): the blocks that follow it are
 * of that address.  Each worker gets its first blocks.
 * Return: 0; -EOPNOTSUPP: guards can't be made silent on this kernel; -errno.
 */
int leases_set_address(struct leases *l, uint32_t address, int ifindex);

/** leases_wanted() - a worker runs short of @protocol's ports.  Return: 0 or -errno of ports_lease(). */
int leases_wanted(struct leases *l, unsigned int worker, enum nat_protocol protocol);

/** leases_returned() - a worker has given an idle block back */
void leases_returned(struct leases *l, unsigned int worker, const struct post_lease *lease);

/** leases_counts() - all zero while there is no address */
struct ports_counts leases_counts(const struct leases *l, enum nat_protocol protocol);

/** leases_guard() - how guards are silenced, for status */
const char *leases_guard(const struct leases *l, enum nat_protocol protocol);

#endif
