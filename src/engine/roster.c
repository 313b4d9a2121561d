/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/roster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/wire.h"
#include "control/state.h"
#include "engine/names.h"

#define RECENTLY_S    600u /* peers heard within it are called after a restart */
#define COMPLAINT_LEN 256u

/* A peer as main keeps it: owns its prefixes. */
struct member {
	char name[CONFIG_NAME_MAX];
	bool runtime;
	uint8_t public_key[WG_KEY_LEN];
	uint8_t preshared_key[WG_KEY_LEN];
	uint16_t keepalive;
	bool has_endpoint;
	struct endpoint endpoint;
	struct prefix *allowed;
	size_t n_allowed;
};

struct roster {
	unsigned int workers;
	struct post *post;
	uint32_t peers_max;
	const struct uplink *uplink;
	const struct uplink_host *host;
	const struct config *config;
	uint16_t dns_port;
	struct member *members;
	size_t n_members;
	struct table *table;    /* in force */
	struct table *pending;  /* built and not yet handed out; else the one in force */
	bool wanted;            /* pending is to be handed out */
	struct table *leaving;  /* the one before, which some thread may still use; or NULL */
	unsigned int waits_for; /* threads that have not acknowledged the one in force */
	struct endpoint *heard; /* by number; family ADDR_NONE: not heard */
};

static void members_free(struct member *members, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(members[i].allowed);
	if (members)
		sodium_memzero(members, n * sizeof(*members));
	free(members);
}

