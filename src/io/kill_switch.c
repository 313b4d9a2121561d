/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/kill_switch.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/child.h"

#define TABLE_PREFIX  "culvert_"
#define COMPLAINT_MAX 512
#define TEXT_MAX      32768 /* bytes of a ruleset; the largest plan makes a quarter of it */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

/*
 * Inside quotation marks nft knows no escape for a quotation mark, and a final '*' matches any
 * ending.  The characters that are allowed here are those of wg-quick(8)'s names, and '@'.
 */
bool kill_switch_adapter_valid(const char *adapter)
{
	size_t len = strlen(adapter);

	if (len == 0 || len >= IFNAMSIZ || strcmp(adapter, ".") == 0 || strcmp(adapter, "..") == 0)
		return false;
	for (const char *c = adapter; *c != '\0'; c++) {
		if (!is_plain(*c) && !strchr("=+@", *c))
			return false;
	}
	return true;
}

const char *kill_switch_table(const char *adapter, char out[static KILL_SWITCH_TABLE_MAX])
{
	size_t len = (size_t)sprintf(out, TABLE_PREFIX);

	for (const char *c = adapter; *c != '\0' && len + 4 <= KILL_SWITCH_TABLE_MAX; c++) {
		if (is_plain(*c))
			out[len++] = *c;
		else
			len += (size_t)sprintf(out + len, "/%02x", (unsigned char)*c);
	}
	out[len] = '\0';
	return out;
}

bool kill_switch_adapter(const char *table, char ret[static IFNAMSIZ])
{
	char again[KILL_SWITCH_TABLE_MAX];
	const char *c = table + strlen(TABLE_PREFIX);
	unsigned int byte;
	size_t len = 0;

	if (strncmp(table, TABLE_PREFIX, strlen(TABLE_PREFIX)) != 0)
		return false;
	for (; *c != '\0' && len + 1 < IFNAMSIZ; c++) {
		if (*c == '/' && sscanf(c + 1, "%2x", &byte) == 1 && c[2] != '\0') {
			ret[len++] = (char)byte;
			c += 2;
		} else {
			ret[len++] = *c;
		}
	}
	ret[len] = '\0';
	return kill_switch_adapter_valid(ret) && strcmp(kill_switch_table(ret, again), table) == 0;
}

/* --- the ruleset --------------------------------------------------------------------------- */

struct text {
	char *bytes;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text->bytes + text->len, TEXT_MAX - text->len, format, ap);
	va_end(ap);
	/* Cut text would be a ruleset that nft refuses, not one that lets more through. */
	if (n > 0)
		text->len +=
			(size_t)n < TEXT_MAX - text->len ? (size_t)n : TEXT_MAX - text->len - 1;
}

static const char *family_word(const struct addr *a)
{
	return a->family == ADDR_IP4 ? "ip" : "ip6";
}

static void put_endpoints(struct text *text, const struct kill_switch *k, uint8_t family)
{
	char address[ADDR_TEXT_MAX];
	const char *between = "\t\telements = {";

	put(text, "\tset endpoints%d {\n\t\ttype ipv%d_addr . inet_proto . inet_service\n", family,
	    family);
	for (size_t i = 0; i < k->n_endpoints; i++) {
		const struct endpoint *e = &k->endpoints[i];

		if (e->addr.family != family)
			continue;
		put(text, "%s %s . %s . %u", between, addr_format(&e->addr, address),
		    e->stream != 0 ? "tcp" : "udp", e->port);
		between = ",";
	}
	put(text, "%s\t}\n", between[0] == ',' ? " }\n" : "");
}

static void put_excludes(struct text *text, const struct kill_switch *k)
{
	char written[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < k->n_excludes; i++) {
		struct prefix p = k->excludes[i];

		prefix_mask(&p);
		put(text, "\t\t%s daddr %s accept\n", family_word(&p.addr),
		    prefix_format(&p, written));
	}
}

static void put_chain(struct text *text, const char *hook)
{
	put(text,
	    "\tchain %s {\n"
	    "\t\ttype filter hook %s priority filter; policy drop;\n",
	    hook, hook);
}

