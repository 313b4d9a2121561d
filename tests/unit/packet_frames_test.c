/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/wire.h"

static uint8_t buffer[2 * FRAME_MAX];

/* Frames with @n messages of these lengths, each filled with its number. */
static struct frames framed(const size_t *lens, size_t n)
{
	struct frames f = { .data = buffer, .size = sizeof(buffer) };

	for (size_t i = 0; i < n; i++) {
		store_be16(buffer + f.end, (uint16_t)lens[i]);
		memset(buffer + f.end + FRAME_HEADER, (int)i, lens[i]);
		f.end += FRAME_HEADER + lens[i];
	}
	return f;
}

static void expect_group(struct frames *f, uint32_t len, uint32_t segment, uint8_t first)
{
	struct frame_group g;

	assert_true(frames_next(f, &g));
	assert_int_equal(g.len, len);
	assert_int_equal(g.segment, segment);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(g.data[i], first + i / segment);
}

static void expect_end(struct frames *f)
{
	struct frame_group g;

	assert_false(frames_whole(f));
	assert_false(frames_next(f, &g));
}

static void a_frame_is_a_big_endian_length_and_the_message(void **state)
{
	/* Two datagrams as udp-over-tcp's helpers send them, without anything before or between. */
	static const uint8_t wire[] = { 0, 3, 'a', 'b', 'c', 0, 2, 'd', 'e' };
	struct frames f = { .data = buffer, .size = sizeof(buffer), .end = sizeof(wire) };
	uint8_t out[sizeof(wire)];
	struct frame_group g;

	(void)state;
	assert_int_equal(frames_room(5, 3), sizeof(wire));
	frames_write(out, (const uint8_t *)"abcde", 5, 3);
	assert_memory_equal(out, wire, sizeof(wire));
	assert_int_equal(frames_count(wire, sizeof(wire)), 2);
	memcpy(buffer, wire, sizeof(wire));
	assert_true(frames_next(&f, &g));
	assert_int_equal(g.segment, 3);
	assert_int_equal(g.len, 5);
	assert_memory_equal(g.data, "abcde", 5);
	expect_end(&f);
	store_be16(buffer, 0x1234);
	f = (struct frames){ .data = buffer, .size = sizeof(buffer), .end = 2 + 0x1234 };
	assert_true(frames_next(&f, &g));
	assert_int_equal(g.len, 0x1234);
}

static void equal_messages_are_one_group_and_the_last_may_be_shorter(void **state)
{
	static const size_t lens[] = { 100, 100, 100, 40, 40, 60, 0, 1, 1, 0, 0 };
	struct frames f = framed(lens, sizeof(lens) / sizeof(lens[0]));

	(void)state;
	expect_group(&f, 340, 100, 0);
	expect_group(&f, 40, 40, 4);
	expect_group(&f, 60, 60, 5);
	expect_group(&f, 0, 0, 6); /* an empty one stands alone */
	expect_group(&f, 2, 1, 7);
	expect_group(&f, 0, 0, 9);
	expect_group(&f, 0, 0, 10);
	expect_end(&f);
	assert_int_equal(f.at, f.end);
}

static void a_group_is_no_longer_than_a_train(void **state)
{
	size_t lens[66];
	struct frames f;

	(void)state;
	for (size_t i = 0; i < 66; i++)
		lens[i] = 10;
	f = framed(lens, 66);
	expect_group(&f, 640, 10, 0);
	expect_group(&f, 20, 10, 64);
	expect_end(&f);
	for (size_t i = 0; i < 5; i++)
		lens[i] = 16384;
	f = framed(lens, 5);
	expect_group(&f, 3 * 16384, 16384, 0); /* the fourth would make 65536 */
	expect_group(&f, 2 * 16384, 16384, 3);
	lens[0] = lens[1] = FRAME_MESSAGE_MAX;
	f = framed(lens, 2);
	expect_group(&f, FRAME_MESSAGE_MAX, FRAME_MESSAGE_MAX, 0);
	expect_group(&f, FRAME_MESSAGE_MAX, FRAME_MESSAGE_MAX, 1);
}

static void a_frame_is_not_handed_out_before_its_last_byte(void **state)
{
	static const size_t lens[] = { 5, 5 };
	struct frames f = framed(lens, 2);
	size_t end = f.end;

	(void)state;
	for (f.end = 0; f.end < 7; f.end++)
		expect_end(&f);
	for (; f.end < end; f.end++) {
		f.at = 0;
		expect_group(&f, 5, 5, 0);
		expect_end(&f);
		assert_int_equal(frames_count(buffer, f.end), 1);
	}
}

/* Whatever the lengths and however they arrive: what comes out is what went in. */
static void messages_survive_any_cut_of_the_stream(void **state)
{
	static uint8_t stream[1 << 20];
	static uint8_t in[FRAME_MAX];
	struct frames f = { .data = in, .size = sizeof(in) };
	struct rng rng = rng_seeded(11);
	size_t len = 0, arrived = 0, checked = 0;
	struct frame_group g;

	(void)state;
	while (len < sizeof(stream) - FRAME_MAX) {
		uint32_t kind = rng_below(&rng, 8);
		size_t n = kind == 0 ? rng_below(&rng, 65536) : kind < 6 ? 1300 : 40 + kind;

		store_be16(stream + len, (uint16_t)n);
		for (size_t i = 0; i < n; i++)
			stream[len + 2 + i] = (uint8_t)rng_below(&rng, 256);
		len += 2 + n;
	}
	while (checked < len) {
		size_t n = rng_below(&rng, 5000);

		frames_make_room(&f);
		n = n < len - arrived ? n : len - arrived;
		n = n < f.size - f.end ? n : f.size - f.end;
		memcpy(in + f.end, stream + arrived, n);
		arrived += n;
		f.end += n;
		while (frames_next(&f, &g)) {
			for (uint32_t at = 0; at < g.len || g.len == 0; at += g.segment) {
				uint32_t want = load_be16(stream + checked);
				uint32_t got = g.len - at < g.segment ? g.len - at : g.segment;

				assert_int_equal(got, want);
				assert_memory_equal(g.data + at, stream + checked + 2, want);
				checked += 2 + want;
				if (g.len == 0)
					break;
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_a_big_endian_length_and_the_message),
		cmocka_unit_test(equal_messages_are_one_group_and_the_last_may_be_shorter),
		cmocka_unit_test(a_group_is_no_longer_than_a_train),
		cmocka_unit_test(a_frame_is_not_handed_out_before_its_last_byte),
		cmocka_unit_test(messages_survive_any_cut_of_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
