/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat_rig.h"

#include <errno.h>
#include <stdlib.h>

static int fail_at = -1; /* how many allocations succeed before one fails; -1: all do */

/* In the place of the C library's.  The barrier keeps it from being optimized into itself. */
void *calloc(size_t n, size_t size)
{
	void *p;

	if (fail_at >= 0 && fail_at-- == 0)
		return NULL;
	p = malloc(n * size);
	__asm__ volatile("" : "+r"(p));
	if (p)
		memset(p, 0, n * size);
	return p;
}

/* That the mapping on @port lives @life, and is gone two seconds later. */
static void assert_lives(enum nat_protocol protocol, uint16_t port, uint64_t life)
{
	rig_wait(&rig, life - 1);
	assert_true(nat_has_mapping(rig.nat, protocol, port));
	rig_wait(&rig, 2 * SECOND);
	assert_false(nat_has_mapping(rig.nat, protocol, port));
}

static uint16_t open_tcp(uint32_t src, uint16_t sport)
{
	uint16_t port;

	assert_int_equal(tcp_out(&rig, src, sport, SERVER, 80, TCP_SYN), PASS);
	port = rig.t.sport;
	assert_int_equal(tcp_in(&rig, SERVER, 80, port, TCP_SYN | TCP_ACK), PASS);
	assert_int_equal(tcp_out(&rig, src, sport, SERVER, 80, TCP_ACK), PASS);
	return port;
}

/* One segment with sequence numbers, its FIN one past them. */
static void tcp_segment(bool out, uint16_t port, uint32_t seq, uint32_t ack, uint8_t flags)
{
	struct build b = { .src = out ? ALICE : SERVER,
			   .dst = out ? SERVER : EXTERNAL,
			   .proto = TCP,
			   .sport = out ? port : 80,
			   .dport = out ? 80 : port,
			   .seq = seq,
			   .ack = ack,
			   .flags = flags | TCP_ACK };

	rig.len = build_packet(&b, rig.bytes, NULL, 0);
	assert_int_equal(rig_pass(&rig, out, 0), PASS);
}

static void udp_lives_5_minutes_from_the_last_outbound_packet(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(udp_out(&rig, ALICE, 5, SERVER, 443), PASS);
	port = rig.t.sport;
	rig_wait(&rig, 200 * SECOND);
	assert_int_equal(udp_out(&rig, ALICE, 5, SERVER, 443), PASS);
	rig_wait(&rig, 200 * SECOND);
	assert_int_equal(udp_in(&rig, SERVER, 443, port), PASS); /* refreshes nothing */
	assert_lives(NAT_UDP, port, 100 * SECOND);
}

static void a_dns_query_lives_15_seconds_but_other_traffic_keeps_it(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(udp_out(&rig, ALICE, 5, SERVER, 53), PASS);
	assert_lives(NAT_UDP, rig.t.sport, 15 * SECOND);
	assert_int_equal(udp_out(&rig, ALICE, 6, SERVER, 53), PASS);
	port = rig.t.sport;
	assert_int_equal(udp_out(&rig, ALICE, 6, SERVER, 54), PASS);
	assert_int_equal(udp_out(&rig, ALICE, 6, SERVER, 53), PASS);
	assert_lives(NAT_UDP, port, 300 * SECOND);
}

static void an_echo_lives_60_seconds(void **state)
{
	(void)state;
	assert_int_equal(echo_out(&rig, ALICE, 5, SERVER), PASS);
	assert_lives(NAT_ICMP, rig.t.sport, 60 * SECOND);
}

static void an_idle_established_connection_lives_2_h_4_min(void **state)
{
	(void)state;
	assert_lives(NAT_TCP, open_tcp(ALICE, 5), 7440 * SECOND);
}

static void what_comes_from_outside_does_not_refresh_a_connection(void **state)
{
	uint16_t port = open_tcp(ALICE, 5);

	(void)state;
	rig_wait(&rig, 4000 * SECOND);
	assert_int_equal(tcp_in(&rig, SERVER, 80, port, TCP_ACK), PASS);
	assert_lives(NAT_TCP, port, 3440 * SECOND);
}

