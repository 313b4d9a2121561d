/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static struct status sample(void)
{
	static struct status_peer peers[3];
	static struct status_upstream upstream = { .text = "tls://9.9.9.9:853#dns.quad9.net",
						   .alive = true,
						   .rtt = 12340000,
						   .queries = 1234 };
	struct status s = { .version = "0.1.0",
			    .pid = 42,
			    .uptime = 11520 * NS_PER_S,
			    .rung = "raw packets with trains, guard sockets, adapter",
			    .workers = 2,
			    .listen_port = 51820,
			    .stream_port = 443,
			    .stream_tls = "without TLS",
			    .stream_connections = 1,
			    .adapter = "culvert0",
			    .interface = "eth0",
			    .interface_up = true,
			    .external = addr_ip4(0xcb007105),
			    .mtu = 1500,
			    .offload = "tso, uso",
			    .out_packets = 1234567,
			    .out_bytes = 1288490189,
			    .nat = { { 120, 256, 136, 36000, "md5" }, { .mappings = 7 } },
			    .dns = true,
			    .upstreams = &upstream,
			    .n_upstreams = 1,
			    .packets_in = 2000000,
			    .peers = peers,
			    .n_peers = 3 };

	peers[0] = (struct status_peer){ .name = "alice",
					 .handshake_age = 12 * NS_PER_S,
					 .rx_rate = 1540000,
					 .rx_bytes = 5368709120,
					 .mappings = 100 };
	peers[1] = (struct status_peer){
		.name = "bob", .handshake_age = UINT64_MAX, .mappings = UINT32_MAX, .runtime = true
	};
	peers[2] = (struct status_peer){ .name = "carol", .handshake_age = 181 * NS_PER_S };
	endpoint_parse("198.51.100.7:40000", &peers[0].endpoint);
	endpoint_parse("198.51.100.8:50000", &peers[2].endpoint);
	peers[2].endpoint.stream = 1025;
	prefix_parse("10.66.77.1/24", &s.address);
	s.drops[DROP_NAT_NO_PORT] = 1234;
	return s;
}

