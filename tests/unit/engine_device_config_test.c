/* SPDX-License-Identifier: BSD-2-Clause */
#include "device_pair.h"

#include <errno.h>

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

/* Whether wg(8) is answered with this line, or with lines that contain it. */
static bool says(const struct side *s, const char *part)
{
	char *text = device_get(s->device, net.now, wall_now());
	bool found;

	assert_non_null(text);
	found = strstr(text, part) != NULL;
	free(text);
	return found;
}

static void wg_is_told_what_is_in_force(void **state)
{
	char expected[1024];

	(void)state;
	assert_int_equal(configure(&pair.alice, "listen_port=1234\nfwmark=7\n"), 0);
	assert_true(says(&pair.alice, "last_handshake_time_sec=0\n"));
	assert_true(reaches_bob(&pair, NS_PER_S));
	snprintf(expected, sizeof(expected),
		 "private_key=%s\nlisten_port=1234\nfwmark=7\npublic_key=%s\nprotocol_version=1\n"
		 "endpoint=10.0.0.2:51820\nlast_handshake_time_sec=%llu\n"
		 "last_handshake_time_nsec=2",
		 hex(pair.alice.private_key), hex(pair.bob.public_key),
		 (unsigned long long)(PAIR_WALL / NS_PER_S + 1000));
	assert_true(says(&pair.alice, expected));
	assert_true(says(&pair.alice,
			 "\ntx_bytes=160\nrx_bytes=0\npersistent_keepalive_interval=0\n"
			 "allowed_ip=10.66.77.0/24\nallowed_ip=2001:db8::/96\n"
			 "errno=0\n\n"));
}

static void a_new_key_ends_sessions_and_keeps_peers(void **state)
{
	struct rng rng = rng_seeded(77);
	uint8_t private_key[WG_KEY_LEN], public_key[WG_KEY_LEN];

	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	wg_private_key(&rng, private_key);
	wg_public_key(public_key, private_key);
	assert_int_equal(configure(&pair.alice, "private_key=%s\n", hex(private_key)), 0);
	assert_false(reaches_bob(&pair, NS_PER_S)); /* he does not know her any more */
	assert_int_equal(net.initiations_udp, 2);
	assert_true(drops_of(&pair.bob, DROP_WG_UNKNOWN_PEER) > 0);
	assert_int_equal(configure(&pair.bob,
				   "replace_peers=true\npublic_key=%s\nallowed_ip=10.66.77.2/32\n",
				   hex(public_key)),
			 0);
	assert_true(reaches_bob(&pair, 6 * NS_PER_S));
	/* The same key again changes nothing. */
	assert_int_equal(configure(&pair.alice, "private_key=%s\n", hex(private_key)), 0);
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(net.initiations_udp, 3);
}

static void without_a_key_nothing_leaves(void **state)
{
	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(configure(&pair.alice, "private_key=%064d\n", 0), 0);
	assert_false(says(&pair.alice, "private_key="));
	assert_false(reaches_bob(&pair, NS_PER_S));
	assert_false(reaches_alice(&pair, 20 * NS_PER_S)); /* initiations of Bob's too */
	assert_int_equal(configure(&pair.alice, "private_key=%s\n", hex(pair.alice.private_key)),
			 0);
	assert_true(reaches_bob(&pair, 6 * NS_PER_S));
}

static void a_port_in_use_leaves_all_as_it_was(void **state)
{
	uint16_t port = device_port(pair.alice.device);

	(void)state;
	assert_int_equal(configure(&pair.bob, "listen_port=7777\n"), 0);
	assert_int_equal(configure(&pair.bob, "listen_port=51820\n"), 0);
	net.refuse_port = -EADDRINUSE;
	assert_int_equal(
		configure(&pair.alice,
			  "listen_port=5\nfwmark=3\nreplace_peers=true\nprivate_key=%064d\n", 1),
		-EADDRINUSE);
	assert_int_equal(device_port(pair.alice.device), port);
	assert_false(says(&pair.alice, "fwmark"));
	assert_true(says(&pair.alice, hex(pair.alice.private_key)));
	assert_true(reaches_bob(&pair, NS_PER_S));
}

static void a_port_of_0_is_the_kernels_choice_and_stays(void **state)
{
	uint16_t port = device_port(pair.alice.device);

	(void)state;
	assert_int_not_equal(port, 0);
	assert_int_equal(configure(&pair.alice, "listen_port=0\n"), 0);
	assert_int_equal(device_port(pair.alice.device), port);
	assert_int_equal(configure(&pair.alice, "listen_port=99\n"), 0);
	assert_int_equal(configure(&pair.alice, "listen_port=0\n"), 0);
	assert_int_not_equal(device_port(pair.alice.device), 99);
	assert_true(reaches_bob(&pair, NS_PER_S));
}

static void what_is_wrong_in_a_request_undoes_all_of_it(void **state)
{
	(void)state;
	assert_int_equal(configure(&pair.alice,
				   "fwmark=9\npublic_key=%s\nremove=true\npublic_key=%064d\n",
				   hex(pair.bob.public_key), 0),
			 -EINVAL);
	assert_false(says(&pair.alice, "fwmark"));
	assert_true(reaches_bob(&pair, NS_PER_S));
}

static void more_peers_than_there_is_room_for_are_refused(void **state)
{
	static char text[PAIR_PEERS * 128];
	size_t at = 0;

	(void)state;
	for (unsigned int i = 0; i < PAIR_PEERS; i++)
		at += (size_t)sprintf(text + at, "public_key=09%060d%02x\n", 0, i);
	assert_int_equal(configure(&pair.alice, "%s", text), -ENOSPC);
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(configure(&pair.alice, "replace_peers=true\n%s", text), 0);
	assert_int_equal(device_peers(pair.alice.device, NULL, 0), PAIR_PEERS);
	assert_false(reaches_bob(&pair, NS_PER_S));
}

