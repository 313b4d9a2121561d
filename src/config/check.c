/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only the whole file shows: two peers with one key, name or prefix, a missing key,
 * an upstream that is the gateway itself.
 */
#include <stdlib.h>
#include <string.h>

#include "config/parse.h"
#include "crypto/x25519.h"

static void check_interface(struct parser *p)
{
	if (p->private_key_line == 0)
		parser_error(p, 0, "no PrivateKey, want one in [Interface] (%s)",
			     config_is_client(p->config)
				     ? "only what `culvert peer add` printed has a client's"
				     : "`culvert init` makes one");
	if (config_is_client(p->config))
		return;
	if (!p->config->listen_port_given)
		parser_note(p, 0, "no ListenPort, taken as %u", p->config->listen_port);
	if (p->dns_line)
		parser_note(p, p->dns_line,
			    "DNS has no effect in a gateway: [Dns] Upstream names its resolvers");
}

static bool is_unusable(const struct prefix *address)
{
	const uint8_t *b = address->addr.bytes;

	if (address->addr.family == ADDR_IP6)
		return b[0] == 0xff;
	return b[0] == 0 || b[0] == 127 || b[0] >= 224 || (b[0] == 169 && b[1] == 254);
}

/* The gateway's own address decides which ones clients get. */
static void check_gateway(struct parser *p, const struct prefix *gateway, unsigned int line)
{
	uint32_t host = addr_to_ip4(&gateway->addr);
	char text[PREFIX_TEXT_MAX];
	uint32_t hosts;

	prefix_format(gateway, text);
	if (gateway->len < 8) {
		parser_error(p, line, "Address %s, want a prefix of /8 to /30", text);
		return;
	}
	if (gateway->len > 30) {
		parser_note(p, line, "Address %s leaves no address for clients, want /8 to /30",
			    text);
		return;
	}
	hosts = UINT32_MAX >> gateway->len;
	if ((host & hosts) == 0 || (host & hosts) == hosts)
		parser_error(p, line, "Address %s is no host's, want one inside the network", text);
}

static void check_addresses(struct parser *p)
{
	const struct config *c = p->config;
	char text[PREFIX_TEXT_MAX];
	bool found =
		config_is_client(c); /* a client's address may be any host's, of either family */

	for (size_t i = 0; i < c->n_addresses; i++) {
		const struct prefix *address = &c->addresses[i];

		if (is_unusable(address)) {
			parser_error(p, p->address_lines[i], "Address %s, want a private one",
				     prefix_format(address, text));
		} else if (address->addr.family == ADDR_IP4 && !found) {
			check_gateway(p, address, p->address_lines[i]);
		}
		found |= address->addr.family == ADDR_IP4;
	}
	if (!found)
		parser_note(p, 0,
			    "no IPv4 Address in [Interface], want one such as 10.66.77.1/24 "
			    "for `culvert peer add`, DNS and ping");
}

static void check_upstreams(struct parser *p)
{
	const struct config *c = p->config;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < c->n_upstreams; i++)
		for (size_t k = 0; k < c->n_addresses; k++)
			if (addr_equal(&c->upstreams[i].endpoint.addr, &c->addresses[k].addr))
				parser_error(p, p->upstream_lines[i],
					     "Upstream %s is this gateway itself, want another "
					     "resolver",
					     addr_format(&c->upstreams[i].endpoint.addr, text));
}

/* One reference to a peer, for sorting. */
struct peer_ref {
	const struct config_peer *peer;
	const struct peer_lines *lines;
};

static int by_key(const void *a, const void *b)
{
	const struct peer_ref *x = a;
	const struct peer_ref *y = b;
	int r = memcmp(x->peer->public_key, y->peer->public_key, CONFIG_KEY_LEN);

	return r ? r : (x->peer->line > y->peer->line) - (x->peer->line < y->peer->line);
}

static int by_name(const void *a, const void *b)
{
	const struct peer_ref *x = a;
	const struct peer_ref *y = b;
	int r = strcmp(x->peer->name, y->peer->name);

	return r ? r : (x->peer->line > y->peer->line) - (x->peer->line < y->peer->line);
}

