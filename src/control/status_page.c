/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "control/page_table.h"

#define UNIT_TEXT_MAX 24
#define LINE_MAX_TEXT 1024
#define NARROWEST     24  /* below this wrapping makes it worse */
#define HEARD_WITHIN  180 /* s: a live peer handshakes every two minutes */

struct page {
	FILE *out;
	unsigned int columns;
	bool failed; /* no memory */
};

/* -- members that may be missing or of another type ------------------------------------------- */

static bool has(const json_t *o, const char *key)
{
	return json_object_get(o, key) != NULL;
}

/* A number of any kind as a whole one, 0 if it is none. */
static uint64_t number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	double real = json_real_value(v);

	if (json_is_integer(v))
		return json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
	return real > 0 && real < 1e18 ? (uint64_t)real : 0;
}

static double seconds(const json_t *o, const char *key)
{
	double v = json_number_value(json_object_get(o, key));

	return v > 0 && v < 1e15 ? v : 0;
}

static bool truth(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* Only printable ASCII reaches the terminal, whoever wrote the JSON. */
static const char *string(const json_t *o, const char *key, char out[static 256])
{
	const char *text = json_string_value(json_object_get(o, key));
	size_t n = 0;

	for (; text && text[n] != '\0' && n < 255; n++)
		out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
	out[n] = '\0';
	return out;
}

/* -- units ------------------------------------------------------------------------------------ */

/* "1.2 GiB": three digits at most, so that columns stay narrow. */
static const char *bytes_text(uint64_t bytes, char out[static UNIT_TEXT_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t unit = 0;

	while (v >= 999.5 && unit < 6) {
		v /= 1024;
		unit++;
	}
	snprintf(out, UNIT_TEXT_MAX, unit == 0 || v >= 9.95 ? "%.0f %s" : "%.1f %s", v,
		 units[unit]);
	return out;
}

/* Lines are sold in bits and powers of ten. */
static const char *rate_text(uint64_t bytes_per_second, char out[static UNIT_TEXT_MAX])
{
	static const char *const units[] = { "bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s" };
	double v = (double)bytes_per_second * 8;
	size_t unit = 0;

	while (v >= 999.5 && unit < 4) {
		v /= 1000;
		unit++;
	}
	snprintf(out, UNIT_TEXT_MAX, unit == 0 || v >= 9.95 ? "%.0f %s" : "%.1f %s", v,
		 units[unit]);
	return out;
}

/* The two largest units. */
static const char *duration_text(double s, char out[static UNIT_TEXT_MAX])
{
	uint64_t v = (uint64_t)s;

	if (v < 60)
		snprintf(out, UNIT_TEXT_MAX, "%u s", (unsigned int)v);
	else if (v < 3600)
		snprintf(out, UNIT_TEXT_MAX, "%u min %u s", (unsigned int)(v / 60),
			 (unsigned int)(v % 60));
	else if (v < 86400)
		snprintf(out, UNIT_TEXT_MAX, "%u h %u min", (unsigned int)(v / 3600),
			 (unsigned int)(v % 3600 / 60));
	else
		snprintf(out, UNIT_TEXT_MAX, "%" PRIu64 " d %u h", v / 86400,
			 (unsigned int)(v % 86400 / 3600));
	return out;
}

/* "1,234,567" */
static const char *count_text(uint64_t v, char out[static 32])
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, v);
	int k = 0;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	out[k] = '\0';
	return out;
}

/* -- lines ------------------------------------------------------------------------------------ */

/* Prints a line, broken at blanks where the terminal ends; what follows is indented. */
__attribute__((format(printf, 2, 3))) static void line(struct page *p, const char *format, ...)
{
	char text[LINE_MAX_TEXT];
	const char *rest = text;
	size_t indent = 0;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	while (p->columns >= NARROWEST && strlen(rest) + indent > p->columns) {
		size_t cut = p->columns - indent;
		size_t start = strspn(rest, " ");

		while (cut > start && rest[cut] != ' ')
			cut--;
		if (cut <= start)
			break; /* one word that is too long */
		fprintf(p->out, "%*s%.*s\n", (int)indent, "", (int)cut, rest);
		rest += cut;
		rest += strspn(rest, " ");
		indent = 4;
	}
	fprintf(p->out, "%*s%s\n", (int)indent, "", rest);
}

