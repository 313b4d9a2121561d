/* SPDX-License-Identifier: BSD-2-Clause */
/* The sentences themselves are in config_values_test.c; here is what is compared with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "config/parse.h"
#include "crypto/x25519.h"

#define PEERS 30

static struct config config;
static struct config_messages messages;
static struct config_peer peers[PEERS];
static struct peer_lines peer_lines[PEERS];
static struct claim claims[PEERS];
static struct parser parser;

/* A gateway with nothing to complain about, and @n peers of which the same holds. */
static void good(size_t n)
{
	config = (struct config){ .n_addresses = 1,
				  .listen_port = 1,
				  .listen_port_given = true,
				  .peers = peers,
				  .n_peers = n };
	config.private_key[0] = 8;
	assert_true(prefix_parse("10.66.77.1/24", &config.addresses[0]));
	messages = (struct config_messages){ .items = NULL };
	parser = (struct parser){ .config = &config,
				  .messages = &messages,
				  .private_key_line = 1,
				  .address_lines = { 2 },
				  .peer_lines = peer_lines,
				  .claims = claims,
				  .n_claims = n };
	for (size_t i = 0; i < n; i++) {
		unsigned int line = 10 * (unsigned int)(i + 1);

		peers[i] = (struct config_peer){ .name = { 'a', (char)('a' + i) }, .line = line };
		peers[i].public_key[5] = (uint8_t)(i + 1);
		peer_lines[i] = (struct peer_lines){ .name = line + 1, .public_key = line + 2 };
		claims[i] = (struct claim){ .prefix = { addr_ip4(0x0a424d02 + (uint32_t)i), 32 },
					    .peer = (uint32_t)i,
					    .line = line + 3 };
	}
}

/* How many errors and notes the check has, and where the first stands. */
static void expect(size_t errors, size_t notes, unsigned int line)
{
	parser_check(&parser);
	assert_false(parser.no_memory);
	assert_int_equal(messages.n_errors, errors);
	assert_int_equal(messages.n - messages.n_errors, notes);
	if (messages.n > 0)
		assert_int_equal(messages.items[0].line, line);
	config_messages_done(&messages);
}

static void a_good_configuration_is_passed_without_a_word(void **state)
{
	(void)state;
	good(PEERS);
	expect(0, 0, 0);
	good(0);
	expect(0, 0, 0);
}

/* How many of @n numbers have come before. */
static size_t repeated(const uint32_t *v, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (v[i] == v[k]) {
				found++;
				break;
			}
	return found;
}

static void each_key_name_and_prefix_is_there_once_by_the_slow_way_too(void **state)
{
	struct rng rng = rng_seeded(15);

	(void)state;
	for (int round = 0; round < 300; round++) {
		uint32_t key[PEERS], name[PEERS], prefix[PEERS];

		good(PEERS);
		for (size_t i = 0; i < PEERS; i++) {
			key[i] = rng_below(&rng, 40);
			name[i] = rng_below(&rng, 40);
			prefix[i] = rng_below(&rng, 40);
			peers[i].public_key[5] = (uint8_t)key[i];
			peers[i].public_key[31] = 1;
			peers[i].name[1] = (char)('0' + name[i]);
			/* The same bytes with another length or family are another prefix. */
			claims[i].prefix = (struct prefix){ addr_ip4(0x0a420000 + prefix[i] % 10),
							    (uint8_t)(29 + prefix[i] / 10 % 2) };
			if (prefix[i] >= 20)
				claims[i].prefix.addr.family = ADDR_IP6;
		}
		parser_check(&parser);
		assert_int_equal(messages.n_errors, repeated(key, PEERS) + repeated(name, PEERS) +
							    repeated(prefix, PEERS));
		config_messages_done(&messages);
	}
}

static void the_later_one_of_two_is_complained_about(void **state)
{
	(void)state;
	good(3);
	peers[2].public_key[5] = 1; /* as the first */
	expect(1, 0, 32);
	good(3);
	strcpy(peers[2].name, peers[0].name);
	expect(1, 0, 31);
	good(3);
	claims[2].prefix = claims[0].prefix;
	expect(1, 0, 33);
}

