/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines become sections, keys and values here; the table says who reads which value.
 *
 * Keys and sections are case-insensitive, '#' begins a comment, a section may come more
 * than once: all as wg(8) has it.
 */
#include "config/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "config/lines.h"

static const char *const section_names[N_SECTIONS] = {
	[SECTION_INTERFACE] = "Interface",
	[SECTION_PEER] = "Peer",
	[SECTION_EXTERNAL] = "External",
	[SECTION_NAT] = "Nat",
	[SECTION_DNS] = "Dns",
	[SECTION_POLICY] = "Policy",
	[SECTION_GATEWAY] = "Gateway",
	[SECTION_STREAM] = "Stream",
};

#define CONFIG_FIELD(field) \
	.offset = offsetof(struct config, field), .size = sizeof(((struct config *)0)->field)
#define PEER_FIELD(field) .offset = offsetof(struct config_peer, field)

/* tools/check-man reads the names from this table. */
static const struct key keys[] = {
	{ SECTION_INTERFACE, "PrivateKey", read_private_key },
	{ SECTION_INTERFACE, "Address", read_address, .many = true },
	{ SECTION_INTERFACE, "ListenPort", read_number, CONFIG_FIELD(listen_port), .min = 1,
	  .max = 65535, .want = "a UDP port" },
	{ SECTION_INTERFACE, "MTU", read_number, CONFIG_FIELD(mtu), .min = 576, .max = 65535,
	  .want = "bytes" },
	{ SECTION_INTERFACE, "FwMark", read_fwmark },
	{ SECTION_INTERFACE, "DNS", read_dns, .many = true },
	{ SECTION_INTERFACE, "Table", read_ignored,
	  .want = "has no effect: routes of the host are left alone" },
	{ SECTION_INTERFACE, "SaveConfig", read_ignored,
	  .want = "has no effect: runtime changes are never written back" },
	{ SECTION_INTERFACE, "PreUp", read_ignored, .many = true, .want = "is not run" },
	{ SECTION_INTERFACE, "PostUp", read_ignored, .many = true, .want = "is not run" },
	{ SECTION_INTERFACE, "PreDown", read_ignored, .many = true, .want = "is not run" },
	{ SECTION_INTERFACE, "PostDown", read_ignored, .many = true, .want = "is not run" },
	{ SECTION_PEER, "PublicKey", read_peer_key, PEER_FIELD(public_key) },
	{ SECTION_PEER, "PresharedKey", read_peer_key, PEER_FIELD(preshared_key) },
	{ SECTION_PEER, "AllowedIPs", read_allowed, .many = true },
	{ SECTION_PEER, "Endpoint", read_peer_endpoint },
	{ SECTION_PEER, "PersistentKeepalive", read_keepalive },
	{ SECTION_EXTERNAL, "Interface", read_interface },
	{ SECTION_EXTERNAL, "Endpoint", read_endpoint },
	{ SECTION_NAT, "MappingsPerClient", read_number, CONFIG_FIELD(mappings_per_client),
	  .min = 16, .max = 65536, .want = "mappings of each protocol" },
	{ SECTION_NAT, "MappingsMax", read_number, CONFIG_FIELD(mappings_max), .min = 1024,
	  .max = 4194304, .want = "mappings" },
	{ SECTION_NAT, "TcpEstablished", read_number, CONFIG_FIELD(tcp_established), .min = 7440,
	  .max = 604800, .unit = NS_PER_S, .want = "seconds (RFC 5382 REQ-5: at least 2 h 4 min)" },
	{ SECTION_NAT, "TcpTransitory", read_number, CONFIG_FIELD(tcp_transitory), .min = 240,
	  .max = 604800, .unit = NS_PER_S, .want = "seconds (RFC 5382 REQ-5: at least 4 min)" },
	{ SECTION_NAT, "UdpTimeout", read_number, CONFIG_FIELD(udp_timeout), .min = 120,
	  .max = 604800, .unit = NS_PER_S, .want = "seconds (RFC 4787 REQ-5: at least 2 min)" },
	{ SECTION_NAT, "IcmpTimeout", read_number, CONFIG_FIELD(icmp_timeout), .min = 60,
	  .max = 604800, .unit = NS_PER_S, .want = "seconds (RFC 5508 REQ-2: at least 60 s)" },
	{ SECTION_DNS, "Enabled", read_bool, CONFIG_FIELD(dns) },
	{ SECTION_DNS, "Upstream", read_upstream, .many = true, .hash = true },
	{ SECTION_DNS, "Cache", read_number, CONFIG_FIELD(dns_cache), .min = 0, .max = 1000000,
	  .want = "answers" },
	{ SECTION_DNS, "PrivateAnswers", read_bool, CONFIG_FIELD(dns_private_answers) },
	{ SECTION_POLICY, "IsolateClients", read_bool, CONFIG_FIELD(isolate_clients) },
	{ SECTION_POLICY, "Allow", read_allow, .many = true },
	{ SECTION_POLICY, "Deny", read_deny, .many = true },
	{ SECTION_GATEWAY, "Workers", read_number, CONFIG_FIELD(workers), .min = 0, .max = 8,
	  .want = "threads, 0 for one per core" },
	{ SECTION_STREAM, "Port", read_number, CONFIG_FIELD(stream_port), .min = 1, .max = 65535,
	  .want = "a TCP port" },
	{ SECTION_STREAM, "Tls", read_stream_tls },
	{ SECTION_STREAM, "Certificate", read_certificate },
	{ SECTION_STREAM, "Key", read_certificate_key },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))
