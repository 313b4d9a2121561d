/* SPDX-License-Identifier: BSD-2-Clause */
#include "device_pair.h"

static struct device_pair pair;

static int setup(void **state)
{
	(void)state;
	pair_start(&pair);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	books_balance(&pair.alice);
	books_balance(&pair.bob);
	pair_end(&pair);
	return 0;
}

static void a_packet_makes_a_session_and_arrives(void **state)
{
	struct device_peer_status status;

	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_true(reaches_alice(&pair, NS_PER_S));
	status = status_of(&pair.alice);
	assert_true(status.last_handshake > 0);
	assert_true(status.rx_bytes > 0 && status.tx_bytes > 0);
	assert_int_equal(status.unanswered_since, 0);
	assert_int_equal(net.initiations_udp, 1);
	/* Bob has learnt where she is. */
	status = status_of(&pair.bob);
	assert_int_equal(addr_to_ip4(&status.endpoint.addr), ALICE_HOST);
}

static void both_families_pass_and_only_from_allowed_sources(void **state)
{
	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	say(&pair.alice, ALICE, BOB, true, 1, 1000);
	say(&pair.alice, ALICE + 5, BOB, false, 1, 1000);
	say(&pair.alice, ALICE + 5, BOB, true, 1, 1000);
	pair_run(&pair, NS_PER_S);
	assert_int_equal(heard(&pair.bob), 1);
	assert_int_equal(drops_of(&pair.bob, DROP_WG_SOURCE), 2);
}

static void without_a_way_the_host_is_told(void **state)
{
	uint8_t packet[65536];

	(void)state;
	say(&pair.alice, ALICE, 0x08080808, false, 1, 100); /* nobody's */
	say(&pair.bob, BOB, ALICE, false, 1, 100);          /* not heard from yet */
	pair_run(&pair, NS_PER_MS);
	assert_int_equal(drops_of(&pair.alice, DROP_ROUTE_NO_PEER), 1);
	assert_int_equal(drops_of(&pair.bob, DROP_WG_NO_ENDPOINT), 1);
	assert_true(net_tun_take(pair.alice.tun, packet) > 0);
	assert_int_equal(packet[9], IPPROTO_NUM_ICMP);
	assert_int_equal(packet[20], 3);
	assert_int_equal(packet[21], 1);
	assert_true(net_tun_take(pair.bob.tun, packet) > 0);
	assert_int_equal(packet[20], 3);
	say(&pair.bob, BOB, ALICE, true, 1, 100);
	pair_run(&pair, NS_PER_MS);
	assert_true(net_tun_take(pair.bob.tun, packet) > 0);
	assert_int_equal(packet[6], IPPROTO_NUM_ICMP6);
	assert_int_equal(packet[40], 1);
	assert_int_equal(packet[41], 3);
}

static void the_host_is_not_flooded_with_errors(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		say(&pair.alice, ALICE, 0x08080808, false, 1, 100);
	pair_run(&pair, NS_PER_MS);
	assert_int_equal(heard(&pair.alice), 100);
	assert_int_equal(drops_of(&pair.alice, DROP_ROUTE_NO_PEER), 300);
}

static void a_narrow_path_is_told_to_the_host(void **state)
{
	uint8_t packet[65536];

	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	net.path_mtu = 1280;
	say(&pair.alice, ALICE, BOB, false, 1, 1300); /* lost, and learnt from */
	pair_run(&pair, NS_PER_S);
	say(&pair.alice, ALICE, BOB, false, 1, 1300);
	say(&pair.alice, ALICE, BOB, false, 1, 1100);
	pair_run(&pair, NS_PER_S);
	assert_int_equal(heard(&pair.bob), 1);
	assert_int_equal(drops_of(&pair.alice, DROP_TOO_BIG), 1);
	assert_true(net_tun_take(pair.alice.tun, packet) > 0);
	assert_int_equal(packet[20], 3);
	assert_int_equal(packet[21], 4);
	assert_int_equal(load_be16(packet + 26), 1280 - 60);
	assert_int_equal(status_of(&pair.alice).mtu, 1280 - 60);
	say(&pair.alice, ALICE, BOB, true, 1, 1300);
	pair_run(&pair, NS_PER_S);
	assert_true(net_tun_take(pair.alice.tun, packet) > 0);
	assert_int_equal(packet[40], 2);
	assert_int_equal(load_be32(packet + 44), 1280);
	/* Another network is another path. */
	net.path_mtu = 0;
	device_network_changed(pair.alice.device, net.now, wall_now());
	say(&pair.alice, ALICE, BOB, false, 1, 1300);
	pair_run(&pair, NS_PER_S);
	assert_int_equal(heard(&pair.bob), 1);
}

