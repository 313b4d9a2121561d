/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"

static json_t *tree(const struct status *status)
{
	char *text = status_json(status);
	json_t *root;

	assert_non_null(text);
	assert_int_equal(text[strlen(text) - 1], '\n');
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	free(text);
	return root;
}

static json_int_t integer(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static const char *string(const json_t *o, const char *key)
{
	assert_true(json_is_string(json_object_get(o, key)));
	return json_string_value(json_object_get(o, key));
}

static void every_field_has_its_member(void **state)
{
	struct prefix allowed;
	struct status_peer peer = { .name = "alice",
				    .public_key = { 1 },
				    .allowed = &allowed,
				    .n_allowed = 1,
				    .handshake_age = 1500 * NS_PER_MS,
				    .rx_bytes = 10,
				    .tx_rate = 11,
				    .mappings = 3,
				    .runtime = true };
	struct status_upstream upstream = {
		.text = "udp://9.9.9.9:53", .alive = true, .rtt = 12 * NS_PER_MS, .queries = 4
	};
	struct status s = { .version = "0.1.0",
			    .pid = 42,
			    .uptime = 61 * NS_PER_S,
			    .rung = "raw",
			    .workers = 2,
			    .listen_port = 51820,
			    .stream_port = 443,
			    .stream_tls = "TLS, self-signed",
			    .stream_connections = 6,
			    .adapter = "culvert0",
			    .interface = "eth0",
			    .interface_up = true,
			    .mtu = 1500,
			    .nat = { { .mappings = 5, .guard = "md5" }, { .leased = 64 } },
			    .dns = true,
			    .dns_cached = 8,
			    .upstreams = &upstream,
			    .n_upstreams = 1,
			    .packets_in = 100,
			    .peers = &peer,
			    .n_peers = 1 };
	const json_t *o;
	json_t *root;

	(void)state;
	assert_true(prefix_parse("10.66.77.2/32", &allowed));
	assert_true(endpoint_parse("198.51.100.7:9", &peer.endpoint));
	s.drops[DROP_NAT_NO_PORT] = 9;
	root = tree(&s);
	assert_string_equal(string(root, "version"), "0.1.0");
	assert_int_equal(integer(root, "pid"), 42);
	assert_true(json_real_value(json_object_get(root, "uptime")) == 61.0);
	assert_int_equal(integer(root, "packets_in"), 100);
	assert_int_equal(integer(json_object_get(root, "drops"), "NAT_NO_PORT"), 9);
	assert_int_equal(json_object_size(json_object_get(root, "drops")), N_VERDICTS - 1);
	o = json_object_get(json_object_get(root, "nat"), "tcp");
	assert_int_equal(integer(o, "mappings"), 5);
	assert_string_equal(string(o, "guard"), "md5");
	o = json_object_get(json_object_get(root, "nat"), "udp");
	assert_int_equal(integer(o, "leased"), 64);
	o = json_object_get(root, "stream");
	assert_int_equal(integer(o, "port"), 443);
	assert_string_equal(string(o, "tls"), "TLS, self-signed");
	assert_int_equal(integer(o, "connections"), 6);
	o = json_object_get(root, "external");
	assert_string_equal(string(o, "interface"), "eth0");
	assert_true(json_is_true(json_object_get(o, "up")));
	assert_null(json_object_get(o, "address"));
	o = json_array_get(json_object_get(json_object_get(root, "dns"), "upstreams"), 0);
	assert_string_equal(string(o, "upstream"), "udp://9.9.9.9:53");
	o = json_array_get(json_object_get(root, "peers"), 0);
	assert_string_equal(string(o, "name"), "alice");
	assert_string_equal(string(o, "public_key"),
			    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	assert_string_equal(string(o, "endpoint"), "198.51.100.7:9");
	assert_string_equal(string(o, "transport"), "udp");
	assert_true(json_real_value(json_object_get(o, "handshake_age")) == 1.5);
	assert_int_equal(integer(o, "mappings"), 3);
	assert_true(json_is_true(json_object_get(o, "runtime")));
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "allowed_ips"), 0)),
			    "10.66.77.2/32");
	json_decref(root);
}

static void a_peer_by_tcp_says_so(void **state)
{
	struct status_peer peer = { .mappings = 1 };
	struct status s = { .version = "0.1.0", .peers = &peer, .n_peers = 1 };
	const json_t *o;
	json_t *root;

	(void)state;
	assert_true(endpoint_parse("198.51.100.7:9", &peer.endpoint));
	peer.endpoint.stream = 1025;
	root = tree(&s);
	o = json_array_get(json_object_get(root, "peers"), 0);
	assert_string_equal(string(o, "endpoint"), "198.51.100.7:9");
	assert_string_equal(string(o, "transport"), "stream");
	json_decref(root);
}

static void what_is_unknown_is_left_out(void **state)
{
	struct status_peer peer = { .handshake_age = UINT64_MAX,
				    .mappings = UINT32_MAX,
				    .rx_bytes = UINT64_MAX };
	struct status s = { .version = "0.1.0", .peers = &peer, .n_peers = 1 };
	json_t *root = tree(&s);
	const json_t *o = json_array_get(json_object_get(root, "peers"), 0);

	(void)state;
	assert_null(json_object_get(root, "dns"));
	assert_null(json_object_get(root, "stream"));
	assert_null(json_object_get(o, "transport"));
	assert_null(json_object_get(root, "adapter"));
	assert_null(json_object_get(root, "address"));
	assert_null(json_object_get(o, "endpoint"));
	assert_null(json_object_get(o, "handshake_age"));
	assert_null(json_object_get(o, "mappings"));
	assert_int_equal(integer(o, "rx_bytes"), INT64_MAX); /* JSON has no larger integer here */
	json_decref(root);
}

static void a_name_that_is_no_text_does_no_harm(void **state)
{
	struct status_peer peer = { .name = "\xff\x1b[2J\"\\" };
	struct status s = { .version = "0.1.0", .peers = &peer, .n_peers = 1 };
	json_t *root = tree(&s);

	(void)state;
	assert_string_equal(string(json_array_get(json_object_get(root, "peers"), 0), "name"),
			    "?"
			    "?[2J\"\\");
	json_decref(root);
}

/* jansson's memory fails at the n-th request, for each n until all succeeds. */
static int left;

static void *failing_malloc(size_t size)
{
	return left-- > 0 ? malloc(size) : NULL;
}

static void without_memory_the_answer_is_null(void **state)
{
	struct status_peer peer = { .name = "alice" };
	struct status s = { .version = "0.1.0", .dns = true, .peers = &peer, .n_peers = 1 };
	char *text = NULL;
	int n;

	(void)state;
	json_set_alloc_funcs(failing_malloc, free);
	for (n = 0; n < 5000 && !text; n++) {
		left = n;
		text = status_json(&s);
	}
	json_set_alloc_funcs(malloc, free);
	assert_true(n > 100);
	assert_non_null(text);
	assert_non_null(strstr(text, "alice"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_has_its_member),
		cmocka_unit_test(a_peer_by_tcp_says_so),
		cmocka_unit_test(what_is_unknown_is_left_out),
		cmocka_unit_test(a_name_that_is_no_text_does_no_harm),
		cmocka_unit_test(without_memory_the_answer_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