_Static_assert(N_KEYS <= 64, "parser.seen has one bit for each key");

struct config_peer *parser_peer(struct parser *p)
{
	return &p->config->peers[p->config->n_peers - 1];
}

/* Grows *items, each of @size bytes, so that one more fits. */
static bool reserve(void **items, size_t *room, size_t n, size_t size)
{
	size_t want = *room ? *room * 2 : 16;
	void *grown;

	if (n < *room)
		return true;
	/* Not realloc(): peers hold keys, and the old copy is wiped. */
	grown = calloc(want, size);
	if (!grown)
		return false;
	if (n > 0) {
		memcpy(grown, *items, n * size);
		explicit_bzero(*items, n * size);
	}
	free(*items);
	*items = grown;
	*room = want;
	return true;
}

static void begin_peer(struct parser *p)
{
	struct config *c = p->config;
	size_t room = p->peers_room;

	if (c->n_peers == CONFIG_PEERS_MAX) {
		parser_error(p, p->line, "more than %d peers, want fewer", CONFIG_PEERS_MAX);
		p->section = SECTION_UNKNOWN;
		return;
	}
	if (!reserve((void **)&c->peers, &room, c->n_peers, sizeof(*c->peers)) ||
	    !reserve((void **)&p->peer_lines, &p->peers_room, c->n_peers, sizeof(*p->peer_lines))) {
		p->no_memory = true;
		p->section = SECTION_UNKNOWN;
		return;
	}
	memset(&c->peers[c->n_peers], 0, sizeof(*c->peers));
	memset(&p->peer_lines[c->n_peers], 0, sizeof(*p->peer_lines));
	c->peers[c->n_peers++].line = p->line;
}

static void unknown_section(struct parser *p, const struct line *line)
{
	char shown[QUOTE_MAX];
	char text[QUOTE_MAX];
	size_t len = 0;

	/* The text ends without a NUL, perhaps in this line. */
	while (len < line->len && len < sizeof(text) && !strchr("\r\n#", line->text[len]))
		len++;
	snprintf(text, sizeof(text), "%.*s", (int)len, line->text);
	parser_error(p, p->line,
		     "unknown section %s, want [Interface], [Peer], [External], [Nat], [Dns], "
		     "[Policy], [Gateway] or [Stream]",
		     quote(text, shown));
}

static void begin_section(struct parser *p, const struct line *line)
{
	p->seen = 0;
	p->any_section = true;
	for (p->section = SECTION_INTERFACE; p->section < SECTION_UNKNOWN; p->section++)
		if (line_is_section(line, section_names[p->section]))
			break;
	if (p->section == SECTION_PEER)
		begin_peer(p);
	else if (p->section == SECTION_UNKNOWN)
		unknown_section(p, line);
}

/* A comment of the block at hand that may turn out to precede a peer's section. */
struct pending {
	char text[LINE_VALUE_MAX];
	unsigned int line;  /* 0: none */
	unsigned int again; /* line of a second one */
};

