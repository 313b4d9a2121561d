/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip6.h - the fixed header of IPv6, and the way through extension headers
 *
 * There is no header checksum and no identification, routers fragment nothing, and a UDP
 * checksum of 0 is an error.  What a train needs to know of its header is therefore little.
 *
 * Source: RFC 8200.
 */
#ifndef CULVERT_PACKET_IP6_H
#define CULVERT_PACKET_IP6_H

#include <stddef.h>
#include <stdint.h>

#include "packet/train.h"

#define IP6_LEN         40
#define IP6_PAYLOAD_LEN 4 /* offsets in the header, as those below */
#define IP6_NEXT        6
#define IP6_HOP_LIMIT   7
#define IP6_SRC         8
#define IP6_DST         24

/**
 * ip6_parse() - the header's part of train_parse_any()
 * @packet: of version 6, as its first byte says
 *
 * What exceeds TRAIN_LEN_MAX is refused as well: no link that we know carries it.
 * Return: PASS or DROP_IP_MALFORMED.
 */
enum verdict ip6_parse(struct train *t, uint8_t *packet, size_t len);

/** ip6_set_traffic_class() - in the header alone; the flow label beside it stays */
void ip6_set_traffic_class(uint8_t *packet, uint8_t traffic_class);

/**
 * ip6_upper_layer() - what the extension headers lead to (RFC 8200 section 4)
 * @packet: @len bytes, the fixed header at least; hostile
 *
 * Return: its protocol and *offset, or -1 when it is out of reach: a later fragment, a cut chain.
 */
int ip6_upper_layer(const uint8_t *packet, size_t len, size_t *offset);

#endif
