/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat_rig.h"

static void udp_goes_out_from_the_external_address_and_comes_back(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(udp_out(&rig, ALICE, 5000, SERVER, 7), PASS);
	assert_int_equal(rig.t.src, EXTERNAL);
	assert_int_equal(rig.t.dst, SERVER);
	assert_int_equal(rig.t.dport, 7);
	port = rig.t.sport;
	assert_true(nat_has_mapping(rig.nat, NAT_UDP, port));
	assert_int_equal(udp_in(&rig, SERVER, 7, port), PASS);
	assert_int_equal(rig.t.src, SERVER);
	assert_int_equal(rig.t.dst, ALICE);
	assert_int_equal(rig.t.dport, 5000);
}

static void tcp_goes_out_from_the_external_address_and_comes_back(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(tcp_out(&rig, ALICE, 5000, SERVER, 80, TCP_SYN), PASS);
	assert_int_equal(rig.t.src, EXTERNAL);
	port = rig.t.sport;
	assert_int_equal(tcp_in(&rig, SERVER, 80, port, TCP_SYN | TCP_ACK), PASS);
	assert_int_equal(rig.t.dst, ALICE);
	assert_int_equal(rig.t.dport, 5000);
}

static void two_clients_with_one_icmp_id_each_get_their_own_replies(void **state)
{
	uint16_t id[2];

	(void)state;
	assert_int_equal(echo_out(&rig, ALICE, 77, SERVER), PASS);
	id[0] = rig.t.sport;
	assert_int_equal(echo_out(&rig, BOB, 77, SERVER), PASS);
	id[1] = rig.t.sport;
	assert_int_not_equal(id[0], id[1]);
	assert_int_equal(echo_in(&rig, SERVER, id[0]), PASS);
	assert_int_equal(rig.t.dst, ALICE);
	assert_int_equal(rig.t.sport, 77);
	assert_int_equal(echo_in(&rig, SERVER, id[1]), PASS);
	assert_int_equal(rig.t.dst, BOB);
	assert_int_equal(rig.t.sport, 77);
}

/* RFC 4787 REQ-1, RFC 5382 REQ-1. */
static void one_inside_endpoint_keeps_one_port_towards_everybody(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(udp_out(&rig, ALICE, 5000, SERVER, 7), PASS);
	port = rig.t.sport;
	assert_int_equal(udp_out(&rig, ALICE, 5000, OTHER, 9), PASS);
	assert_int_equal(rig.t.sport, port);
	assert_int_equal(tcp_out(&rig, ALICE, 5000, SERVER, 7, TCP_SYN), PASS);
	port = rig.t.sport;
	assert_int_equal(tcp_out(&rig, ALICE, 5000, OTHER, 9, TCP_SYN), PASS);
	assert_int_equal(rig.t.sport, port);
	assert_int_equal(rig_mappings(&rig), 2);
}

static void two_clients_with_one_source_port_are_not_mixed_up(void **state)
{
	uint16_t port[2];

	(void)state;
	for (int proto = 0; proto < 2; proto++) {
		for (uint32_t i = 0; i < 2; i++) {
			assert_int_equal(
				proto ? udp_out(&rig, ALICE + i, 6000, SERVER, 443)
				      : tcp_out(&rig, ALICE + i, 6000, SERVER, 443, TCP_SYN),
				PASS);
			port[i] = rig.t.sport;
		}
		assert_int_not_equal(port[0], port[1]);
		for (uint32_t i = 0; i < 2; i++) {
			assert_int_equal(
				proto ? udp_in(&rig, SERVER, 443, port[i])
				      : tcp_in(&rig, SERVER, 443, port[i], TCP_SYN | TCP_ACK),
				PASS);
			assert_int_equal(rig.t.dst, ALICE + i);
		}
	}
}

static void udp_is_filtered_by_nobody_tcp_and_icmp_by_address(void **state)
{
	(void)state;
	assert_int_equal(udp_out(&rig, ALICE, 5000, SERVER, 7), PASS);
	assert_int_equal(udp_in(&rig, OTHER, 1, rig.t.sport), PASS);
	assert_int_equal(tcp_out(&rig, ALICE, 5000, SERVER, 7, TCP_SYN), PASS);
	uint16_t port = rig.t.sport;
	assert_int_equal(tcp_in(&rig, OTHER, 7, port, TCP_SYN | TCP_ACK), DROP_NAT_FILTERED);
	assert_int_equal(tcp_in(&rig, OTHER, 7, port, TCP_SYN), DROP_NAT_FILTERED);
	assert_int_equal(tcp_in(&rig, SERVER, 8, port, TCP_SYN), PASS);
	assert_int_equal(echo_out(&rig, ALICE, 7, SERVER), PASS);
	port = rig.t.sport;
	assert_int_equal(echo_in(&rig, OTHER, port), DROP_NAT_FILTERED);
	assert_int_equal(echo_in(&rig, SERVER, port), PASS);
}

