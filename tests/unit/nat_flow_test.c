/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/shard.h"

#include "nat_rig.h"

/* The slow way: an array that is searched from end to end. */
#define MODEL    300
#define MAPPINGS 5

struct entry {
	uint32_t index; /* 0: vacant */
	uint32_t mapping;
	uint32_t remote;
	uint16_t port;
	bool holding;
};

static uint32_t model_find(const struct entry *model, const struct entry *e)
{
	for (int i = 0; i < MODEL; i++)
		if (model[i].index && model[i].mapping == e->mapping &&
		    model[i].remote == e->remote && model[i].port == e->port)
			return model[i].index;
	return 0;
}

static bool model_admits(const struct entry *model, const struct entry *e)
{
	for (int i = 0; i < MODEL; i++)
		if (model[i].index && model[i].mapping == e->mapping &&
		    model[i].remote == e->remote && model[i].holding)
			return true;
	return false;
}

static uint32_t model_holding(const struct entry *model, uint32_t mapping)
{
	uint32_t n = 0;

	for (int i = 0; i < MODEL; i++)
		n += model[i].index && model[i].mapping == mapping && model[i].holding;
	return n;
}

static void any_history_agrees_with_the_obvious_model(void **state)
{
	static struct entry model[MODEL];
	struct rng rng = rng_seeded(9);
	uint32_t mappings[MAPPINGS];

	(void)state;
	for (uint16_t i = 0; i < MAPPINGS; i++)
		assert_int_equal(nat_mapping_add(rig.nat, NAT_TCP, ALICE, i, 0, 0, &mappings[i]),
				 PASS);
	for (int step = 0; step < 100000; step++) {
		struct entry *slot = &model[rng_below(&rng, MODEL)];
		struct entry e = { .mapping = mappings[rng_below(&rng, MAPPINGS)],
				   .remote = SERVER + rng_below(&rng, 10),
				   .port = (uint16_t)rng_below(&rng, 10),
				   .holding = rng_below(&rng, 3) > 0 };
		uint32_t index = nat_flow_find(rig.nat, e.mapping, e.remote, e.port);

		assert_int_equal(index, model_find(model, &e));
		assert_int_equal(nat_flow_admits(rig.nat, e.mapping, e.remote),
				 model_admits(model, &e));
		assert_int_equal(rig.nat->mappings[e.mapping].n_holding,
				 model_holding(model, e.mapping));
		if (slot->index) {
			nat_flow_end(rig.nat, slot->index);
			slot->index = 0;
		} else if (!index) {
			assert_int_equal(nat_flow_add(rig.nat, e.mapping, e.remote, e.port,
						      FLOW_FROM_INSIDE, &e.index),
					 PASS);
			nat_flow_hold(rig.nat, e.index, e.holding);
			nat_flow_hold(rig.nat, e.index, e.holding);
			*slot = e;
		}
	}
	for (int i = 0; i < MAPPINGS; i++)
		nat_mapping_end(rig.nat, mappings[i], 0);
	assert_int_equal(rig.nat->n_flows, 0);
	assert_int_equal(rig.nat->clients[0].n_flows[NAT_TCP], 0);
}

static void one_client_cannot_fill_the_table_of_flows(void **state)
{
	struct nat_params params = rig_params();
	uint32_t n = 0;

	(void)state;
	rig_stop(&rig);
	params.client_quota[NAT_TCP] = 50;
	params.flows_max = 150;
	rig_start(&rig, &params, 16);
	for (uint16_t i = 0; i < 1000; i++)
		n += tcp_out(&rig, ALICE, 5, SERVER, i, TCP_SYN) == PASS;
	assert_int_equal(n, 50 * FLOWS_PER_QUOTA);
	assert_int_equal(tcp_out(&rig, ALICE, 5, SERVER, 1001, TCP_SYN), DROP_NAT_QUOTA);
	assert_int_equal(tcp_out(&rig, ALICE, 5, SERVER, 1, TCP_ACK), PASS);
	for (uint16_t i = 0; i < 50; i++)
		assert_int_equal(tcp_out(&rig, BOB, 5, SERVER, i, TCP_SYN), PASS);
	assert_int_equal(tcp_out(&rig, BOB, 5, SERVER, 51, TCP_SYN), DROP_NAT_TABLE_FULL);
	/* A new mapping whose flow finds no place does not stay behind. */
	assert_int_equal(tcp_out(&rig, BOB, 6, SERVER, 51, TCP_SYN), DROP_NAT_TABLE_FULL);
	assert_int_equal(rig_mappings(&rig), 2);
}

