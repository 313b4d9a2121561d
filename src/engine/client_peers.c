/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_peers.c - the file's peers: as UAPI has them, and where their names lead
 *
 * Names are looked up at the start, and again while a peer doesn't answer or one of them could not
 * be asked for.  The old address is kept until there is another one: with the tunnel down and DNS in
 * it, nobody may answer.
 */
#include "engine/client_main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/host_dns.h"
#include "io/resolver.h"

#define NAMES_AGAIN     (2 * NS_PER_S)  /* doubled each time ... */
#define NAMES_AGAIN_MAX (30 * NS_PER_S) /* ... up to that */
#define HOSTS_EACH      2               /* a peer's UDP endpoint, and its stream */

/* ---- the file as UAPI has it ---------------------------------------------- */

static bool copy_peer(const struct config_peer *from, const struct endpoint *udp,
		      struct uapi_peer_set *to)
{
	static const uint8_t none[CONFIG_KEY_LEN];

	memcpy(to->public_key, from->public_key, sizeof(to->public_key));
	to->replace_allowed_ips = true;
	to->has_preshared_key = memcmp(from->preshared_key, none, sizeof(none)) != 0;
	memcpy(to->preshared_key, from->preshared_key, sizeof(to->preshared_key));
	to->has_keepalive = true;
	to->keepalive = from->keepalive;
	to->has_endpoint = udp->addr.family != ADDR_NONE;
	to->endpoint = *udp;
	to->allowed = calloc(from->n_allowed ? from->n_allowed : 1, sizeof(*to->allowed));
	if (!to->allowed)
		return false;
	to->n_allowed = from->n_allowed;
	for (size_t i = 0; i < from->n_allowed; i++)
		to->allowed[i] = from->allowed[i];
	return true;
}

int client_peers_set(const struct config *config, const struct client_peer *peers,
		     struct uapi_set *ret)
{
	*ret = (struct uapi_set){
		.has_private_key = true,
		.has_listen_port = true,
		.listen_port = config->listen_port_given ? config->listen_port : 0,
		.has_fwmark = true,
		.fwmark = config->fwmark,
		.replace_peers = true,
	};
	memcpy(ret->private_key, config->private_key, sizeof(ret->private_key));
	ret->peers = calloc(config->n_peers ? config->n_peers : 1, sizeof(*ret->peers));
	if (!ret->peers)
		return -ENOMEM;
	for (; ret->n_peers < config->n_peers; ret->n_peers++) {
		size_t i = ret->n_peers;

		if (!copy_peer(&config->peers[i], &peers[i].udp, &ret->peers[i]))
			return -ENOMEM;
	}
	return 0;
}

