/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addr.h - addresses, prefixes and endpoints of both families, as text and back
 *
 * An address is 16 bytes in wire order with a family.  IPv4 uses bytes[0..3] and
 * leaves the rest zero, so that two addresses are equal when all bytes are.
 * Ports and prefix lengths are host-order integers.
 */
#ifndef CULVERT_BASE_ADDR_H
#define CULVERT_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum addr_family {
	ADDR_NONE = 0,
	ADDR_IP4 = 4,
	ADDR_IP6 = 6,
};

struct addr {
	uint8_t bytes[16]; /* wire order; IPv4 in the first four, the rest zero */
	uint8_t family;    /* enum addr_family */
};

struct prefix {
	struct addr addr; /* host bits are kept as given */
	uint8_t len;      /* 0..32 or 0..128 */
};

struct endpoint {
	struct addr addr;
	uint16_t port;  /* host order */
	uint32_t scope; /* interface index of a link-local IPv6 address, else 0 */
	/* Number of the TCP connection that leads there; 0: UDP.  A peer that changes from one to
	   the other has roamed, and nothing else. */
	uint32_t stream;
};

#define ADDR_TEXT_MAX     46 /* with the final NUL */
#define PREFIX_TEXT_MAX   50
#define ENDPOINT_TEXT_MAX 66

/** addr_ip4() - an IPv4 address from a host-order integer */
struct addr addr_ip4(uint32_t host_order);

/** addr_to_ip4() - the host-order integer of an IPv4 address; 0 for another family */
uint32_t addr_to_ip4(const struct addr *a);

bool addr_equal(const struct addr *a, const struct addr *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/** prefix_contains() - whether @a lies in @p; false when the families differ */
bool prefix_contains(const struct prefix *p, const struct addr *a);

/** prefix_contains_ip4() - the same for a host-order IPv4 address */
bool prefix_contains_ip4(const struct prefix *p, uint32_t ip4);

/** prefix_mask() - clears the host bits of @p */
void prefix_mask(struct prefix *p);

/**
 * addr_parse(), prefix_parse(), endpoint_parse() - from text
 *
 * A prefix without "/n" is a single host.  An endpoint is "1.2.3.4:51820" or
 * "[2001:db8::1]:51820"; host names are not resolved here.
 *
 * Return: true and *ret written, or false and *ret untouched.
 */
bool addr_parse(const char *text, struct addr *ret);
bool prefix_parse(const char *text, struct prefix *ret);
bool endpoint_parse(const char *text, struct endpoint *ret);

/** addr_format() etc. - to text; @out is returned for use inside printf */
const char *addr_format(const struct addr *a, char out[static ADDR_TEXT_MAX]);
const char *prefix_format(const struct prefix *p, char out[static PREFIX_TEXT_MAX]);
const char *endpoint_format(const struct endpoint *e, char out[static ENDPOINT_TEXT_MAX]);

#endif