/* A remote may open connections, but what it opens keeps nothing alive and admits nobody. */
static void what_outside_opens_does_not_outlive_what_inside_opened(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(tcp_out(&rig, ALICE, 5, SERVER, 80, TCP_SYN), PASS);
	port = rig.t.sport;
	for (uint16_t i = 0; i < 30; i++) {
		rig_wait(&rig, 10 * SECOND);
		enum verdict v = tcp_in(&rig, SERVER, (uint16_t)(1000 + i), port, TCP_SYN);

		assert_int_equal(v, i < 24 ? PASS : DROP_NAT_NO_MAPPING);
	}
	assert_int_equal(rig.nat->n_flows, 0);
}

static void strangers_get_half_of_a_clients_flows(void **state)
{
	struct nat_params params = rig_params();
	uint16_t port;

	(void)state;
	rig_stop(&rig);
	params.client_quota[NAT_TCP] = 50;
	params.flows_max = 160;
	params.filtering[NAT_TCP] = NAT_FILTER_ENDPOINT_INDEPENDENT;
	rig_start(&rig, &params, 16);
	for (uint32_t client = 0; client < 2; client++) {
		assert_int_equal(tcp_out(&rig, ALICE + client, 5, SERVER, 80, TCP_SYN), PASS);
		port = rig.t.sport;
		for (uint16_t i = 1; i < 200; i++) {
			enum verdict v = tcp_in(&rig, OTHER, i, port, TCP_SYN);

			if (client == 0)
				assert_int_equal(v, i < 50 ? PASS : DROP_NAT_QUOTA);
			else
				assert_int_equal(v, i < 30 ? PASS : DROP_NAT_TABLE_FULL);
		}
	}
	for (uint16_t i = 0; i < 40; i++)
		assert_int_equal(tcp_out(&rig, ALICE, i, SERVER, 81, TCP_SYN), PASS);
}

static void a_server_may_call_back_and_be_answered(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(tcp_out(&rig, ALICE, 5, SERVER, 80, TCP_SYN), PASS);
	port = rig.t.sport;
	assert_int_equal(tcp_in(&rig, SERVER, 21, port, TCP_ACK), PASS); /* a stray */
	assert_int_equal(tcp_in(&rig, SERVER, 21, port, TCP_SYN | TCP_ACK), PASS);
	assert_int_equal(rig.nat->n_flows, 1);
	assert_int_equal(tcp_in(&rig, SERVER, 20, port, TCP_SYN), PASS);
	assert_int_equal(rig.nat->n_flows, 2);
	assert_int_equal(tcp_out(&rig, ALICE, 5, SERVER, 20, TCP_SYN | TCP_ACK), PASS);
	assert_int_equal(rig.t.sport, port);
	rig_wait(&rig, 300 * SECOND); /* the first one is gone, the second established */
	assert_int_equal(tcp_in(&rig, SERVER, 20, port, TCP_ACK), PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, start, stop)
		RIGGED(any_history_agrees_with_the_obvious_model),
		RIGGED(one_client_cannot_fill_the_table_of_flows),
		RIGGED(what_outside_opens_does_not_outlive_what_inside_opened),
		RIGGED(strangers_get_half_of_a_clients_flows),
		RIGGED(a_server_may_call_back_and_be_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
