/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * allowed_list.h - which peer has which AllowedIPs, as they can be changed and listed
 *
 * wireguard.h has the table by which packets find their peer; that one is only built and read.
 * This is what it is built from: a prefix has one owner, the peer that it was given last, and a
 * peer's prefixes keep the order in which it was given them.  Each change takes the same short time,
 * however many there are: wg(8) may set a hundred thousand in one request.
 *
 * Context: one thread.
 */
#ifndef CULVERT_ENGINE_ALLOWED_LIST_H
#define CULVERT_ENGINE_ALLOWED_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "wireguard/wireguard.h"

struct allowed_list;

/** allowed_list_new() - @peers_max: numbers are below it.  Return: 0 or -ENOMEM. */
int allowed_list_new(uint32_t peers_max, struct allowed_list **ret);
struct allowed_list *allowed_list_free(struct allowed_list *list);

/** allowed_list_copy() - to be changed in its place.  Return: 0 or -ENOMEM. */
int allowed_list_copy(const struct allowed_list *list, struct allowed_list **ret);

/** allowed_list_give() - @prefix is @peer's now, whoever had it; host bits are cleared.
 *  Return: 0 or -ENOMEM. */
int allowed_list_give(struct allowed_list *list, const struct prefix *prefix, uint32_t peer);

/** allowed_list_take() - @prefix is nobody's, if it was @peer's */
void allowed_list_take(struct allowed_list *list, const struct prefix *prefix, uint32_t peer);

/** allowed_list_clear() - @peer has none */
void allowed_list_clear(struct allowed_list *list, uint32_t peer);

size_t allowed_list_count(const struct allowed_list *list, uint32_t peer);

/** allowed_list_get() - writes all allowed_list_count() of @peer's, in order */
void allowed_list_get(const struct allowed_list *list, uint32_t peer, struct prefix *ret);

/** allowed_list_build() - the table of all.  Return: 0 or -ENOMEM. */
int allowed_list_build(const struct allowed_list *list, struct allowed_ips **ret);

#endif
