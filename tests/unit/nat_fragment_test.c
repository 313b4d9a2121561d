/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/fragment.h"

#include "nat_rig.h"

#define MORE 0x2000

static int start_small(void **state)
{
	struct nat_params params = rig_params();

	(void)state;
	rig_start(&rig, &params, 2);
	return 0;
}

/*
 * Sends the fragment of a UDP datagram of 4,000 bytes that begins at @offset, and checks
 * that its IP header's sum came out right.
 */
static enum verdict fragment(bool out, uint16_t id, uint32_t offset, uint16_t dport)
{
	struct build b = { .src = out ? ALICE : SERVER,
			   .dst = out ? SERVER : EXTERNAL,
			   .proto = UDP,
			   .id = id,
			   .sport = 5000,
			   .dport = dport };
	static const uint8_t payload[4000];
	enum verdict v;

	rig.len = build_packet(&b, rig.bytes, payload, 4000);
	memmove(rig.bytes + 20, rig.bytes + 20 + offset, 1480);
	rig.len = offset + 1480 < 4008 ? 1500 : 20 + 4008 - offset;
	store_be16(rig.bytes + 2, (uint16_t)rig.len);
	store_be16(rig.bytes + 6, (uint16_t)(offset / 8 | (offset + 1480 < 4008 ? MORE : 0)));
	store_be16(rig.bytes + 10, 0);
	store_be16(rig.bytes + 10, (uint16_t)~slow_sum(0, rig.bytes, 20));
	memcpy(rig.sent, rig.bytes, rig.len);
	assert_int_equal(train_parse(&rig.t, rig.bytes, rig.len, CSUM_UNCHECKED), PASS);
	v = out ? nat_outbound(rig.nat, &rig.t, 0, rig.now) : nat_inbound(rig.nat, &rig.t, rig.now);
	if (v == PASS)
		assert_int_equal(slow_sum(0, rig.bytes, 20), 0xffff);
	else
		assert_memory_equal(rig.bytes, rig.sent, rig.len);
	return v;
}

/* Puts three translated fragments together again and checks the UDP checksum of the whole. */
static void a_fragmented_datagram_goes_out_whole(void **state)
{
	static uint8_t whole[4028];

	(void)state;
	for (uint32_t offset = 0; offset < 4008; offset += 1480) {
		assert_int_equal(fragment(true, 7, offset, 9), PASS);
		assert_int_equal(rig.t.src, EXTERNAL);
		memcpy(whole + 20 + offset, rig.bytes + 20, rig.len - 20);
		if (offset == 0)
			memcpy(whole, rig.bytes, 20);
	}
	store_be16(whole + 2, sizeof(whole));
	store_be16(whole + 6, 0);
	store_be16(whole + 10, 0);
	store_be16(whole + 10, (uint16_t)~slow_sum(0, whole, 20));
	assert_true(sums_are_right(whole));
	assert_true(nat_has_mapping(rig.nat, NAT_UDP, load_be16(whole + 20)));
}

static void a_fragmented_datagram_comes_in_to_its_client(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(udp_out(&rig, ALICE, 600, SERVER, 5000), PASS);
	port = rig.t.sport;
	for (uint32_t offset = 0; offset < 4008; offset += 1480) {
		assert_int_equal(fragment(false, 8, offset, port), PASS);
		assert_int_equal(rig.t.dst, ALICE);
		if (offset == 0)
			assert_int_equal(load_be16(train_l4(&rig.t) + 2), 600);
	}
}

