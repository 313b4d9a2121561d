/* SPDX-License-Identifier: BSD-2-Clause */
/* On the ports and the external interface of the replay: tests/replay/wire.c. */
#include "engine/leases.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../replay/wire.h"

#define WORKERS 3u
#define ADDRESS 0xc6336401u

static struct post *post;
static struct external *external[WORKERS];
static struct leases *leases;

static int setup(void **state)
{
	struct uplink uplink = { .up = true };
	struct leases_params params = {
		.workers = WORKERS,
		.external = external,
		.tunnel_port = 51820,
	};

	(void)state;
	wire_reset();
	assert_int_equal(post_new(WORKERS, &post), 0);
	assert_int_equal(external_open_group(&uplink, WORKERS, external), 0);
	params.post = post;
	assert_int_equal(leases_new(&params, &leases), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	leases = leases_free(leases);
	for (unsigned int i = 0; i < WORKERS; i++)
		external[i] = external_free(external[i]);
	post = post_free(post);
	return 0;
}

struct tally {
	unsigned int leased, returned, own;
	struct post_lease last;
};

static struct tally read_post(unsigned int worker)
{
	struct tally t = { .leased = 0 };
	struct post_message m;

	while (post_receive(post, worker, &m)) {
		memcpy(&t.last, m.body, sizeof(t.last));
		assert_int_equal(t.last.first % NAT_BLOCK_PORTS, 0);
		t.leased += m.kind == POST_LEASE;
		t.returned += m.kind == POST_LEASE_RETURNED;
		t.own += m.kind == POST_LEASE && external_worker(t.last.first, WORKERS) == worker;
	}
	return t;
}

static bool is_open(enum nat_protocol protocol, uint16_t first)
{
	return wire_filter.blocks[protocol][first / 64 / 64] >> (first / 64 % 64) & 1;
}

static unsigned int open_blocks(enum nat_protocol protocol)
{
	unsigned int n = 0;

	for (uint32_t port = 0; port < 65536; port += NAT_BLOCK_PORTS)
		n += is_open(protocol, (uint16_t)port);
	return n;
}

static void every_worker_gets_its_first_blocks_and_knows_of_the_others(void **state)
{
	(void)state;
	assert_int_equal(leases_set_address(leases, ADDRESS, 1), 0);
	for (unsigned int i = 0; i < WORKERS; i++) {
		struct tally t = read_post(i);

		assert_int_equal(t.leased, WORKERS * 4 * 2);
		assert_int_equal(t.own, 4 * 2);
		assert_int_equal(t.last.address, ADDRESS);
		assert_true(is_open(t.last.protocol, t.last.first));
	}
	assert_int_equal(leases_counts(leases, NAT_UDP).leased, WORKERS * 4 * 64);
	assert_true(is_open(NAT_ICMP, 0)); /* identifiers need no lease */
	assert_false(is_open(NAT_TCP, 0));
}

static void without_an_address_there_are_none(void **state)
{
	(void)state;
	assert_int_equal(leases_wanted(leases, 0, NAT_UDP), -ENOSPC);
	assert_int_equal(leases_set_address(leases, 0, 1), 0);
	assert_int_equal(read_post(0).leased, 0);
	assert_int_equal(leases_wanted(leases, 0, NAT_UDP), -ENOSPC);
	assert_int_equal(leases_counts(leases, NAT_TCP).leased, 0);
}

static void a_worker_that_runs_short_gets_what_is_left_and_then_nothing(void **state)
{
	(void)state;
	wire_blocks = 6;
	assert_int_equal(leases_set_address(leases, ADDRESS, 1), 0);
	read_post(0);
	assert_int_equal(leases_wanted(leases, 0, NAT_UDP), 0);
	assert_int_equal(read_post(0).own, 2);
	assert_int_equal(leases_wanted(leases, 0, NAT_UDP), -ENOSPC);
	assert_int_equal(read_post(0).leased, 0);
	assert_int_equal(leases_wanted(leases, 0, NAT_ICMP), -ENOSPC);
}

static void a_block_that_comes_back_is_closed_and_told_to_the_others(void **state)
{
	struct post_lease lease;

	(void)state;
	assert_int_equal(leases_set_address(leases, ADDRESS, 1), 0);
	lease = read_post(2).last;
	read_post(0);
	read_post(1);
	leases_returned(leases, 2, &lease);
	assert_false(is_open(lease.protocol, lease.first));
	assert_int_equal(read_post(0).returned, 1);
	assert_int_equal(read_post(1).returned, 1);
	assert_int_equal(read_post(2).returned, 0);
	leases_returned(leases, 2, &lease); /* twice, or never leased */
	assert_int_equal(read_post(0).returned, 0);
	assert_int_equal(leases_counts(leases, lease.protocol).leased, (WORKERS * 4 - 1) * 64);
}

static void a_block_of_an_address_that_is_gone_is_nobody_s(void **state)
{
	struct post_lease lease;

	(void)state;
	assert_int_equal(leases_set_address(leases, ADDRESS, 1), 0);
	lease = read_post(0).last;
	assert_int_equal(leases_set_address(leases, ADDRESS + 1, 1), 0);
	leases_returned(leases, 0, &lease);
	assert_int_equal(leases_counts(leases, lease.protocol).leased, WORKERS * 4 * 64);
	assert_int_equal(leases_set_address(leases, 0, 1), 0);
	leases_returned(leases, 0, &lease);
	assert_false(is_open(lease.protocol, lease.first));
}

static void a_filter_that_fails_leaves_no_block_leased(void **state)
{
	(void)state;
	wire_filter_fails = 2; /* the empty one, and the first with blocks */
	assert_int_equal(leases_set_address(leases, ADDRESS, 1), -EPERM);
	assert_int_equal(leases_set_address(leases, ADDRESS, 1), -EPERM);
	assert_int_equal(leases_set_address(leases, ADDRESS, 1), 0);
	read_post(1);
	wire_filter_fails = 1;
	assert_int_equal(leases_wanted(leases, 1, NAT_TCP), -EPERM);
	assert_int_equal(read_post(1).leased, 0);
	assert_int_equal(leases_counts(leases, NAT_TCP).leased, WORKERS * 4 * 64);
	assert_int_equal(leases_wanted(leases, 1, NAT_UDP), 0);
	assert_int_equal(open_blocks(NAT_TCP), WORKERS * 4);
	assert_int_equal(leases_wanted(leases, 1, NAT_TCP), 0);
	assert_int_equal(open_blocks(NAT_TCP), WORKERS * 4 + 4);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_worker_gets_its_first_blocks_and_knows_of_the_others),
		TEST(without_an_address_there_are_none),
		TEST(a_worker_that_runs_short_gets_what_is_left_and_then_nothing),
		TEST(a_block_that_comes_back_is_closed_and_told_to_the_others),
		TEST(a_block_of_an_address_that_is_gone_is_nobody_s),
		TEST(a_filter_that_fails_leaves_no_block_leased),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