static void print_table(struct page *p, struct table *t)
{
	table_print(t, p->columns, p->out);
	table_free(t);
}

static void print_header(struct page *p, const json_t *root)
{
	char text[256];
	char up[UNIT_TEXT_MAX];
	uint64_t workers = number(root, "workers");

	line(p, "culvert %s, up %s, pid %" PRIu64 ", %" PRIu64 " worker%s",
	     string(root, "version", text), duration_text(seconds(root, "uptime"), up),
	     number(root, "pid"), workers, workers == 1 ? "" : "s");
	if (*string(root, "rung", text))
		line(p, "  %s", text);
	if (*string(root, "public_key", text))
		line(p, "  public key %s, UDP port %" PRIu64, text, number(root, "listen_port"));
	if (has(root, "stream")) {
		const json_t *stream = json_object_get(root, "stream");
		uint64_t n = number(stream, "connections");

		line(p, "  streams on TCP port %" PRIu64 ", %s, %" PRIu64 " connection%s",
		     number(stream, "port"), string(stream, "tls", text), n, n == 1 ? "" : "s");
	}
	if (*string(root, "address", text)) {
		char adapter[256];

		string(root, "adapter", adapter);
		line(p, "  address %s%s%s", text, *adapter ? ", adapter " : ", no adapter",
		     adapter);
	}
}

/* What a client does to its host, and what is wrong. */
static void print_client(struct page *p, const json_t *root)
{
	char text[256];
	char trouble[512];
	const char *t = json_string_value(json_object_get(root, "trouble"));
	size_t n = 0;

	line(p, "culvert %s, client, up %s, pid %" PRIu64, string(root, "version", text),
	     duration_text(seconds(root, "uptime"), trouble), number(root, "pid"));
	if (*string(root, "public_key", text))
		line(p, "  public key %s, UDP port %" PRIu64, text, number(root, "listen_port"));
	if (*string(root, "adapter", text)) {
		char address[256];

		string(root, "address", address);
		line(p, "  adapter %s%s%s, %s%s", text, *address ? ", address " : "", address,
		     truth(root, "route_all") ? "all traffic" : "its own networks only",
		     truth(root, "kill_switch") ? ", kill switch" : "");
	}
	for (; t && t[n] != '\0' && n < sizeof(trouble) - 1; n++)
		trouble[n] = t[n] >= ' ' && t[n] <= '~' ? t[n] : '?';
	trouble[n] = '\0';
	if (n > 0)
		line(p, "  %s", trouble);
}

/* -- peers ------------------------------------------------------------------------------------ */

enum {
	PEER_NAME,
	PEER_HANDSHAKE,
	PEER_ENDPOINT,
	PEER_RX_RATE,
	PEER_TX_RATE,
	PEER_RX,
	PEER_TX,
	PEER_MAPPINGS,
	PEER_MTU,
	N_PEER_COLUMNS,
};

static const struct table_column peer_columns[N_PEER_COLUMNS] = {
	[PEER_NAME] = { "NAME", false, 0 },
	[PEER_HANDSHAKE] = { "HANDSHAKE", false, 7 },
	[PEER_ENDPOINT] = { "ENDPOINT", false, 4 },
	[PEER_RX_RATE] = { "RATE FROM", true, 5 },
	[PEER_TX_RATE] = { "RATE TO", true, 6 },
	[PEER_RX] = { "FROM", true, 2 },
	[PEER_TX] = { "TO", true, 3 },
	[PEER_MAPPINGS] = { "MAPPINGS", true, 1 },
	[PEER_MTU] = { "MTU", true, 1 },
};

