/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function per kind of value.  A value that is not understood leaves its field alone
 * and a complaint behind; secrets are never part of a complaint.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/parse.h"

/* A plain decimal number; more digits than any limit has are refused. */
static bool number_parse(const char *text, uint64_t *ret)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; text[n]; n++) {
		if (text[n] < '0' || text[n] > '9' || n == 18)
			return false;
		v = v * 10 + (uint64_t)(text[n] - '0');
	}
	*ret = v;
	return n > 0;
}

/* The next word of a list separated by commas; blanks around it go.  NULL at the end. */
static char *next_word(char **cursor)
{
	char *word = *cursor;
	char *comma;
	size_t len;

	if (!word)
		return NULL;
	comma = strchr(word, ',');
	*cursor = comma ? comma + 1 : NULL;
	if (comma)
		*comma = '\0';
	word += strspn(word, " \t");
	len = strlen(word);
	while (len > 0 && (word[len - 1] == ' ' || word[len - 1] == '\t'))
		len--;
	word[len] = '\0';
	return word;
}

static bool is_zero(const uint8_t key[static CONFIG_KEY_LEN])
{
	uint8_t any = 0;

	for (size_t i = 0; i < CONFIG_KEY_LEN; i++)
		any |= key[i];
	return any == 0;
}

void read_private_key(struct parser *p, const struct key *key, char *value)
{
	(void)key;
	p->private_key_line = p->line;
	if (!config_key_parse(value, p->config->private_key))
		parser_error(p, p->line, "malformed PrivateKey, want 44 characters of base64");
	else if (is_zero(p->config->private_key))
		parser_error(p, p->line, "PrivateKey is all zero, want one made by `wg genkey`");
}

void read_peer_key(struct parser *p, const struct key *key, char *value)
{
	bool is_public = key->offset == offsetof(struct config_peer, public_key);
	uint8_t *field = (uint8_t *)parser_peer(p) + key->offset;

	if (is_public)
		p->peer_lines[p->config->n_peers - 1].public_key = p->line;
	if (!config_key_parse(value, field))
		parser_error(p, p->line, "malformed %s, want 44 characters of base64", key->name);
	else if (is_public && is_zero(field))
		parser_error(p, p->line, "PublicKey is all zero, want the peer's");
}

void read_address(struct parser *p, const struct key *key, char *value)
{
	struct config *c = p->config;
	char shown[QUOTE_MAX];
	struct prefix prefix;
	char *word;

	(void)key;
	while ((word = next_word(&value))) {
		if (!prefix_parse(word, &prefix)) {
			parser_error(p, p->line, "Address \"%s\", want one such as 10.66.77.1/24",
				     quote(word, shown));
		} else if (c->n_addresses == CONFIG_ADDRESSES_MAX) {
			parser_error(p, p->line, "Address \"%s\" is one too many, want at most %d",
				     word, CONFIG_ADDRESSES_MAX);
			return;
		} else {
			p->address_lines[c->n_addresses] = p->line;
			c->addresses[c->n_addresses++] = prefix;
		}
	}
}

void read_number(struct parser *p, const struct key *key, char *value)
{
	uint8_t *field = (uint8_t *)p->config + key->offset;
	char shown[QUOTE_MAX];
	uint64_t v;

	if (key->offset == offsetof(struct config, listen_port))
		p->config->listen_port_given = true;
	if (key->offset == offsetof(struct config, stream_port))
		p->stream_port_line = p->line;
	if (!number_parse(value, &v) || v < key->min || v > key->max) {
		parser_error(p, p->line, "%s \"%s\", want %llu..%llu %s", key->name,
			     quote(value, shown), (unsigned long long)key->min,
			     (unsigned long long)key->max, key->want);
		return;
	}
	v *= key->unit ? key->unit : 1;
	if (key->size == sizeof(uint16_t))
		memcpy(field, &(uint16_t){ (uint16_t)v }, sizeof(uint16_t));
	else if (key->size == sizeof(uint32_t))
		memcpy(field, &(uint32_t){ (uint32_t)v }, sizeof(uint32_t));
	else
		memcpy(field, &v, sizeof(v));
}

