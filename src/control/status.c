/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/status.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "base/clock.h"

#define KEY_TEXT_MAX 45

/* An object under construction; one failed step (no memory) spoils it, and is noticed at the end. */
struct object {
	json_t *json;
	bool *failed;
};

static struct object object_new(bool *failed)
{
	struct object o = { json_object(), failed };

	*failed |= !o.json;
	return o;
}

/* Takes @value. */
static void put(struct object *o, const char *key, json_t *value)
{
	*o->failed |= json_object_set_new(o->json, key, value) < 0;
}

static void append(json_t *array, json_t *value, bool *failed)
{
	*failed |= json_array_append_new(array, value) < 0;
}

/* JSON is UTF-8 and a terminal may print it: what isn't printable ASCII becomes "?". */
static json_t *text_node(const char *text)
{
	char clean[512];
	size_t len = 0;

	for (; text[len] != '\0' && len < sizeof(clean); len++)
		clean[len] = text[len] >= ' ' && text[len] <= '~' ? text[len] : '?';
	return json_stringn(clean, len);
}

static void put_text(struct object *o, const char *key, const char *text)
{
	put(o, key, text_node(text));
}

static json_t *number_node(uint64_t v)
{
	return json_integer(v < INT64_MAX ? (json_int_t)v : INT64_MAX);
}

static void put_number(struct object *o, const char *key, uint64_t v)
{
	put(o, key, number_node(v));
}

static void put_seconds(struct object *o, const char *key, uint64_t ns)
{
	/* Whole microseconds: a round trip needs them, and they print short. */
	put(o, key, json_real((double)(ns / NS_PER_US) / 1e6));
}

static void put_bool(struct object *o, const char *key, bool v)
{
	put(o, key, json_boolean(v));
}

static void put_key(struct object *o, const char *key, const uint8_t public_key[static 32])
{
	char text[KEY_TEXT_MAX];

	sodium_bin2base64(text, sizeof(text), public_key, 32, sodium_base64_VARIANT_ORIGINAL);
	put_text(o, key, text);
}

static void put_head(struct object *o, const struct status *s)
{
	char text[PREFIX_TEXT_MAX];

	put_text(o, "role", s->client ? "client" : "gateway");
	put_text(o, "version", s->version);
	put(o, "pid", json_integer(s->pid));
	put_seconds(o, "uptime", s->uptime);
	if (!s->client) {
		put_text(o, "rung", s->rung);
		put_number(o, "workers", s->workers);
	}
	put_key(o, "public_key", s->public_key);
	put_number(o, "listen_port", s->listen_port);
	if (s->address.addr.family != ADDR_NONE)
		put_text(o, "address", prefix_format(&s->address, text));
	if (s->adapter[0] != '\0')
		put_text(o, "adapter", s->adapter);
}

static void put_client(struct object *o, const struct status_client *client)
{
	json_t *addresses = json_array();

	for (size_t i = 0; i < client->n_addresses; i++) {
		char text[PREFIX_TEXT_MAX];

		append(addresses, text_node(prefix_format(&client->addresses[i], text)), o->failed);
	}
	put(o, "addresses", addresses);
	put_bool(o, "route_all", client->route_all);
	put_bool(o, "kill_switch", client->kill_switch);
	if (client->trouble[0] != '\0')
		put_text(o, "trouble", client->trouble);
}

static json_t *external_node(const struct status *s, bool *failed)
{
	struct object o = object_new(failed);
	char text[ADDR_TEXT_MAX];

	put_text(&o, "interface", s->interface);
	put_bool(&o, "up", s->interface_up);
	if (s->external.family != ADDR_NONE)
		put_text(&o, "address", addr_format(&s->external, text));
	put_number(&o, "mtu", s->mtu);
	put_text(&o, "offload", s->offload);
	put_number(&o, "out_packets", s->out_packets);
	put_number(&o, "out_bytes", s->out_bytes);
	put_number(&o, "in_packets", s->in_packets);
	put_number(&o, "in_bytes", s->in_bytes);
	return o.json;
}

static json_t *stream_node(const struct status *s, bool *failed)
{
	struct object o = object_new(failed);

	put_number(&o, "port", s->stream_port);
	put_text(&o, "tls", s->stream_tls);
	put_number(&o, "connections", s->stream_connections);
	return o.json;
}

static json_t *nat_node(const struct status *s, bool *failed)
{
	static const char *const protocols[] = { "tcp", "udp", "icmp" };
	struct object all = object_new(failed);

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		const struct status_nat *nat = &s->nat[i];
		struct object o = object_new(failed);

		put_number(&o, "mappings", nat->mappings);
		put_number(&o, "leased", nat->leased);
		put_number(&o, "free", nat->free);
		put_number(&o, "leasable", nat->leasable);
		put_text(&o, "guard", nat->guard);
		put(&all, protocols[i], o.json);
	}
	return all.json;
}