static void peers_without_a_name_do_not_share_one(void **state)
{
	(void)state;
	good(2);
	peers[0].name[0] = peers[1].name[0] = '\0';
	expect(0, 0, 0);
}

static void a_missing_key_is_one_complaint_and_not_a_repeated_key(void **state)
{
	(void)state;
	good(2);
	for (int i = 0; i < 2; i++) {
		memset(peers[i].public_key, 0, CONFIG_KEY_LEN);
		peer_lines[i].public_key = 0;
	}
	expect(2, 0, 10);
	good(1);
	parser.private_key_line = 0;
	expect(1, 0, 0);
}

static void the_gateway_is_not_its_own_peer_upstream_or_client(void **state)
{
	(void)state;
	good(2);
	x25519_public(peers[1].public_key, config.private_key);
	expect(1, 0, 22);
	good(1);
	config.n_upstreams = 2;
	config.upstreams[0].endpoint.addr = addr_ip4(0x0a424d02);
	config.upstreams[1].endpoint.addr = addr_ip4(0x0a424d01);
	parser.upstream_lines[1] = 7;
	expect(1, 0, 7);
	good(2);
	claims[1].prefix.addr = config.addresses[0].addr;
	expect(1, 0, 23);
	good(2);
	claims[1].prefix = (struct prefix){ config.addresses[0].addr,
					    24 }; /* the network around it may be a client's */
	expect(0, 0, 0);
}

static void the_whole_internet_behind_a_peer_is_a_note(void **state)
{
	(void)state;
	good(1);
	claims[0].prefix = (struct prefix){ addr_ip4(0), 0 };
	expect(0, 1, 13);
	claims[0].prefix.addr.family = ADDR_IP6;
	expect(0, 0, 0);
	claims[0].prefix.addr.family = ADDR_IP4;
	peers[0].stream_port = 443; /* in a client's file it is what is wanted */
	strcpy(peers[0].stream_host, "h");
	expect(0, 0, 0);
}

static void resolvers_for_a_client_are_a_note_in_a_gateways_file(void **state)
{
	(void)state;
	good(2);
	parser.dns_line = 5;
	strcpy(peers[0].endpoint_host, "h"); /* a router with a fixed address */
	expect(0, 1, 5);
	strcpy(peers[1].endpoint_host, "h");
	expect(0, 0, 0);
}

static void only_the_first_ip4_address_decides_what_clients_get(void **state)
{
	(void)state;
	good(0);
	config.n_addresses = 3;
	config.addresses[2] = config.addresses[0];
	assert_true(prefix_parse("fd00::1/64", &config.addresses[0]));
	assert_true(prefix_parse("10.1.2.0/24", &config.addresses[1])); /* a network's own */
	parser.address_lines[1] = 4;
	expect(1, 0, 4);
	assert_true(prefix_parse("10.1.2.1/24", &config.addresses[1]));
	assert_true(prefix_parse("10.1.3.0/24", &config.addresses[2]));
	expect(0, 0, 0);
	assert_true(prefix_parse("ff02::1/64", &config.addresses[0]));
	parser.address_lines[0] = 3;
	expect(1, 0, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_configuration_is_passed_without_a_word),
		cmocka_unit_test(each_key_name_and_prefix_is_there_once_by_the_slow_way_too),
		cmocka_unit_test(the_later_one_of_two_is_complained_about),
		cmocka_unit_test(peers_without_a_name_do_not_share_one),
		cmocka_unit_test(a_missing_key_is_one_complaint_and_not_a_repeated_key),
		cmocka_unit_test(the_gateway_is_not_its_own_peer_upstream_or_client),
		cmocka_unit_test(the_whole_internet_behind_a_peer_is_a_note),
		cmocka_unit_test(resolvers_for_a_client_are_a_note_in_a_gateways_file),
		cmocka_unit_test(only_the_first_ip4_address_decides_what_clients_get),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