static void nothing_comes_in_where_nobody_opened(void **state)
{
	struct build gre = { .src = SERVER, .dst = EXTERNAL, .proto = 253 };

	(void)state;
	for (uint32_t port = 0; port < 65536; port += 13) {
		assert_int_equal(udp_in(&rig, SERVER, 53, (uint16_t)port), DROP_NAT_NO_MAPPING);
		assert_int_equal(tcp_in(&rig, SERVER, 53, (uint16_t)port, TCP_SYN),
				 DROP_NAT_NO_MAPPING);
		assert_int_equal(echo_in(&rig, SERVER, (uint16_t)port), DROP_NAT_NO_MAPPING);
	}
	assert_int_equal(rig_build(&rig, false, 0, &gre), DROP_NAT_PROTOCOL);
}

static void what_is_not_for_our_address_is_not_translated(void **state)
{
	struct build b = { .src = SERVER, .dst = OTHER, .proto = UDP };

	(void)state;
	assert_int_equal(udp_out(&rig, ALICE, 5000, SERVER, 7), PASS);
	b.dport = rig.t.sport;
	assert_int_equal(rig_build(&rig, false, 0, &b), DROP_NAT_NO_MAPPING);
	b.dst = EXTERNAL;
	assert_int_equal(rig_build(&rig, false, 0, &b), PASS);
}

static void other_protocols_and_icmp_types_are_refused(void **state)
{
	struct build gre = { .src = ALICE, .dst = SERVER, .proto = 253 };
	struct build icmp = { .src = ALICE, .dst = SERVER, .proto = ICMP };

	(void)state;
	assert_int_equal(rig_build(&rig, true, 0, &gre), DROP_NAT_PROTOCOL);
	for (int type = 0; type < 256; type++) {
		icmp.flags = (uint8_t)(type & ~TCP_SYN);
		if (icmp.flags == 8 || icmp.flags == 11 || icmp.flags == 12 || icmp.flags == 3)
			continue;
		assert_int_equal(rig_build(&rig, true, 0, &icmp), DROP_NAT_ICMP_TYPE);
	}
	assert_int_equal(rig_mappings(&rig), 0);
}

static void without_an_external_address_nothing_goes_out(void **state)
{
	(void)state;
	nat_set_address(rig.nat, 0);
	assert_int_equal(udp_out(&rig, ALICE, 5000, SERVER, 7), DROP_EXTERNAL_DOWN);
}

static void a_connection_from_before_a_restart_is_picked_up_but_its_rst_is_not(void **state)
{
	(void)state;
	assert_int_equal(tcp_out(&rig, ALICE, 5000, SERVER, 80, TCP_RST), DROP_NAT_TCP_STATE);
	assert_int_equal(tcp_out(&rig, ALICE, 5000, SERVER, 80, TCP_RST | TCP_ACK),
			 DROP_NAT_TCP_STATE);
	assert_int_equal(rig_mappings(&rig), 0);
	assert_int_equal(tcp_out(&rig, ALICE, 5000, SERVER, 80, TCP_ACK), PASS);
	assert_int_equal(tcp_in(&rig, SERVER, 80, rig.t.sport, TCP_ACK), PASS);
	assert_int_equal(rig.t.dst, ALICE);
}

/* What belongs to no connection but to a mapping passes, and nothing is kept of it. */
static void strays_on_a_mapping_pass_without_a_trace(void **state)
{
	uint16_t port;

	(void)state;
	assert_int_equal(tcp_out(&rig, ALICE, 5000, SERVER, 80, TCP_SYN), PASS);
	port = rig.t.sport;
	assert_int_equal(tcp_out(&rig, ALICE, 5000, OTHER, 80, TCP_RST), PASS);
	assert_int_equal(rig.t.sport, port);
	assert_int_equal(tcp_in(&rig, OTHER, 80, port, TCP_ACK), DROP_NAT_FILTERED);
	assert_int_equal(tcp_in(&rig, SERVER, 81, port, TCP_ACK), PASS);
	assert_int_equal(tcp_in(&rig, SERVER, 81, port, TCP_SYN | TCP_ACK), PASS);
	assert_int_equal(tcp_in(&rig, SERVER, 81, port, TCP_RST), PASS);
	assert_int_equal(tcp_in(&rig, SERVER, 80, port, TCP_RST | TCP_ACK), PASS); /* refused */
	rig_wait(&rig, 12 * SECOND);
	assert_int_equal(rig_mappings(&rig), 0);
}

