/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define KEY_G "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define KEY_A "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define KEY_B "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
/* Public key of KEY_G, from `wg pubkey`. */
#define KEY_G_PUBLIC "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="

#define HEAD   "[Interface]\nPrivateKey = " KEY_G "\nAddress = 10.66.77.1/24\nListenPort = 51820\n"
#define PEER_A "[Peer]\n# Name = alice\nPublicKey = " KEY_A "\nAllowedIPs = 10.66.77.2/32\n"

static struct config *parse(const char *text, struct config_messages *messages)
{
	struct config *config = NULL;

	config_parse(text, strlen(text), &config, messages);
	return config;
}

static struct config *parse_valid(const char *text)
{
	struct config_messages messages;
	struct config *config = parse(text, &messages);

	for (size_t i = 0; i < messages.n; i++)
		if (messages.items[i].error)
			print_message("%u: %s\n", messages.items[i].line, messages.items[i].text);
	config_messages_done(&messages);
	assert_non_null(config);
	return config;
}

static void everything_is_understood(void **state)
{
	struct config *c = parse_valid(
		"\xef\xbb\xbf[interface] # the gateway\r\n"
		"privatekey=" KEY_G " # secret\r\n\r\n"
		"Address = 10.66.77.1/24, fd00::1/64\n"
		"Address = 10.66.78.1/24\n"
		"ListenPort = 443\nMTU = 1380\nFwMark = 0xca6c\n"
		"[ Peer ]\n#name=alice\nPublicKey = " KEY_A "#x\nPresharedKey = " KEY_B "\n"
		"AllowedIPs = 10.66.77.2/32,fd00::2 , 192.168.7.9/24\nAllowedIPs=10.9.0.0/16\n"
		"Endpoint = [2001:db8::1]:51820\nPersistentKeepalive = 25\n"
		"[External]\nInterface = eth0\nEndpoint = vpn.example.org:443\n"
		"[Nat]\nMappingsPerClient = 16\nMappingsMax = 1024\nTcpEstablished = 7440\n"
		"TcpTransitory = 241\nUdpTimeout = 120\nIcmpTimeout = 61\n"
		"[Dns]\nEnabled = no\nCache = 0\nPrivateAnswers = yes\n"
		"Upstream = 9.9.9.9, tcp://1.1.1.1:5353\nUpstream = tls://9.9.9.9#dns.quad9.net # "
		"Quad9\n"
		"Upstream = tls://[2620:fe::fe]\n"
		"[Policy]\nIsolateClients = on\nAllow = 192.168.1.7/24\nDeny = 8.8.8.8\n"
		"[Gateway]\nWorkers = 2\n"
		"[Stream]\nPort = 8443\nTls = no\n");

	(void)state;
	assert_int_equal(c->n_addresses, 3);
	assert_int_equal(c->listen_port, 443);
	assert_int_equal(c->mtu, 1380);
	assert_int_equal(c->fwmark, 0xca6c);
	assert_int_equal(c->n_peers, 1);
	assert_string_equal(c->peers[0].name, "alice");
	assert_int_equal(c->peers[0].line, 9);
	assert_int_equal(c->peers[0].n_allowed, 4);
	assert_int_equal(addr_to_ip4(&c->peers[0].allowed[2].addr), 0xc0a80700);
	assert_string_equal(c->peers[0].endpoint_host, "2001:db8::1");
	assert_int_equal(c->peers[0].endpoint_port, 51820);
	assert_int_equal(c->peers[0].keepalive, 25);
	assert_string_equal(c->interface, "eth0");
	assert_string_equal(c->endpoint, "vpn.example.org:443");
	assert_int_equal(c->mappings_per_client, 16);
	assert_int_equal(c->mappings_max, 1024);
	assert_true(c->tcp_established == 7440 * NS_PER_S);
	assert_true(c->tcp_transitory == 241 * NS_PER_S);
	assert_true(c->udp_timeout == 120 * NS_PER_S);
	assert_true(c->icmp_timeout == 61 * NS_PER_S);
	assert_false(c->dns);
	assert_int_equal(c->dns_cache, 0);
	assert_true(c->dns_private_answers);
	assert_int_equal(c->n_upstreams, 4);
	assert_int_equal(c->upstreams[1].kind, DNS_UPSTREAM_TCP);
	assert_int_equal(c->upstreams[1].endpoint.port, 5353);
	assert_int_equal(c->upstreams[2].endpoint.port, 853);
	assert_string_equal(c->upstreams[2].tls_name, "dns.quad9.net");
	assert_int_equal(c->upstreams[3].endpoint.addr.family, ADDR_IP6);
	assert_true(c->isolate_clients);
	assert_int_equal(c->n_rules, 2);
	assert_true(c->rules[0].allow);
	assert_int_equal(addr_to_ip4(&c->rules[0].prefix.addr), 0xc0a80100);
	assert_false(c->rules[1].allow);
	assert_int_equal(c->workers, 2);
	assert_int_equal(c->stream_port, 8443);
	assert_int_equal(c->stream_tls, CONFIG_STREAM_PLAIN);
	config_free(c);
}

