/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reload.c - what changes while the gateway runs: the file, wg(8), the uplink, ports, memory of peers
 */
#include "engine/gateway_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "io/file.h"

#define AWAY \
	(600 * NS_PER_S) /* a peer that was silent for so long is worth a line when it is back */
#define STATE_DIRECTORY "/var/lib/culvert"
#define LOGGED_MAX      20 /* complaints of one file; the rest is counted */

static void log_messages(const char *path, const struct config_messages *messages)
{
	size_t shown = messages->n < LOGGED_MAX ? messages->n : LOGGED_MAX;

	for (size_t i = 0; i < shown; i++) {
		const struct config_message *m = &messages->items[i];
		enum log_level level = m->error ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE;
		const char *note = m->error ? "" : "note: ";

		if (m->line == 0)
			log_line(level, "%s: %s%s", path, note, m->text);
		else
			log_line(level, "%s:%u: %s%s", path, m->line, note, m->text);
	}
	if (shown < messages->n)
		log_notice("%s: and %zu more: see culvert check", path, messages->n - shown);
}

int gateway_read_config(const char *path, struct config **ret)
{
	struct config_messages messages;
	char *text;
	size_t len;
	int r = file_read(path, &text, &len);

	if (r < 0) {
		log_error("can't read %s: %s%s", path, strerror(-r),
			  r == -ENOENT ? "; `culvert init` makes one" : "");
		return r == -EINVAL ? -EIO : r;
	}
	r = config_parse(text, len, ret, &messages);
	log_messages(path, &messages);
	if (file_is_exposed(path))
		log_notice("%s: note: " CONFIG_EXPOSED, path);
	config_messages_done(&messages);
	file_text_free(text, len);
	if (r >= 0 && config_gateway(*ret).addr.family == ADDR_NONE) {
		log_error("%s: [Interface] has no IPv4 Address: want one like 10.66.77.1/24", path);
		*ret = config_free(*ret);
		r = -EINVAL;
	}
	return r;
}

/* What only a new start can change keeps its old value, and is named. */
static void keep_fixed(struct config *new, const struct config *old)
{
	struct prefix a = config_gateway(new);
	struct prefix b = config_gateway(old);
	bool same_address = a.len == b.len && addr_equal(&a.addr, &b.addr);

	if (new->listen_port != old->listen_port)
		log_notice("ListenPort changes at the next start");
	if (new->fwmark != old->fwmark)
		log_notice("FwMark changes at the next start");
	if (strcmp(new->interface, old->interface) != 0)
		log_notice("the external interface changes at the next start");
	if (new->workers != old->workers)
		log_notice("Workers changes at the next start");
	if (sodium_memcmp(new->private_key, old->private_key, CONFIG_KEY_LEN) != 0)
		log_notice("PrivateKey changes at the next start");
	if (!same_address)
		log_notice("Address changes at the next start");
	if (new->mtu != old->mtu)
		log_notice("MTU changes at the next start");
	if (new->mappings_per_client != old->mappings_per_client ||
	    new->mappings_max != old->mappings_max ||
	    new->tcp_established != old->tcp_established ||
	    new->tcp_transitory != old->tcp_transitory || new->udp_timeout != old->udp_timeout ||
	    new->icmp_timeout != old->icmp_timeout)
		log_notice("[Nat] changes at the next start");
	if (new->stream_port != old->stream_port || new->stream_tls != old->stream_tls ||
	    strcmp(new->stream_certificate, old->stream_certificate) != 0 ||
	    strcmp(new->stream_key, old->stream_key) != 0)
		log_notice("[Stream] changes at the next start");
	if (new->dns != old->dns)
		log_notice("[Dns] Enabled changes at the next start");
	new->listen_port = old->listen_port;
	new->fwmark = old->fwmark;
	memcpy(new->interface, old->interface, sizeof(new->interface));
	new->workers = old->workers;
	memcpy(new->private_key, old->private_key, CONFIG_KEY_LEN);
	memcpy(new->addresses, old->addresses, sizeof(new->addresses));
	new->n_addresses = old->n_addresses;
	new->mtu = old->mtu;
	new->mappings_per_client = old->mappings_per_client;
	new->mappings_max = old->mappings_max;
	new->tcp_established = old->tcp_established;
	new->tcp_transitory = old->tcp_transitory;
	new->udp_timeout = old->udp_timeout;
	new->icmp_timeout = old->icmp_timeout;
	new->dns = old->dns;
	new->stream_port = old->stream_port;
	new->stream_tls = old->stream_tls;
	memcpy(new->stream_certificate, old->stream_certificate, sizeof(new->stream_certificate));
	memcpy(new->stream_key, old->stream_key, sizeof(new->stream_key));
}

