/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define KEY_G "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="

/* The slow obvious way: try each host address against each prefix. */
static int next_address_oracle(const struct config *c, struct addr *ret)
{
	struct prefix net = config_gateway(c);
	uint32_t mask = UINT32_MAX >> net.len;
	uint32_t base = addr_to_ip4(&net.addr) & ~mask;

	for (uint32_t host = 1; host < mask; host++) {
		bool taken = base + host == addr_to_ip4(&net.addr);

		for (size_t i = 0; i < c->n_peers; i++)
			for (size_t k = 0; k < c->peers[i].n_allowed; k++)
				taken |= c->peers[i].allowed[k].len > net.len &&
					 prefix_contains_ip4(&c->peers[i].allowed[k], base + host);
		if (!taken) {
			*ret = addr_ip4(base + host);
			return 0;
		}
	}
	return -ENOSPC;
}

static void the_next_address_is_the_lowest_unused_one(void **state)
{
	struct rng rng = rng_seeded(7);
	struct prefix allowed[64];
	struct config_peer peer = { .allowed = allowed };
	struct config c = { .n_addresses = 1, .n_peers = 1, .peers = &peer };
	unsigned int full = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct addr want, got;
		int r;

		c.addresses[0] = (struct prefix){ addr_ip4(0x0a424d01 + rng_below(&rng, 5)),
						  (uint8_t)(25 + rng_below(&rng, 6)) };
		peer.n_allowed = rng_below(&rng, 64);
		for (size_t i = 0; i < peer.n_allowed; i++) {
			allowed[i] = (struct prefix){ addr_ip4(0x0a424d00 + rng_below(&rng, 140)),
						      (uint8_t)(32 - rng_below(&rng, 2) *
									     rng_below(&rng, 8)) };
			prefix_mask(&allowed[i]);
		}
		r = next_address_oracle(&c, &want);
		assert_int_equal(config_next_address(&c, &got), r);
		if (r == 0)
			assert_int_equal(addr_to_ip4(&got), addr_to_ip4(&want));
		full += r != 0;
	}
	assert_true(full > 100 && full < 19000);
}

static void ranges_at_the_end_of_the_address_space_do_not_wrap(void **state)
{
	struct prefix allowed = { addr_ip4(0xfffffff8), 29 };
	struct config_peer peer = { .allowed = &allowed, .n_allowed = 1 };
	struct config c = { .n_addresses = 1, .n_peers = 1, .peers = &peer };
	struct addr got;

	(void)state;
	c.addresses[0] = (struct prefix){ addr_ip4(0xfffffff1), 28 };
	assert_int_equal(config_next_address(&c, &got), 0);
	assert_int_equal(addr_to_ip4(&got), 0xfffffff2);
	allowed = (struct prefix){ addr_ip4(0xfffffff0), 29 };
	assert_int_equal(config_next_address(&c, &got), 0);
	assert_int_equal(addr_to_ip4(&got), 0xfffffff8);
}

static void without_a_network_there_is_no_address(void **state)
{
	struct config c = { .n_addresses = 0 };
	struct addr got;

	(void)state;
	assert_int_equal(config_next_address(&c, &got), -ENOSPC);
	c.n_addresses = 1;
	c.addresses[0] = (struct prefix){ addr_ip4(0x0a424d01), 32 };
	assert_int_equal(config_next_address(&c, &got), -ENOSPC);
}

static void client_addresses_are_unique_local_and_end_in_the_ipv4_one(void **state)
{
	uint8_t key[CONFIG_KEY_LEN] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab };
	struct addr a = config_client_ip6(key, 0x0a424d02);
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(addr_format(&a, text), "fd01:2345:6789::a42:4d02");
}

static void names_are_words(void **state)
{
	char longest[80];

	(void)state;
	assert_true(config_name_valid("a"));
	assert_true(config_name_valid("alice@phone-2.example_x"));
	assert_false(config_name_valid(""));
	assert_false(config_name_valid("-a"));
	assert_false(config_name_valid("a b"));
	assert_false(config_name_valid("a\xc3\xa9"));
	assert_false(config_name_valid("../a"));
	memset(longest, 'a', sizeof(longest));
	longest[63] = '\0';
	assert_true(config_name_valid(longest));
	longest[63] = 'a';
	longest[64] = '\0';
	assert_false(config_name_valid(longest));
}

static void peers_are_found_by_name_label_and_key(void **state)
{
	struct config_peer peers[2] = { { .name = "alice" }, { .name = "" } };
	struct config c = { .n_peers = 2, .peers = peers };
	char label[CONFIG_NAME_MAX];

	(void)state;
	assert_true(config_key_parse(KEY_G, peers[1].public_key));
	assert_string_equal(config_peer_label(&peers[0], label), "alice");
	assert_string_equal(config_peer_label(&peers[1], label), "yAnz5TF+");
	assert_ptr_equal(config_find_peer(&c, "alice"), &peers[0]);
	assert_ptr_equal(config_find_peer(&c, "yAnz5TF+"), &peers[1]);
	assert_ptr_equal(config_find_peer(&c, KEY_G), &peers[1]);
	assert_null(config_find_peer(&c, "Alice"));
	assert_null(config_find_peer(&c, ""));
}

static void keys_survive_text(void **state)
{
	struct rng rng = rng_seeded(3);
	uint8_t key[CONFIG_KEY_LEN], back[CONFIG_KEY_LEN];
	char text[CONFIG_KEY_TEXT_MAX];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		rng_fill(&rng, key, sizeof(key));
		config_key_format(key, text);
		assert_int_equal(strlen(text), 44);
		assert_true(config_key_parse(text, back));
		assert_memory_equal(key, back, sizeof(key));
	}
	/* RFC 4648 section 10: "foobar" is "Zm9vYmFy". */
	memcpy(key, "foobar", 6);
	config_key_format(key, text);
	assert_memory_equal(text, "Zm9vYmFy", 8);
}

static void malformed_keys_are_refused_and_the_result_untouched(void **state)
{
	static const char *const texts[] = {
		"",
		"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk",
		"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk==",
		"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBml=", /* stray bits */
		"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBm==",
		"yAnz5TF-lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=",
		"yAnz5TF lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=",
		"yAnz5TF\xffXXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=",
	};
	uint8_t key[CONFIG_KEY_LEN] = { 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(config_key_parse(texts[i], key));
	assert_int_equal(key[0], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_address_is_the_lowest_unused_one),
		cmocka_unit_test(ranges_at_the_end_of_the_address_space_do_not_wrap),
		cmocka_unit_test(without_a_network_there_is_no_address),
		cmocka_unit_test(client_addresses_are_unique_local_and_end_in_the_ipv4_one),
		cmocka_unit_test(names_are_words),
		cmocka_unit_test(peers_are_found_by_name_label_and_key),
		cmocka_unit_test(keys_survive_text),
		cmocka_unit_test(malformed_keys_are_refused_and_the_result_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