static void defaults_are_those_of_the_manual(void **state)
{
	struct config *c = parse_valid("[Interface]\nPrivateKey = " KEY_G "\n");

	(void)state;
	assert_int_equal(c->listen_port, 51820);
	assert_false(c->listen_port_given || config_is_client(c));
	assert_int_equal(c->stream_port, 0);
	assert_int_equal(c->mtu, 0);
	assert_int_equal(c->mappings_per_client, 4096);
	assert_int_equal(c->mappings_max, 131072);
	assert_true(c->tcp_established == 7440 * NS_PER_S);
	assert_true(c->tcp_transitory == 240 * NS_PER_S);
	assert_true(c->udp_timeout == 300 * NS_PER_S);
	assert_true(c->icmp_timeout == 60 * NS_PER_S);
	assert_true(c->dns);
	assert_int_equal(c->dns_cache, 10000);
	assert_false(c->dns_private_answers || c->isolate_clients);
	assert_int_equal(c->workers, 0);
	assert_int_equal(config_gateway(c).addr.family, ADDR_NONE);
	config_free(c);
}

static void a_wg_quick_file_is_valid_and_its_own_keys_are_notes(void **state)
{
	static const char *const notes[] = { "DNS",    "Table",   "SaveConfig", "PreUp",
					     "PostUp", "PreDown", "PostDown" };
	struct config_messages m;
	struct config *c =
		parse("[Interface]\n"
		      "PrivateKey = " KEY_G "\nAddress = 10.0.0.1/24\nListenPort = 1\n"
		      "DNS = 1.1.1.1\nTable = off\nSaveConfig = true\n"
		      "PreUp = echo a # b\nPostUp = iptables -A FORWARD -i %i\n"
		      "PreDown = true\nPostDown = true\n"
		      "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.0.0.2/32, 192.168.9.0/24\n"
		      "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs =\n",
		      &m);

	(void)state;
	assert_non_null(c);
	assert_int_equal(m.n, 7);
	assert_int_equal(m.n_errors, 0);
	for (unsigned int i = 0; i < 7; i++) {
		assert_int_equal(m.items[i].line, 5 + i);
		assert_memory_equal(m.items[i].text, notes[i], strlen(notes[i]));
	}
	assert_int_equal(c->n_peers, 2);
	assert_int_equal(c->peers[1].n_allowed, 0);
	config_messages_done(&m);
	config_free(c);
}

static void a_clients_file_is_valid_without_a_word(void **state)
{
	struct config *c = parse_valid(
		"[Interface]\nPrivateKey = " KEY_G "\nAddress = 10.66.77.2/32, fd00::2/128\n"
		"DNS = 10.66.77.1, lan.example\nDNS = fd00::1, corp\n"
		"[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 0.0.0.0/0, ::/0\n"
		"# Stream = tls://vpn.example.org:443 sha256:" KEY_B "\n"
		"Endpoint = vpn.example.org:51820\n");

	(void)state;
	assert_true(config_is_client(c));
	assert_false(c->listen_port_given);
	assert_int_equal(c->n_dns_servers, 2);
	assert_int_equal(addr_to_ip4(&c->dns_servers[0]), 0x0a424d01);
	assert_int_equal(c->dns_servers[1].family, ADDR_IP6);
	assert_string_equal(c->dns_search, "lan.example corp");
	assert_string_equal(c->peers[0].stream_host, "vpn.example.org");
	assert_int_equal(c->peers[0].stream_port, 443);
	assert_true(c->peers[0].stream_tls && c->peers[0].stream_pinned);
	config_free(c);
}

