/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/client_main.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "[Interface]\n"
			   "PrivateKey = AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n"
			   "Address = 10.66.77.2/24\n"
			   "FwMark = 7\n"
			   "[Peer]\n"
			   "PublicKey = ERERERERERERERERERERERERERERERERERERERERERE=\n"
			   "AllowedIPs = 0.0.0.0/0, ::/0\n"
			   "Endpoint = vpn.example.com:51820\n"
			   "# Stream = tcp://192.0.2.9:443\n"
			   "PersistentKeepalive = 25\n"
			   "[Peer]\n"
			   "PublicKey = IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=\n"
			   "AllowedIPs = 10.9.0.0/16\n"
			   "Endpoint = 192.0.2.7:7\n";

static struct config *config;
static struct client_peer peers[2];
static struct client_params params;
static struct client client;

static int setup(void **state)
{
	struct config_messages messages;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), &config, &messages), 0);
	config_messages_done(&messages);
	memset(peers, 0, sizeof(peers));
	params = (struct client_params){ .config = config, .adapter = "home" };
	client = (struct client){ .params = &params, .peers = peers };
	assert_true(endpoint_parse("192.0.2.7:7", &peers[1].udp));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

static void a_file_becomes_what_wg_would_say(void **state)
{
	struct uapi_set set;

	(void)state;
	assert_int_equal(client_peers_set(config, peers, &set), 0);
	assert_true(set.has_private_key);
	assert_memory_equal(set.private_key, config->private_key, 32);
	assert_true(set.has_listen_port && set.listen_port == 0); /* any: none was given */
	assert_int_equal(set.fwmark, 7);
	assert_int_equal(set.n_peers, 2);
	assert_false(set.peers[0].has_endpoint); /* its name leads nowhere yet */
	assert_int_equal(set.peers[0].keepalive, 25);
	assert_int_equal(set.peers[0].n_allowed, 2);
	assert_false(set.peers[0].has_preshared_key);
	assert_true(set.peers[1].has_endpoint);
	assert_int_equal(set.peers[1].endpoint.port, 7);
	uapi_set_done(&set);
}

static void the_guardian_is_told_what_is_known(void **state)
{
	struct guardian_plan plan = { .route_all = true };

	(void)state;
	assert_true(client_peers_plan(&client, &plan));
	assert_int_equal(plan.n_endpoints, 1);
	assert_int_equal(plan.endpoints[0].port, 7);
	assert_false(plan.endpoints[0].tcp);
	assert_false(client_peers_plan(&client, &plan));
	assert_true(endpoint_parse("192.0.2.9:443", &peers[0].stream));
	assert_true(client_peers_plan(&client, &plan));
	assert_int_equal(plan.n_endpoints, 2);
	assert_true(plan.endpoints[0].tcp);
	/* The same number of them at other places is a change too. */
	assert_true(endpoint_parse("192.0.2.8:7", &peers[1].udp));
	assert_true(client_peers_plan(&client, &plan));
	assert_true(plan.route_all);
}

static void addresses_are_found_without_asking(void **state)
{
	(void)state;
	memset(peers, 0, sizeof(peers));
	strcpy(config->peers[0].endpoint_host, "2001:db8::5");
	assert_int_equal(client_peers_find(&client), 0);
	assert_int_equal(peers[0].udp.addr.family, ADDR_IP6);
	assert_int_equal(peers[0].udp.port, 51820);
	assert_int_equal(peers[0].stream.port, 443);
	assert_int_equal(peers[1].udp.port, 7);
	assert_int_equal(client.names_again, NEVER);
	assert_true(client.names_fixed);
	client_peers_look_up(&client, 1); /* there is nothing to look up */
	assert_null(client.names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_becomes_what_wg_would_say, setup, teardown),
		cmocka_unit_test_setup_teardown(the_guardian_is_told_what_is_known, setup,
						teardown),
		cmocka_unit_test_setup_teardown(addresses_are_found_without_asking, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