void read_keepalive(struct parser *p, const struct key *key, char *value)
{
	char shown[QUOTE_MAX];
	uint64_t v = 0;

	if (strcasecmp(value, "off") != 0 && (!number_parse(value, &v) || v > 65535))
		parser_error(p, p->line, "%s \"%s\", want 0..65535 seconds or off", key->name,
			     quote(value, shown));
	else
		parser_peer(p)->keepalive = (uint16_t)v;
}

void read_fwmark(struct parser *p, const struct key *key, char *value)
{
	char shown[QUOTE_MAX];
	unsigned long v = 0;
	char *end = value;

	if (strcasecmp(value, "off") == 0) {
		p->config->fwmark = 0;
		return;
	}
	if (isdigit((unsigned char)value[0]) && strlen(value) <= 10)
		v = strtoul(value, &end, strncasecmp(value, "0x", 2) == 0 ? 16 : 10);
	if (end == value || *end != '\0' || v > UINT32_MAX)
		parser_error(p, p->line, "%s \"%s\", want 0..0xffffffff or off", key->name,
			     quote(value, shown));
	else
		p->config->fwmark = (uint32_t)v;
}

bool bool_parse(const char *text, bool *ret)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret = i % 2 == 1;
			return true;
		}
	}
	return false;
}

void read_bool(struct parser *p, const struct key *key, char *value)
{
	char shown[QUOTE_MAX];

	if (!bool_parse(value, (bool *)((uint8_t *)p->config + key->offset)))
		parser_error(p, p->line, "%s \"%s\", want yes or no", key->name,
			     quote(value, shown));
}

static bool is_domain(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] > 127 ||
		    (!isalnum((unsigned char)text[i]) && !strchr("-_.~", text[i])))
			return false;
	return len > 0;
}

static bool add_search(struct config *c, const char *domain)
{
	size_t n = strlen(c->dns_search);

	if (n + 1 + strlen(domain) >= sizeof(c->dns_search))
		return false;
	if (n > 0)
		c->dns_search[n++] = ' ';
	strcpy(c->dns_search + n, domain);
	return true;
}

/* As wg-quick(8) has it: what is no address is a domain to search in. */
void read_dns(struct parser *p, const struct key *key, char *value)
{
	struct config *c = p->config;
	char shown[QUOTE_MAX];
	struct addr server;
	char *word;

	p->dns_line = p->line;
	if (*value == '\0')
		return;
	while ((word = next_word(&value))) {
		bool is_server = addr_parse(word, &server);

		if (!is_server && !is_domain(word)) {
			parser_error(p, p->line,
				     "%s \"%s\", want addresses of resolvers such as 9.9.9.9, or "
				     "domains to search in",
				     key->name, quote(word, shown));
		} else if (is_server ? c->n_dns_servers == CONFIG_UPSTREAMS_MAX
				     : !add_search(c, word)) {
			parser_error(p, p->line,
				     "%s \"%s\" is one too many, want at most %d resolvers and %d "
				     "characters of domains",
				     key->name, quote(word, shown), CONFIG_UPSTREAMS_MAX,
				     CONFIG_HOST_MAX - 1);
			return;
		} else if (is_server) {
			c->dns_servers[c->n_dns_servers++] = server;
		}
	}
}

/* The claim is kept apart with its line, for the comparison at the end. */
static bool add_claim(struct parser *p, const struct prefix *prefix)
{
	size_t room = p->claims_room ? p->claims_room * 2 : 64;
	struct claim *claims;

	if (p->n_claims == p->claims_room) {
		claims = realloc(p->claims, room * sizeof(*claims));
		if (!claims)
			return false;
		p->claims = claims;
		p->claims_room = room;
	}
	p->claims[p->n_claims++] = (struct claim){
		.prefix = *prefix,
		.peer = (uint32_t)(p->config->n_peers - 1),
		.line = p->line,
	};
	return true;
}