static void later_fragments_without_their_first_are_dropped(void **state)
{
	(void)state;
	assert_int_equal(fragment(true, 7, 1480, 9), DROP_FRAGMENT);
	assert_int_equal(fragment(false, 7, 1480, 9), DROP_FRAGMENT);
	assert_int_equal(fragment(true, 7, 0, 9), PASS);
	assert_int_equal(fragment(true, 8, 1480, 9), DROP_FRAGMENT);
	assert_int_equal(fragment(false, 7, 1480, 9), DROP_FRAGMENT); /* the other direction */
	assert_int_equal(fragment(true, 7, 1480, 9), PASS);
	rig.now += FRAGMENT_LIFE;
	assert_int_equal(fragment(true, 7, 1480, 9), DROP_FRAGMENT);
	assert_int_equal(fragment(true, 7, 0, 9), PASS);
	nat_set_address(rig.nat, OTHER);
	assert_int_equal(fragment(true, 7, 1480, 9), DROP_FRAGMENT);
}

static void a_first_fragment_that_is_refused_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(fragment(false, 7, 0, 40001), DROP_NAT_NO_MAPPING);
	assert_int_equal(fragment(false, 7, 1480, 40001), DROP_FRAGMENT);
}

static void an_entry_answers_for_nothing_but_its_own_datagram(void **state)
{
	struct fragment_key k = { .src = ALICE, .dst = SERVER, .id = 1, .proto = UDP };
	struct rng rng = rng_seeded(1);
	struct hash_key key = hash_key_random(&rng);
	struct fragments f;
	uint32_t address;

	(void)state;
	assert_int_equal(nat_fragments_init(&f, &key), 0);
	for (uint32_t i = 0; i < 200000; i++) { /* enough for each to meet the set of k */
		struct fragment_key other = k;

		if (i % 5000 == 0)
			nat_fragments_note(&f, &k, EXTERNAL, i + 1);
		switch (i % 4) {
		case 0:
			other.src += i + 1;
			break;
		case 1:
			other.dst += i;
			break;
		case 2:
			other.id = (uint16_t)(2 + i % 60000);
			break;
		case 3:
			other.proto = (uint8_t)(18 + i % 200);
			break;
		}
		assert_false(nat_fragments_find(&f, &other, i + 1, &address));
	}
	assert_true(nat_fragments_find(&f, &k, 200000, &address));
	for (uint32_t i = 0; i < 10000; i++) { /* enough for both directions to share a set */
		struct fragment_key other = k;

		k.src = other.src = i;
		other.outbound = true;
		nat_fragments_note(&f, &k, EXTERNAL, 200000);
		assert_false(nat_fragments_find(&f, &other, 200000, &address));
	}
	nat_fragments_done(&f);
}

/* RFC 4787 REQ-14a: whatever is sent, memory stays, and the newest datagrams work. */
static void a_flood_replaces_the_oldest_only(void **state)
{
	struct rng rng = rng_seeded(1);
	struct hash_key key = hash_key_random(&rng);
	struct fragments f;
	uint32_t kept = 0;
	uint32_t address;

	(void)state;
	assert_int_equal(nat_fragments_init(&f, &key), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		struct fragment_key k = { .src = i, .dst = SERVER, .id = 1, .proto = UDP };

		nat_fragments_note(&f, &k, i, i + 1);
		assert_true(nat_fragments_find(&f, &k, i + 1, &address));
		assert_int_equal(address, i);
	}
	for (uint32_t i = 0; i < 100000; i++) {
		struct fragment_key k = { .src = i, .dst = SERVER, .id = 1, .proto = UDP };

		if (!nat_fragments_find(&f, &k, 100000, &address))
			continue;
		assert_int_equal(address, i);
		assert_true(i > 90000);
		kept++;
	}
	assert_int_equal(kept, FRAGMENT_SETS * FRAGMENT_WAYS);
	nat_fragments_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, start_small, stop)
		RIGGED(a_fragmented_datagram_goes_out_whole),
		RIGGED(a_fragmented_datagram_comes_in_to_its_client),
		RIGGED(later_fragments_without_their_first_are_dropped),
		RIGGED(a_first_fragment_that_is_refused_leaves_nothing),
		cmocka_unit_test(an_entry_answers_for_nothing_but_its_own_datagram),
		cmocka_unit_test(a_flood_replaces_the_oldest_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