/* As a name does. */
static void a_stream_belongs_to_the_section_that_it_touches(void **state)
{
	struct config *c = parse_valid(HEAD "# Stream = tcp://192.0.2.7:99\n\n" /* nobody's */
					    "# Stream = tcp://192.0.2.1:80\n# Name = alice\n"
					    "[Peer]\nPublicKey = " KEY_A "\n"
					    "[Peer]\nPublicKey = " KEY_B "\n"
					    "# Stream = tls://[2001:db8::1]:443\n");

	(void)state;
	assert_string_equal(c->peers[0].stream_host, "192.0.2.1");
	assert_string_equal(c->peers[0].name, "alice");
	assert_false(c->peers[0].stream_tls);
	assert_string_equal(c->peers[1].stream_host, "2001:db8::1");
	assert_true(c->peers[1].stream_tls);
	assert_false(c->peers[1].stream_pinned);
	config_free(c);
}

/* One text, and one complaint that must be among its own: line and how it begins. */
struct complaint {
	const char *text;
	unsigned int line;
	const char *begins;
};

static void a_file_of_another_kind_has_one_complaint(void **state)
{
	struct config_messages m;

	(void)state;
	assert_null(parse("root:x:0:0::/root:/bin/sh\nbin:x:1:1::/:/bin/sh\n", &m));
	assert_int_equal(m.n_errors, 1);
	assert_string_equal(m.items[0].text, "text before the first section, want [Interface]");
	config_messages_done(&m);
	/* With a section it is a configuration, whose other mistakes are told too. */
	assert_null(parse("a\nb\n[Interface]\nColour = red\n", &m));
	assert_int_equal(m.n_errors, 3);
	config_messages_done(&m);
}

static void each_mistake_has_its_complaint(void **state)
{
	static const struct complaint table[] = {
		{ "", 0, "the file is empty, want [Interface]" },
		{ "x = 1\n", 1, "text before the first section, want [Interface]" },
		{ "[Interface]\nAddress = 10.0.0.1/24\n", 0, "no PrivateKey, want" },
		{ "[Interface]\nPrivateKey = short\n", 2, "malformed PrivateKey, want 44" },
		{ HEAD "[Interfaces]\n", 5, "unknown section [Interfaces], want [Interface]" },
		{ HEAD "Listenport\n", 5, "a line without \"=\", want Key = value" },
		{ HEAD "Colour = red\n", 5, "unknown key Colour in [Interface], want one of Pri" },
		{ HEAD "not a key = 1\n", 5, "a line that begins with no key, want Key = value" },
		{ HEAD "[Nat]\nAllow = 1\n", 6, "unknown key Allow in [Nat], want one of Mapp" },
		{ HEAD PEER_A "PublicKey = " KEY_B "\n", 9, "second PublicKey in one section" },
		{ HEAD PEER_A "# Name = bob\n", 9, "second name of the peer, line 6" },
		{ HEAD "# Name = a\n# Name = b\n[Peer]\n", 6, "second name of the peer" },
		{ HEAD PEER_A "# Stream = tcp://a:1\n\n# Stream = tcp://a:1\n", 11,
		  "second stream of the peer, line 9" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct config_messages m;
		bool found = false;

		assert_null(parse(table[i].text, &m));
		assert_true(m.n_errors > 0);
		for (size_t k = 0; k < m.n; k++)
			found |= m.items[k].error && m.items[k].line == table[i].line &&
				 strncmp(m.items[k].text, table[i].begins,
					 strlen(table[i].begins)) == 0;
		if (!found)
			print_message("%s\nhas no: %s\n", table[i].text, table[i].begins);
		assert_true(found);
		config_messages_done(&m);
	}
}

static void a_nul_byte_is_named_by_its_line(void **state)
{
	static const char text[] = HEAD "# \0\n";
	struct config_messages m;
	struct config *c = NULL;

	(void)state;
	assert_int_equal(config_parse(text, sizeof(text) - 1, &c, &m), -EINVAL);
	assert_int_equal(m.items[0].line, 5);
	assert_memory_equal(m.items[0].text, "a NUL byte", 10);
	config_messages_done(&m);
}

static void all_complaints_are_collected_in_order_of_the_file(void **state)
{
	struct config_messages m;

	(void)state;
	assert_null(parse("[Interface]\nA = 1\nListenPort = 0\nPostUp = x\n[Peer]\nB = 1\n", &m));
	assert_true(m.n_errors >= 5);
	for (size_t i = 1; i < m.n; i++)
		assert_true(m.items[i - 1].line <= m.items[i].line);
	config_messages_done(&m);
}

static void a_flood_of_notes_hides_no_error(void **state)
{
	char text[8192] = HEAD;
	struct config_messages m;

	(void)state;
	for (int i = 0; i < 300; i++)
		strcat(text, "PostUp = x\n");
	for (int i = 0; i < 300; i++)
		strcat(text, "Q = x\n");
	assert_null(parse(text, &m));
	assert_int_equal(m.n_errors, 100);
	assert_int_equal(m.n, 200);
	config_messages_done(&m);
}

static void secrets_are_never_part_of_a_complaint(void **state)
{
	static const char *const texts[] = {
		"[Interface]\nPrivateKey = " KEY_A "x\n",
		"[Interface]\nPrivateKey " KEY_A "\n",
		"[Interface]\n" KEY_A "\n",
		HEAD "[Peer]\nPublicKey = " KEY_A "=\nPresharedKey = " KEY_A "=\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config_messages m;

		assert_null(parse(texts[i], &m));
		for (size_t k = 0; k < m.n; k++)
			assert_null(strstr(m.items[k].text, "xTIBA5rb"));
		config_messages_done(&m);
	}
}

static void a_name_comment_belongs_to_its_section_or_the_one_it_touches(void **state)
{
	struct config *c = parse_valid(HEAD "# Name = server\n\n"
					    "# Name = alice\n# a laptop\n[Peer]\nPublicKey = " KEY_A
					    "\n\n[Peer]\nPublicKey = " KEY_B "\n\n# Name = bob\n");

	(void)state;
	assert_string_equal(c->peers[0].name, "alice");
	assert_string_equal(c->peers[1].name, "bob");
	config_free(c);
}

static void name_comments_outside_of_peers_mean_nothing(void **state)
{
	struct config *c = parse_valid(HEAD "# Name = a\n# Name = b\n\n# Name = c\n[Peer]\n"
					    "PublicKey = " KEY_A "\n");

	(void)state;
	assert_string_equal(c->peers[0].name, "c");
	config_free(c);
}

static void a_comment_that_is_no_name_leaves_the_peer_without_one(void **state)
{
	struct config_messages m;
	struct config *c =
		parse(HEAD "[Peer]\n# Name = Al's \x1b[31mphone\nPublicKey = " KEY_A "\n", &m);

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->peers[0].name[0], '\0');
	assert_int_equal(m.n, 1);
	assert_null(strchr(m.items[0].text, '\x1b'));
	config_messages_done(&m);
	config_free(c);
}