int gateway_reload(struct gateway *g, char *complaint)
{
	struct config *config;
	int r = gateway_read_config(g->path, &config);

	if (r < 0) {
		if (r == -EINVAL)
			snprintf(complaint, 512, "%s is wrong: `culvert check %s` says where",
				 g->path, g->path);
		else
			snprintf(complaint, 512, "can't read %s: %s", g->path, strerror(-r));
		return r;
	}
	keep_fixed(config, g->config);
	r = roster_load(g->roster, config, complaint);
	if (r >= 0 && g->dns)
		r = dns_proxy_reload(g->dns, config, complaint);
	if (r < 0) {
		/* The roster may hold the new peers already: they are right, the rest is not. */
		(void)roster_load(g->roster, g->config, (char[256]){ 0 });
		config_free(config);
		return r;
	}
	roster_publish(g->roster);
	config_free(g->config);
	g->config = config;
	log_notice("configuration reloaded: %zu peer%s", config->n_peers,
		   config->n_peers == 1 ? "" : "s");
	return 0;
}

static void set_address(struct gateway *g, uint32_t from, uint32_t to)
{
	char before[ADDR_TEXT_MAX];
	char after[ADDR_TEXT_MAX];
	struct addr a = addr_ip4(from);
	struct addr b = addr_ip4(to);
	int r;

	if (to == 0)
		log_warning("external interface %s has lost its address %s: clients wait for "
			    "another",
			    g->uplink.name, addr_format(&a, before));
	else if (to != from)
		log_notice(
			"external address is %s now (was %s): connections of the old address end",
			addr_format(&b, after), from ? addr_format(&a, before) : "none");
	r = leases_set_address(g->leases, to, g->uplink.ifindex);
	if (r < 0)
		log_error("can't lease external ports of the new address: %s", strerror(-r));
}

/*
 * The default route leaves by another interface now: its sockets replace those of the old one.
 * Returns whether they do.
 */
static bool change_interface(struct gateway *g, const struct uplink *uplink)
{
	struct external *group[WORKERS_MAX];
	int r = external_open_group(uplink, g->workers, group);

	if (r < 0) {
		log_error("can't open the external interface %s: %s", uplink->name, strerror(-r));
		return false;
	}
	if (strcmp(uplink->name, g->uplink.name) == 0)
		log_notice("external interface %s was made anew: its connections end",
			   uplink->name);
	else
		log_notice("the external interface is %s now (was %s)", uplink->name,
			   g->uplink.name);
	for (unsigned int i = 0; i < g->workers; i++) {
		struct post_external body = { .external = group[i] };

		external_set_offload(group[i], g->offload_external);
		g->external[i] = group[i];
		post_insist(g->post, post_main(g->workers), i, POST_EXTERNAL, &body, sizeof(body));
	}
	return true;
}

void gateway_uplink_changed(struct gateway *g)
{
	struct post_uplink body = { .uplink = *uplink_get(g->watch) };
	uint32_t before = g->uplink.address;
	bool other = body.uplink.ifindex != g->uplink.ifindex;
	bool moved = other || body.uplink.address != before;
	bool went_down = g->uplink.up && !body.uplink.up;
	char complaint[256];

	if (went_down)
		log_warning("external interface %s is down", g->uplink.name);
	else if (!g->uplink.up && body.uplink.up)
		log_notice("external interface %s is up", body.uplink.name);
	if (other && body.uplink.ifindex != 0 && !change_interface(g, &body.uplink)) {
		/* The old sockets are of no use for it: down, and tried again at the next change. */
		body.uplink.up = false;
		body.uplink.ifindex = g->uplink.ifindex;
	}
	g->uplink = body.uplink;
	for (unsigned int i = 0; i < g->workers; i++)
		post_insist(g->post, post_main(g->workers), i, POST_UPLINK, &body, sizeof(body));
	if (moved)
		set_address(g, before, body.uplink.address);
	if (!moved && memcmp(&g->host, uplink_host_get(g->watch), sizeof(g->host)) == 0)
		return;
	g->host = *uplink_host_get(g->watch);
	if (roster_rebuild(g->roster, complaint) < 0)
		log_error("%s", complaint);
	else
		roster_publish(g->roster);
}