struct pending_comments {
	struct pending name;
	struct pending stream;
};

/* Each may be given once.  @given: the line of an earlier block that has it, or 0. */
static bool check_once(struct parser *p, const struct pending *c, const char *what,
		       unsigned int given)
{
	if (!given && !c->again)
		return true;
	parser_error(p, given ? c->line : c->again,
		     "second %s of the peer, line %u has the first, want one", what,
		     given ? given : c->line);
	return false;
}

static void name_peer(struct parser *p, const struct pending *name)
{
	struct peer_lines *lines = &p->peer_lines[p->config->n_peers - 1];
	char shown[QUOTE_MAX];

	if (!config_name_valid(name->text)) {
		parser_note(p, name->line,
			    "the comment's name \"%s\" is not used, want 1-63 of A-Z a-z 0-9 - _ . "
			    "@, the first a letter or digit",
			    quote(name->text, shown));
	} else if (check_once(p, name, "name", lines->name)) {
		strcpy(parser_peer(p)->name, name->text);
		lines->name = name->line;
	}
}

static void stream_peer(struct parser *p, const struct pending *stream)
{
	struct peer_lines *lines = &p->peer_lines[p->config->n_peers - 1];
	char shown[QUOTE_MAX];

	if (!config_stream_parse(stream->text, parser_peer(p))) {
		parser_note(p, stream->line,
			    "the comment's stream \"%s\" is not used, want tcp://HOST:PORT or "
			    "tls://HOST:PORT, perhaps with sha256:PIN",
			    quote(stream->text, shown));
	} else if (check_once(p, stream, "stream", lines->stream)) {
		lines->stream = stream->line;
	}
}

/* The block has ended: it counts for the peer whose section it stands in or directly precedes. */
static void end_comments(struct parser *p, struct pending_comments *c)
{
	if (c->name.line && p->section == SECTION_PEER)
		name_peer(p, &c->name);
	if (c->stream.line && p->section == SECTION_PEER)
		stream_peer(p, &c->stream);
	c->name.line = c->name.again = 0;
	c->stream.line = c->stream.again = 0;
}

static void unknown_key(struct parser *p, const char *name)
{
	char want[240] = "";
	char shown[QUOTE_MAX];
	size_t n = 0;

	for (size_t i = 0; i < N_KEYS; i++)
		if (keys[i].section == p->section)
			n += (size_t)snprintf(want + n, sizeof(want) - n, "%s%s", n ? ", " : "",
					      keys[i].name);
	parser_error(p, p->line, "unknown key %s in [%s], want one of %s", quote(name, shown),
		     section_names[p->section], want);
}

