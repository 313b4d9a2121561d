/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

struct addr addr_ip4(uint32_t host_order)
{
	struct addr a = { .family = ADDR_IP4 };

	store_be32(a.bytes, host_order);
	return a;
}

uint32_t addr_to_ip4(const struct addr *a)
{
	return a->family == ADDR_IP4 ? load_be32(a->bytes) : 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && a->scope == b->scope && a->stream == b->stream &&
	       addr_equal(&a->addr, &b->addr);
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	unsigned int whole = p->len / 8;
	unsigned int rest = p->len % 8;

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 || (p->addr.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}

bool prefix_contains_ip4(const struct prefix *p, uint32_t ip4)
{
	if (p->addr.family != ADDR_IP4)
		return false;
	return p->len == 0 || (load_be32(p->addr.bytes) ^ ip4) >> (32 - p->len) == 0;
}

void prefix_mask(struct prefix *p)
{
	unsigned int bits = p->len;

	for (unsigned int i = 0; i < sizeof(p->addr.bytes); i++) {
		unsigned int keep = bits < 8 ? bits : 8;

		p->addr.bytes[i] &= (uint8_t)(0xff00 >> keep);
		bits -= keep;
	}
}

bool addr_parse(const char *text, struct addr *ret)
{
	struct addr a = { .family = ADDR_IP4 };

	if (inet_pton(AF_INET, text, a.bytes) != 1) {
		a.family = ADDR_IP6;
		if (inet_pton(AF_INET6, text, a.bytes) != 1)
			return false;
	}
	*ret = a;
	return true;
}

/* A decimal number without sign or blanks, at most @max. */
static bool number_parse(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoul(text, &end, 10);
	if (*end != '\0' || v > max)
		return false;
	*ret = v;
	return true;
}

bool prefix_parse(const char *text, struct prefix *ret)
{
	char copy[PREFIX_TEXT_MAX];
	struct prefix p = { .len = 0 };
	unsigned long len;
	char *slash;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (!addr_parse(copy, &p.addr))
		return false;
	len = p.addr.family == ADDR_IP4 ? 32 : 128;
	if (slash && !number_parse(slash + 1, len, &len))
		return false;
	p.len = (uint8_t)len;
	*ret = p;
	return true;
}

bool endpoint_parse(const char *text, struct endpoint *ret)
{
	char copy[ENDPOINT_TEXT_MAX];
	struct endpoint e = { .port = 0 };
	unsigned long port;
	char *host = copy;
	char *colon;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	colon = strrchr(copy, ':');
	if (!colon || !number_parse(colon + 1, 65535, &port) || port == 0)
		return false;
	*colon = '\0';
	if (*host == '[') {
		if (colon == copy + 1 || colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		host++;
	} else if (strchr(host, ':')) {
		return false;
	}
	if (!addr_parse(host, &e.addr) || (host != copy) != (e.addr.family == ADDR_IP6))
		return false;
	e.port = (uint16_t)port;
	*ret = e;
	return true;
}

const char *addr_format(const struct addr *a, char out[static ADDR_TEXT_MAX])
{
	int family = a->family == ADDR_IP6 ? AF_INET6 : AF_INET;

	if (a->family == ADDR_NONE || !inet_ntop(family, a->bytes, out, ADDR_TEXT_MAX))
		strcpy(out, "-");
	return out;
}

const char *prefix_format(const struct prefix *p, char out[static PREFIX_TEXT_MAX])
{
	char addr[ADDR_TEXT_MAX];

	snprintf(out, PREFIX_TEXT_MAX, "%s/%u", addr_format(&p->addr, addr), p->len);
	return out;
}

const char *endpoint_format(const struct endpoint *e, char out[static ENDPOINT_TEXT_MAX])
{
	char addr[ADDR_TEXT_MAX];

	addr_format(&e->addr, addr);
	if (e->addr.family == ADDR_IP6)
		snprintf(out, ENDPOINT_TEXT_MAX, "[%s]:%u", addr, e->port);
	else
		snprintf(out, ENDPOINT_TEXT_MAX, "%s:%u", addr, e->port);
	return out;
}