void gateway_lease_wanted(struct gateway *g, unsigned int worker, enum nat_protocol protocol)
{
	int r = leases_wanted(g->leases, worker, protocol);

	if (r >= 0) {
		g->ports_short = false;
		return;
	}
	if (g->ports_short || g->uplink.address == 0)
		return; /* said already */
	g->ports_short = true;
	log_warning("external %s ports run short (%s): new connections may be refused",
		    protocol == NAT_TCP ? "TCP" : "UDP",
		    r == -EMFILE   ? "file descriptors are exhausted: raise the limit"
		    : r == -ENOSPC ? "all are leased: add addresses"
				   : strerror(-r));
}

/* ---- wg(8) ---------------------------------------------------------------- */

static char *uapi_get(struct gateway *g)
{
	const struct table *t = roster_table(g->roster);
	struct uapi_peer *peers = calloc(t->n_slots + 1, sizeof(*peers));
	struct uapi_device device = {
		.listen_port = udp_port(g->udp[0]),
		.fwmark = g->config->fwmark,
		.peers = peers,
	};
	char *text;

	if (!peers)
		return NULL;
	memcpy(device.private_key, g->config->private_key, sizeof(device.private_key));
	for (uint32_t i = 0; i < t->n_slots; i++) {
		const struct table_peer *p = &t->peers[i];
		struct uapi_peer *out = &peers[device.n_peers];

		if (!p->used)
			continue;
		memcpy(out->public_key, p->public_key, sizeof(out->public_key));
		memcpy(out->preshared_key, p->preshared_key, sizeof(out->preshared_key));
		out->endpoint = roster_endpoint(g->roster, i);
		out->last_handshake_s = gateway_handshake_time(g, i);
		out->rx_bytes = counter_get(&gateway_peer_stats(g, i)->rx_bytes);
		out->tx_bytes = counter_get(&gateway_peer_stats(g, i)->tx_bytes);
		out->keepalive = p->keepalive;
		out->allowed = p->allowed;
		out->n_allowed = p->n_allowed;
		device.n_peers++;
	}
	text = uapi_format_get(&device);
	sodium_memzero(&device, sizeof(device));
	sodium_memzero(peers, (t->n_slots + 1) * sizeof(*peers));
	free(peers);
	return text;
}

/* The port, the key and the mark belong to the file: wg(8) is told so by EOPNOTSUPP. */
static bool only_peers(const struct gateway *g, const struct uapi_set *set)
{
	return (!set->has_private_key ||
		sodium_memcmp(set->private_key, g->config->private_key, 32) == 0) &&
	       (!set->has_listen_port || set->listen_port == udp_port(g->udp[0])) &&
	       (!set->has_fwmark || set->fwmark == g->config->fwmark);
}

static char *uapi_set(struct gateway *g, const char *text, size_t len)
{
	struct uapi_set set;
	char complaint[256];
	char *answer = NULL;
	int r = uapi_parse_set(text, len, &set);

	if (r >= 0) {
		r = only_peers(g, &set) ? roster_set(g->roster, &set, complaint) : -EOPNOTSUPP;
		uapi_set_done(&set);
	}
	if (r == -EOPNOTSUPP)
		log_notice("wg(8) may change peers only: the port, the key and the mark are those "
			   "of %s",
			   g->path);
	if (r >= 0) {
		roster_publish(g->roster);
		log_notice("peers changed by wg(8), until the configuration is read again");
	}
	return asprintf(&answer, "errno=%d\n\n", -r) < 0 ? NULL : answer;
}

