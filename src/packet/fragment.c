/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/fragment.h"

#include <stdbool.h>
#include <string.h>

#include "base/wire.h"
#include "packet/checksum.h"

#define FLAG_MF     0x2000
#define OFFSET_MASK 0x1fff

void fragments_start(struct fragments *f, const uint8_t *packet, size_t len, size_t mtu)
{
	*f = (struct fragments){ .packet = packet, .len = len, .mtu = mtu };
}

size_t fragments_next(struct fragments *f, uint8_t *out)
{
	size_t header = (size_t)(f->packet[0] & 0xf) * 4;
	size_t payload = f->len - header;
	size_t part = payload - f->offset;
	uint16_t field = load_be16(f->packet + 6);
	bool last = true;

	if (part == 0)
		return 0;
	if (header + part > f->mtu) {
		part = (f->mtu - header) & ~(size_t)7;
		last = false;
	}
	memcpy(out, f->packet, header);
	memcpy(out + header, f->packet + header + f->offset, part);
	store_be16(out + 2, (uint16_t)(header + part));
	/* What was a fragment already keeps its own offset and, at the end, its own MF. */
	field = (uint16_t)((field & 0xe000) |
			   (((field & OFFSET_MASK) + f->offset / 8) & OFFSET_MASK));
	if (!last)
		field |= FLAG_MF;
	store_be16(out + 6, field);
	store_be16(out + 10, 0);
	store_be16(out + 10, (uint16_t)~checksum_fold(checksum_add(0, out, header)));
	f->offset += part;
	return header + part;
}