static void an_allowed_ip_moves_to_whoever_was_given_it_last(void **state)
{
	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(
		configure(&pair.alice, "public_key=09%062d\nallowed_ip=10.66.77.1/32\n", 0), 0);
	assert_false(reaches_bob(&pair, NS_PER_S));
	assert_false(reaches_alice(&pair, NS_PER_S)); /* from an address that is not his */
	assert_int_equal(configure(&pair.alice, "public_key=09%062d\nremove=true\n", 0), 0);
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_true(reaches_alice(&pair, NS_PER_S));
	assert_int_equal(net.initiations_udp, 1);
}

static void changing_a_peer_keeps_its_session(void **state)
{
	(void)state;
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(configure(&pair.alice,
				   "public_key=%s\nupdate_only=true\nreplace_allowed_ips=true\n"
				   "allowed_ip=10.66.77.1/32\npersistent_keepalive_interval=5\n",
				   hex(pair.bob.public_key)),
			 0);
	assert_true(reaches_bob(&pair, NS_PER_S));
	assert_true(says(&pair.alice, "persistent_keepalive_interval=5\nallowed_ip=10.66.77.1/32\n"
				      "errno"));
	assert_int_equal(net.initiations_udp, 1);
	pair_run(&pair, 60 * NS_PER_S);
	assert_in_range(net.sent_udp, 12, 30);
}

static void a_keepalive_connects_by_itself(void **state)
{
	(void)state;
	assert_int_equal(configure(&pair.alice, "public_key=%s\npersistent_keepalive_interval=25\n",
				   hex(pair.bob.public_key)),
			 0);
	pair_run(&pair, NS_PER_S);
	assert_true(reaches_alice(&pair, NS_PER_S));
}

static void both_need_the_same_preshared_key(void **state)
{
	(void)state;
	assert_int_equal(configure(&pair.alice, "public_key=%s\npreshared_key=%064d\n",
				   hex(pair.bob.public_key), 5),
			 0);
	assert_false(reaches_bob(&pair, NS_PER_S));
	assert_int_equal(configure(&pair.bob, "public_key=%s\npreshared_key=%064d\n",
				   hex(pair.alice.public_key), 5),
			 0);
	assert_true(reaches_bob(&pair, 6 * NS_PER_S));
}

static void who_is_removed_takes_session_and_packets_along(void **state)
{
	(void)state;
	net.udp_dead = true;
	(void)reaches_bob(&pair, NS_PER_S); /* it waits */
	assert_int_equal(
		configure(&pair.alice, "public_key=%s\nremove=true\n", hex(pair.bob.public_key)),
		0);
	assert_int_equal(drops_of(&pair.alice, DROP_ROUTE_NO_PEER), 1);
	net.udp_dead = false;
	assert_false(reaches_bob(&pair, 10 * NS_PER_S));
	assert_int_equal(device_peers(pair.alice.device, NULL, 0), 0);
	assert_int_equal(net.initiations_udp, 1);
}

static void a_peer_named_again_keeps_its_stream(void **state)
{
	struct endpoint to = { .addr = addr_ip4(BOB_HOST), .port = 443 };

	(void)state;
	assert_int_equal(device_set_stream(pair.alice.device, pair.bob.public_key, &to, NULL), 0);
	assert_int_equal(configure(&pair.alice,
				   "replace_peers=true\npublic_key=09%062d\npublic_key=%s\n"
				   "allowed_ip=10.66.77.0/24\nendpoint=10.0.0.2:51820\n",
				   0, hex(pair.bob.public_key)),
			 0);
	net.udp_dead = true;
	assert_true(reaches_bob(&pair, 5 * NS_PER_S));
	to = (struct endpoint){ .port = 0 };
	assert_int_equal(device_set_stream(pair.alice.device, pair.bob.public_key, &to, NULL), 0);
	assert_false(reaches_bob(&pair, 30 * NS_PER_S));
	net.udp_dead = false;
	assert_true(reaches_bob(&pair, 6 * NS_PER_S));
}

static void our_own_key_is_no_peer(void **state)
{
	(void)state;
	assert_int_equal(configure(&pair.alice, "public_key=%s\nallowed_ip=0.0.0.0/0\n",
				   hex(pair.alice.public_key)),
			 0);
	assert_int_equal(device_peers(pair.alice.device, NULL, 0), 1);
	assert_int_equal(configure(&pair.alice, "private_key=%s\n", hex(pair.bob.private_key)), 0);
	assert_int_equal(device_peers(pair.alice.device, NULL, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wg_is_told_what_is_in_force),
		TEST(a_new_key_ends_sessions_and_keeps_peers),
		TEST(without_a_key_nothing_leaves),
		TEST(a_port_in_use_leaves_all_as_it_was),
		TEST(a_port_of_0_is_the_kernels_choice_and_stays),
		TEST(what_is_wrong_in_a_request_undoes_all_of_it),
		TEST(more_peers_than_there_is_room_for_are_refused),
		TEST(an_allowed_ip_moves_to_whoever_was_given_it_last),
		TEST(changing_a_peer_keeps_its_session),
		TEST(a_keepalive_connects_by_itself),
		TEST(both_need_the_same_preshared_key),
		TEST(who_is_removed_takes_session_and_packets_along),
		TEST(a_peer_named_again_keeps_its_stream),
		TEST(our_own_key_is_no_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