static void our_own_public_key_is_no_peers(void **state)
{
	struct config_messages m;

	(void)state;
	assert_null(parse(HEAD "[Peer]\nPublicKey = " KEY_G_PUBLIC "\n", &m));
	assert_int_equal(m.items[0].line, 6);
	assert_string_equal(m.items[0].text, "PublicKey is the gateway's own, want the peer's");
	config_messages_done(&m);
}

static void one_peer_too_many_is_one_complaint(void **state)
{
	size_t size = 1024 + (CONFIG_PEERS_MAX + 2) * 80;
	struct config_messages m;
	char *text = malloc(size);
	size_t n;

	(void)state;
	assert_non_null(text);
	n = (size_t)snprintf(text, size, HEAD);
	for (uint32_t i = 1; i <= CONFIG_PEERS_MAX + 1; i++) {
		uint8_t key[CONFIG_KEY_LEN] = { 0 };
		char shown[CONFIG_KEY_TEXT_MAX];

		memcpy(key, &i, sizeof(i));
		config_key_format(key, shown);
		n += (size_t)snprintf(text + n, size - n, "[Peer]\nPublicKey = %s\n", shown);
	}
	assert_null(parse(text, &m));
	assert_int_equal(m.n, 1);
	assert_string_equal(m.items[0].text, "more than 65536 peers, want fewer");
	config_messages_done(&m);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_understood),
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(a_wg_quick_file_is_valid_and_its_own_keys_are_notes),
		cmocka_unit_test(a_clients_file_is_valid_without_a_word),
		cmocka_unit_test(a_stream_belongs_to_the_section_that_it_touches),
		cmocka_unit_test(a_file_of_another_kind_has_one_complaint),
		cmocka_unit_test(each_mistake_has_its_complaint),
		cmocka_unit_test(a_nul_byte_is_named_by_its_line),
		cmocka_unit_test(all_complaints_are_collected_in_order_of_the_file),
		cmocka_unit_test(a_flood_of_notes_hides_no_error),
		cmocka_unit_test(secrets_are_never_part_of_a_complaint),
		cmocka_unit_test(a_name_comment_belongs_to_its_section_or_the_one_it_touches),
		cmocka_unit_test(name_comments_outside_of_peers_mean_nothing),
		cmocka_unit_test(a_comment_that_is_no_name_leaves_the_peer_without_one),
		cmocka_unit_test(our_own_public_key_is_no_peers),
		cmocka_unit_test(one_peer_too_many_is_one_complaint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