static void add_allowed(struct parser *p, const struct prefix *given)
{
	struct config_peer *peer = parser_peer(p);
	struct prefix prefix = *given;
	char text[PREFIX_TEXT_MAX];
	char was[PREFIX_TEXT_MAX];
	struct prefix *allowed;

	prefix_mask(&prefix);
	if (!addr_equal(&prefix.addr, &given->addr))
		parser_note(p, p->line, "AllowedIPs %s has host bits set, taken as %s",
			    prefix_format(given, was), prefix_format(&prefix, text));
	for (size_t i = 0; i < peer->n_allowed; i++)
		if (peer->allowed[i].len == prefix.len &&
		    addr_equal(&peer->allowed[i].addr, &prefix.addr))
			return;
	if (peer->n_allowed == CONFIG_ALLOWED_MAX) {
		parser_error(p, p->line, "AllowedIPs %s is one too many, want at most %d of a peer",
			     prefix_format(&prefix, text), CONFIG_ALLOWED_MAX);
		return;
	}
	allowed = realloc(peer->allowed, (peer->n_allowed + 1) * sizeof(*allowed));
	if (allowed)
		peer->allowed = allowed;
	if (!allowed || !add_claim(p, &prefix)) {
		p->no_memory = true;
		return;
	}
	allowed[peer->n_allowed++] = prefix;
}

void read_allowed(struct parser *p, const struct key *key, char *value)
{
	char shown[QUOTE_MAX];
	struct prefix prefix;
	char *word;

	/* wg(8) takes an empty list: the peer may send nothing and is sent nothing. */
	if (*value == '\0')
		return;
	while ((word = next_word(&value))) {
		if (prefix_parse(word, &prefix))
			add_allowed(p, &prefix);
		else
			parser_error(p, p->line, "%s \"%s\", want prefixes such as 10.66.77.2/32",
				     key->name, quote(word, shown));
	}
}