static void a_client_has_a_limit_of_remotes_too(void **state)
{
	struct nat_params params = rig_params();

	(void)state;
	rig_stop(&rig);
	params.client_quota[NAT_ICMP] = 10;
	rig_start(&rig, &params, 1);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(echo_out(&rig, ALICE, 1, SERVER + i), PASS);
	assert_int_equal(echo_out(&rig, ALICE, 1, SERVER + 20), DROP_NAT_QUOTA);
	assert_int_equal(echo_out(&rig, ALICE, 1, SERVER), PASS);
	assert_int_equal(echo_out(&rig, BOB, 1, SERVER), PASS);
}

static void only_echo_replies_come_in(void **state)
{
	struct build icmp = { .src = SERVER, .dst = EXTERNAL, .proto = ICMP };

	(void)state;
	assert_int_equal(echo_out(&rig, ALICE, 1, SERVER), PASS);
	icmp.sport = rig.t.sport;
	for (int type = 0; type < 256; type++) {
		enum verdict want = DROP_NAT_ICMP_TYPE;

		icmp.flags = (uint8_t)type;
		if (type == 0)
			want = PASS;
		else if (type == 3 || type == 11 || type == 12)
			want = DROP_NAT_ICMP_EMBEDDED;
		assert_int_equal(rig_build(&rig, false, 0, &icmp), want);
	}
}

/* RFC 4787 REQ-9a: what the engine composes when one client calls another's external port. */
static void a_hairpinned_packet_has_the_external_source(void **state)
{
	uint16_t alice, bob;

	(void)state;
	assert_int_equal(udp_out(&rig, BOB, 7000, SERVER, 7), PASS);
	bob = rig.t.sport;
	assert_int_equal(udp_out(&rig, ALICE, 5000, EXTERNAL, bob), PASS);
	alice = rig.t.sport;
	assert_int_equal(nat_inbound(rig.nat, &rig.t, rig.now), PASS);
	assert_int_equal(rig.t.src, EXTERNAL);
	assert_int_equal(rig.t.sport, alice);
	assert_int_equal(rig.t.dst, BOB);
	assert_int_equal(rig.t.dport, 7000);
	assert_true(sums_are_right(rig.bytes));

	/* TCP: Bob's filter admits Alice by her external address, once he has called it. */
	assert_int_equal(tcp_out(&rig, BOB, 7000, SERVER, 7, TCP_SYN), PASS);
	bob = rig.t.sport;
	assert_int_equal(tcp_out(&rig, ALICE, 5000, EXTERNAL, bob, TCP_SYN), PASS);
	alice = rig.t.sport;
	assert_int_equal(nat_inbound(rig.nat, &rig.t, rig.now), DROP_NAT_FILTERED);
	assert_int_equal(tcp_out(&rig, BOB, 7000, EXTERNAL, alice, TCP_SYN), PASS);
	assert_int_equal(nat_inbound(rig.nat, &rig.t, rig.now), PASS);
	assert_int_equal(rig.t.dst, ALICE);
	assert_int_equal(tcp_out(&rig, ALICE, 5000, EXTERNAL, bob, TCP_SYN | TCP_ACK), PASS);
	assert_int_equal(nat_inbound(rig.nat, &rig.t, rig.now), PASS);
	assert_int_equal(rig.t.dst, BOB);
	assert_int_equal(rig.t.sport, alice);
}

/* A random packet of one of the clients. */
static struct build random_packet(struct rng *rng, uint8_t *options)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };
	struct build b = {
		.src = ALICE + rng_below(rng, 2),
		.dst = 0xc0000201u + rng_below(rng, 200),
		.proto = protos[rng_below(rng, 3)],
		.id = (uint16_t)rng_u32(rng),
		.sport = (uint16_t)rng_below(rng, 300),
		.dport = (uint16_t)rng_u32(rng),
		.seq = rng_u32(rng),
		.ack = rng_u32(rng),
		.flags = rng_below(rng, 4) ? TCP_ACK : TCP_SYN,
		.no_checksum = rng_below(rng, 8) == 0,
		.ip_options = options,
		.ip_options_len = rng_below(rng, 4) ? 0 : 4 * (size_t)rng_below(rng, 11),
	};

	memset(options, 1, 40); /* no-ops */
	if (b.proto == ICMP)
		b.flags = 8;
	return b;
}

