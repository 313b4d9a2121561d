/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster.h - main's account of the peers
 *
 * Peers come from the file and, until the next reload, from wg(8).  The roster turns them into
 * tables (table.h), hands these out, frees them once acknowledged, and remembers where each peer was
 * last heard: for status, and for the state file that lets a restarted gateway call its peers.
 *
 * Context: main thread.
 */
#ifndef CULVERT_ENGINE_ROSTER_H
#define CULVERT_ENGINE_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "control/uapi.h"
#include "engine/post.h"
#include "engine/table.h"

struct roster;

struct roster_params {
	unsigned int workers;
	struct post *post;           /* borrowed */
	uint32_t peers_max;          /* for life */
	const struct uplink *uplink; /* borrowed; read at each build */
	const struct uplink_host *host;
};

int roster_new(const struct roster_params *params, struct roster **ret);
struct roster *roster_free(struct roster *r);

/**
 * roster_load() - the peers of @config replace all others, runtime ones too
 * @config: borrowed until the next roster_load() or roster_free()
 * @complaint: 256 bytes; one sentence on failure
 *
 * Builds the next table; roster_publish() hands it out.  Endpoints that are names take up to two
 * seconds in all, as names.h says; a peer whose name was not found has no endpoint until it calls.
 * Return: 0 or -errno; on failure the table in force stays.
 */
int roster_load(struct roster *r, const struct config *config, char *complaint);

/** roster_rebuild() - the same peers, but the host's addresses have changed */
int roster_rebuild(struct roster *r, char *complaint);

/** roster_set() - what wg(8) asked for.  Return: 0, -EINVAL, -ENOSPC, -ENOMEM. */
int roster_set(struct roster *r, const struct uapi_set *set, char *complaint);

/**
 * roster_publish() - hands the table that was built last to all threads
 *
 * While threads still change over to the one before, it waits for their acknowledgements; of several
 * that wait the last one counts.  Until then roster_table() is the old one.
 */
void roster_publish(struct roster *r);

/** roster_acknowledged() - one thread uses the table of @message now; frees what nobody uses */
void roster_acknowledged(struct roster *r, const struct post_table *message);

/** roster_table() - the table in force */
const struct table *roster_table(const struct roster *r);

/** roster_set_dns_port() - where DNS over TCP is served; for the tables to come */
void roster_set_dns_port(struct roster *r, uint16_t port);

/** roster_heard() - a worker tells where a peer is */
void roster_heard(struct roster *r, const struct post_peer *where);

/** roster_endpoint() - last known endpoint of a peer; family ADDR_NONE if none */
struct endpoint roster_endpoint(const struct roster *r, uint32_t peer);

/**
 * roster_restore() - takes in the state file's text and asks for handshakes with the peers that
 * were heard in the last minutes
 * @wall: seconds since 1970
 */
void roster_restore(struct roster *r, const char *text, size_t len, uint64_t wall);

/**
 * roster_state() - the state file's text
 * @handshake: seconds since 1970 for a peer number, 0 for never
 * Return: malloc'd, or NULL.
 */
char *roster_state(const struct roster *r, uint64_t (*handshake)(void *ctx, uint32_t peer),
		   void *ctx);

#endif
