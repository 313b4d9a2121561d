/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_join_fuzz.c - packets are joined and cut, and nothing is lost or made up
 *
 * Input: packets one after the other, each behind a control byte (mend the transport checksum or
 * not) and its length in two bytes.
 */
#include "packet_mend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct train trains[BATCH_MAX];

/* Parses one packet of the input in place.  Return: bytes used; 0 at the end. */
static size_t take(uint8_t *data, size_t len, struct train *t, bool *taken)
{
	size_t n;

	*taken = false;
	if (len < 3)
		return 0;
	n = load_be16(data + 1);
	if (n > len - 3)
		n = len - 3;
	mend_ip4(data + 3, n);
	if (train_parse_any(t, data + 3, n, CSUM_UNCHECKED) == PASS) {
		*taken = true;
		if (data[0] & 1)
			mend_l4(t);
	}
	return n + 3;
}

/* Cuts @t up.  Return: the payload bytes of its segments. */
static uint64_t cut_all(const struct train *t)
{
	static uint8_t out[TRAIN_LEN_MAX];
	uint64_t payload = 0;
	struct train segment;
	struct cut cut;
	size_t n;

	cut_start(&cut, t);
	while ((n = cut_next(&cut, out, sizeof(out))) > 0) {
		REQUIRE(n <= train_segment_len(t));
		REQUIRE(train_parse_any(&segment, out, n, CSUM_UNCHECKED) == PASS);
		/* A join has seen a right checksum on each segment, and each leaves with one. */
		if (train_segments(t) > 1)
			REQUIRE(train_verify(&segment) == PASS);
		payload += train_payload_len(&segment);
	}
	REQUIRE(cut.segment == train_segments(t));
	return payload;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = mend_copy(data, len);
	uint64_t payload = 0;
	uint64_t segments = 0;
	size_t at = 0;
	size_t n = 0;
	size_t used, left;

	do {
		bool taken;

		used = take(copy + at, len - at, &trains[n], &taken);
		at += used;
		if (taken)
			payload += train_payload_len(&trains[n++]);
	} while (used > 0 && n < BATCH_MAX);

	left = trains_join(trains, n);
	REQUIRE(left <= n);
	for (size_t i = 0; i < left; i++) {
		segments += train_segments(&trains[i]);
		payload -= cut_all(&trains[i]);
	}
	REQUIRE(segments == n && payload == 0);
	free(copy);
	return 0;
}