static void what_may_be_fragmented_is(void **state)
{
	static const uint8_t zeros[2000];
	struct build b = { .src = ALICE, .dst = BOB, .proto = IPPROTO_NUM_UDP, .dport = 9 };
	uint8_t packet[2048];

	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	net.path_mtu = 800;
	say(&pair.alice, ALICE, BOB, false, 1, 1300);
	pair_run(&pair, NS_PER_S);
	net_tun_put(pair.alice.tun, packet, build_packet(&b, packet, zeros, 1300));
	pair_run(&pair, NS_PER_S);
	assert_int_equal(heard(&pair.bob), 2);
}

static void large_adapters_carry_large_packets(void **state)
{
	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	for (int i = 0; i < 3; i++)
		say(&pair.alice, ALICE, BOB, i == 1, 1, 34000);
	say(&pair.alice, ALICE, BOB, false, 1, 65000 - 28);
	pair_run(&pair, NS_PER_S);
	assert_int_equal(heard(&pair.bob), 4);
}

static void sessions_are_renewed_in_time_under_traffic(void **state)
{
	uint64_t first;

	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	first = status_of(&pair.alice).last_handshake;
	for (int s = 0; s < 400; s++)
		assert_true(reaches_bob(&pair, NS_PER_S));
	assert_in_range(status_of(&pair.alice).last_handshake - first, 240 * NS_PER_S,
			400 * NS_PER_S);
	assert_in_range(net.initiations_udp, 4, 5);
}

static void losses_delay_but_do_not_break(void **state)
{
	size_t n = 0;

	(void)state;
	net.loss = 30;
	for (int s = 0; s < 300; s++)
		n += reaches_bob(&pair, NS_PER_S);
	assert_in_range(n, 150, 299);
	assert_true(net.least_gap[0] >= 5 * NS_PER_S);
}

static void without_an_answer_initiations_end_after_90_s(void **state)
{
	(void)state;
	net.udp_dead = true;
	assert_false(reaches_bob(&pair, 89 * NS_PER_S));
	assert_true(status_of(&pair.alice).unanswered_since > 0);
	assert_in_range(net.initiations_udp, 16, 18);
	pair_run(&pair, 100 * NS_PER_S);
	assert_in_range(net.initiations_udp, 16, 18);
	assert_int_equal(drops_of(&pair.alice, DROP_WG_NO_SESSION), 1);
	net.udp_dead = false;
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(status_of(&pair.alice).unanswered_since, 0);
}

static void who_has_roamed_is_answered_there(void **state)
{
	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(configure(&pair.alice, "listen_port=4444\n"), 0);
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(status_of(&pair.bob).endpoint.port, 4444);
	assert_true(reaches_alice(&pair, NS_PER_S));
	assert_int_equal(net.initiations_udp, 1);
}

