/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/ip6.h"

#include "base/wire.h"

enum verdict ip6_parse(struct train *t, uint8_t *packet, size_t len)
{
	uint32_t total;

	if (len < IP6_LEN)
		return DROP_IP_MALFORMED;
	total = IP6_LEN + load_be16(packet + IP6_PAYLOAD_LEN);
	if (total > len || total > TRAIN_LEN_MAX)
		return DROP_IP_MALFORMED;

	t->head = packet;
	t->head_len = total; /* until a transport header is found */
	t->len = total;
	t->ip6 = true;
	t->src = 0;
	t->dst = 0;
	t->l4 = IP6_LEN;
	t->proto = packet[IP6_NEXT];
	t->ttl = packet[IP6_HOP_LIMIT];
	t->tos = (uint8_t)(load_be16(packet) >> 4);
	t->dont_fragment = true;
	t->more_fragments = false;
	t->frag_offset = 0;
	return PASS;
}

void ip6_set_traffic_class(uint8_t *packet, uint8_t traffic_class)
{
	uint16_t others = load_be16(packet) & 0xf00f; /* version, begin of the flow label */

	store_be16(packet, (uint16_t)(others | traffic_class << 4));
}

int ip6_upper_layer(const uint8_t *packet, size_t len, size_t *offset)
{
	uint8_t next = packet[IP6_NEXT];
	size_t at = IP6_LEN;

	for (;;) {
		size_t n;

		switch (next) {
		case 0:  /* hop-by-hop options */
		case 43: /* routing */
		case 60: /* destination options */
			n = at + 2 <= len ? (packet[at + 1] + 1u) * 8 : 8;
			break;
		case 51: /* authentication, RFC 4302 section 2.2 */
			n = at + 2 <= len ? (packet[at + 1] + 2u) * 4 : 8;
			break;
		case 44: /* fragment */
			n = 8;
			if (at + n <= len && load_be16(packet + at + 2) >> 3 != 0)
				return -1;
			break;
		default:
			*offset = at;
			return next;
		}
		if (at + n > len)
			return -1;
		next = packet[at];
		at += n;
	}
}