int roster_new(const struct roster_params *params, struct roster **ret)
{
	struct roster *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->workers = params->workers;
	r->post = params->post;
	r->peers_max = params->peers_max;
	r->uplink = params->uplink;
	r->host = params->host;
	r->heard = calloc(r->peers_max, sizeof(*r->heard));
	if (!r->heard) {
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

struct roster *roster_free(struct roster *r)
{
	if (!r)
		return NULL;
	engine_table_free(r->leaving);
	if (r->pending != r->table)
		engine_table_free(r->pending);
	engine_table_free(r->table);
	members_free(r->members, r->n_members);
	free(r->heard);
	free(r);
	return NULL;
}

/* A new table from @members; the peers that stay keep number and endpoint. */
static int build(struct roster *r, const struct config *config, const struct member *members,
		 size_t n, struct table **ret, char *complaint)
{
	struct peer_spec *specs = calloc(n ? n : 1, sizeof(*specs));
	int result = -ENOMEM;

	for (size_t i = 0; i < n && specs; i++) {
		const struct member *m = &members[i];

		specs[i] = (struct peer_spec){
			.name = m->name,
			.runtime = m->runtime,
			.public_key = m->public_key,
			.preshared_key = m->preshared_key,
			.keepalive = m->keepalive,
			.has_endpoint = m->has_endpoint,
			.endpoint = m->endpoint,
			.allowed = m->allowed,
			.n_allowed = m->n_allowed,
		};
	}
	if (specs)
		result = engine_table_new(r->table, config, r->uplink, r->host, specs, n,
					  r->peers_max, ret);
	free(specs);
	if (result == -ENOSPC)
		snprintf(complaint, COMPLAINT_LEN,
			 "%zu peers are more than the %u that this gateway was started for: "
			 "restart it",
			 n, r->peers_max);
	else if (result < 0)
		snprintf(complaint, COMPLAINT_LEN, "not enough memory for the table of peers");
	else
		(*ret)->dns_tcp_port = r->dns_port;
	return result;
}

/* A table that was built but never sent is nobody's. */
static void set_pending(struct roster *r, struct table *table)
{
	if (r->pending != r->table)
		engine_table_free(r->pending);
	r->pending = table;
	if (!r->table)
		r->table = table;
}

static int copy_prefixes(struct member *m, const struct prefix *allowed, size_t n)
{
	m->allowed = calloc(n ? n : 1, sizeof(*m->allowed));
	if (!m->allowed)
		return -ENOMEM;
	if (n > 0)
		memcpy(m->allowed, allowed, n * sizeof(*allowed));
	m->n_allowed = n;
	return 0;
}

static int member_from_config(struct member *m, const struct config_peer *peer,
			      const struct addr *endpoint)
{
	memcpy(m->name, peer->name, sizeof(m->name));
	memcpy(m->public_key, peer->public_key, WG_KEY_LEN);
	memcpy(m->preshared_key, peer->preshared_key, WG_KEY_LEN);
	m->keepalive = peer->keepalive;
	m->has_endpoint = endpoint->family != ADDR_NONE;
	m->endpoint = (struct endpoint){ .addr = *endpoint, .port = peer->endpoint_port };
	return copy_prefixes(m, peer->allowed, peer->n_allowed);
}

/* Names are looked up once, when the configuration is read.  Return: malloc'd, or NULL. */
static struct addr *find_endpoints(const struct config *config)
{
	size_t n = config->n_peers ? config->n_peers : 1;
	const char **hosts = calloc(n, sizeof(*hosts));
	struct addr *ret = calloc(n, sizeof(*ret));

	if (hosts && ret) {
		for (size_t i = 0; i < config->n_peers; i++)
			hosts[i] = config->peers[i].endpoint_host;
		names_find(hosts, config->n_peers, ret);
	}
	if (!hosts) {
		free(ret);
		ret = NULL;
	}
	free(hosts);
	return ret;
}

int roster_load(struct roster *r, const struct config *config, char *complaint)
{
	size_t n = config->n_peers;
	struct member *members = calloc(n ? n : 1, sizeof(*members));
	struct addr *endpoints = find_endpoints(config);
	struct table *table;
	int result = members && endpoints ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && result >= 0; i++)
		result = member_from_config(&members[i], &config->peers[i], &endpoints[i]);
	free(endpoints);
	if (result < 0)
		snprintf(complaint, COMPLAINT_LEN, "not enough memory for the list of peers");
	else
		result = build(r, config, members, n, &table, complaint);
	if (result < 0) {
		members_free(members, members ? n : 0);
		return result;
	}
	members_free(r->members, r->n_members);
	r->members = members;
	r->n_members = n;
	r->config = config;
	set_pending(r, table);
	return 0;
}

int roster_rebuild(struct roster *r, char *complaint)
{
	struct table *table;
	int result = build(r, r->config, r->members, r->n_members, &table, complaint);

	if (result >= 0)
		set_pending(r, table);
	return result;
}

/* Only when no thread uses the one before: so at most three tables exist, however often it is asked. */
static void hand_out(struct roster *r)
{
	struct post_table body = { .table = r->pending };

	if (!r->wanted || r->leaving)
		return;
	r->wanted = false;
	if (r->pending == r->table)
		return;
	for (uint32_t i = 0; i < r->pending->n_slots; i++)
		if (r->pending->peers[i].incarnation != r->table->peers[i].incarnation)
			r->heard[i] = (struct endpoint){ .port = 0 };
	r->leaving = r->table;
	r->table = r->pending;
	r->waits_for = r->workers + 1;
	for (unsigned int i = 0; i <= r->workers; i++)
		post_insist(r->post, post_main(r->workers), i, POST_TABLE, &body, sizeof(body));
}

void roster_publish(struct roster *r)
{
	r->wanted = true;
	hand_out(r);
}

void roster_acknowledged(struct roster *r, const struct post_table *message)
{
	if (!r->leaving || message->table != r->table || --r->waits_for > 0)
		return;
	r->leaving = engine_table_free(r->leaving);
	hand_out(r);
}

const struct table *roster_table(const struct roster *r)
{
	return r->table;
}

void roster_set_dns_port(struct roster *r, uint16_t port)
{
	r->dns_port = port;
	if (r->pending)
		r->pending->dns_tcp_port = port;
}

void roster_heard(struct roster *r, const struct post_peer *where)
{
	if (where->peer < r->peers_max)
		r->heard[where->peer] = where->to;
}

struct endpoint roster_endpoint(const struct roster *r, uint32_t peer)
{
	if (r->heard[peer].addr.family != ADDR_NONE)
		return r->heard[peer];
	if (peer < r->table->n_slots && r->table->peers[peer].has_endpoint)
		return r->table->peers[peer].endpoint;
	return (struct endpoint){ .port = 0 };
}

static void call_peer(struct roster *r, uint32_t peer, const struct endpoint *to)
{
	struct post_peer body = { .peer = peer, .to = *to };
	unsigned int me = post_main(r->workers);

	r->heard[peer] = *to;
	/* Endpoint first: the worker needs it to send what the handshake will allow. */
	(void)post_send(r->post, me, peer_worker(peer, r->workers), POST_ENDPOINT, &body,
			sizeof(body), NULL, 0);
	(void)post_send(r->post, me, post_handshake(r->workers), POST_INITIATE, &body, sizeof(body),
			NULL, 0);
}

void roster_restore(struct roster *r, const char *text, size_t len, uint64_t wall)
{
	struct state_peer *peers = calloc(STATE_PEERS_MAX, sizeof(*peers));
	size_t n = peers ? state_parse(text, len, peers, STATE_PEERS_MAX) : 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t peer = engine_table_find(r->table, peers[i].public_key);

		if (peer != WG_NO_PEER && peers[i].handshake + RECENTLY_S > wall)
			call_peer(r, peer, &peers[i].endpoint);
	}
	free(peers);
}