static void peer_row(struct table *t, const json_t *peer)
{
	char text[256];
	char unit[UNIT_TEXT_MAX];
	int width = 40;
	bool is_stream;

	/* A nameless peer goes by as much of its key as `culvert peer list` shows. */
	if (!*string(peer, "name", text)) {
		string(peer, "public_key", text);
		width = 8;
	}
	table_cell(t, PEER_NAME, "%.*s%s", width, text, truth(peer, "runtime") ? " (runtime)" : "");
	if (has(peer, "handshake_age"))
		table_cell(t, PEER_HANDSHAKE, "%s ago",
			   duration_text(seconds(peer, "handshake_age"), unit));
	else
		table_cell(t, PEER_HANDSHAKE, "never");
	is_stream = strcmp(string(peer, "transport", text), "stream") == 0;
	table_cell(t, PEER_ENDPOINT, "%s%s", string(peer, "endpoint", text),
		   is_stream ? " (stream)" : "");
	table_cell(t, PEER_RX_RATE, "%s", rate_text(number(peer, "rx_rate"), unit));
	table_cell(t, PEER_TX_RATE, "%s", rate_text(number(peer, "tx_rate"), unit));
	table_cell(t, PEER_RX, "%s", bytes_text(number(peer, "rx_bytes"), unit));
	table_cell(t, PEER_TX, "%s", bytes_text(number(peer, "tx_bytes"), unit));
	if (has(peer, "mappings"))
		table_cell(t, PEER_MAPPINGS, "%s", count_text(number(peer, "mappings"), text));
	if (has(peer, "mtu"))
		table_cell(t, PEER_MTU, "%" PRIu64, number(peer, "mtu"));
}

static void print_peers(struct page *p, const json_t *peers)
{
	struct table *t = table_new(peer_columns, N_PEER_COLUMNS);
	size_t heard = 0;
	const json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		if (!t || !table_row(t)) {
			p->failed = true;
			break;
		}
		peer_row(t, peer);
		heard += has(peer, "handshake_age") &&
			 seconds(peer, "handshake_age") <= HEARD_WITHIN;
	}
	line(p, "%s", "");
	if (json_array_size(peers) == 0)
		line(p, "Peers: none yet; `culvert peer add NAME` makes one");
	else
		line(p, "Peers: %zu, %zu heard in the last 3 minutes", json_array_size(peers),
		     heard);
	if (t && json_array_size(peers) > 0)
		table_print(t, p->columns, p->out);
	table_free(t);
}

/* -- the internet side ------------------------------------------------------------------------ */

static void print_external(struct page *p, const json_t *external)
{
	char interface[256];
	char address[256];
	char offload[256];
	char out_bytes[UNIT_TEXT_MAX];
	char in_bytes[UNIT_TEXT_MAX];
	char out_packets[32];
	char in_packets[32];

	line(p, "%s", "");
	if (!*string(external, "interface", interface))
		strcpy(interface, "no interface,");
	line(p, "Internet: %s %s%s%s, MTU %" PRIu64 "%s%s", interface,
	     truth(external, "up") ? "up" : "DOWN",
	     *string(external, "address", address) ? ", address " : ", no address", address,
	     number(external, "mtu"), *string(external, "offload", offload) ? ", offload " : "",
	     offload);
	line(p, "  out %s in %s packets, in %s in %s packets",
	     bytes_text(number(external, "out_bytes"), out_bytes),
	     count_text(number(external, "out_packets"), out_packets),
	     bytes_text(number(external, "in_bytes"), in_bytes),
	     count_text(number(external, "in_packets"), in_packets));
}

static void print_nat(struct page *p, const json_t *nat)
{
	static const struct table_column columns[] = {
		{ "NAT", false, 0 }, { "MAPPINGS", true, 0 }, { "PORTS LEASED", true, 3 },
		{ "FREE", true, 4 }, { "LEASABLE", true, 2 }, { "GUARD", false, 1 },
	};
	static const struct {
		const char *key;
		const char *title;
	} protocols[] = { { "tcp", "TCP" }, { "udp", "UDP" }, { "icmp", "ICMP" } };
	struct table *t = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char text[256];

	for (size_t i = 0; t && i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		const json_t *o = json_object_get(nat, protocols[i].key);

		if (!o)
			continue;
		if (!table_row(t))
			break;
		table_cell(t, 0, "%s", protocols[i].title);
		table_cell(t, 1, "%s", count_text(number(o, "mappings"), text));
		table_cell(t, 2, "%s", count_text(number(o, "leased"), text));
		table_cell(t, 3, "%s", count_text(number(o, "free"), text));
		table_cell(t, 4, "%s", count_text(number(o, "leasable"), text));
		table_cell(t, 5, "%s", string(o, "guard", text));
	}
	p->failed |= !t;
	line(p, "%s", "");
	if (t)
		print_table(p, t);
}