static void a_syn_without_answer_lives_4_minutes(void **state)
{
	(void)state;
	assert_int_equal(tcp_out(&rig, ALICE, 5, SERVER, 80, TCP_SYN), PASS);
	assert_lives(NAT_TCP, rig.t.sport, 240 * SECOND);
}

static void a_connection_that_both_have_closed_lingers_shortly(void **state)
{
	uint16_t port = open_tcp(ALICE, 5);

	(void)state;
	tcp_segment(true, 5, 1, 1, TCP_FIN);
	rig_wait(&rig, 300 * SECOND); /* half-closed is no reason to end */
	tcp_segment(false, port, 1, 2, TCP_FIN);
	rig_wait(&rig, 200 * SECOND); /* not acknowledged: transitory */
	tcp_segment(true, 5, 2, 2, 0);
	assert_lives(NAT_TCP, port, 10 * SECOND);
}

static void a_connection_that_outside_has_reset_lives_4_minutes(void **state)
{
	uint16_t port = open_tcp(ALICE, 5);

	(void)state;
	assert_int_equal(tcp_in(&rig, SERVER, 80, port, TCP_RST), PASS);
	assert_int_equal(rig.t.dst, ALICE);
	assert_lives(NAT_TCP, port, 240 * SECOND);
}

static void a_mapping_lives_as_long_as_its_longest_connection(void **state)
{
	uint16_t port = open_tcp(ALICE, 5);

	(void)state;
	assert_int_equal(tcp_out(&rig, ALICE, 5, OTHER, 80, TCP_SYN), PASS);
	assert_int_equal(tcp_in(&rig, OTHER, 80, port, TCP_RST | TCP_ACK), PASS);
	rig_wait(&rig, 60 * SECOND);
	assert_int_equal(tcp_in(&rig, OTHER, 80, port, TCP_SYN), DROP_NAT_FILTERED);
	assert_lives(NAT_TCP, port, 7380 * SECOND);
}

static void an_inside_endpoint_may_connect_again_before_the_old_is_forgotten(void **state)
{
	uint16_t port = open_tcp(ALICE, 5);

	(void)state;
	tcp_segment(true, 5, 1, 1, TCP_FIN);
	tcp_segment(false, port, 1, 2, TCP_FIN);
	tcp_segment(true, 5, 2, 2, 0);
	assert_int_equal(open_tcp(ALICE, 5), port);
	assert_lives(NAT_TCP, port, 7440 * SECOND);
}

/* One short connection, its FINs acknowledged; each from the next of Linux's ephemeral ports. */
static void short_connection(uint32_t i)
{
	uint32_t src = i & 1 ? BOB : ALICE;
	uint16_t sport = (uint16_t)(32768 + i / 2 % 28232);
	uint16_t port;

	assert_int_equal(tcp_out(&rig, src, sport, SERVER, 80, TCP_SYN), PASS);
	port = rig.t.sport;
	assert_int_equal(tcp_in(&rig, SERVER, 80, port, TCP_SYN | TCP_ACK), PASS);
	assert_int_equal(tcp_out(&rig, src, sport, SERVER, 80, TCP_ACK), PASS);
	for (int k = 0; k < 3; k++) {
		struct build b = { .src = k == 1 ? SERVER : src,
				   .dst = k == 1 ? EXTERNAL : SERVER,
				   .proto = TCP,
				   .sport = k == 1 ? 80 : sport,
				   .dport = k == 1 ? port : 80,
				   .seq = k == 2 ? 2 : 1,
				   .ack = k == 0 ? 1 : 2,
				   .flags = (uint8_t)(TCP_ACK | (k < 2 ? TCP_FIN : 0)) };

		rig.len = build_packet(&b, rig.bytes, NULL, 0);
		assert_int_equal(rig_pass(&rig, k != 1, client_of(src)), PASS);
	}
}

