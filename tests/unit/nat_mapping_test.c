/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/shard.h"

#include "nat_rig.h"

/* The slow way: an array that is searched from end to end. */
#define MODEL 400

struct entry {
	uint32_t index; /* 0: vacant */
	uint32_t inside;
	uint16_t inside_port;
	enum nat_protocol protocol;
};

static uint32_t model_find(const struct entry *model, const struct entry *e)
{
	for (int i = 0; i < MODEL; i++)
		if (model[i].index && model[i].inside == e->inside &&
		    model[i].inside_port == e->inside_port && model[i].protocol == e->protocol)
			return model[i].index;
	return 0;
}

static void any_history_agrees_with_the_obvious_model(void **state)
{
	static struct entry model[MODEL];
	struct rng rng = rng_seeded(8);

	(void)state;
	for (int step = 0; step < 50000; step++) {
		struct entry *slot = &model[rng_below(&rng, MODEL)];
		struct entry e = { .inside = ALICE + rng_below(&rng, 8),
				   .inside_port = (uint16_t)rng_below(&rng, 40),
				   .protocol =
					   (enum nat_protocol)rng_below(&rng, N_NAT_PROTOCOLS) };
		uint32_t index = nat_mapping_find(rig.nat, e.protocol, e.inside, e.inside_port);

		assert_int_equal(index, model_find(model, &e));
		if (slot->index) {
			nat_mapping_end(rig.nat, slot->index, rig.now);
			assert_int_equal(nat_mapping_find(rig.nat, slot->protocol, slot->inside,
							  slot->inside_port),
					 0);
			slot->index = 0;
		} else if (!index) {
			assert_int_equal(nat_mapping_add(rig.nat, e.protocol, e.inside,
							 e.inside_port, e.inside - ALICE, rig.now,
							 &e.index),
					 PASS);
			assert_int_equal(nat_mapping_at(rig.nat, e.protocol,
							rig.nat->mappings[e.index].external_port),
					 e.index);
			*slot = e;
		}
		rig.now += SECOND;
	}
	for (uint32_t client = 0; client < 8; client++)
		nat_client_remove(rig.nat, client);
	assert_int_equal(rig_mappings(&rig), 0);
}

static void a_full_table_refuses_and_keeps_what_it_has(void **state)
{
	struct nat_params params = rig_params();

	(void)state;
	rig_stop(&rig);
	params.mappings_max = 100;
	rig_start(&rig, &params, 4);
	for (uint16_t i = 0; i < 100; i++)
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 7), PASS);
	assert_int_equal(udp_out(&rig, ALICE, 100, SERVER, 7), DROP_NAT_TABLE_FULL);
	for (uint16_t i = 0; i < 100; i++)
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 7), PASS);
	rig_wait(&rig, 400 * SECOND);
	assert_int_equal(udp_out(&rig, ALICE, 100, SERVER, 7), PASS);
}

/* RFC 6888 REQ-11. */
static void exhausted_ports_refuse_and_end_no_live_mapping(void **state)
{
	struct nat_params params = rig_params();

	(void)state;
	rig_stop(&rig);
	rig_start(&rig, &params, 1);
	for (uint16_t i = 0; i < 64; i++) {
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 7), PASS);
		assert_int_equal(tcp_out(&rig, ALICE, i, SERVER, 7, TCP_SYN), PASS);
		assert_int_equal(echo_out(&rig, ALICE, i, SERVER), PASS);
	}
	assert_int_equal(udp_out(&rig, BOB, 1, SERVER, 7), DROP_NAT_NO_PORT);
	assert_int_equal(tcp_out(&rig, BOB, 1, SERVER, 7, TCP_SYN), DROP_NAT_NO_PORT);
	assert_int_equal(echo_out(&rig, BOB, 1, SERVER), DROP_NAT_NO_PORT);
	for (uint16_t i = 0; i < 64; i++)
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 7), PASS);
	assert_int_equal(nat_counts(rig.nat, NAT_UDP).ports_free, 0);
	assert_int_equal(nat_lease_add(rig.nat, NAT_UDP, 64), 0);
	assert_int_equal(udp_out(&rig, BOB, 1, SERVER, 7), PASS);
}

static void a_client_at_its_quota_leaves_room_for_the_other(void **state)
{
	struct nat_params params = rig_params();

	(void)state;
	rig_stop(&rig);
	for (int i = 0; i < N_NAT_PROTOCOLS; i++)
		params.client_quota[i] = 20;
	rig_start(&rig, &params, 1);
	for (uint16_t i = 0; i < 1000; i++) {
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 7),
				 i < 20 ? PASS : DROP_NAT_QUOTA);
		assert_int_equal(tcp_out(&rig, ALICE, i, SERVER, 7, TCP_SYN),
				 i < 20 ? PASS : DROP_NAT_QUOTA);
		assert_int_equal(echo_out(&rig, ALICE, i, SERVER), i < 20 ? PASS : DROP_NAT_QUOTA);
	}
	assert_int_equal(nat_client_mappings(rig.nat, 0), 60);
	for (uint16_t i = 0; i < 20; i++) {
		assert_int_equal(udp_out(&rig, BOB, i, SERVER, 7), PASS);
		assert_int_equal(tcp_out(&rig, BOB, i, SERVER, 7, TCP_SYN), PASS);
		assert_int_equal(echo_out(&rig, BOB, i, SERVER), PASS);
	}
}

static void an_address_that_moves_to_another_client_starts_afresh(void **state)
{
	struct build b = {
		.src = ALICE, .dst = SERVER, .proto = TCP, .sport = 5, .flags = TCP_SYN
	};
	uint16_t port;

	(void)state;
	assert_int_equal(rig_build(&rig, true, 0, &b), PASS);
	port = rig.t.sport;
	assert_int_equal(rig_build(&rig, true, 1, &b), PASS);
	assert_int_not_equal(rig.t.sport, port);
	assert_false(nat_has_mapping(rig.nat, NAT_TCP, port));
	assert_int_equal(nat_client_mappings(rig.nat, 0), 0);
	assert_int_equal(nat_client_mappings(rig.nat, 1), 1);
}

/* RFC 4787 REQ-4. */
static void udp_keeps_the_parity_of_its_port(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 400; i++) {
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 7), PASS);
		assert_int_equal(rig.t.sport & 1, i & 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, start, stop)
		RIGGED(any_history_agrees_with_the_obvious_model),
		RIGGED(a_full_table_refuses_and_keeps_what_it_has),
		RIGGED(exhausted_ports_refuse_and_end_no_live_mapping),
		RIGGED(a_client_at_its_quota_leaves_room_for_the_other),
		RIGGED(an_address_that_moves_to_another_client_starts_afresh),
		RIGGED(udp_keeps_the_parity_of_its_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
