/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragment.h - cutting an IPv4 packet without DF into fragments
 *
 * Source: RFC 791 section 3.2; RFC 4787 REQ-13a.
 */
#ifndef CULVERT_PACKET_FRAGMENT_H
#define CULVERT_PACKET_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

struct fragments {
	const uint8_t *packet; /* a whole IPv4 packet, borrowed; may itself be a fragment */
	size_t len;
	size_t mtu;
	size_t offset; /* payload bytes already given out */
};

/**
 * fragments_start() - @packet: checked by train_parse(), checksums complete; no DF
 * @mtu: at least the header's length and 8, bytes
 */
void fragments_start(struct fragments *f, const uint8_t *packet, size_t len, size_t mtu);

/**
 * fragments_next() - writes the next fragment to @out of @mtu bytes
 *
 * Options are copied to every fragment, which RFC 791 asks only of some: a copy too many is harmless.
 * Return: its length; 0 when there is none left.
 */
size_t fragments_next(struct fragments *f, uint8_t *out);

#endif