/*
 * 200,000 short connections and 200,000 DNS-like queries of two clients, 500 of each a
 * second, with default quotas and 33,000 ports: nobody is ever refused.
 */
static void a_soak_of_short_flows_never_runs_out_of_ports(void **state)
{
	struct nat_params params = nat_params_default();

	(void)state;
	rig_stop(&rig);
	params.address = EXTERNAL;
	params.clients_max = 2;
	rig_start(&rig, &params, 0);
	for (int i = 0; i < 516; i++) {
		assert_int_equal(nat_lease_add(rig.nat, NAT_TCP, (uint16_t)(64 * i)), 0);
		assert_int_equal(nat_lease_add(rig.nat, NAT_UDP, (uint16_t)(64 * i)), 0);
	}
	for (uint32_t i = 0; i < 200000; i++) {
		short_connection(i);
		assert_int_equal(udp_out(&rig, i & 1 ? BOB : ALICE,
					 (uint16_t)(1024 + i / 2 % 60000), SERVER, 53),
				 PASS);
		assert_int_equal(udp_in(&rig, SERVER, 53, rig.t.sport), PASS);
		rig_wait(&rig, SECOND / 500);
	}
	assert_true(nat_counts(rig.nat, NAT_TCP).mappings < 7000);
	rig_wait(&rig, 20 * SECOND);
	assert_int_equal(rig_mappings(&rig), 0);
	assert_true(nat_next_deadline(rig.nat) == NEVER);
	rig_wait(&rig, 120 * SECOND);
	nat_on_deadline(rig.nat, rig.now, 1);
	assert_int_equal(nat_counts(rig.nat, NAT_UDP).ports_free, 516 * 64 - 1);
	assert_int_equal(nat_counts(rig.nat, NAT_TCP).ports_free, 516 * 64 - 1);
}

static void deadlines_are_whole_seconds_and_never_in_a_loop(void **state)
{
	uint32_t woken = 0;

	(void)state;
	assert_true(nat_next_deadline(rig.nat) == NEVER);
	for (uint16_t i = 0; i < 1000; i++) {
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 443), PASS);
		rig.now += NS_PER_MS * 3;
	}
	while (nat_next_deadline(rig.nat) != NEVER) {
		assert_true(nat_next_deadline(rig.nat) > rig.now);
		rig.now = nat_next_deadline(rig.nat);
		nat_on_deadline(rig.nat, rig.now, 1000);
		woken++;
	}
	assert_true(woken <= 5); /* 3 s of packets */
	assert_int_equal(rig_mappings(&rig), 0);
}

static void reaping_keeps_to_its_budget(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 443), PASS);
	rig.now += 400 * SECOND;
	nat_on_deadline(rig.nat, rig.now, 30);
	assert_int_equal(rig_mappings(&rig), 70);
	assert_int_equal(udp_in(&rig, SERVER, 443, 1), DROP_NAT_NO_MAPPING); /* packets reap too */
	assert_true(rig_mappings(&rig) < 70);
}

static void a_removed_clients_mappings_end_and_nobody_elses(void **state)
{
	uint16_t bob;

	(void)state;
	for (uint16_t i = 0; i < 50; i++) {
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 443), PASS);
		assert_int_equal(tcp_out(&rig, ALICE, i, SERVER, 443, TCP_SYN), PASS);
	}
	assert_int_equal(tcp_out(&rig, BOB, 1, SERVER, 443, TCP_SYN), PASS);
	bob = rig.t.sport;
	assert_int_equal(nat_client_mappings(rig.nat, 0), 100);
	assert_int_equal(nat_client_remove(rig.nat, 0), 100);
	assert_int_equal(nat_client_mappings(rig.nat, 0), 0);
	assert_int_equal(nat_client_remove(rig.nat, 0), 0);
	assert_int_equal(rig_mappings(&rig), 1);
	assert_int_equal(tcp_in(&rig, SERVER, 443, bob, TCP_SYN | TCP_ACK), PASS);
}