char *kill_switch_text(const struct kill_switch *k)
{
	char table[KILL_SWITCH_TABLE_MAX];
	struct text text = { .bytes = malloc(TEXT_MAX) };

	if (!text.bytes)
		return NULL;
	kill_switch_table(k->adapter, table);
	/* Declared first, so that there is one to delete: the whole is one transaction. */
	put(&text, "table inet %s {}\ndelete table inet %s\ntable inet %s {\n", table, table,
	    table);
	put_endpoints(&text, k, ADDR_IP4);
	put_endpoints(&text, k, ADDR_IP6);
	put_chain(&text, "output");
	put(&text,
	    "\t\toif \"lo\" accept\n"
	    "\t\toifname \"%s\" accept\n"
	    "\t\tip daddr . meta l4proto . th dport @endpoints4 accept\n"
	    "\t\tip6 daddr . meta l4proto . th dport @endpoints6 accept\n"
	    "\t\tmeta nfproto ipv4 udp sport 68 udp dport 67 accept\n"
	    "\t\tip6 daddr ff02::1:2 udp sport 546 udp dport 547 accept\n"
	    "\t\tip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, "
	    "nd-neighbor-advert } accept\n",
	    k->adapter);
	put_excludes(&text, k);
	put(&text, "\t}\n");
	put_chain(&text, "forward");
	put(&text, "\t\toifname \"%s\" accept\n\t\tiifname \"%s\" accept\n", k->adapter,
	    k->adapter);
	put_excludes(&text, k);
	put(&text, "\t}\n}\n");
	return text.bytes;
}

/* --- what nft(8) lists ----------------------------------------------------------------------- */

static bool read_endpoint(const json_t *element, struct endpoint *ret)
{
	const json_t *parts = json_object_get(element, "concat");
	const char *address = json_string_value(json_array_get(parts, 0));
	const char *protocol = json_string_value(json_array_get(parts, 1));
	json_int_t port = json_integer_value(json_array_get(parts, 2));
	struct endpoint e = { .port = (uint16_t)port };

	if (!address || !protocol || port < 1 || port > 65535 || !addr_parse(address, &e.addr) ||
	    (strcmp(protocol, "udp") != 0 && strcmp(protocol, "tcp") != 0))
		return false;
	e.stream = strcmp(protocol, "tcp") == 0;
	*ret = e;
	return true;
}

size_t kill_switch_read_endpoints(const char *json, struct endpoint *ret, size_t n)
{
	json_t *root = json_loads(json, 0, NULL);
	const json_t *object;
	const json_t *element;
	size_t found = 0;
	size_t i, j;

	json_array_foreach(json_object_get(root, "nftables"), i, object)
	{
		const json_t *set = json_object_get(object, "set");
		const char *name = json_string_value(json_object_get(set, "name"));

		if (!name || strncmp(name, "endpoints", strlen("endpoints")) != 0)
			continue;
		json_array_foreach(json_object_get(set, "elem"), j, element)
		{
			if (found < n && read_endpoint(element, &ret[found]))
				found++;
		}
	}
	json_decref(root);
	return found;
}

void kill_switch_read_tables(const char *json, void (*found)(const char *table, void *data),
			     void *data)
{
	json_t *root = json_loads(json, 0, NULL);
	const json_t *object;
	size_t i;

	json_array_foreach(json_object_get(root, "nftables"), i, object)
	{
		const json_t *table = json_object_get(object, "table");
		const char *family = json_string_value(json_object_get(table, "family"));
		const char *name = json_string_value(json_object_get(table, "name"));
		char adapter[IFNAMSIZ];

		/* Others may give their tables any name. */
		if (family && name && strcmp(family, "inet") == 0 &&
		    kill_switch_adapter(name, adapter))
			found(name, data);
	}
	json_decref(root);
}

/* --- nft(8) ------------------------------------------------------------------------------------ */

static const char *const list_tables[] = { "nft", "-j", "list", "tables", NULL };

/* What went wrong and what to do about it. */
static void explain(const struct child_run *run, int r, char *complaint)
{
	const char *said = run->error;

	if (strncmp(said, "Error: ", strlen("Error: ")) == 0)
		said += strlen("Error: ");
	if (r == -ENOENT)
		snprintf(complaint, COMPLAINT_MAX,
			 "nft(8) is not installed: install nftables, or leave out --kill-switch");
	else if (r == -ETIMEDOUT)
		snprintf(complaint, COMPLAINT_MAX, "nft(8) did not end within %d ms: try again",
			 run->timeout_ms);
	else if (strstr(said, "Operation not permitted"))
		snprintf(complaint, COMPLAINT_MAX, "nft: Operation not permitted: run it as root");
	else if (r == -EIO)
		snprintf(complaint, COMPLAINT_MAX,
			 "nft: %s: does the kernel have nf_tables? `nft list ruleset` tells",
			 said[0] != '\0' ? said : "it failed");
	else
		snprintf(complaint, COMPLAINT_MAX, "nft: %s", strerror(-r));
}