static void check_sorted_keys(struct parser *p, const struct peer_ref *refs, size_t n)
{
	char label[CONFIG_NAME_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct peer_lines *lines = refs[i].lines;

		if (lines->public_key == 0) {
			parser_error(p, refs[i].peer->line, "a peer without PublicKey, want one");
		} else if (i > 0 && refs[i - 1].lines->public_key != 0 &&
			   memcmp(refs[i].peer->public_key, refs[i - 1].peer->public_key,
				  CONFIG_KEY_LEN) == 0) {
			parser_error(p, lines->public_key,
				     "PublicKey is that of peer %s in line %u, want each key once",
				     config_peer_label(refs[i - 1].peer, label),
				     refs[i - 1].lines->public_key);
		}
	}
}

static void check_sorted_names(struct parser *p, const struct peer_ref *refs, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (refs[i].peer->name[0] &&
		    strcmp(refs[i].peer->name, refs[i - 1].peer->name) == 0)
			parser_error(p, refs[i].lines->name,
				     "the name %s is that of the peer in line %u, want each once",
				     refs[i].peer->name, refs[i - 1].lines->name);
}

static void check_own_key(struct parser *p)
{
	const struct config *c = p->config;
	uint8_t own[CONFIG_KEY_LEN];

	x25519_public(own, c->private_key);
	for (size_t i = 0; i < c->n_peers; i++)
		if (memcmp(own, c->peers[i].public_key, CONFIG_KEY_LEN) == 0)
			parser_error(p, p->peer_lines[i].public_key,
				     "PublicKey is the gateway's own, want the peer's");
}

static void check_peers(struct parser *p)
{
	const struct config *c = p->config;
	struct peer_ref *refs;

	if (c->n_peers == 0)
		return;
	check_own_key(p);
	refs = calloc(c->n_peers, sizeof(*refs));
	if (!refs) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < c->n_peers; i++)
		refs[i] = (struct peer_ref){ &c->peers[i], &p->peer_lines[i] };
	qsort(refs, c->n_peers, sizeof(*refs), by_key);
	check_sorted_keys(p, refs, c->n_peers);
	qsort(refs, c->n_peers, sizeof(*refs), by_name);
	check_sorted_names(p, refs, c->n_peers);
	free(refs);
}

static int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	if (a->addr.family != b->addr.family)
		return a->addr.family - b->addr.family;
	if (a->len != b->len)
		return a->len - b->len;
	return memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
}

static int by_prefix(const void *a, const void *b)
{
	const struct claim *x = a;
	const struct claim *y = b;
	int r = prefix_compare(&x->prefix, &y->prefix);

	return r ? r : (x->peer > y->peer) - (x->peer < y->peer);
}

static bool is_own(const struct config *c, const struct prefix *prefix)
{
	for (size_t i = 0; i < c->n_addresses; i++)
		if (prefix->len == (prefix->addr.family == ADDR_IP4 ? 32 : 128) &&
		    addr_equal(&prefix->addr, &c->addresses[i].addr))
			return true;
	return false;
}

/* WireGuard moves a prefix to the peer that names it last, silently; here that is an error. */
static void check_claims(struct parser *p)
{
	const struct config *c = p->config;
	char label[CONFIG_NAME_MAX];
	char text[PREFIX_TEXT_MAX];

	if (p->n_claims > 0)
		qsort(p->claims, p->n_claims, sizeof(*p->claims), by_prefix);
	for (size_t i = 0; i < p->n_claims; i++) {
		const struct claim *claim = &p->claims[i];

		prefix_format(&claim->prefix, text);
		if (is_own(c, &claim->prefix))
			parser_error(p, claim->line,
				     "AllowedIPs %s is the gateway's own Address, want another",
				     text);
		if (i > 0 && prefix_compare(&claim->prefix, &claim[-1].prefix) == 0)
			parser_error(p, claim->line,
				     "AllowedIPs %s belongs to peer %s in line %u, want each once",
				     text, config_peer_label(&c->peers[claim[-1].peer], label),
				     claim[-1].line);
		if (claim->prefix.len == 0 && claim->prefix.addr.family == ADDR_IP4 &&
		    !config_is_client(c))
			parser_note(p, claim->line,
				    "AllowedIPs %s sends what no other peer has to this one: is "
				    "this a client's file?",
				    text);
	}
}

void parser_check(struct parser *p)
{
	/* A file of another kind: what it lacks would only hide the complaint that it has. */
	if (!p->any_section && p->messages->n_errors > 0)
		return;
	check_interface(p);
	check_addresses(p);
	check_upstreams(p);
	parser_check_stream(p);
	check_peers(p);
	if (!p->no_memory)
		check_claims(p);
}
