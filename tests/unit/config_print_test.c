/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_G "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define KEY_A "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define KEY_B "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
#define PIN   "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="

static const char full[] =
	"[Interface]\nPrivateKey = " KEY_G "\nAddress = 10.66.77.1/24\nAddress = fd00::1/64\n"
	"ListenPort = 443\nMTU = 1380\nFwMark = 0xca6c\n"
	"DNS = 10.66.77.1\nDNS = fd00::1\nDNS = lan\nDNS = corp.example\n"
	"\n[External]\nInterface = eth0\nEndpoint = vpn.example.org:443\n"
	"\n[Stream]\nPort = 8443\nTls = yes\nCertificate = /etc/tls/full chain.pem\n"
	"Key = /etc/tls/key.pem\n"
	"\n[Nat]\nMappingsPerClient = 17\nMappingsMax = 1025\nTcpEstablished = 7441\n"
	"TcpTransitory = 241\nUdpTimeout = 121\nIcmpTimeout = 61\n"
	"\n[Dns]\nEnabled = no\nUpstream = 9.9.9.9:53\nUpstream = tcp://1.1.1.1:5353\n"
	"Upstream = tls://[2620:fe::fe]:853#dns.quad9.net\nCache = 5\nPrivateAnswers = yes\n"
	"\n[Policy]\nIsolateClients = yes\nDeny = 8.8.8.8/32\nAllow = 192.168.1.0/24\n"
	"\n[Gateway]\nWorkers = 2\n"
	"\n[Peer]\n# Name = alice\n# Stream = tls://[2001:db8::1]:443 sha256:" PIN
	"\nPublicKey = " KEY_A "\nPresharedKey = " KEY_B
	"\nAllowedIPs = 10.66.77.2/32, 10.9.0.0/16\nEndpoint = [2001:db8::1]:51820\n"
	"PersistentKeepalive = 25\n";

static struct config *parse_full(void)
{
	struct config_messages m;
	struct config *c = NULL;

	assert_int_equal(config_parse(full, strlen(full), &c, &m), 0);
	assert_int_equal(m.n, 0);
	config_messages_done(&m);
	return c;
}

static void what_is_printed_is_what_was_read(void **state)
{
	struct config *c = parse_full();
	char *text = config_print(c, true);

	(void)state;
	assert_string_equal(text, full);
	free(text);
	config_free(c);
}

static void a_clients_file_gets_no_port_that_it_does_not_have(void **state)
{
	static const char client[] = "[Interface]\nPrivateKey = " KEY_G "\n"
				     "[Peer]\nPublicKey = " KEY_A "\nEndpoint = h:1\n";
	struct config_messages m;
	struct config *c = NULL;
	char *text;

	(void)state;
	assert_int_equal(config_parse(client, strlen(client), &c, &m), 0);
	config_messages_done(&m);
	text = config_print(c, true);
	assert_null(strstr(text, "ListenPort"));
	assert_null(strstr(text, "[Stream]"));
	free(text);
	config_free(c);
}

static void secrets_are_hidden_unless_asked_for(void **state)
{
	struct config *c = parse_full();
	char *text = config_print(c, false);

	(void)state;
	assert_null(strstr(text, KEY_G));
	assert_null(strstr(text, KEY_B));
	assert_non_null(strstr(text, KEY_A));
	assert_non_null(strstr(text, "PrivateKey = (hidden)\n"));
	free(text);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_what_was_read),
		cmocka_unit_test(a_clients_file_gets_no_port_that_it_does_not_have),
		cmocka_unit_test(secrets_are_hidden_unless_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