char *roster_state(const struct roster *r, uint64_t (*handshake)(void *ctx, uint32_t peer),
		   void *ctx)
{
	struct state_peer *peers = calloc(r->table->n_slots + 1, sizeof(*peers));
	char *text;
	size_t n = 0;

	if (!peers)
		return NULL;
	for (uint32_t i = 0; i < r->table->n_slots; i++) {
		struct endpoint e = r->table->peers[i].used ? roster_endpoint(r, i)
							    : (struct endpoint){ .port = 0 };
		uint64_t when = handshake(ctx, i);

		/* By a stream nobody can be called: the client connects anew. */
		if (e.addr.family == ADDR_NONE || e.stream != 0 || when == 0)
			continue;
		memcpy(peers[n].public_key, r->table->peers[i].public_key, WG_KEY_LEN);
		peers[n].endpoint = e;
		peers[n++].handshake = when;
	}
	text = state_format(peers, n);
	free(peers);
	return text;
}

/* ---- what wg(8) changes --------------------------------------------------- */

static struct member *find_member(struct member *members, size_t n, const uint8_t *public_key)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(members[i].public_key, public_key, WG_KEY_LEN) == 0)
			return &members[i];
	return NULL;
}

static bool same_prefix(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

static void take_prefix_from(struct member *m, const struct prefix *prefix)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n_allowed; i++)
		if (!same_prefix(&m->allowed[i], prefix))
			m->allowed[kept++] = m->allowed[i];
	m->n_allowed = kept;
}

/* As in WireGuard, a prefix moves to whoever was given it last. */
static int give_prefix(struct member *members, size_t n, struct member *m, struct prefix prefix)
{
	struct prefix *grown;

	prefix_mask(&prefix);
	for (size_t i = 0; i < n; i++)
		take_prefix_from(&members[i], &prefix);
	grown = realloc(m->allowed, (m->n_allowed + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->allowed = grown;
	m->allowed[m->n_allowed++] = prefix;
	return 0;
}

static int change_member(struct member *members, size_t n, struct member *m,
			 const struct uapi_peer_set *set)
{
	int r = 0;

	m->runtime = true;
	if (set->has_preshared_key)
		memcpy(m->preshared_key, set->preshared_key, WG_KEY_LEN);
	if (set->has_keepalive)
		m->keepalive = set->keepalive;
	if (set->has_endpoint) {
		m->has_endpoint = true;
		m->endpoint = set->endpoint;
	}
	if (set->replace_allowed_ips)
		m->n_allowed = 0;
	for (size_t i = 0; i < set->n_disallowed; i++) {
		struct prefix p = set->disallowed[i];

		prefix_mask(&p);
		take_prefix_from(m, &p);
	}
	for (size_t i = 0; i < set->n_allowed && r >= 0; i++)
		r = give_prefix(members, n, m, set->allowed[i]);
	return r;
}

/* Applies one peer's change to the copy @members, which has room for one more. */
static int set_member(struct member *members, size_t *n, const struct uapi_peer_set *set)
{
	struct member *m = find_member(members, *n, set->public_key);

	if (set->remove) {
		if (!m)
			return 0;
		free(m->allowed);
		*m = members[--*n];
		sodium_memzero(&members[*n], sizeof(*members));
		return 0;
	}
	if (!m && set->update_only)
		return 0;
	if (!m) {
		m = &members[(*n)++];
		memcpy(m->public_key, set->public_key, WG_KEY_LEN);
	}
	return change_member(members, *n, m, set);
}

/* A copy of the members with room for @more. */
static struct member *copy_members(const struct roster *r, size_t more)
{
	struct member *copy = calloc(r->n_members + more + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < r->n_members; i++) {
		copy[i] = r->members[i];
		copy[i].allowed = NULL;
		if (copy_prefixes(&copy[i], r->members[i].allowed, r->members[i].n_allowed) < 0) {
			members_free(copy, i);
			return NULL;
		}
	}
	return copy;
}

int roster_set(struct roster *r, const struct uapi_set *set, char *complaint)
{
	struct member *members = copy_members(r, set->n_peers);
	size_t n = r->n_members;
	struct table *table;
	int result = members ? 0 : -ENOMEM;

	if (result >= 0 && set->replace_peers) {
		for (size_t i = 0; i < n; i++)
			free(members[i].allowed);
		sodium_memzero(members, n * sizeof(*members));
		n = 0;
	}
	for (size_t i = 0; i < set->n_peers && result >= 0; i++)
		result = set_member(members, &n, &set->peers[i]);
	if (result >= 0)
		result = build(r, r->config, members, n, &table, complaint);
	if (result < 0) {
		members_free(members, members ? n : 0);
		return result;
	}
	members_free(r->members, r->n_members);
	r->members = members;
	r->n_members = n;
	set_pending(r, table);
	return 0;
}