static void print_dns(struct page *p, const json_t *dns)
{
	static const struct table_column columns[] = {
		{ "UPSTREAM", false, 0 }, { "STATE", false, 4 },   { "RTT", true, 3 },
		{ "QUERIES", true, 1 },   { "FAILURES", true, 2 },
	};
	const json_t *upstreams = json_object_get(dns, "upstreams");
	struct table *t = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char queries[32];
	char cached[32];
	char failed[32];
	char entries[32];
	char text[256];
	const json_t *u;
	size_t i;

	line(p, "%s", "");
	line(p, "DNS: %s queries, %s answered from the cache of %s entries, %s failed",
	     count_text(number(dns, "queries"), queries), count_text(number(dns, "cached"), cached),
	     count_text(number(dns, "cache_entries"), entries),
	     count_text(number(dns, "failed"), failed));
	json_array_foreach(upstreams, i, u)
	{
		if (!t || !table_row(t))
			break;
		table_cell(t, 0, "%s", string(u, "upstream", text));
		table_cell(t, 1, "%s", truth(u, "alive") ? "alive" : "DEAD");
		if (number(u, "queries") > 0)
			table_cell(t, 2, "%.1f ms", seconds(u, "rtt") * 1000);
		table_cell(t, 3, "%s", count_text(number(u, "queries"), text));
		table_cell(t, 4, "%s", count_text(number(u, "failures"), text));
	}
	p->failed |= !t;
	if (t && json_array_size(upstreams) > 0)
		table_print(t, p->columns, p->out);
	table_free(t);
}

/* -- drops ------------------------------------------------------------------------------------ */

/* The text of a counter, or its name when another version made it. */
static void drop_meaning(const char *name, char out[static 256])
{
	for (unsigned int v = PASS + 1; v < N_VERDICTS; v++) {
		if (strcmp(name, drop_name((enum verdict)v)) == 0) {
			snprintf(out, 256, "%s", drop_text((enum verdict)v));
			return;
		}
	}
	snprintf(out, 256, "%s", "a reason that this version does not know");
}

static void print_drops(struct page *p, const json_t *root)
{
	json_t *drops = json_object_get(root, "drops");
	uint64_t sum = 0;
	const char *key;
	json_t *value;
	char n[32];
	char m[32];

	json_object_foreach(drops, key, value) sum += number(drops, key);
	line(p, "%s", "");
	line(p, "Dropped: %s of %s packets", count_text(sum, n),
	     count_text(number(root, "packets_in"), m));
	json_object_foreach(drops, key, value)
	{
		char meaning[256];
		char name[64];
		size_t len = 0;

		if (number(drops, key) == 0)
			continue;
		for (; key[len] != '\0' && len < sizeof(name) - 1; len++)
			name[len] = key[len] > ' ' && key[len] <= '~' ? key[len] : '?';
		name[len] = '\0';
		drop_meaning(key, meaning);
		line(p, "%12s  %s (%s)", count_text(number(drops, key), n), meaning, name);
	}
}

static void print_all(struct page *p, const json_t *root)
{
	char role[256];

	if (strcmp(string(root, "role", role), "client") == 0)
		print_client(p, root);
	else
		print_header(p, root);
	if (json_is_array(json_object_get(root, "peers")))
		print_peers(p, json_object_get(root, "peers"));
	if (json_is_object(json_object_get(root, "external")))
		print_external(p, json_object_get(root, "external"));
	if (json_is_object(json_object_get(root, "nat")))
		print_nat(p, json_object_get(root, "nat"));
	if (json_is_object(json_object_get(root, "dns")))
		print_dns(p, json_object_get(root, "dns"));
	if (json_is_object(json_object_get(root, "drops")))
		print_drops(p, root);
}

char *status_page(const char *json, unsigned int columns)
{
	json_t *root = json_loads(json, 0, NULL);
	struct page p = { .columns = columns };
	char *text = NULL;
	size_t len;

	/* A gateway says at least which version it is. */
	if (json_is_object(root) && json_is_string(json_object_get(root, "version")))
		p.out = open_memstream(&text, &len);
	if (p.out) {
		print_all(&p, root);
		p.failed |= ferror(p.out) != 0;
		p.failed |= fclose(p.out) != 0;
		if (p.failed) {
			free(text);
			text = NULL;
		}
	}
	json_decref(root);
	return text;
}