int client_peers_stream(struct client *c)
{
	const struct config *config = c->params->config;

	for (size_t i = 0; i < config->n_peers; i++) {
		const struct config_peer *from = &config->peers[i];
		struct client_peer *peer = &c->peers[i];
		int r = 0;

		if (from->stream_host[0] == '\0' || peer->stream.addr.family == ADDR_NONE)
			continue;
		if (from->stream_tls && !peer->tls)
			r = stream_tls_client(from->stream_host,
					      from->stream_pinned ? from->stream_pin : NULL,
					      &peer->tls);
		if (r == 0)
			r = device_set_stream(c->device, from->public_key, &peer->stream,
					      peer->tls);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- names ---------------------------------------------------------------- */

/* NULL without memory; the texts are the file's. */
static const char **hosts_of(const struct config *config)
{
	const char **hosts = calloc(config->n_peers * HOSTS_EACH + 1, sizeof(*hosts));

	for (size_t i = 0; hosts && i < config->n_peers; i++) {
		hosts[i * HOSTS_EACH] = config->peers[i].endpoint_host;
		hosts[i * HOSTS_EACH + 1] = config->peers[i].stream_host;
	}
	return hosts;
}

static bool only_addresses(const char *const *hosts, size_t n)
{
	struct addr addr;

	for (size_t i = 0; i < n; i++) {
		if (hosts[i][0] != '\0' && !addr_parse(hosts[i], &addr))
			return false;
	}
	return true;
}

/* Return: whether @at is another now. */
static bool move(struct endpoint *at, const struct names_answer *to, uint16_t port)
{
	if (to->addr.family == ADDR_NONE || addr_equal(&at->addr, &to->addr))
		return false;
	*at = (struct endpoint){ .addr = to->addr, .port = port };
	return true;
}

static bool is_missing(const struct config_peer *from, const struct client_peer *peer)
{
	return (from->endpoint_host[0] != '\0' && peer->udp.addr.family == ADDR_NONE) ||
	       (from->stream_host[0] != '\0' && peer->stream.addr.family == ADDR_NONE);
}

static bool any_missing(const struct client *c)
{
	for (size_t i = 0; i < c->params->config->n_peers; i++) {
		if (is_missing(&c->params->config->peers[i], &c->peers[i]))
			return true;
	}
	return false;
}

/* Behind a standing kill switch nobody can be asked, but it knows what it lets through. */
static void take_blocked(struct client *c)
{
	struct guardian_endpoint known[GUARDIAN_ENDPOINTS_MAX];
	size_t n = guardian_blocked_endpoints(c->params->adapter, known);

	for (size_t i = 0; i < c->params->config->n_peers; i++) {
		const struct config_peer *from = &c->params->config->peers[i];
		struct client_peer *peer = &c->peers[i];

		for (size_t k = 0; k < n; k++) {
			struct names_answer answer = { .addr = known[k].addr };

			if (peer->udp.addr.family == ADDR_NONE && !known[k].tcp &&
			    known[k].port == from->endpoint_port)
				(void)move(&peer->udp, &answer, from->endpoint_port);
			if (peer->stream.addr.family == ADDR_NONE && known[k].tcp &&
			    known[k].port == from->stream_port)
				(void)move(&peer->stream, &answer, from->stream_port);
		}
	}
}

/* A typing error in the only peer's name is worth an end; all else may come right by itself. */
static int judge(struct client *c)
{
	const struct config *config = c->params->config;

	for (size_t i = 0; i < config->n_peers; i++) {
		const struct config_peer *from = &config->peers[i];
		const struct client_peer *peer = &c->peers[i];
		bool unknown = from->endpoint_host[0] != '\0' && peer->udp.addr.family == ADDR_NONE;

		if (unknown && peer->absent && config->n_peers == 1) {
			client_say(c, LOG_LEVEL_ERROR,
				   "%s:%u: there is no host named %s: correct Endpoint",
				   c->params->path, from->line, from->endpoint_host);
			return -ENOENT;
		}
		if (unknown && c->plan.kill_switch && config->n_peers == 1 &&
		    peer->stream.addr.family == ADDR_NONE) {
			client_say(c, LOG_LEVEL_ERROR,
				   "%s:%u: no name server tells the address of %s, and behind the "
				   "kill switch none could be asked: connect once the network is "
				   "there, or make Endpoint an address",
				   c->params->path, from->line, from->endpoint_host);
			return -EAGAIN;
		}
		if (unknown)
			client_say(c, LOG_LEVEL_WARNING,
				   "%s:%u: %s of %s: tried again until it is found",
				   c->params->path, from->line,
				   peer->absent ? "there is no host by the name"
						: "no name server tells the address",
				   from->endpoint_host);
	}
	return 0;
}

int client_peers_find(struct client *c)
{
	const struct config *config = c->params->config;
	size_t n = config->n_peers * HOSTS_EACH;
	const char **hosts = hosts_of(config);
	struct names_answer *found = calloc(n + 1, sizeof(*found));
	struct names *names = NULL;
	int r = hosts && found ? names_ask(hosts, n, NULL, 0, &names) : -ENOMEM;

	if (r == 0) {
		c->names_fixed = only_addresses(hosts, n);
		(void)names_wait(names);
		names_take(names, found);
		for (size_t i = 0; i < config->n_peers; i++) {
			const struct names_answer *answers = &found[i * HOSTS_EACH];

			c->peers[i].absent = answers[0].absent;
			(void)move(&c->peers[i].udp, &answers[0], config->peers[i].endpoint_port);
			(void)move(&c->peers[i].stream, &answers[1], config->peers[i].stream_port);
		}
	} else {
		client_say(c, LOG_LEVEL_ERROR, "can't look names up: %s", strerror(-r));
	}
	names_free(names);
	free(found);
	free(hosts);
	if (r == 0 && any_missing(c))
		take_blocked(c);
	if (r == 0)
		r = judge(c);
	c->names_wait = any_missing(c) ? NAMES_AGAIN : 0;
	c->names_again = any_missing(c) ? loop_now() + NAMES_AGAIN : NEVER;
	return r;
}

static void add_endpoint(struct guardian_plan *plan, const struct endpoint *e, bool tcp)
{
	if (e->addr.family == ADDR_NONE || plan->n_endpoints == GUARDIAN_ENDPOINTS_MAX)
		return;
	plan->endpoints[plan->n_endpoints++] =
		(struct guardian_endpoint){ .addr = e->addr, .port = e->port, .tcp = tcp };
}

/*
 * With all traffic in a tunnel that is down, names can be asked for outside only; other programs go on
 * asking inside.  Not behind a kill switch: what lets our questions out would let everybody's out.
 */
static size_t open_way_outside(struct client *c, struct endpoint servers[RESOLVER_SERVERS_MAX])
{
	char complaint[CLIENT_COMPLAINT_MAX] = "";
	struct guardian_plan plan = c->plan;
	size_t n;

	if (!c->host_changed || c->plan.kill_switch)
		return 0;
	n = host_dns_outside(HOST_DNS_FILE, plan.dns, plan.n_dns, servers, RESOLVER_SERVERS_MAX);
	for (size_t i = 0; i < n; i++)
		add_endpoint(&plan, &servers[i], false);
	if (n > 0 && guardian_endpoints(c->guardian, &plan, complaint) < 0) {
		client_say(c, LOG_LEVEL_WARNING, "%s: %s", c->label, complaint);
		return 0;
	}
	c->asks_outside = n > 0;
	return n;
}

/* Rules and kill switch follow what was found; the way outside closes. */
static void tell_guardian(struct client *c)
{
	char complaint[CLIENT_COMPLAINT_MAX] = "";
	bool moved = c->guardian && client_peers_plan(c, &c->plan);

	if (c->host_changed && (moved || c->asks_outside) &&
	    guardian_endpoints(c->guardian, &c->plan, complaint) < 0)
		client_say(c, LOG_LEVEL_WARNING, "%s: %s", c->label, complaint);
	c->asks_outside = false;
	if (client_change_host(c) < 0) {
		c->leaving = true;
		c->status = 1;
	}
}

void client_peers_look_up(struct client *c, uint64_t now)
{
	const struct config *config = c->params->config;
	struct endpoint servers[RESOLVER_SERVERS_MAX];
	const char **hosts;
	size_t n;

	c->names_again = NEVER;
	if (c->names || c->names_fixed || !config)
		return;
	c->names_wait =
		c->names_wait == 0 ? NAMES_AGAIN : earlier(2 * c->names_wait, NAMES_AGAIN_MAX);
	n = open_way_outside(c, servers);
	hosts = hosts_of(config);
	if (!hosts || names_ask(hosts, config->n_peers * HOSTS_EACH, servers, n, &c->names) < 0 ||
	    loop_add(c->loop, names_fd(c->names), LOOP_READ, CLIENT_NAMES) < 0) {
		c->names = names_free(c->names);
		c->names_again = now + c->names_wait;
		tell_guardian(c);
	}
	free(hosts);
}

/* Return: whether anything is another now. */
static bool take_found(struct client *c, const struct names_answer *found, uint64_t now)
{
	const struct config *config = c->params->config;
	bool moved = false;

	for (size_t i = 0; i < config->n_peers; i++) {
		const struct config_peer *from = &config->peers[i];
		struct client_peer *peer = &c->peers[i];
		const struct names_answer *answers = &found[i * HOSTS_EACH];
		char text[ENDPOINT_TEXT_MAX];

		if (move(&peer->udp, &answers[0], from->endpoint_port)) {
			client_say(c, LOG_LEVEL_NOTICE, "%s: %s is at %s now", c->label,
				   from->endpoint_host, endpoint_format(&peer->udp, text));
			device_set_endpoint(c->device, from->public_key, &peer->udp, now);
			moved = true;
		}
		if (move(&peer->stream, &answers[1], from->stream_port))
			moved = true;
	}
	return moved;
}

void client_peers_found(struct client *c, uint64_t now)
{
	const struct config *config = c->params->config;
	struct names_answer *found;
	bool moved;

	if (!c->names)
		return;
	found = calloc(config->n_peers * HOSTS_EACH + 1, sizeof(*found));
	if (found)
		names_take(c->names, found);
	loop_remove(c->loop, names_fd(c->names));
	c->names = names_free(c->names);
	moved = found && take_found(c, found, now);
	tell_guardian(c);
	if (moved) {
		(void)client_peers_stream(c);
		device_connect(c->device, now, client_wall(c, now));
	}
	if (any_missing(c))
		c->names_again = now + c->names_wait;
	free(found);
}

/* ---- for the guardian ----------------------------------------------------- */

bool client_peers_plan(const struct client *c, struct guardian_plan *plan)
{
	struct guardian_plan before = *plan;

	memset(plan->endpoints, 0, sizeof(plan->endpoints));
	plan->n_endpoints = 0;
	for (size_t i = 0; i < c->params->config->n_peers; i++) {
		add_endpoint(plan, &c->peers[i].udp, false);
		add_endpoint(plan, &c->peers[i].stream, true);
	}
	if (before.n_endpoints != plan->n_endpoints)
		return true;
	for (size_t i = 0; i < plan->n_endpoints; i++) {
		const struct guardian_endpoint *a = &before.endpoints[i];
		const struct guardian_endpoint *b = &plan->endpoints[i];

		if (!addr_equal(&a->addr, &b->addr) || a->port != b->port || a->tcp != b->tcp)
			return true;
	}
	return false;
}
