/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - who the peers are and what may go where: immutable, shared by all threads
 *
 * Main builds a new table from the configuration (and what wg(8) changed at run time), hands
 * it to every thread and frees the old one after all have acknowledged.  A peer keeps its
 * number as long as it stays configured, so nobody's sessions or mappings notice a reload.
 */
#ifndef CULVERT_ENGINE_TABLE_H
#define CULVERT_ENGINE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "config/config.h"
#include "io/uplink.h"
#include "router/router.h"
#include "wireguard/wireguard.h"

/* One peer; the array index is its number. */
struct table_peer {
	bool used;
	bool runtime;         /* from wg(8), not in the file */
	uint32_t incarnation; /* grows when the number is given to another key */
	char name[CONFIG_NAME_MAX];
	uint8_t public_key[WG_KEY_LEN];
	uint8_t preshared_key[WG_KEY_LEN];
	uint16_t keepalive; /* seconds */
	bool has_endpoint;
	struct endpoint endpoint; /* configured or remembered */
	struct prefix *allowed;   /* owned */
	size_t n_allowed;
};

struct table {
	uint64_t generation;
	uint32_t peers_max; /* the array's length, the same in every table */
	uint32_t n_slots;   /* peers at and above this are all unused */
	struct table_peer *peers;
	uint32_t *by_key; /* open addressing: numbers by public key */
	uint32_t by_key_mask;
	struct allowed_ips *allowed;
	struct router *router;
	uint32_t gateway;     /* 10.66.77.1; host order */
	struct prefix tunnel; /* 10.66.77.0/24 */
	uint32_t mtu;         /* inside; bytes */
	bool dns;
	uint16_t dns_tcp_port; /* where the proxy listens; 0: nowhere */
};

/* What main knows of one peer before it has a number. */
struct peer_spec {
	const char *name;
	bool runtime;
	const uint8_t *public_key;
	const uint8_t *preshared_key;
	uint16_t keepalive;
	bool has_endpoint;
	struct endpoint endpoint;
	const struct prefix *allowed;
	size_t n_allowed;
};

/**
 * engine_table_new() - builds a table
 * @old: the one in force, from which numbers are kept; NULL at start
 * @config: everything but peers
 * @specs: the peers, without duplicate keys
 *
 * Return: 0; -ENOSPC: more peers than @peers_max; -ENOMEM.
 */
int engine_table_new(const struct table *old, const struct config *config,
		     const struct uplink *uplink, const struct uplink_host *host,
		     const struct peer_spec *specs, size_t n_specs, uint32_t peers_max,
		     struct table **ret);
struct table *engine_table_free(struct table *table);

/** engine_table_find() - the number of the peer with this key; WG_NO_PEER if there is none */
uint32_t engine_table_find(const struct table *table, const uint8_t public_key[static WG_KEY_LEN]);

/** peer_worker() - who owns a peer for life */
static inline unsigned int peer_worker(uint32_t peer, unsigned int workers)
{
	return peer % WG_SLOTS % workers;
}

#endif