static void with_all_routed_a_peer_is_sent_to_where_it_was_configured(void **state)
{
	(void)state;
	pair_end(&pair);
	pair.alice.pinned = true;
	pair_start(&pair);
	pair.alice.pinned = false;
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(configure(&pair.bob, "listen_port=4444\n"), 0);
	assert_true(reaches_alice(&pair, NS_PER_S));
	assert_int_equal(status_of(&pair.alice).endpoint.port, BOB_PORT);
	assert_int_equal(status_of(&pair.alice).udp.port, BOB_PORT);
	/* He calls, and the answer goes there as well. */
	pair_run(&pair, 200 * NS_PER_S);
	say(&pair.bob, BOB, ALICE, false, 1000, 100);
	pair_run(&pair, NS_PER_S);
	assert_int_equal(status_of(&pair.alice).endpoint.port, BOB_PORT);
	assert_int_equal(configure(&pair.bob, "listen_port=51820\n"), 0);
	assert_true(reaches_bob(&pair, 6 * NS_PER_S));
}

static void a_network_change_calls_used_peers_at_once(void **state)
{
	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	pair_run(&pair, 10 * NS_PER_S);
	device_network_changed(pair.alice.device, net.now, wall_now());
	device_network_changed(pair.alice.device, net.now, wall_now());
	pair_run(&pair, 100 * NS_PER_MS);
	assert_int_equal(net.initiations_udp, 2);
	assert_true(net.now - status_of(&pair.alice).last_handshake < 100 * NS_PER_MS);
	/* Who has not been heard for long is left alone. */
	pair_run(&pair, 600 * NS_PER_S);
	device_network_changed(pair.alice.device, net.now, wall_now());
	pair_run(&pair, NS_PER_S);
	assert_int_equal(net.initiations_udp, 2);
}

static void connecting_does_not_wait_for_a_packet(void **state)
{
	(void)state;
	device_connect(pair.alice.device, net.now, wall_now());
	pair_run(&pair, NS_PER_S);
	assert_true(status_of(&pair.alice).last_handshake > 0);
	assert_true(reaches_alice(&pair, NS_PER_S));
}

