/* SPDX-License-Identifier: BSD-2-Clause */
/* On the ports and the external interface of the replay: tests/replay/wire.c. */
#include "engine/loopback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../replay/packets.h"
#include "../replay/wire.h"
#include "base/clock.h"
#include "nat/nat.h"

#define CLIENTS 8u
#define NOW     (100 * NS_PER_S)

static struct rng rng;
static struct loopback *loopback;
static struct variables known;

static int setup(void **state)
{
	(void)state;
	wire_reset();
	known.n = 0;
	rng = rng_seeded(1);
	return loopback_new(CLIENTS, &rng, &loopback);
}

static int teardown(void **state)
{
	(void)state;
	loopback = loopback_free(loopback);
	return 0;
}

static enum verdict say(const char *from, uint32_t client, const char *flags)
{
	char *words[] = { (char *)"tcp", (char *)from, (char *)"127.77.0.53:4053", (char *)flags };
	uint8_t packet[PACKET_MAX];
	size_t len = packet_build(&known, words, 4, packet);
	struct train t;

	assert_int_equal(train_parse(&t, packet, len, CSUM_UNCHECKED), PASS);
	return loopback_send(loopback, &t, client, NOW);
}

static void assert_sent(const char *from)
{
	char *words[] = { (char *)"tcp", (char *)from, (char *)"127.77.0.53:4053", (char *)"S" };
	struct wire_packet p;
	char complaint[COMPLAINT_SIZE] = "";

	assert_true(wire_take(&wire_external_out, &p));
	if (!packet_matches(&known, words, 4, p.data, p.len, complaint))
		fail_msg("%s", complaint);
}

static size_t answer(const char *to, struct train *t, uint64_t *drops)
{
	char *words[] = { (char *)"tcp", (char *)"127.77.0.53:4053", (char *)to, (char *)"SA" };
	uint8_t packet[PACKET_MAX];

	wire_external_in(wire_external_last(), packet, packet_build(&known, words, 4, packet));
	return loopback_recv(loopback, t, EXTERNAL_RX_BATCH, drops, NOW);
}

static void two_clients_with_one_port_each_get_their_own_answer(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	uint64_t drops[N_VERDICTS] = { 0 };

	(void)state;
	assert_int_equal(say("10.66.77.2:5000", 0, "S"), PASS);
	assert_sent("127.77.0.1:$a");
	assert_int_equal(say("10.66.77.3:5000", 1, "S"), PASS);
	assert_sent("127.77.0.1:$b");
	assert_int_equal(answer("127.77.0.1:$b", t, drops), 1);
	assert_int_equal(t[0].dst, 0x0a424d03u);
	assert_int_equal(t[0].dport, 5000);
	assert_int_equal(t[0].src, LOOPBACK_LISTENER);
	assert_int_equal(answer("127.77.0.1:$a", t, drops), 1);
	assert_int_equal(t[0].dst, 0x0a424d02u);
	assert_int_equal(train_verify(&t[0]), PASS);
}

static void what_nobody_asked_for_is_a_drop(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	uint64_t drops[N_VERDICTS] = { 0 };

	(void)state;
	assert_int_equal(answer("127.77.0.1:1030", t, drops), 0);
	assert_int_equal(drops[DROP_NAT_NO_MAPPING], 1);
	assert_int_equal(say("10.66.77.2:5000", 0, "R"), DROP_NAT_TCP_STATE);
}

static void only_leased_ports_are_tapped(void **state)
{
	unsigned int blocks = 0;

	(void)state;
	for (unsigned int i = 0; i < 1024; i++)
		blocks += (unsigned int)(wire_filter.blocks[NAT_TCP][i / 64] >> (i % 64) & 1);
	assert_int_equal(blocks, 4);
	assert_int_equal(wire_filter.blocks[NAT_UDP][0], 0);
	assert_int_equal(wire_filter.blocks[NAT_ICMP][0], 0);
}

static void one_client_leaves_room_for_the_others(void **state)
{
	unsigned int n = 0;
	char from[32];

	(void)state;
	do
		snprintf(from, sizeof(from), "10.66.77.2:%u", 5000 + n);
	while (say(from, 0, "S") == PASS && ++n < 1000);
	assert_int_equal(n, 64);
	assert_int_equal(say(from, 0, "S"), DROP_NAT_QUOTA);
	assert_int_equal(say("10.66.77.3:5000", 1, "S"), PASS);
}

static void a_connection_that_came_to_nothing_ends(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	uint64_t drops[N_VERDICTS] = { 0 };

	(void)state;
	assert_int_equal(loopback_next_deadline(loopback), NEVER);
	assert_int_equal(say("10.66.77.2:5000", 0, "S"), PASS);
	assert_sent("127.77.0.1:$a");
	assert_in_range(loopback_next_deadline(loopback), NOW, NOW + 300 * NS_PER_S);
	loopback_on_deadline(loopback, NOW + 300 * NS_PER_S);
	assert_int_equal(answer("127.77.0.1:$a", t, drops), 0);
	assert_int_equal(drops[DROP_NAT_NO_MAPPING], 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(two_clients_with_one_port_each_get_their_own_answer),
		TEST(what_nobody_asked_for_is_a_drop),
		TEST(only_leased_ports_are_tapped),
		TEST(one_client_leaves_room_for_the_others),
		TEST(a_connection_that_came_to_nothing_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