static json_t *dns_node(const struct status *s, bool *failed)
{
	struct object all = object_new(failed);
	json_t *upstreams = json_array();

	for (size_t i = 0; i < s->n_upstreams; i++) {
		const struct status_upstream *u = &s->upstreams[i];
		struct object o = object_new(failed);

		put_text(&o, "upstream", u->text);
		put_bool(&o, "alive", u->alive);
		put_seconds(&o, "rtt", u->rtt);
		put_number(&o, "queries", u->queries);
		put_number(&o, "failures", u->failures);
		append(upstreams, o.json, failed);
	}
	put_number(&all, "queries", s->dns_queries);
	put_number(&all, "cached", s->dns_cached);
	put_number(&all, "failed", s->dns_failed);
	put_number(&all, "cache_entries", s->dns_cache_entries);
	put(&all, "upstreams", upstreams);
	return all.json;
}

static json_t *drops_node(const struct status *s, bool *failed)
{
	struct object o = object_new(failed);

	for (unsigned int v = PASS + 1; v < N_VERDICTS; v++)
		put_number(&o, drop_name((enum verdict)v), s->drops[v]);
	return o.json;
}

static json_t *peer_node(const struct status_peer *peer, bool *failed)
{
	struct object o = object_new(failed);
	json_t *allowed = json_array();
	char text[ENDPOINT_TEXT_MAX];

	put_text(&o, "name", peer->name);
	put_key(&o, "public_key", peer->public_key);
	if (peer->endpoint.addr.family != ADDR_NONE) {
		put_text(&o, "endpoint", endpoint_format(&peer->endpoint, text));
		put_text(&o, "transport", peer->endpoint.stream ? "stream" : "udp");
	}
	for (size_t i = 0; i < peer->n_allowed; i++) {
		char prefix[PREFIX_TEXT_MAX];

		append(allowed, text_node(prefix_format(&peer->allowed[i], prefix)), failed);
	}
	put(&o, "allowed_ips", allowed);
	if (peer->handshake_age != UINT64_MAX)
		put_seconds(&o, "handshake_age", peer->handshake_age);
	put_number(&o, "rx_bytes", peer->rx_bytes);
	put_number(&o, "tx_bytes", peer->tx_bytes);
	put_number(&o, "rx_rate", peer->rx_rate);
	put_number(&o, "tx_rate", peer->tx_rate);
	if (peer->mappings != UINT32_MAX)
		put_number(&o, "mappings", peer->mappings);
	put_bool(&o, "runtime", peer->runtime);
	if (peer->mtu != 0) {
		put_number(&o, "mtu", peer->mtu);
		put_number(&o, "streams", peer->streams);
	}
	return o.json;
}

char *status_json(const struct status *s)
{
	bool failed = false;
	struct object o = object_new(&failed);
	json_t *peers = json_array();
	char *text = NULL;
	char *line = NULL;

	put_head(&o, s);
	if (s->client) {
		put_client(&o, s->client);
	} else {
		if (s->stream_port != 0)
			put(&o, "stream", stream_node(s, &failed));
		put(&o, "external", external_node(s, &failed));
		put(&o, "nat", nat_node(s, &failed));
	}
	if (s->dns)
		put(&o, "dns", dns_node(s, &failed));
	put_number(&o, "packets_in", s->packets_in);
	put_number(&o, "packets_out", s->packets_out);
	put(&o, "drops", drops_node(s, &failed));
	for (size_t i = 0; i < s->n_peers; i++)
		append(peers, peer_node(&s->peers[i], &failed), &failed);
	put(&o, "peers", peers);
	if (!failed)
		text = json_dumps(o.json, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	json_decref(o.json);
	if (!text)
		return NULL;
	line = realloc(text, strlen(text) + 2);
	if (!line) {
		free(text);
		return NULL;
	}
	return strcat(line, "\n");
}

bool status_client_adapter(const char *json, char ret[static IFNAMSIZ])
{
	json_t *root = json_loads(json, 0, NULL);
	const char *role = json_string_value(json_object_get(root, "role"));
	const char *adapter = json_string_value(json_object_get(root, "adapter"));
	bool client = role && strcmp(role, "client") == 0 && adapter && strlen(adapter) < IFNAMSIZ;

	if (client)
		strcpy(ret, adapter);
	json_decref(root);
	return client;
}
