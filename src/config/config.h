/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - the configuration: WireGuard's file format and our sections
 *
 * Text becomes a checked, immutable struct config, or complaints that name
 * file:line.  An existing wg-quick file is a valid configuration: what belongs to wg-quick
 * (PostUp, Table, SaveConfig ...) is noted and has no effect.  A peer's name is the
 * comment "# Name = alice" in its section, and how it is reached by TCP the comment
 * "# Stream = tls://host:443", so that the peer sections stay readable to other tools.
 *
 * Pure: files are read and written in io/file.h.  Ports, lengths and times are host-order
 * integers.  culvert.conf(5) documents every key; a test compares it with the table in
 * config/parse.c.
 */
#ifndef CULVERT_CONFIG_CONFIG_H
#define CULVERT_CONFIG_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"

#define CONFIG_KEY_LEN       32
#define CONFIG_KEY_TEXT_MAX  45 /* base64 with the final NUL */
#define CONFIG_NAME_MAX      64 /* with the final NUL */
#define CONFIG_HOST_MAX      256
#define CONFIG_ADDRESSES_MAX 8
#define CONFIG_UPSTREAMS_MAX 8
#define CONFIG_RULES_MAX     256
#define CONFIG_PEERS_MAX     65536
#define CONFIG_ALLOWED_MAX   256 /* prefixes of one peer */

struct config_peer {
	char name[CONFIG_NAME_MAX]; /* empty if none was given */
	uint8_t public_key[CONFIG_KEY_LEN];
	uint8_t preshared_key[CONFIG_KEY_LEN]; /* all zero for none */
	struct prefix *allowed;                /* owned by the config; host bits cleared */
	size_t n_allowed;
	char endpoint_host
		[CONFIG_HOST_MAX]; /* empty if none; a name or an address without brackets */
	uint16_t endpoint_port;
	uint16_t keepalive; /* seconds, 0 for none */
	unsigned int line;  /* where its section begins */

	/*
	 * How it is reached where UDP is blocked, from the comment "# Stream = tls://host:443
	 * sha256:PIN" (or tcp://host:443) in its section, which other clients pass over.
	 */
	char stream_host[CONFIG_HOST_MAX]; /* empty: not at all */
	uint16_t stream_port;
	bool stream_tls;
	bool stream_pinned;                 /* else the certificate is checked by its name */
	uint8_t stream_pin[CONFIG_KEY_LEN]; /* SHA-256 of the server's SubjectPublicKeyInfo */
};

enum config_stream_tls {
	CONFIG_STREAM_PLAIN,       /* Tls = no */
	CONFIG_STREAM_SELF_SIGNED, /* Tls = yes, without Certificate */
	CONFIG_STREAM_CERTIFICATE, /* Certificate and Key name PEM files */
};

enum dns_upstream_kind {
	DNS_UPSTREAM_UDP, /* UDP, and TCP for what is truncated */
	DNS_UPSTREAM_TCP,
	DNS_UPSTREAM_TLS,
};

struct config_upstream {
	enum dns_upstream_kind kind;
	struct endpoint endpoint;       /* port 53 or 853 unless given */
	char tls_name[CONFIG_HOST_MAX]; /* certificate's name; empty: the address itself */
};

struct config_rule {
	struct prefix prefix;
	bool allow;
};

struct config {
	/* [Interface] */
	uint8_t private_key[CONFIG_KEY_LEN];
	struct prefix addresses
		[CONFIG_ADDRESSES_MAX]; /* the first IPv4 one is the gateway's: 10.66.77.1/24 */
	size_t n_addresses;
	uint16_t listen_port; /* default 51820 */
	bool listen_port_given;
	uint16_t mtu; /* inside; 0: by itself (1420) */
	uint32_t fwmark;
	struct addr dns_servers[CONFIG_UPSTREAMS_MAX]; /* DNS: for a client alone */
	size_t n_dns_servers;
	char dns_search[CONFIG_HOST_MAX]; /* domains among them, blanks between */
	/* [Stream] */
	uint16_t stream_port; /* TCP; 0: no streams */
	enum config_stream_tls stream_tls;
	char stream_certificate[CONFIG_HOST_MAX]; /* paths; empty: none */
	char stream_key[CONFIG_HOST_MAX];
	/* [External] */
	char interface[IFNAMSIZ]; /* empty: the default route's */
	char endpoint
		[CONFIG_HOST_MAX]; /* host or host:port that client files name; empty if unknown */
	/* [Nat] */
	uint32_t mappings_per_client; /* each protocol; default 4096 */
	uint32_t mappings_max;        /* all clients; default 131072 */
	uint64_t tcp_established;     /* ns; default 2 h 4 min */
	uint64_t tcp_transitory;      /* ns; default 4 min */
	uint64_t udp_timeout;         /* ns; default 5 min */
	uint64_t icmp_timeout;        /* ns; default 60 s */
	/* [Dns] */
	bool dns;                                               /* Enabled, default yes */
	struct config_upstream upstreams[CONFIG_UPSTREAMS_MAX]; /* none: the host's own resolvers */
	size_t n_upstreams;
	uint32_t dns_cache; /* entries; default 10000; 0: none */
	bool dns_private_answers; /* allow answers that point into the tunnel's net or 127/8; default no */
	/* [Policy] */
	bool isolate_clients;                       /* default no */
	struct config_rule rules[CONFIG_RULES_MAX]; /* Allow = and Deny =, in order of the file */
	size_t n_rules;
	/* [Gateway] */
	uint32_t workers; /* 0: one per core, at most 8 */

