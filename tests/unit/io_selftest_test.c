/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/selftest.h"

#include "io_netns.h"

#include <errno.h>

#include "io/loop.h"

static unsigned int packets; /* that have been compared */
static unsigned int spoil;   /* the number of the one to spoil; 0: none */

static void count_and_spoil(uint8_t *packet, size_t len)
{
	if (++packets == spoil)
		packet[len - 1] ^= 1;
}

static void this_kernels_offloads_are_found_right(void **state)
{
	struct selftest_result result;
	uint64_t start;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	start = loop_now();
	assert_int_equal(selftest_offloads(&result), 0);
	printf("# took %u us\n", (unsigned int)((loop_now() - start) / 1000));
	assert_true(result.external);
	assert_true(result.tunnel);
	assert_null(result.finding);
}

/* The packet socket's trains are 21 + 47 of TCP and as many of UDP, then 21 and 1 of the tunnel. */
static void one_wrong_bit_anywhere_is_found(void **state)
{
	struct selftest_result result;
	unsigned int total;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	packets = 0;
	spoil = 0;
	assert_int_equal(selftest_offloads_with(count_and_spoil, &result), 0);
	total = packets;
	assert_true(total > 2 * (21 + 47));
	for (spoil = 1; spoil <= total; spoil += 3) {
		packets = 0;
		assert_int_equal(selftest_offloads_with(count_and_spoil, &result), 0);
		assert_true(!result.external || !result.tunnel);
		assert_non_null(result.finding);
	}
	packets = 0;
	spoil = total;
	assert_int_equal(selftest_offloads_with(count_and_spoil, &result), 0);
	assert_true(result.external);
	assert_false(result.tunnel);
}

static void what_cant_be_tested_is_no_finding(void **state)
{
	struct selftest_result result = { .finding = "untouched" };

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	netns_run("ip link set lo down");
	assert_true(selftest_offloads(&result) < 0);
	assert_string_equal(result.finding, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_kernels_offloads_are_found_right),
		cmocka_unit_test(one_wrong_bit_anywhere_is_found),
		cmocka_unit_test(what_cant_be_tested_is_no_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