int kill_switch_set(const struct kill_switch *k, int timeout_ms, char *complaint)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	char *text = kill_switch_text(k);
	struct child_run run = { .argv = argv, .input = text, .timeout_ms = timeout_ms };
	int r = -ENOMEM;

	if (text)
		r = child_run(&run);
	if (r < 0)
		explain(&run, r, complaint);
	free(run.output);
	free(text);
	return r;
}

/* `nft -j list table`.  Return: malloc'd JSON, or NULL: there is no such table, or no nft. */
static char *list_table(const char *adapter, int timeout_ms)
{
	char table[KILL_SWITCH_TABLE_MAX];
	const char *const argv[] = { "nft",   "-j",   "list",
				     "table", "inet", kill_switch_table(adapter, table),
				     NULL };
	struct child_run run = { .argv = argv, .timeout_ms = timeout_ms };

	if (child_run(&run) == 0)
		return run.output;
	free(run.output);
	return NULL;
}

/* What is looked for among the tables. */
struct look {
	const char *adapter;
	struct kill_switch_standing found;
};

static void take_standing(const char *table, void *data)
{
	struct look *look = data;
	char adapter[IFNAMSIZ];

	if (!kill_switch_adapter(table, adapter))
		return;
	if (strcmp(adapter, look->adapter) == 0)
		look->found.own = true;
	else
		memcpy(look->found.other, adapter, sizeof(adapter));
}

int kill_switch_look(const char *adapter, int timeout_ms, struct kill_switch_standing *ret,
		     char *complaint)
{
	struct child_run run = { .argv = list_tables, .timeout_ms = timeout_ms };
	struct look look = { .adapter = adapter };
	int r = child_run(&run);

	if (r == 0 && run.output)
		kill_switch_read_tables(run.output, take_standing, &look);
	/* Without nft(8) there is none. */
	if (r < 0 && r != -ENOENT)
		explain(&run, r, complaint);
	else
		r = 0;
	free(run.output);
	*ret = look.found;
	return r;
}

size_t kill_switch_endpoints(const char *adapter, int timeout_ms, struct endpoint *ret, size_t n)
{
	char *json = list_table(adapter, timeout_ms);
	size_t found = json ? kill_switch_read_endpoints(json, ret, n) : 0;

	free(json);
	return found;
}

/* The tables to delete, as text for nft -f. */
struct deletion {
	struct text text;
	const char *only; /* NULL: all */
	unsigned int n;
};

static void add_deletion(const char *table, void *data)
{
	struct deletion *deletion = data;

	if (deletion->only && strcmp(deletion->only, table) != 0)
		return;
	put(&deletion->text, "delete table inet %s\n", table);
	deletion->n++;
}

static int delete_tables(struct deletion *deletion, int timeout_ms, char *complaint)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	struct child_run run = { .argv = argv,
				 .input = deletion->text.bytes,
				 .timeout_ms = timeout_ms };
	int r = child_run(&run);

	if (r < 0)
		explain(&run, r, complaint);
	free(run.output);
	return r;
}

int kill_switch_lift(const char *adapter, int timeout_ms, unsigned int *ret_lifted, char *complaint)
{
	char table[KILL_SWITCH_TABLE_MAX];
	struct child_run run = { .argv = list_tables, .timeout_ms = timeout_ms };
	struct deletion deletion = { .text.bytes = malloc(TEXT_MAX),
				     .only = adapter ? kill_switch_table(adapter, table) : NULL };
	int r = deletion.text.bytes ? child_run(&run) : -ENOMEM;

	if (r == 0 && run.output)
		kill_switch_read_tables(run.output, add_deletion, &deletion);
	/* Without nft(8) there was none to begin with. */
	if (r < 0 && r != -ENOENT)
		explain(&run, r, complaint);
	free(run.output);
	if (r == -ENOENT)
		r = 0;
	if (r == 0 && deletion.n > 0)
		r = delete_tables(&deletion, timeout_ms, complaint);
	free(deletion.text.bytes);
	if (r == 0)
		*ret_lifted = deletion.n;
	return r;
}
