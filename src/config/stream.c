/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * [Stream] of a gateway, and "# Stream = tls://host:443 sha256:PIN" of a client's peer.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/parse.h"

#define PIN_PREFIX "sha256:"

void read_stream_tls(struct parser *p, const struct key *key, char *value)
{
	char shown[QUOTE_MAX];
	bool tls;

	if (!bool_parse(value, &tls)) {
		parser_error(p, p->line, "%s \"%s\", want yes or no", key->name,
			     quote(value, shown));
		return;
	}
	p->stream_tls_line = p->line;
	p->config->stream_tls = tls ? CONFIG_STREAM_SELF_SIGNED : CONFIG_STREAM_PLAIN;
}

/* Absolute, because a service's current directory is the root and a person's is not. */
static void read_path(struct parser *p, const struct key *key, const char *value,
		      char out[static CONFIG_HOST_MAX])
{
	char shown[QUOTE_MAX];
	size_t len = strlen(value);
	bool printable = true;

	for (size_t i = 0; i < len; i++)
		printable = printable && (unsigned char)value[i] >= ' ' && value[i] != 0x7f;
	if (value[0] != '/' || len >= CONFIG_HOST_MAX || !printable)
		parser_error(p, p->line,
			     "%s \"%s\", want the absolute path of a PEM file, at most %d bytes",
			     key->name, quote(value, shown), CONFIG_HOST_MAX - 1);
	else
		strcpy(out, value);
}

void read_certificate(struct parser *p, const struct key *key, char *value)
{
	p->certificate_line = p->line;
	read_path(p, key, value, p->config->stream_certificate);
}

void read_certificate_key(struct parser *p, const struct key *key, char *value)
{
	p->key_line = p->line;
	read_path(p, key, value, p->config->stream_key);
}

void parser_check_stream(struct parser *p)
{
	struct config *c = p->config;

	if (!p->stream_port_line && (p->stream_tls_line || p->certificate_line || p->key_line))
		parser_error(p, 0, "no Port in [Stream], want one such as 443");
	if (p->certificate_line && !p->key_line)
		parser_error(p, p->certificate_line,
			     "Certificate without Key, want both, or neither for one that is made "
			     "from PrivateKey");
	if (p->key_line && !p->certificate_line)
		parser_error(p, p->key_line,
			     "Key without Certificate, want both, or neither for one that is made "
			     "from PrivateKey");
	if (!p->certificate_line || !p->key_line)
		return;
	if (c->stream_tls == CONFIG_STREAM_PLAIN)
		parser_error(p, p->stream_tls_line,
			     "Tls = no with a Certificate, want Tls = yes or no Certificate");
	c->stream_tls = CONFIG_STREAM_CERTIFICATE;
}

bool config_stream_parse(const char *text, struct config_peer *peer)
{
	bool tls = strncasecmp(text, "tls://", 6) == 0;
	char endpoint[CONFIG_HOST_MAX + 10]; /* with brackets and port */
	uint8_t pin[CONFIG_KEY_LEN];
	char host[CONFIG_HOST_MAX];
	const char *rest;
	uint16_t port = 0;
	size_t len;

	if (!tls && strncasecmp(text, "tcp://", 6) != 0)
		return false;
	text += 6;
	len = strcspn(text, " \t");
	rest = text + len + strspn(text + len, " \t");
	if (len >= sizeof(endpoint))
		return false;
	memcpy(endpoint, text, len);
	endpoint[len] = '\0';
	if (!config_endpoint_parse(endpoint, host, &port))
		return false;
	if (*rest) {
		if (!tls || strncasecmp(rest, PIN_PREFIX, strlen(PIN_PREFIX)) != 0 ||
		    !config_key_parse(rest + strlen(PIN_PREFIX), pin))
			return false;
		memcpy(peer->stream_pin, pin, sizeof(pin));
	}
	peer->stream_pinned = *rest != '\0';
	peer->stream_tls = tls;
	peer->stream_port = port;
	strcpy(peer->stream_host, host);
	return true;
}

const char *config_stream_format(const struct config_peer *peer,
				 char out[static CONFIG_STREAM_TEXT_MAX])
{
	bool bare6 = strchr(peer->stream_host, ':') != NULL;
	char pin[CONFIG_KEY_TEXT_MAX];

	if (!peer->stream_host[0])
		return strcpy(out, "");
	config_key_format(peer->stream_pin, pin);
	snprintf(out, CONFIG_STREAM_TEXT_MAX, "%s://%s%s%s:%u%s%s",
		 peer->stream_tls ? "tls" : "tcp", bare6 ? "[" : "", peer->stream_host,
		 bare6 ? "]" : "", peer->stream_port, peer->stream_pinned ? " " PIN_PREFIX : "",
		 peer->stream_pinned ? pin : "");
	return out;
}