	struct config_peer *peers;
	size_t n_peers;
};

/* What is said of a file that everybody on the host may read or write. */
#define CONFIG_EXPOSED "open to every user of this host, and its key to every tunnel: chmod 600"

/* Complaints and notes of one parse, in order of the file. */
struct config_message {
	unsigned int line; /* 0: the file as a whole */
	bool error;        /* else a note: the configuration is valid all the same */
	char text[320];    /* "what, want what" */
};

struct config_messages {
	struct config_message *items;
	size_t n;
	size_t n_errors;
};

/**
 * config_parse() - reads a whole file's text
 * @text: @len bytes, hostile; NUL bytes are an error
 * @messages: initialised by the call, always; config_messages_done() frees
 *
 * All complaints are collected, not only the first (at most 100).
 *
 * Return: 0 and *ret; -EINVAL when there are errors; -ENOMEM.
 */
int config_parse(const char *text, size_t len, struct config **ret,
		 struct config_messages *messages);

/** config_free() - wipes keys and frees */
struct config *config_free(struct config *config);
void config_messages_done(struct config_messages *messages);

/** config_gateway() - the first IPv4 [Interface] Address; family ADDR_NONE length 0 if there is none */
struct prefix config_gateway(const struct config *config);

/** config_is_client() - whether it reads as a client's file: there are peers, and each says where
 *  it is reached */
bool config_is_client(const struct config *config);

#define CONFIG_LABEL_KEY_CHARACTERS 8

/** config_peer_label() - what a person calls the peer: its name, or the first characters of its key */
const char *config_peer_label(const struct config_peer *peer, char out[static CONFIG_NAME_MAX]);

/** config_peer_is() - whether @name is the peer's label or its whole public key */
bool config_peer_is(const struct config_peer *peer, const char *name);

/** config_find_peer() - by name (exact), else by label or public key; NULL if there is none */
const struct config_peer *config_find_peer(const struct config *config, const char *name);

/**
 * config_next_address() - the lowest unused host address of the gateway's prefix
 * Return: 0, or -ENOSPC.
 */
int config_next_address(const struct config *config, struct addr *ret);

/**
 * config_text_add_peer() - the text with one more [Peer] section at its end
 * config_text_remove_peer() - the text without the section of the peer named @name
 *
 * Everything else of the text, comments included, is kept byte for byte.  A comment block
 * that directly precedes the section belongs to it.
 *
 * Return: 0 and *ret (malloc'd, NUL-terminated); -ENOENT; -ENOMEM.
 */
int config_text_add_peer(const char *text, const struct config_peer *peer, char **ret);
int config_text_remove_peer(const char *text, const char *name, char **ret);

/** config_client_ip6() - the unique-local address that goes with an IPv4 tunnel address:
 *  fd00::/8 with 40 bits derived from the gateway's public key (RFC 4193), the IPv4 address at the end */
struct addr config_client_ip6(const uint8_t gateway_public_key[static CONFIG_KEY_LEN],
			      uint32_t ip4);

/* Key text is base64, as wg(8) has it. */
bool config_key_parse(const char *text, uint8_t ret[static CONFIG_KEY_LEN]);
void config_key_format(const uint8_t key[static CONFIG_KEY_LEN],
		       char out[static CONFIG_KEY_TEXT_MAX]);

/**
 * config_endpoint_parse() - "host:port", "[address]:port"; the port may be missing if *port isn't 0
 * @host: without brackets; written, like *port, only on success
 */
bool config_endpoint_parse(const char *text, char host[static CONFIG_HOST_MAX], uint16_t *port);

/* "tls://[" HOST "]:65535 sha256:" PIN */
#define CONFIG_STREAM_TEXT_MAX (CONFIG_HOST_MAX + 22 + CONFIG_KEY_TEXT_MAX)

/**
 * config_stream_parse() - "tcp://HOST:PORT", "tls://HOST:PORT", "tls://HOST:PORT sha256:PIN"
 * @peer: its stream fields are written, and only on success
 */
bool config_stream_parse(const char *text, struct config_peer *peer);

/** config_stream_format() - the same as text; "" if the peer has no stream */
const char *config_stream_format(const struct config_peer *peer,
				 char out[static CONFIG_STREAM_TEXT_MAX]);

/** config_name_valid() - 1-63 letters, digits, '-', '_', '.', '@'; begins with a letter or digit */
bool config_name_valid(const char *name);

/** config_print() - the configuration as understood, in the file's own syntax, keys hidden
 *  unless @secrets.  Return: malloc'd text, NULL without memory. */
char *config_print(const struct config *config, bool secrets);

/** config_print_peer() - the same for one peer, an empty line first */
char *config_print_peer(const struct config_peer *peer, bool secrets);

#endif