/* Its mirror image: what the far end would answer with the same payload and sums. */
static void mirror(uint8_t *p)
{
	uint8_t *l4 = p + (p[0] & 15) * 4;
	uint8_t swap[4];

	memcpy(swap, p + 12, 4);
	memcpy(p + 12, p + 16, 4);
	memcpy(p + 16, swap, 4);
	if (p[9] == ICMP) {
		l4[0] = l4[0] == 8 ? 0 : 8;
		build_sums(p);
		return;
	}
	memcpy(swap, l4, 2);
	memcpy(l4, l4 + 2, 2);
	memcpy(l4 + 2, swap, 2);
}

static void inbound_restores_what_outbound_changed(void **state)
{
	struct rng rng = rng_seeded(6);
	uint8_t payload[64], original[256], options[40];
	struct nat_params params = rig_params();

	(void)state;
	rig_stop(&rig);
	params.flows_max = 500000;
	params.client_quota[NAT_TCP] = 500000;
	params.client_quota[NAT_ICMP] = 500000;
	rig_start(&rig, &params, 16);
	for (int i = 0; i < 1000000; i++) {
		struct build b = random_packet(&rng, options);
		size_t at;

		rng_fill(&rng, payload, sizeof(payload));
		rig.len =
			build_packet(&b, rig.bytes, payload, rng_below(&rng, sizeof(payload) + 1));
		memcpy(original, rig.bytes, rig.len);
		assert_int_equal(rig_pass(&rig, true, client_of(b.src)), PASS);
		assert_int_equal(rig.t.src, EXTERNAL);
		mirror(rig.bytes);
		assert_int_equal(rig_pass(&rig, false, 0), PASS);
		mirror(rig.bytes);
		at = build_check_at(original);
		if (load_be16(original + at) % 0xffff == load_be16(rig.bytes + at) % 0xffff)
			memcpy(rig.bytes + at, original + at, 2);
		assert_memory_equal(rig.bytes, original, rig.len);
	}
}

static void a_wrong_checksum_stays_wrong(void **state)
{
	struct build b = { .src = ALICE, .dst = SERVER, .proto = UDP, .sport = 9, .dport = 9 };

	(void)state;
	rig.len = build_packet(&b, rig.bytes, rig.sent, 31);
	rig.bytes[40] ^= 4;
	assert_int_equal(train_parse(&rig.t, rig.bytes, rig.len, CSUM_UNCHECKED), PASS);
	assert_int_equal(nat_outbound(rig.nat, &rig.t, 0, rig.now), PASS);
	assert_int_equal(train_verify(&rig.t), DROP_L4_CHECKSUM);
}

static void a_partial_checksum_stays_the_sum_of_the_pseudo_header(void **state)
{
	struct build b = {
		.src = ALICE, .dst = SERVER, .proto = TCP, .sport = 9, .dport = 9, .flags = TCP_ACK
	};

	(void)state;
	rig.len = build_packet(&b, rig.bytes, rig.sent, 4000);
	build_partial(rig.bytes);
	assert_int_equal(train_parse(&rig.t, rig.bytes, rig.len, CSUM_PARTIAL), PASS);
	rig.t.gso_size = 1400;
	assert_int_equal(nat_outbound(rig.nat, &rig.t, 0, rig.now), PASS);
	memcpy(rig.sent, rig.bytes, rig.len);
	build_partial(rig.sent);
	assert_memory_equal(rig.sent, rig.bytes, rig.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, start, stop)
		RIGGED(udp_goes_out_from_the_external_address_and_comes_back),
		RIGGED(tcp_goes_out_from_the_external_address_and_comes_back),
		RIGGED(two_clients_with_one_icmp_id_each_get_their_own_replies),
		RIGGED(one_inside_endpoint_keeps_one_port_towards_everybody),
		RIGGED(two_clients_with_one_source_port_are_not_mixed_up),
		RIGGED(udp_is_filtered_by_nobody_tcp_and_icmp_by_address),
		RIGGED(nothing_comes_in_where_nobody_opened),
		RIGGED(what_is_not_for_our_address_is_not_translated),
		RIGGED(other_protocols_and_icmp_types_are_refused),
		RIGGED(without_an_external_address_nothing_goes_out),
		RIGGED(a_connection_from_before_a_restart_is_picked_up_but_its_rst_is_not),
		RIGGED(strays_on_a_mapping_pass_without_a_trace),
		RIGGED(a_client_has_a_limit_of_remotes_too),
		RIGGED(only_echo_replies_come_in),
		RIGGED(a_hairpinned_packet_has_the_external_source),
		RIGGED(inbound_restores_what_outbound_changed),
		RIGGED(a_wrong_checksum_stays_wrong),
		RIGGED(a_partial_checksum_stays_the_sum_of_the_pseudo_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
