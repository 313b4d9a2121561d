/* SPDX-License-Identifier: BSD-2-Clause */
#include "command/client.h"

#include <errno.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/x25519.h"
#include "io/stream.h"

#define MTU_DEFAULT 1420 /* 1500 less 80: IPv6, UDP and WireGuard's header and tag */
#define QUIET       2    /* modules around the code; readers are content with half the standard's */

/*
 * A client's address carries the length of the tunnel's network, so that it sees the others as
 * its neighbours; other prefixes of a peer are networks behind it and no addresses.
 */
static void print_addresses(FILE *f, const struct config *config, const struct config_peer *peer)
{
	struct prefix gateway = config_gateway(config);
	char text[PREFIX_TEXT_MAX];
	bool first = true;

	for (size_t i = 0; i < peer->n_allowed; i++) {
		struct prefix own = peer->allowed[i];
		bool ip4 = own.addr.family == ADDR_IP4;

		if (own.len != (ip4 ? 32 : 128))
			continue;
		if (ip4 && prefix_contains(&gateway, &own.addr))
			own.len = gateway.len;
		else if (!ip4)
			own.len = 64;
		fprintf(f, "%s%s", first ? "Address = " : ", ", prefix_format(&own, text));
		first = false;
	}
	if (!first)
		fputc('\n', f);
}

static void print_key(FILE *f, const char *name, const uint8_t key[static CONFIG_KEY_LEN])
{
	char text[CONFIG_KEY_TEXT_MAX];

	config_key_format(key, text);
	fprintf(f, "%s = %s\n", name, text);
	explicit_bzero(text, sizeof(text));
}

/* How clients reach the gateway by TCP, at the same host.  Return: 0 or -errno. */
static int print_stream(FILE *f, const struct config *config, const char *host)
{
	struct config_peer gateway = { .stream_port = config->stream_port };
	char text[CONFIG_STREAM_TEXT_MAX];
	int r = 0;

	if (!config->stream_port || !host[0])
		return 0;
	strcpy(gateway.stream_host, host);
	gateway.stream_tls = config->stream_tls != CONFIG_STREAM_PLAIN;
	gateway.stream_pinned = config->stream_tls == CONFIG_STREAM_SELF_SIGNED;
	if (gateway.stream_pinned)
		r = stream_pin(config->private_key, gateway.stream_pin);
	if (r == 0)
		fprintf(f, "# Stream = %s\n", config_stream_format(&gateway, text));
	return r;
}

/* Return: 0 or -errno. */
static int print_gateway(FILE *f, const struct config *config, const struct config_peer *peer,
			 const char *detected)
{
	static const uint8_t none[CONFIG_KEY_LEN];
	uint8_t public_key[CONFIG_KEY_LEN];
	uint16_t port = config->listen_port;
	char host[CONFIG_HOST_MAX];
	bool ip6;

	x25519_public(public_key, config->private_key);
	fputs("\n[Peer]\n", f);
	print_key(f, "PublicKey", public_key);
	if (memcmp(peer->preshared_key, none, CONFIG_KEY_LEN) != 0)
		print_key(f, "PresharedKey", peer->preshared_key);
	fputs("AllowedIPs = 0.0.0.0/0, ::/0\n", f);
	snprintf(host, sizeof(host), "%s", detected);
	if (config->endpoint[0])
		config_endpoint_parse(config->endpoint, host, &port);
	ip6 = strchr(host, ':') != NULL;
	if (!host[0])
		fputs("# Endpoint: unknown, [External] Endpoint of the gateway's file names it\n",
		      f);
	else
		fprintf(f, "Endpoint = %s%s%s:%u\n", ip6 ? "[" : "", host, ip6 ? "]" : "", port);
	return print_stream(f, config, host);
}

char *client_text(const struct config *config, const struct config_peer *peer,
		  const uint8_t *private_key, const char *why, const char *host)
{
	struct prefix gateway = config_gateway(config);
	char text[ADDR_TEXT_MAX];
	char *out = NULL;
	size_t size;
	bool failed;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	fputs("[Interface]\n", f);
	if (private_key)
		print_key(f, "PrivateKey", private_key);
	else
		fprintf(f, "# PrivateKey: %s\n", why);
	print_addresses(f, config, peer);
	if (config->dns && gateway.addr.family == ADDR_IP4)
		fprintf(f, "DNS = %s\n", addr_format(&gateway.addr, text));
	fprintf(f, "MTU = %u\n", config->mtu ? config->mtu : MTU_DEFAULT);
	failed = print_gateway(f, config, peer, host) < 0 || ferror(f) != 0;
	if (fclose(f) == 0 && !failed)
		return out;
	free(out);
	return NULL;
}

static bool is_dark(const QRcode *qr, int x, int y)
{
	if (x < 0 || y < 0 || x >= qr->width || y >= qr->width)
		return false;
	return qr->data[y * qr->width + x] & 1;
}

/* Two rows of modules in a line of text; light modules are drawn, as terminals are mostly dark. */
static void print_modules(const QRcode *qr)
{
	static const char *const blocks[2][2] = { { "\u2588", "\u2580" }, { "\u2584", " " } };

	for (int y = -QUIET; y < qr->width + QUIET; y += 2) {
		for (int x = -QUIET; x < qr->width + QUIET; x++)
			fputs(blocks[is_dark(qr, x, y)][is_dark(qr, x, y + 1)], stdout);
		putchar('\n');
	}
}

int client_print_qr(const char *text)
{
	QRcode *qr = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	if (!qr)
		return -errno;
	print_modules(qr);
	explicit_bzero(qr->data, (size_t)qr->width * (size_t)qr->width);
	QRcode_free(qr);
	return 0;
}