static void an_endpoint_that_was_looked_up_again_is_used_at_once(void **state)
{
	struct endpoint to = { .addr = addr_ip4(0x0a000003), .port = BOB_PORT };

	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	device_set_endpoint(pair.alice.device, pair.bob.public_key, &to, net.now);
	assert_false(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(configure(&pair.bob, "listen_port=1\n"), 0);
	pair.bob.host = 0x0a000003;
	assert_int_equal(configure(&pair.bob, "listen_port=51820\n"), 0);
	assert_true(reaches_bob(&pair, NS_PER_S));
}

/* Scenario 39: a key that was copied is used by two at once. */
static void two_devices_with_one_key_do_not_storm(void **state)
{
	struct side twin;

	(void)state;
	side_start(&twin, 0x0a000009, 9);
	assert_int_equal(configure(&twin,
				   "private_key=%s\npublic_key=%s\nendpoint=10.0.0.2:51820\n"
				   "allowed_ip=10.66.77.0/24\npersistent_keepalive_interval=1\n",
				   hex(pair.alice.private_key), hex(pair.bob.public_key)),
			 0);
	for (int s = 0; s < 200; s++) {
		say(&pair.alice, ALICE, BOB, false, 1, 100);
		say(&twin, ALICE, BOB, false, 1, 100);
		say(&pair.bob, BOB, ALICE, false, 1, 100);
		for (int i = 0; i < 20; i++) {
			net.host = twin.host;
			side_poll(&twin);
			pair_run(&pair, 50 * NS_PER_MS);
		}
		(void)heard(&pair.alice);
		(void)heard(&pair.bob);
		(void)heard(&twin);
	}
	assert_in_range(net.initiations_udp, 2, 2 * 200 / 5 + 2 + 200 / 5);
	side_end(&twin);
}

/* ---- streams ------------------------------------------------------------------ */

static void alice_may_use_tcp(void)
{
	struct endpoint to = { .addr = addr_ip4(BOB_HOST), .port = 443 };

	assert_int_equal(device_set_stream(pair.alice.device, pair.bob.public_key, &to, NULL), 0);
}

static bool by_stream(void)
{
	return status_of(&pair.alice).endpoint.stream != 0;
}

static void while_udp_works_no_stream_is_opened(void **state)
{
	(void)state;
	alice_may_use_tcp();
	for (int s = 0; s < 300; s++)
		assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(net.connects, 0);
	assert_false(by_stream());
}

static void an_initiation_that_gets_lost_opens_no_stream(void **state)
{
	(void)state;
	alice_may_use_tcp();
	assert_true(reaches_bob(&pair, NS_PER_S));
	net.lose_initiations = 2;
	for (int s = 0; s < 200; s++) {
		assert_true(reaches_bob(&pair, NS_PER_S / 2));
		assert_true(reaches_alice(&pair, NS_PER_S / 2));
	}
	assert_int_equal(net.initiations_udp, 1 + 3);
	assert_int_equal(net.connects, 0);
}

static void an_idle_tunnel_by_stream_is_quiet(void **state)
{
	unsigned int sent;

	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	pair_run(&pair, 1000 * NS_PER_S);
	sent = net.sent_stream;
	pair_run(&pair, 3000 * NS_PER_S);
	assert_int_equal(net.sent_stream, sent);
	assert_true(reaches_bob(&pair, NS_PER_S));
}

static void a_peer_that_loses_its_endpoints_in_a_handshake_is_let_go(void **state)
{
	struct endpoint nowhere = { .port = 0 };

	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	net.tcp = NET_TCP_REFUSED;
	assert_false(reaches_bob(&pair, 4 * NS_PER_S));
	device_set_endpoint(pair.alice.device, pair.bob.public_key, &nowhere, net.now);
	pair_run(&pair, 6 * NS_PER_S);
	assert_int_equal(device_set_stream(pair.alice.device, pair.bob.public_key, &nowhere, NULL),
			 0);
	assert_false(reaches_bob(&pair, 200 * NS_PER_S));
}

static void what_a_stream_holds_back_is_read_without_another_event(void **state)
{
	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 10 * NS_PER_S));
	assert_true(by_stream());
	(void)heard(&pair.alice);
	net.stream_at_once = 1;
	for (size_t i = 1; i <= 4; i++)
		say(&pair.bob, BOB, ALICE, false, 1000, 100 * i);
	net.host = pair.bob.host;
	side_poll(&pair.bob);
	for (int i = 0; i < 2; i++) { /* to the helper, and from there */
		net.now += NET_DELAY;
		(void)net_deliver();
	}
	net.host = pair.alice.host;
	side_poll(&pair.alice);
	assert_int_equal(heard(&pair.alice), 4);
}

static void where_udp_is_dead_traffic_goes_by_streams_within_seconds(void **state)
{
	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	assert_true(by_stream());
	assert_true(reaches_alice(&pair, NS_PER_S));
	assert_int_equal(status_of(&pair.alice).streams, STREAM_LANES);
	for (int s = 0; s < 600; s++)
		assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(net.connects, STREAM_LANES);
	/* Probes: after 10 s, 20, 40 ... */
	assert_in_range(net.initiations_udp, 4, 9);
	assert_in_range(net.initiations_stream, 5,
			6); /* one in 120 s: probes leave nothing behind */
	assert_true(net.least_gap[0] >= 5 * NS_PER_S);
	assert_true(net.least_gap[1] >= 5 * NS_PER_S);
}

static void udp_that_dies_later_is_left_and_used_again_when_it_is_back(void **state)
{
	int s;

	(void)state;
	alice_may_use_tcp();
	assert_true(reaches_bob(&pair, NS_PER_S));
	net.udp_dead = true;
	for (s = 0; s < 60 && !by_stream(); s++)
		(void)reaches_bob(&pair, NS_PER_S);
	assert_in_range(s, 15, 20); /* 15 s of silence, and 3 s without an answer */
	assert_true(reaches_bob(&pair, NS_PER_S));
	net.udp_dead = false;
	for (s = 0; s < 60 && by_stream(); s++)
		assert_true(reaches_bob(&pair, NS_PER_S));
	assert_in_range(s, 1, 21);
	for (s = 0; s < 100; s++)
		assert_true(reaches_bob(&pair, NS_PER_S));
	assert_false(by_stream());
	assert_int_equal(status_of(&pair.alice).streams, 0);
}

