/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/allowed_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/rng.h"

#define PEERS 8u

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static void give(struct allowed_list *l, const char *text, uint32_t peer)
{
	struct prefix p = prefix(text);

	assert_int_equal(allowed_list_give(l, &p, peer), 0);
}

/* What @peer has, in words. */
static const char *list(const struct allowed_list *l, uint32_t peer)
{
	static char text[1024];
	struct prefix p[16];
	size_t n = allowed_list_count(l, peer);

	assert_in_range(n, 0, 16);
	allowed_list_get(l, peer, p);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char one[PREFIX_TEXT_MAX];

		sprintf(text + strlen(text), "%s ", prefix_format(&p[i], one));
	}
	return text;
}

static void prefixes_keep_their_order_and_have_one_owner(void **state)
{
	struct allowed_list *l;

	(void)state;
	assert_int_equal(allowed_list_new(PEERS, &l), 0);
	give(l, "10.0.0.5/8", 1);
	give(l, "2001:db8::/32", 1);
	give(l, "10.1.0.0/16", 1);
	give(l, "10.0.0.0/8", 1); /* has it already */
	assert_string_equal(list(l, 1), "10.0.0.0/8 2001:db8::/32 10.1.0.0/16 ");
	give(l, "2001:db8::/32", 2);
	assert_string_equal(list(l, 1), "10.0.0.0/8 10.1.0.0/16 ");
	assert_string_equal(list(l, 2), "2001:db8::/32 ");
	assert_string_equal(list(l, 3), "");
	allowed_list_free(l);
}

static void what_is_taken_must_have_been_its_own(void **state)
{
	struct allowed_list *l;
	struct prefix p = prefix("10.0.0.0/8");

	(void)state;
	assert_int_equal(allowed_list_new(PEERS, &l), 0);
	allowed_list_take(l, &p, 1);
	give(l, "10.0.0.0/8", 1);
	give(l, "10.0.0.0/9", 1);
	allowed_list_take(l, &p, 2);
	assert_string_equal(list(l, 1), "10.0.0.0/8 10.0.0.0/9 ");
	allowed_list_take(l, &p, 1);
	assert_string_equal(list(l, 1), "10.0.0.0/9 ");
	allowed_list_clear(l, 1);
	assert_string_equal(list(l, 1), "");
	allowed_list_clear(l, 1);
	allowed_list_free(l);
}

static void a_copy_is_changed_alone(void **state)
{
	struct allowed_list *l, *copy, *empty;

	(void)state;
	assert_int_equal(allowed_list_new(PEERS, &l), 0);
	assert_int_equal(allowed_list_copy(l, &empty), 0);
	give(l, "10.0.0.0/8", 1);
	assert_int_equal(allowed_list_copy(l, &copy), 0);
	allowed_list_clear(copy, 1);
	give(copy, "10.0.0.0/8", 2);
	give(empty, "10.0.0.0/8", 3);
	assert_string_equal(list(l, 1), "10.0.0.0/8 ");
	assert_string_equal(list(copy, 2), "10.0.0.0/8 ");
	assert_string_equal(list(empty, 3), "10.0.0.0/8 ");
	allowed_list_free(empty);
	allowed_list_free(copy);
	allowed_list_free(l);
}

/* Against the obvious: an array of owners, one for each of 512 prefixes. */
static void it_agrees_with_its_obvious_model(void **state)
{
	struct rng rng = rng_seeded(3);
	uint32_t owners[512];
	struct allowed_list *l;
	struct allowed_ips *table;

	(void)state;
	memset(owners, 0xff, sizeof(owners));
	assert_int_equal(allowed_list_new(PEERS, &l), 0);
	for (int step = 0; step < 20000; step++) {
		uint32_t i = rng_below(&rng, 512);
		uint32_t peer = rng_below(&rng, PEERS);
		struct prefix p = { .addr = addr_ip4(i << 8), .len = 24 };

		if (rng_below(&rng, 500) == 0) {
			allowed_list_clear(l, peer);
			for (uint32_t k = 0; k < 512; k++)
				owners[k] = owners[k] == peer ? WG_NO_PEER : owners[k];
		} else if (rng_below(&rng, 3) == 0) {
			allowed_list_take(l, &p, peer);
			if (owners[i] == peer)
				owners[i] = WG_NO_PEER;
		} else {
			assert_int_equal(allowed_list_give(l, &p, peer), 0);
			owners[i] = peer;
		}
	}
	assert_int_equal(allowed_list_build(l, &table), 0);
	for (uint32_t i = 0; i < 512; i++)
		assert_int_equal(allowed_ips_find_ip4(table, i << 8 | 7), owners[i]);
	for (uint32_t peer = 0; peer < PEERS; peer++) {
		size_t n = 0;

		for (uint32_t i = 0; i < 512; i++)
			n += owners[i] == peer;
		assert_int_equal(allowed_list_count(l, peer), n);
	}
	allowed_ips_free(table);
	allowed_list_free(l);
}

/* As wireguard-go's own test of a large configuration has them: quadratic, they would take minutes. */
static void a_hundred_thousand_prefixes_take_no_time(void **state)
{
	struct allowed_list *l, *copy;
	struct allowed_ips *table;
	clock_t began = clock();

	(void)state;
	assert_int_equal(allowed_list_new(PEERS, &l), 0);
	for (uint32_t i = 1 << 8; i < 1 << 16; i++) {
		struct prefix four = { .addr = addr_ip4(i << 16), .len = 16 };
		struct prefix six = { .addr = { .family = ADDR_IP6 }, .len = 128 };

		six.addr.bytes[1] = (uint8_t)(i >> 8);
		six.addr.bytes[15] = (uint8_t)i;
		assert_int_equal(allowed_list_give(l, &four, 1), 0);
		assert_int_equal(allowed_list_give(l, &six, 1), 0);
	}
	assert_int_equal(allowed_list_count(l, 1), 130560);
	assert_int_equal(allowed_list_copy(l, &copy), 0);
	assert_int_equal(allowed_list_build(copy, &table), 0);
	allowed_list_clear(copy, 1);
	assert_int_equal(allowed_list_count(copy, 1), 0);
	assert_true((clock() - began) / CLOCKS_PER_SEC < 3);
	allowed_ips_free(table);
	allowed_list_free(copy);
	allowed_list_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_keep_their_order_and_have_one_owner),
		cmocka_unit_test(what_is_taken_must_have_been_its_own),
		cmocka_unit_test(a_copy_is_changed_alone),
		cmocka_unit_test(it_agrees_with_its_obvious_model),
		cmocka_unit_test(a_hundred_thousand_prefixes_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
