/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_frames_fuzz.c - any bytes are taken apart as the slow way takes them apart
 *
 * Input: a byte that tells how many bytes arrive at once, then the stream.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "packet/frames.h"
#include "packet/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t buffer[FRAME_MAX];

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

/* Compares a group with the frames of the stream that begin at @at.  Return: where they end. */
static size_t compare(const struct frame_group *g, const uint8_t *stream, size_t len, size_t at)
{
	unsigned int n = 0;
	uint32_t done = 0;

	require(g->len <= TRAIN_LEN_MAX, "a group is no longer than a train");
	do {
		uint32_t want = g->len - done < g->segment ? g->len - done : g->segment;

		require(len - at >= FRAME_HEADER && load_be16(stream + at) == want,
			"a message has the length of its frame");
		require(len - at - FRAME_HEADER >= want, "the frame was there");
		require(memcmp(g->data + done, stream + at + FRAME_HEADER, want) == 0,
			"a message is what the frame held");
		at += FRAME_HEADER + want;
		done += want;
		n++;
	} while (done < g->len);
	require(n <= TRAIN_PIECES_MAX, "a group has no more messages than a train");
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frames f = { .data = buffer, .size = sizeof(buffer) };
	size_t arrived = 0, checked = 0;
	struct frame_group g;
	size_t step;

	if (len < 1)
		return 0;
	step = 1 + (size_t)data[0] * data[0];
	data++;
	len--;
	while (arrived < len) {
		size_t n = step < len - arrived ? step : len - arrived;

		frames_make_room(&f);
		require(f.size > f.end, "there is room for what is missing of a frame");
		n = n < f.size - f.end ? n : f.size - f.end;
		memcpy(f.data + f.end, data + arrived, n);
		arrived += n;
		f.end += n;
		while (frames_next(&f, &g))
			checked = compare(&g, data, arrived, checked);
		require(arrived - checked == f.end - f.at, "what was not handed out is kept");
		require(arrived - checked < FRAME_HEADER ||
				arrived - checked - FRAME_HEADER < load_be16(data + checked),
			"what is kept is no whole frame");
	}
	return 0;
}