static void udp_that_works_one_way_only_does_not_keep_answers_away(void **state)
{
	unsigned int lost = 0;

	(void)state;
	alice_may_use_tcp();
	net.dead_to = ALICE_HOST;
	assert_true(reaches_bob(&pair, 5 * NS_PER_S));
	assert_true(by_stream());
	/* A probe reaches Bob, who takes Alice for moved: her keepalive tells him better. */
	for (int i = 0; i < 1000; i++)
		lost += !reaches_alice(&pair, 100 * NS_PER_MS);
	assert_in_range(net.initiations_udp, 3, 6);
	assert_in_range(lost, 0, 4 * (net.initiations_udp - 1));
}

static void where_nothing_is_answered_both_ways_are_tried_calmly(void **state)
{
	unsigned int connects;

	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	net.tcp = NET_TCP_REFUSED;
	for (int s = 0; s < 300; s++)
		(void)reaches_bob(&pair, NS_PER_S);
	assert_string_equal(status_of(&pair.alice).stream_error, "connection refused");
	connects = net.connects;
	assert_in_range(connects, 8, 40);
	assert_in_range(net.initiations_udp, 30, 61);
	assert_true(net.least_gap[0] >= 5 * NS_PER_S);
	/* Whichever is back first is used. */
	net.tcp = NET_TCP_OPENS;
	for (int s = 0; s < 40; s++)
		(void)reaches_bob(&pair, NS_PER_S);
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_true(by_stream());
}

static void streams_that_break_are_opened_again(void **state)
{
	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	net_streams_break();
	(void)reaches_bob(&pair, 2 * NS_PER_S);
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(status_of(&pair.alice).streams, STREAM_LANES);
}

static void what_streams_have_dropped_was_not_sent(void **state)
{
	uint64_t sent;

	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	sent = counter_get(&device_counters(pair.alice.device)->out_tunnel);
	net.stale = 3;
	device_poll(pair.alice.device, DEVICE_STREAM, net.now, wall_now());
	assert_int_equal(drops_of(&pair.alice, DROP_STREAM_STALE), 3);
	assert_int_equal(counter_get(&device_counters(pair.alice.device)->out_tunnel), sent - 3);
}

static void an_empty_frame_is_no_message(void **state)
{
	uint64_t before;

	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	before = drops_of(&pair.alice, DROP_WG_MALFORMED);
	net.empty = 3;
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(drops_of(&pair.alice, DROP_WG_MALFORMED), before + 3);
	assert_true(by_stream());
}

static void streams_that_die_silently_are_replaced(void **state)
{
	int s;

	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	net_streams_kill();
	for (s = 0; s < 30 && !reaches_bob(&pair, NS_PER_S); s++)
		;
	assert_in_range(s, 14, 17); /* the protocol's own 15 s of silence, and no more */
	assert_true(by_stream());
}

static void once_back_on_udp_nothing_goes_by_the_streams(void **state)
{
	unsigned int sent;

	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	net.udp_dead = false;
	/* What Bob has sent by the streams arrives after his answer by UDP. */
	while (by_stream()) {
		say(&pair.bob, BOB, ALICE, false, 1, 100);
		pair_run(&pair, NS_PER_MS);
		(void)heard(&pair.alice);
	}
	sent = net.sent_stream;
	for (int i = 0; i < 100; i++) {
		say(&pair.bob, BOB, ALICE, false, 1, 100);
		say(&pair.alice, ALICE, BOB, false, 1, 100);
		pair_run(&pair, NS_PER_MS);
	}
	assert_int_equal(net.sent_stream, sent);
}

