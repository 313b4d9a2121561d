/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration as understood, defaults filled in: what is printed parses to the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"

static const char *yes_no(bool b)
{
	return b ? "yes" : "no";
}

static void print_key(FILE *f, const char *name, const uint8_t key[static CONFIG_KEY_LEN],
		      bool shown)
{
	char text[CONFIG_KEY_TEXT_MAX];

	config_key_format(key, text);
	fprintf(f, "%s = %s\n", name, shown ? text : "(hidden)");
	explicit_bzero(text, sizeof(text));
}

static void print_client_dns(FILE *f, const struct config *c)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < c->n_dns_servers; i++)
		fprintf(f, "DNS = %s\n", addr_format(&c->dns_servers[i], text));
	for (const char *word = c->dns_search; *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");

		fprintf(f, "DNS = %.*s\n", (int)len, word);
		word += len;
	}
}

static void print_stream(FILE *f, const struct config *c)
{
	if (!c->stream_port)
		return;
	fprintf(f, "\n[Stream]\nPort = %u\nTls = %s\n", c->stream_port,
		yes_no(c->stream_tls != CONFIG_STREAM_PLAIN));
	if (c->stream_tls == CONFIG_STREAM_CERTIFICATE)
		fprintf(f, "Certificate = %s\nKey = %s\n", c->stream_certificate, c->stream_key);
}

static void print_interface(FILE *f, const struct config *c, bool secrets)
{
	char text[PREFIX_TEXT_MAX];

	fputs("[Interface]\n", f);
	print_key(f, "PrivateKey", c->private_key, secrets);
	for (size_t i = 0; i < c->n_addresses; i++)
		fprintf(f, "Address = %s\n", prefix_format(&c->addresses[i], text));
	if (c->listen_port_given || !config_is_client(c))
		fprintf(f, "ListenPort = %u\n", c->listen_port);
	if (c->mtu)
		fprintf(f, "MTU = %u\n", c->mtu);
	if (c->fwmark)
		fprintf(f, "FwMark = 0x%x\n", c->fwmark);
	print_client_dns(f, c);
	if (c->interface[0] || c->endpoint[0])
		fputs("\n[External]\n", f);
	if (c->interface[0])
		fprintf(f, "Interface = %s\n", c->interface);
	if (c->endpoint[0])
		fprintf(f, "Endpoint = %s\n", c->endpoint);
}

static void print_nat(FILE *f, const struct config *c)
{
	fprintf(f, "\n[Nat]\nMappingsPerClient = %u\nMappingsMax = %u\n", c->mappings_per_client,
		c->mappings_max);
	fprintf(f, "TcpEstablished = %llu\nTcpTransitory = %llu\n",
		(unsigned long long)(c->tcp_established / NS_PER_S),
		(unsigned long long)(c->tcp_transitory / NS_PER_S));
	fprintf(f, "UdpTimeout = %llu\nIcmpTimeout = %llu\n",
		(unsigned long long)(c->udp_timeout / NS_PER_S),
		(unsigned long long)(c->icmp_timeout / NS_PER_S));
}

static void print_dns(FILE *f, const struct config *c)
{
	static const char *const schemes[] = {
		[DNS_UPSTREAM_UDP] = "",
		[DNS_UPSTREAM_TCP] = "tcp://",
		[DNS_UPSTREAM_TLS] = "tls://",
	};
	char text[ENDPOINT_TEXT_MAX];

	fprintf(f, "\n[Dns]\nEnabled = %s\n", yes_no(c->dns));
	for (size_t i = 0; i < c->n_upstreams; i++) {
		const struct config_upstream *up = &c->upstreams[i];

		fprintf(f, "Upstream = %s%s%s%s\n", schemes[up->kind],
			endpoint_format(&up->endpoint, text), up->tls_name[0] ? "#" : "",
			up->tls_name);
	}
	fprintf(f, "Cache = %u\nPrivateAnswers = %s\n", c->dns_cache,
		yes_no(c->dns_private_answers));
}

static void print_policy(FILE *f, const struct config *c)
{
	char text[PREFIX_TEXT_MAX];

	fprintf(f, "\n[Policy]\nIsolateClients = %s\n", yes_no(c->isolate_clients));
	for (size_t i = 0; i < c->n_rules; i++)
		fprintf(f, "%s = %s\n", c->rules[i].allow ? "Allow" : "Deny",
			prefix_format(&c->rules[i].prefix, text));
	fprintf(f, "\n[Gateway]\nWorkers = %u\n", c->workers);
}

static void print_peer(FILE *f, const struct config_peer *peer, bool secrets)
{
	static const uint8_t none[CONFIG_KEY_LEN];
	char stream[CONFIG_STREAM_TEXT_MAX];
	char text[PREFIX_TEXT_MAX];
	bool bare6 = strchr(peer->endpoint_host, ':') != NULL;

	fputs("\n[Peer]\n", f);
	if (peer->name[0])
		fprintf(f, "# Name = %s\n", peer->name);
	if (peer->stream_host[0])
		fprintf(f, "# Stream = %s\n", config_stream_format(peer, stream));
	print_key(f, "PublicKey", peer->public_key, true);
	if (memcmp(peer->preshared_key, none, CONFIG_KEY_LEN) != 0)
		print_key(f, "PresharedKey", peer->preshared_key, secrets);
	for (size_t i = 0; i < peer->n_allowed; i++)
		fprintf(f, "%s%s",
			i ? ", " : "AllowedIPs = ", prefix_format(&peer->allowed[i], text));
	if (peer->n_allowed > 0)
		fputc('\n', f);
	if (peer->endpoint_host[0])
		fprintf(f, "Endpoint = %s%s%s:%u\n", bare6 ? "[" : "", peer->endpoint_host,
			bare6 ? "]" : "", peer->endpoint_port);
	if (peer->keepalive)
		fprintf(f, "PersistentKeepalive = %u\n", peer->keepalive);
}

/* Text from a stream that may have run out of memory. */
static char *finish(FILE *f, char **text)
{
	bool failed = ferror(f) != 0;

	if (fclose(f) != 0 || failed) {
		free(*text);
		return NULL;
	}
	return *text;
}

char *config_print(const struct config *config, bool secrets)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	print_interface(f, config, secrets);
	print_stream(f, config);
	print_nat(f, config);
	print_dns(f, config);
	print_policy(f, config);
	for (size_t i = 0; i < config->n_peers; i++)
		print_peer(f, &config->peers[i], secrets);
	return finish(f, &text);
}

char *config_print_peer(const struct config_peer *peer, bool secrets)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	print_peer(f, peer, secrets);
	return finish(f, &text);
}