/* The id may be another peer's next. */
static void a_removed_clients_ports_are_held_from_its_successor(void **state)
{
	struct nat_params params = rig_params();

	(void)state;
	rig_stop(&rig);
	rig_start(&rig, &params, 1);
	for (uint16_t i = 0; i < 64; i++)
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 443), PASS);
	assert_int_equal(nat_client_remove(rig.nat, 0), 64);
	rig_wait(&rig, 119 * SECOND);
	assert_int_equal(udp_out(&rig, ALICE, 1, SERVER, 443), DROP_NAT_NO_PORT);
	rig_wait(&rig, SECOND);
	assert_int_equal(udp_out(&rig, ALICE, 1, SERVER, 443), PASS);
}

static void a_new_address_ends_all_mappings_and_leases(void **state)
{
	uint16_t port;

	(void)state;
	for (uint16_t i = 0; i < 50; i++)
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 443), PASS);
	port = rig.t.sport;
	assert_int_equal(nat_set_address(rig.nat, EXTERNAL), 0);
	assert_int_equal(rig_mappings(&rig), 50);
	assert_int_equal(nat_set_address(rig.nat, OTHER), 50);
	assert_int_equal(udp_in(&rig, SERVER, 443, port), DROP_NAT_NO_MAPPING);
	assert_int_equal(nat_counts(rig.nat, NAT_UDP).ports_leased, 0);
	assert_int_equal(nat_counts(rig.nat, NAT_UDP).ports_free, 0);
	assert_int_equal(udp_out(&rig, ALICE, 1, SERVER, 443), DROP_NAT_NO_PORT);
	assert_int_equal(nat_lease_add(rig.nat, NAT_UDP, 64), 0);
	assert_int_equal(udp_out(&rig, ALICE, 1, SERVER, 443), PASS);
	assert_int_equal(rig.t.src, OTHER);
}

static void counts_add_up(void **state)
{
	struct nat_counts c;

	(void)state;
	for (uint16_t i = 0; i < 10; i++)
		assert_int_equal(udp_out(&rig, ALICE, i, SERVER, 53), PASS);
	c = nat_counts(rig.nat, NAT_UDP);
	assert_int_equal(c.mappings, 10);
	assert_int_equal(c.ports_leased, 16 * 64);
	assert_int_equal(c.ports_free, 16 * 64 - 10);
	rig_wait(&rig, 20 * SECOND);
	c = nat_counts(rig.nat, NAT_UDP);
	assert_int_equal(c.mappings, 0);
	assert_int_equal(c.ports_free, 16 * 64 - 10); /* held down */
}

static void leases_come_and_go(void **state)
{
	int first;

	(void)state;
	assert_int_equal(nat_lease_add(rig.nat, NAT_TCP, 40001), -EINVAL);
	assert_int_equal(nat_lease_add(rig.nat, NAT_TCP, 40000), -EEXIST);
	assert_int_equal(tcp_out(&rig, ALICE, 1, SERVER, 80, TCP_SYN), PASS);
	assert_int_equal(nat_lease_idle(rig.nat, NAT_TCP, 15, rig.now), -1);
	for (int i = 0; i < 15; i++) {
		first = nat_lease_idle(rig.nat, NAT_TCP, 0, rig.now);
		assert_true(first >= 40000 && first % NAT_BLOCK_PORTS == 0);
		assert_false(rig.t.sport - first >= 0 && rig.t.sport - first < NAT_BLOCK_PORTS);
	}
	assert_int_equal(nat_lease_idle(rig.nat, NAT_TCP, 0, rig.now), -1);
	assert_int_equal(nat_counts(rig.nat, NAT_TCP).ports_leased, NAT_BLOCK_PORTS);
}

