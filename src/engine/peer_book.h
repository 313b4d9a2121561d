/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_book.h - a device's peers as wg(8) and files configure them
 *
 * A request is applied to a copy, which takes the place of the book if all of it went well.  A peer keeps its
 * number for life; who is removed and named again, be it in one request, is another incarnation.
 *
 * Context: one thread.
 */
#ifndef CULVERT_ENGINE_PEER_BOOK_H
#define CULVERT_ENGINE_PEER_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "control/uapi.h"
#include "engine/allowed_list.h"

struct book_peer {
	bool used;
	uint64_t incarnation;
	uint8_t public_key[WG_KEY_LEN];
	uint8_t preshared_key[WG_KEY_LEN];
	uint16_t keepalive;       /* seconds */
	struct endpoint endpoint; /* that this request has set; ADDR_NONE: none */
	uint32_t next_by_key;
};

struct peer_book {
	uint32_t peers_max;
	uint32_t n;              /* peers */
	uint32_t unused;         /* no number below is */
	struct book_peer *peers; /* by number */
	uint32_t *by_key;        /* buckets */
	uint64_t incarnations;
	struct allowed_list *allowed;
};

/** peer_book_new() - Return: 0 or -ENOMEM */
int peer_book_new(uint32_t peers_max, struct peer_book **ret);

/** peer_book_free() - wipes keys */
struct peer_book *peer_book_free(struct peer_book *book);

/** peer_book_copy() - without the endpoints that the last request has set.  Return: 0 or -ENOMEM. */
int peer_book_copy(const struct peer_book *book, struct peer_book **ret);

/** peer_book_find() - Return: the number of the peer with this key, or WG_NO_PEER */
uint32_t peer_book_find(const struct peer_book *book, const uint8_t public_key[static WG_KEY_LEN]);

/**
 * peer_book_apply() - the peers of a request
 * @self: our own public key, NULL while there is none: a peer of this key is passed over, as
 * WireGuard has it, and one that is there is removed
 *
 * Return: 0; -ENOSPC: more than peers_max; -EINVAL: a key that no peer can have; -ENOMEM.
 * The book is of no use then.
 */
int peer_book_apply(struct peer_book *book, const struct uapi_set *set, const uint8_t *self);

#endif