static void a_packet_after_a_pause_does_not_wait_for_a_probe(void **state)
{
	unsigned int probes;

	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	pair_run(&pair, 400 * NS_PER_S);
	probes = net.initiations_udp;
	while (net.initiations_udp == probes)
		pair_run(&pair, NS_PER_S / 2);
	assert_true(reaches_bob(&pair, NS_PER_S / 2));
}

static void after_a_pause_traffic_by_stream_goes_on_at_once(void **state)
{
	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	for (int i = 0; i < 20; i++) {
		pair_run(&pair, 61 * NS_PER_S * (uint64_t)i);
		assert_true(reaches_bob(&pair, 500 * NS_PER_MS));
	}
	assert_int_equal(net.connects, STREAM_LANES);
}

static void a_network_change_tries_udp_first_again(void **state)
{
	(void)state;
	alice_may_use_tcp();
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 4 * NS_PER_S));
	pair_run(&pair, 20 * NS_PER_S);
	net.udp_dead = false;
	device_network_changed(pair.alice.device, net.now, wall_now());
	assert_true(reaches_bob(&pair, 100 * NS_PER_MS));
	assert_false(by_stream());
	pair_run(&pair, 10 * NS_PER_S);
	assert_int_equal(status_of(&pair.alice).streams, 0);
}

static void a_peer_without_udp_endpoint_is_reached_by_streams_alone(void **state)
{
	(void)state;
	assert_int_equal(configure(&pair.alice,
				   "replace_peers=true\npublic_key=%s\nallowed_ip=10.66.77.0/24\n",
				   hex(pair.bob.public_key)),
			 0);
	alice_may_use_tcp();
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_true(by_stream());
	net_streams_break();
	pair_run(&pair, 2 * NS_PER_S);
	for (int s = 0; s < 300; s++)
		assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(net.initiations_udp, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_packet_makes_a_session_and_arrives),
		TEST(both_families_pass_and_only_from_allowed_sources),
		TEST(without_a_way_the_host_is_told),
		TEST(the_host_is_not_flooded_with_errors),
		TEST(a_narrow_path_is_told_to_the_host),
		TEST(what_may_be_fragmented_is),
		TEST(large_adapters_carry_large_packets),
		TEST(sessions_are_renewed_in_time_under_traffic),
		TEST(losses_delay_but_do_not_break),
		TEST(without_an_answer_initiations_end_after_90_s),
		TEST(who_has_roamed_is_answered_there),
		TEST(with_all_routed_a_peer_is_sent_to_where_it_was_configured),
		TEST(a_network_change_calls_used_peers_at_once),
		TEST(connecting_does_not_wait_for_a_packet),
		TEST(an_endpoint_that_was_looked_up_again_is_used_at_once),
		TEST(two_devices_with_one_key_do_not_storm),
		TEST(while_udp_works_no_stream_is_opened),
		TEST(an_initiation_that_gets_lost_opens_no_stream),
		TEST(an_idle_tunnel_by_stream_is_quiet),
		TEST(a_peer_that_loses_its_endpoints_in_a_handshake_is_let_go),
		TEST(what_a_stream_holds_back_is_read_without_another_event),
		TEST(where_udp_is_dead_traffic_goes_by_streams_within_seconds),
		TEST(udp_that_dies_later_is_left_and_used_again_when_it_is_back),
		TEST(udp_that_works_one_way_only_does_not_keep_answers_away),
		TEST(where_nothing_is_answered_both_ways_are_tried_calmly),
		TEST(streams_that_break_are_opened_again),
		TEST(what_streams_have_dropped_was_not_sent),
		TEST(an_empty_frame_is_no_message),
		TEST(streams_that_die_silently_are_replaced),
		TEST(once_back_on_udp_nothing_goes_by_the_streams),
		TEST(a_packet_after_a_pause_does_not_wait_for_a_probe),
		TEST(after_a_pause_traffic_by_stream_goes_on_at_once),
		TEST(a_network_change_tries_udp_first_again),
		TEST(a_peer_without_udp_endpoint_is_reached_by_streams_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