static char *page(unsigned int columns)
{
	struct status s = sample();
	char *json = status_json(&s);
	char *text = status_page(json, columns);

	assert_non_null(text);
	free(json);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_message("missing \"%s\" in:\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

static void the_page_says_what_a_person_wants_to_know(void **state)
{
	char *text = page(0);

	(void)state;
	assert_has(text, "culvert 0.1.0, up 3 h 12 min, pid 42, 2 workers\n");
	assert_has(text, "\n  raw packets with trains, guard sockets, adapter\n");
	assert_has(text, "Peers: 3, 1 heard in the last 3 minutes\n");
	assert_has(text, "12 s ago");
	assert_has(text, "198.51.100.7:40000");
	assert_has(text, "198.51.100.8:50000 (stream)");
	assert_null(strstr(text, "40000 (stream)"));
	assert_has(text, "\n  streams on TCP port 443, without TLS, 1 connection\n");
	assert_has(text, "12 Mbit/s");
	assert_has(text, "5.0 GiB");
	assert_has(text, "bob (runtime)  never");
	assert_has(text, "Internet: eth0 up, address 203.0.113.5, MTU 1500, offload tso, uso\n");
	assert_has(text, "out 1.2 GiB in 1,234,567 packets");
	assert_has(text, "36,000");
	assert_has(text, "tls://9.9.9.9:853#dns.quad9.net  alive  12.3 ms");
	assert_has(text, "Dropped: 1,234 of 2,000,000 packets\n");
	assert_has(text, "       1,234  external ports exhausted (NAT_NO_PORT)\n");
	assert_null(strstr(text, "NAT_FILTERED"));
	free(text);
}

static void a_nameless_peer_goes_by_the_beginning_of_its_key(void **state)
{
	struct status_peer peer = { .handshake_age = UINT64_MAX, .runtime = true };
	struct status s = sample();
	char *json;
	char *text;

	(void)state;
	s.peers = &peer;
	s.n_peers = 1;
	json = status_json(&s);
	text = status_page(json, 0);
	assert_has(text, "\n  AAAAAAAA (runtime)  never");
	free(text);
	free(json);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	(void)state;
	for (unsigned int columns = 60; columns < 160; columns++) {
		char *text = page(columns);

		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			assert_true(strlen(line) <= columns);
		free(text);
	}
}

static void a_narrow_terminal_keeps_names_and_handshakes(void **state)
{
	char *text = page(40);

	(void)state;
	assert_has(text, "alice");
	assert_has(text, "12 s ago");
	assert_null(strstr(text, "MAPPINGS\n  alice"));
	assert_null(strstr(text, "5.0 GiB"));
	free(text);
}

static void another_versions_json_is_shown_as_far_as_known(void **state)
{
	static const char newer[] =
		"{\"version\": \"9.0\", \"future\": [1, {\"a\": null}], \"uptime\": 5,"
		"\"drops\": {\"QUANTUM\": 3, \"NAT_QUOTA\": 0.0},"
		"\"peers\": [{\"name\": \"\\u001b[2Jx\"}, 7], \"dns\": false, \"nat\": {\"tcp\": "
		"1}}";
	char *text = status_page(newer, 80);

	(void)state;
	assert_non_null(text);
	assert_has(text, "culvert 9.0, up 5 s");
	assert_has(text, "a reason that this version does not know (QUANTUM)");
	assert_has(text, "?[2Jx");
	assert_null(strchr(text, '\x1b'));
	assert_null(strstr(text, "DNS"));
	assert_null(strstr(text, "Internet"));
	free(text);
	text = status_page("{\"version\": \"9.0\"}", 80);
	assert_non_null(text);
	assert_null(strstr(text, "Peers"));
	free(text);
}

static void what_is_not_status_is_refused(void **state)
{
	(void)state;
	assert_null(status_page("", 80));
	assert_null(status_page("error: not permitted\n", 80));
	assert_null(status_page("[]", 80));
	assert_null(status_page("{}", 80));
	assert_null(status_page("{\"version\": 1}", 80));
}

static void a_client_has_a_page_of_its_own(void **state)
{
	struct prefix address;
	struct status_client client = { .route_all = true,
					.kill_switch = true,
					.addresses = &address,
					.n_addresses = 1,
					.trouble = "home: no answer from 203.0.113.1 by UDP port "
						   "51820" };
	struct status_peer peer = { .name = "gw", .mtu = 1420, .mappings = UINT32_MAX };
	struct status s = { .client = &client, .version = "0.1.0", .pid = 42, .adapter = "home" };
	char adapter[IFNAMSIZ];
	char *json;
	char *page;

	(void)state;
	assert_true(prefix_parse("10.66.77.2/24", &address));
	s.address = address;
	s.peers = &peer;
	s.n_peers = 1;
	json = status_json(&s);
	assert_true(status_client_adapter(json, adapter));
	assert_string_equal(adapter, "home");
	page = status_page(json, 0);
	assert_has(page, "culvert 0.1.0, client, up 0 s, pid 42\n");
	assert_has(page, "  adapter home, address 10.66.77.2/24, all traffic, kill switch\n");
	assert_has(page, "\n  home: no answer from 203.0.113.1 by UDP port 51820\n");
	assert_has(page, "1420\n");
	assert_null(strstr(page, "NAT"));
	assert_null(strstr(page, "Internet:"));
	free(page);
	free(json);
}

static void only_a_client_has_a_clients_adapter(void **state)
{
	struct status s = sample();
	char *json = status_json(&s);
	char adapter[IFNAMSIZ];

	(void)state;
	assert_false(status_client_adapter(json, adapter));
	free(json);
	assert_false(status_client_adapter("", adapter));
	assert_false(status_client_adapter("{\"role\":\"client\"}", adapter));
	assert_false(status_client_adapter("{\"role\":\"client\",\"adapter\":"
					   "\"a-name-that-is-too-long\"}",
					   adapter));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_has_a_page_of_its_own),
		cmocka_unit_test(only_a_client_has_a_clients_adapter),
		cmocka_unit_test(the_page_says_what_a_person_wants_to_know),
		cmocka_unit_test(a_nameless_peer_goes_by_the_beginning_of_its_key),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(a_narrow_terminal_keeps_names_and_handshakes),
		cmocka_unit_test(another_versions_json_is_shown_as_far_as_known),
		cmocka_unit_test(what_is_not_status_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