void gateway_uapi_call(struct gateway *g, const struct control_call *call, uint64_t now)
{
	static const char get[] = "get=1";
	static const char set[] = "set=1\n";
	char *answer = NULL;

	if (call->owner && call->len >= strlen(get) && memcmp(call->text, get, strlen(get)) == 0)
		answer = uapi_get(g);
	else if (call->owner && call->len >= strlen(set) &&
		 memcmp(call->text, set, strlen(set)) == 0)
		answer = uapi_set(g, call->text + strlen(set), call->len - strlen(set));
	control_server_answer(g->uapi, call->id, answer, answer ? strlen(answer) : 0, now);
}

/* ---- memory of peers ------------------------------------------------------- */

/* Beside the system's other state where we may write, else beside the configuration. */
static void choose_state_path(struct gateway *g)
{
	const char *real = control_server_config_path(g->control);
	const char *slash = strrchr(real, '/');
	const char *base = slash ? slash + 1 : real;
	const char *directory = getenv("STATE_DIRECTORY");
	size_t n = strlen(base);

	if (n > 5 && strcmp(base + n - 5, ".conf") == 0)
		n -= 5;
	if (!directory && access(STATE_DIRECTORY, W_OK) == 0)
		directory = STATE_DIRECTORY;
	if (directory)
		snprintf(g->state_path, sizeof(g->state_path), "%s/%.*s.state", directory, (int)n,
			 base);
	else
		snprintf(g->state_path, sizeof(g->state_path), "%.*s/.%.*s.state",
			 slash ? (int)(slash - real) : 1, slash ? real : ".", (int)n, base);
}

/* Its name, or else its key. */
static const char *peer_label(const struct table_peer *peer, char key[static CONFIG_KEY_TEXT_MAX])
{
	if (peer->name[0] != '\0')
		return peer->name;
	config_key_format(peer->public_key, key);
	return key;
}

void gateway_peer_heard(struct gateway *g, const struct post_peer *where, uint64_t now)
{
	const struct table *t = roster_table(g->roster);
	struct peer_view *view = &g->views[where->peer];
	char text[ENDPOINT_TEXT_MAX];
	char before[ENDPOINT_TEXT_MAX];
	char key[CONFIG_KEY_TEXT_MAX];

	if (where->peer >= t->n_slots || !t->peers[where->peer].used)
		return; /* removed meanwhile */
	roster_heard(g->roster, where);
	g->next_state = earlier(g->next_state, now + NS_PER_S / 2);
	if (view->heard == 0 || now - view->heard > AWAY)
		log_notice("peer %s is at %s%s", peer_label(&t->peers[where->peer], key),
			   endpoint_format(&where->to, text), where->to.stream ? " (stream)" : "");
	view->heard = now;
	if (twins_heard(&view->twins, &where->to, now))
		log_warning("peer %s is heard from %s and %s in turns, as if two devices had its "
			    "file: give each one of its own, by `culvert peer add`",
			    peer_label(&t->peers[where->peer], key),
			    endpoint_format(&view->twins.before, before),
			    endpoint_format(&view->twins.here, text));
}

void gateway_state_load(struct gateway *g)
{
	char *text;
	size_t len;

	choose_state_path(g);
	if (file_read(g->state_path, &text, &len) < 0)
		return; /* the first start */
	roster_restore(g->roster, text, len, loop_wall() / NS_PER_S);
	file_text_free(text, len);
}

void gateway_state_save(struct gateway *g)
{
	char *text = roster_state(g->roster, gateway_handshake_time, g);
	int r;

	if (!text || (g->state && strcmp(text, g->state) == 0)) {
		free(text);
		return;
	}
	r = file_replace(g->state_path, text, strlen(text));
	if (r < 0 && !g->state_unwritten)
		log_warning("can't write %s (%s): after a restart clients will be back only when "
			    "their own timers say so; make its directory writable for this user",
			    g->state_path, strerror(-r));
	g->state_unwritten = r < 0;
	free(g->state);
	g->state = text;
}
