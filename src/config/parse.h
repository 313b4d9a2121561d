/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.h - what the parts of the parser share
 *
 * parse.c walks the lines and owns the table of keys, values.c and stream.c read one value
 * each, check.c compares what the whole file says.  Nothing here is for other modules.
 */
#ifndef CULVERT_CONFIG_PARSE_H
#define CULVERT_CONFIG_PARSE_H

#include "config/config.h"

enum section {
	SECTION_NONE, /* before the first one */
	SECTION_INTERFACE,
	SECTION_PEER,
	SECTION_EXTERNAL,
	SECTION_NAT,
	SECTION_DNS,
	SECTION_POLICY,
	SECTION_GATEWAY,
	SECTION_STREAM,
	SECTION_UNKNOWN, /* complained about once, its keys are skipped */
	N_SECTIONS
};

/* One prefix of one peer with the line that says so. */
struct claim {
	struct prefix prefix;
	uint32_t peer; /* index */
	unsigned int line;
};

/* Lines of a peer's section that complaints point to; 0: not given. */
struct peer_lines {
	unsigned int name;
	unsigned int stream;
	unsigned int public_key;
};

struct parser {
	struct config *config;
	struct config_messages *messages;
	unsigned int line;
	enum section section;
	bool any_section; /* there has been one, known or not */
	uint64_t seen;    /* bit i: key i of the table was given in this section */
	unsigned int private_key_line;
	unsigned int address_lines[CONFIG_ADDRESSES_MAX];
	unsigned int upstream_lines[CONFIG_UPSTREAMS_MAX];
	unsigned int dns_line; /* these: 0 if not given */
	unsigned int stream_port_line;
	unsigned int stream_tls_line;
	unsigned int certificate_line;
	unsigned int key_line;
	struct peer_lines *peer_lines; /* as many as there is room for peers */
	size_t peers_room;
	struct claim *claims;
	size_t n_claims;
	size_t claims_room;
	bool no_memory;
};

struct key {
	enum section section;
	const char *name;
	void (*read)(struct parser *p, const struct key *key, char *value);
	size_t offset; /* of the field in struct config or struct config_peer */
	size_t size;   /* of the field; numbers only */
	uint64_t min;
	uint64_t max;
	uint64_t unit;    /* what one in the file is in the field; 0 as 1 */
	const char *want; /* for the complaint; for what has no effect: why */
	bool many;        /* may be given more than once */
	bool hash;        /* '#' within a word is part of the value */
};

__attribute__((format(printf, 3, 4))) void parser_error(struct parser *p, unsigned int line,
							const char *format, ...);
__attribute__((format(printf, 3, 4))) void parser_note(struct parser *p, unsigned int line,
						       const char *format, ...);

#define QUOTE_MAX 52
/** quote() - @text as it may be shown: printable characters only, cut when long */
const char *quote(const char *text, char out[static QUOTE_MAX]);

/** bool_parse() - a switch in any of its words */
bool bool_parse(const char *text, bool *ret);

/** parser_peer() - the peer of the section at hand */
struct config_peer *parser_peer(struct parser *p);

void read_private_key(struct parser *p, const struct key *key, char *value);
void read_peer_key(struct parser *p, const struct key *key, char *value);
void read_address(struct parser *p, const struct key *key, char *value);
void read_number(struct parser *p, const struct key *key, char *value);
void read_keepalive(struct parser *p, const struct key *key, char *value);
void read_dns(struct parser *p, const struct key *key, char *value);
void read_fwmark(struct parser *p, const struct key *key, char *value);
void read_bool(struct parser *p, const struct key *key, char *value);
void read_allowed(struct parser *p, const struct key *key, char *value);
void read_peer_endpoint(struct parser *p, const struct key *key, char *value);
void read_interface(struct parser *p, const struct key *key, char *value);
void read_endpoint(struct parser *p, const struct key *key, char *value);
void read_upstream(struct parser *p, const struct key *key, char *value);
void read_allow(struct parser *p, const struct key *key, char *value);
void read_deny(struct parser *p, const struct key *key, char *value);
void read_stream_tls(struct parser *p, const struct key *key, char *value);
void read_certificate(struct parser *p, const struct key *key, char *value);
void read_certificate_key(struct parser *p, const struct key *key, char *value);
void read_ignored(struct parser *p, const struct key *key, char *value);

/** parser_check() - complaints about what only the whole file shows */
void parser_check(struct parser *p);

/** parser_check_stream() - the same of [Stream] */
void parser_check_stream(struct parser *p);

#endif
