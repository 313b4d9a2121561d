/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/frames.h"

#include <string.h>

#include "base/wire.h"
#include "packet/train.h"

bool frames_whole(const struct frames *f)
{
	size_t left = f->end - f->at;

	return left >= FRAME_HEADER && left - FRAME_HEADER >= load_be16(f->data + f->at);
}

/* Whether the next frame goes behind the messages of @g, of which there are @n. */
static bool fits(const struct frames *f, const struct frame_group *g, unsigned int n)
{
	uint32_t len;

	if (n == TRAIN_PIECES_MAX || !frames_whole(f))
		return false;
	len = load_be16(f->data + f->at);
	return len > 0 && len <= g->segment && g->len + len <= TRAIN_LEN_MAX;
}

bool frames_next(struct frames *f, struct frame_group *ret)
{
	struct frame_group g;
	uint32_t len;

	if (!frames_whole(f))
		return false;
	len = load_be16(f->data + f->at);
	g = (struct frame_group){ f->data + f->at + FRAME_HEADER, len, len };
	f->at += FRAME_HEADER + len;
	for (unsigned int n = 1; len == g.segment && fits(f, &g, n); n++) {
		/* The headers between them go: each message moves down by two bytes for each. */
		len = load_be16(f->data + f->at);
		memmove(g.data + g.len, f->data + f->at + FRAME_HEADER, len);
		g.len += len;
		f->at += FRAME_HEADER + len;
	}
	*ret = g;
	return true;
}

void frames_make_room(struct frames *f)
{
	memmove(f->data, f->data + f->at, f->end - f->at);
	f->end -= f->at;
	f->at = 0;
}

size_t frames_room(size_t len, size_t segment)
{
	return len + FRAME_HEADER * ((len + segment - 1) / segment);
}

void frames_write(uint8_t *out, const uint8_t *data, size_t len, size_t segment)
{
	while (len > 0) {
		size_t n = len < segment ? len : segment;

		store_be16(out, (uint16_t)n);
		memcpy(out + FRAME_HEADER, data, n);
		out += FRAME_HEADER + n;
		data += n;
		len -= n;
	}
}

uint32_t frames_count(const uint8_t *data, size_t len)
{
	struct frames f = { .data = (uint8_t *)data, .end = len };
	uint32_t n = 0;

	while (frames_whole(&f)) {
		f.at += FRAME_HEADER + load_be16(data + f.at);
		n++;
	}
	return n;
}