/* Repeated keys: WireGuard's tools take the last, but a second PublicKey is a lost [Peer] line. */
static bool check_repeated(struct parser *p, size_t i)
{
	uint64_t bit = UINT64_C(1) << i;
	bool again = (p->seen & bit) != 0;

	p->seen |= bit;
	if (!again || keys[i].many)
		return true;
	if (p->section == SECTION_PEER &&
	    keys[i].offset == offsetof(struct config_peer, public_key) &&
	    keys[i].read == read_peer_key) {
		parser_error(p, p->line, "second PublicKey in one section, want [Peer] before it");
		return false;
	}
	parser_note(p, p->line, "%s is given twice in one section, the last one counts",
		    keys[i].name);
	return true;
}

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r\n\f\v");
	len = strlen(s);
	while (len > 0 && strchr(" \t\r\n\f\v", s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

/* Cuts the comment off: at any '#', or with @hash only at one behind a blank. */
static void cut_comment(char *value, bool hash)
{
	for (char *c = strchr(value, '#'); c; c = strchr(c + 1, '#')) {
		if (hash && c > value && c[-1] != ' ' && c[-1] != '\t')
			continue;
		*c = '\0';
		return;
	}
}

static void read_line(struct parser *p, char *text)
{
	char *equals = strchr(text, '=');
	char *name;

	if (p->section == SECTION_UNKNOWN)
		return;
	if (p->section == SECTION_NONE) {
		/* Said once: what follows is of the same kind, up to the first section. */
		parser_error(p, p->line, "text before the first section, want [Interface]");
		p->section = SECTION_UNKNOWN;
		return;
	}
	if (!equals) {
		/* Not quoted: it may be half of a key. */
		parser_error(p, p->line, "a line without \"=\", want Key = value");
		return;
	}
	*equals = '\0';
	name = trim(text);
	for (size_t i = 0; i < N_KEYS; i++) {
		if (keys[i].section != p->section || strcasecmp(keys[i].name, name) != 0)
			continue;
		cut_comment(equals + 1, keys[i].hash);
		if (check_repeated(p, i))
			keys[i].read(p, &keys[i], trim(equals + 1));
		return;
	}
	/* Only short names are shown: a long one may be a secret in the wrong place. */
	if (strpbrk(name, " \t") || strlen(name) > 30)
		parser_error(p, p->line, "a line that begins with no key, want Key = value");
	else
		unknown_key(p, name);
}

static void read_comment(struct parser *p, const struct line *line, const char *name,
			 struct pending *ret)
{
	char other[LINE_VALUE_MAX];

	if (!line_comment_value(line, name, ret->line ? other : ret->text))
		return;
	if (ret->line)
		ret->again = p->line;
	else
		ret->line = p->line;
}

/* @buffer holds any line of the text. */
static void read_lines(struct parser *p, const char *text, const char *end, char *buffer)
{
	struct pending_comments comments = { .name.line = 0 };
	struct line line;

	while (!p->no_memory && line_next(&text, end, &line)) {
		p->line++;
		if (line.kind == LINE_COMMENT) {
			read_comment(p, &line, "Name", &comments.name);
			read_comment(p, &line, "Stream", &comments.stream);
			continue;
		}
		if (line.kind == LINE_SECTION)
			begin_section(p, &line);
		end_comments(p, &comments);
		if (line.kind == LINE_KEY) {
			memcpy(buffer, line.text, line.len);
			buffer[line.len] = '\0';
			read_line(p, buffer);
		}
	}
	end_comments(p, &comments);
}

static bool check_bytes(struct parser *p, const char *text, size_t len)
{
	const char *nul;

	if (len == 0) {
		parser_error(p, 0, "the file is empty, want [Interface] with a PrivateKey");
		return false;
	}
	nul = memchr(text, '\0', len);
	if (!nul) {
		if (text[len - 1] != '\n')
			parser_note(p, 0, "no newline at the end, is the file complete?");
		return true;
	}
	for (const char *c = text; c < nul; c++)
		p->line += *c == '\n';
	parser_error(p, p->line + 1, "a NUL byte, want a text file in UTF-8");
	return false;
}

static struct config *config_new(void)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->listen_port = 51820;
	c->stream_tls = CONFIG_STREAM_SELF_SIGNED;
	c->mappings_per_client = 4096;
	c->mappings_max = 131072;
	c->tcp_established = 7440 * NS_PER_S; /* RFC 5382 REQ-5 */
	c->tcp_transitory = 240 * NS_PER_S;   /* RFC 5382 REQ-5 */
	c->udp_timeout = 300 * NS_PER_S;      /* RFC 4787 REQ-5 */
	c->icmp_timeout = 60 * NS_PER_S;      /* RFC 5508 REQ-2 */
	c->dns = true;
	c->dns_cache = 10000;
	return c;
}

static int parse(struct parser *p, const char *text, size_t len)
{
	size_t bom = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	char *buffer;

	if (!check_bytes(p, text, len))
		return p->no_memory ? -ENOMEM : -EINVAL;
	buffer = malloc(len + 1);
	if (!buffer)
		return -ENOMEM;
	read_lines(p, text + bom, text + len, buffer);
	explicit_bzero(buffer, len + 1);
	free(buffer);
	if (!p->no_memory)
		parser_check(p);
	if (p->no_memory)
		return -ENOMEM;
	return p->messages->n_errors > 0 ? -EINVAL : 0;
}

int config_parse(const char *text, size_t len, struct config **ret,
		 struct config_messages *messages)
{
	struct parser p = { .messages = messages };
	int r;

	*messages = (struct config_messages){ .items = NULL };
	p.config = config_new();
	if (!p.config)
		return -ENOMEM;
	r = parse(&p, text, len);
	free(p.peer_lines);
	free(p.claims);
	if (r < 0)
		config_free(p.config);
	else
		*ret = p.config;
	return r;
}