static void filtering_can_be_chosen(void **state)
{
	struct nat_params params = rig_params();

	(void)state;
	rig_stop(&rig);
	params.filtering[NAT_UDP] = NAT_FILTER_ADDRESS_DEPENDENT;
	params.filtering[NAT_TCP] = NAT_FILTER_ENDPOINT_INDEPENDENT;
	params.filtering[NAT_ICMP] = NAT_FILTER_ENDPOINT_INDEPENDENT;
	rig_start(&rig, &params, 4);
	assert_int_equal(udp_out(&rig, ALICE, 1, SERVER, 53), PASS);
	assert_int_equal(udp_in(&rig, OTHER, 53, rig.t.sport), DROP_NAT_FILTERED);
	assert_int_equal(udp_out(&rig, ALICE, 1, OTHER, 53), PASS);
	assert_int_equal(udp_in(&rig, OTHER, 54, rig.t.sport), PASS);
	assert_int_equal(tcp_out(&rig, ALICE, 1, SERVER, 53, TCP_SYN), PASS);
	assert_int_equal(tcp_in(&rig, OTHER, 53, rig.t.sport, TCP_SYN), PASS);
	assert_int_equal(echo_out(&rig, ALICE, 1, SERVER), PASS);
	assert_int_equal(echo_in(&rig, OTHER, rig.t.sport), PASS);
}

static void an_admitted_remote_is_forgotten_before_the_mapping(void **state)
{
	uint16_t id;

	(void)state;
	assert_int_equal(echo_out(&rig, ALICE, 1, SERVER), PASS);
	id = rig.t.sport;
	rig_wait(&rig, 40 * SECOND);
	assert_int_equal(echo_out(&rig, ALICE, 1, OTHER), PASS);
	rig_wait(&rig, 30 * SECOND);
	assert_int_equal(echo_in(&rig, SERVER, id), DROP_NAT_FILTERED);
	assert_int_equal(echo_in(&rig, OTHER, id), PASS);
}

static void every_allocation_may_fail(void **state)
{
	struct nat_params params = rig_params();
	struct rng rng = rng_seeded(1);
	struct nat *nat = NULL;
	int n = 0;

	(void)state;
	for (;; n++) {
		int r;

		fail_at = n;
		r = nat_new(&params, &rng, &nat);
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(nat);
	}
	fail_at = -1;
	assert_in_range(n, 20, 40);
	nat_free(nat);
	params.mappings_max = UINT32_MAX;
	assert_int_equal(nat_new(&params, &rng, &nat), -ENOMEM);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	assert_null(nat_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, start, stop)
		RIGGED(udp_lives_5_minutes_from_the_last_outbound_packet),
		RIGGED(a_dns_query_lives_15_seconds_but_other_traffic_keeps_it),
		RIGGED(an_echo_lives_60_seconds),
		RIGGED(an_idle_established_connection_lives_2_h_4_min),
		RIGGED(what_comes_from_outside_does_not_refresh_a_connection),
		RIGGED(a_syn_without_answer_lives_4_minutes),
		RIGGED(a_connection_that_both_have_closed_lingers_shortly),
		RIGGED(a_connection_that_outside_has_reset_lives_4_minutes),
		RIGGED(a_mapping_lives_as_long_as_its_longest_connection),
		RIGGED(an_inside_endpoint_may_connect_again_before_the_old_is_forgotten),
		RIGGED(a_soak_of_short_flows_never_runs_out_of_ports),
		RIGGED(deadlines_are_whole_seconds_and_never_in_a_loop),
		RIGGED(reaping_keeps_to_its_budget),
		RIGGED(a_removed_clients_mappings_end_and_nobody_elses),
		RIGGED(a_removed_clients_ports_are_held_from_its_successor),
		RIGGED(a_new_address_ends_all_mappings_and_leases),
		RIGGED(counts_add_up),
		RIGGED(leases_come_and_go),
		RIGGED(filtering_can_be_chosen),
		RIGGED(an_admitted_remote_is_forgotten_before_the_mapping),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