/* A bare IPv6 address has no port: its last colon is not ours. */
bool config_endpoint_parse(const char *text, char host[static CONFIG_HOST_MAX], uint16_t *port)
{
	const char *end = text + strlen(text);
	const char *colon = strrchr(text, ':');
	struct addr addr;
	uint64_t v = *port;

	if (colon && text[0] != '[' && strchr(text, ':') != colon) {
		if (v == 0 || !addr_parse(text, &addr))
			return false;
		colon = NULL;
	} else if (colon && text[0] == '[' && end[-1] == ']') {
		colon = NULL;
	}
	if (colon && (!number_parse(colon + 1, &v) || v > 65535))
		return false;
	end = colon ? colon : end;
	if (text[0] == '[') {
		if (end - text < 3 || end[-1] != ']')
			return false;
		text++;
		end--;
	}
	if (v == 0 || end == text || end - text >= CONFIG_HOST_MAX)
		return false;
	for (const char *c = text; c < end; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.:%", *c))
			return false;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	*port = (uint16_t)v;
	return true;
}

void read_peer_endpoint(struct parser *p, const struct key *key, char *value)
{
	struct config_peer *peer = parser_peer(p);
	char shown[QUOTE_MAX];
	uint16_t port = 0;

	if (config_endpoint_parse(value, peer->endpoint_host, &port))
		peer->endpoint_port = port;
	else
		parser_error(p, p->line, "%s \"%s\", want HOST:PORT or [ADDRESS]:PORT", key->name,
			     quote(value, shown));
}

void read_endpoint(struct parser *p, const struct key *key, char *value)
{
	char host[CONFIG_HOST_MAX];
	char shown[QUOTE_MAX];
	uint16_t port = 1;

	if (strlen(value) >= CONFIG_HOST_MAX || !config_endpoint_parse(value, host, &port))
		parser_error(p, p->line, "%s \"%s\", want HOST or HOST:PORT", key->name,
			     quote(value, shown));
	else
		strcpy(p->config->endpoint, value);
}

void read_interface(struct parser *p, const struct key *key, char *value)
{
	char shown[QUOTE_MAX];

	/* The kernel's own rule: dev_valid_name(). */
	if (*value == '\0' || strlen(value) >= IFNAMSIZ || strpbrk(value, "/: \t") ||
	    strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		parser_error(p, p->line, "%s \"%s\", want the name of one, such as eth0", key->name,
			     quote(value, shown));
	else
		strcpy(p->config->interface, value);
}

/* "9.9.9.9", "tcp://1.1.1.1:5353", "tls://[2620:fe::fe]#dns.quad9.net" */
static bool upstream_parse(char *text, struct config_upstream *ret)
{
	struct config_upstream up = { .kind = DNS_UPSTREAM_UDP };
	char host[CONFIG_HOST_MAX];
	char *hash;

	if (strncasecmp(text, "udp://", 6) == 0 || strncasecmp(text, "tcp://", 6) == 0 ||
	    strncasecmp(text, "tls://", 6) == 0) {
		if (strncasecmp(text, "tcp", 3) == 0)
			up.kind = DNS_UPSTREAM_TCP;
		else if (strncasecmp(text, "tls", 3) == 0)
			up.kind = DNS_UPSTREAM_TLS;
		text += 6;
	}
	up.endpoint.port = up.kind == DNS_UPSTREAM_TLS ? 853 : 53;
	hash = strchr(text, '#');
	if (hash) {
		uint16_t port = 1;

		*hash = '\0';
		if (up.kind != DNS_UPSTREAM_TLS || strpbrk(hash + 1, ":[]%") ||
		    !config_endpoint_parse(hash + 1, up.tls_name, &port))
			return false;
	}
	if (!config_endpoint_parse(text, host, &up.endpoint.port) ||
	    !addr_parse(host, &up.endpoint.addr))
		return false;
	*ret = up;
	return true;
}

void read_upstream(struct parser *p, const struct key *key, char *value)
{
	struct config *c = p->config;
	struct config_upstream up;
	char shown[QUOTE_MAX];
	char *word;

	while ((word = next_word(&value))) {
		quote(word, shown);
		if (!upstream_parse(word, &up)) {
			parser_error(p, p->line,
				     "%s \"%s\", want 9.9.9.9, tcp://1.1.1.1 or "
				     "tls://9.9.9.9#dns.quad9.net",
				     key->name, shown);
		} else if (c->n_upstreams == CONFIG_UPSTREAMS_MAX) {
			parser_error(p, p->line, "%s \"%s\" is one too many, want at most %d",
				     key->name, shown, CONFIG_UPSTREAMS_MAX);
			return;
		} else {
			p->upstream_lines[c->n_upstreams] = p->line;
			c->upstreams[c->n_upstreams++] = up;
		}
	}
}

static void read_rules(struct parser *p, const struct key *key, char *value, bool allow)
{
	struct config *c = p->config;
	char shown[QUOTE_MAX];
	struct prefix prefix;
	char *word;

	while ((word = next_word(&value))) {
		if (!prefix_parse(word, &prefix) || prefix.addr.family != ADDR_IP4) {
			parser_error(p, p->line,
				     "%s \"%s\", want an IPv4 prefix such as 192.168.1.0/24",
				     key->name, quote(word, shown));
		} else if (c->n_rules == CONFIG_RULES_MAX) {
			parser_error(p, p->line, "%s \"%s\" is one too many, want at most %d rules",
				     key->name, word, CONFIG_RULES_MAX);
			return;
		} else {
			prefix_mask(&prefix);
			c->rules[c->n_rules].prefix = prefix;
			c->rules[c->n_rules++].allow = allow;
		}
	}
}

void read_allow(struct parser *p, const struct key *key, char *value)
{
	read_rules(p, key, value, true);
}

void read_deny(struct parser *p, const struct key *key, char *value)
{
	read_rules(p, key, value, false);
}

void read_ignored(struct parser *p, const struct key *key, char *value)
{
	(void)value;
	parser_note(p, p->line, "%s %s", key->name, key->want);
}
