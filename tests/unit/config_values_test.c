/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of wrong values, those that compare (check.c) included. */
#include "config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_G "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define KEY_A "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define KEY_B "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
#define ZERO  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

#define HEAD "[Interface]\nPrivateKey = " KEY_G "\nListenPort = 51820\n"
#define NET  HEAD "Address = 10.66.77.1/24\n"
#define A    "[Peer]\n# Name = alice\nPublicKey = " KEY_A "\nAllowedIPs = 10.66.77.2/32\n"

struct row {
	const char *text; /* lines behind HEAD or NET */
	unsigned int line;
	const char *begins; /* NULL: valid and without a note */
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config_messages m;
		struct config *c = NULL;

		config_parse(rows[i].text, strlen(rows[i].text), &c, &m);
		if ((m.n == 0) != (rows[i].begins == NULL) ||
		    (rows[i].begins &&
		     (m.n != 1 || m.items[0].line != rows[i].line ||
		      strncmp(m.items[0].text, rows[i].begins, strlen(rows[i].begins)) != 0))) {
			for (size_t k = 0; k < m.n; k++)
				print_message("got %u: %s\n", m.items[k].line, m.items[k].text);
			fail_msg("%s\nwants %u: %s", rows[i].text, rows[i].line,
				 rows[i].begins ? rows[i].begins : "nothing");
		}
		config_messages_done(&m);
		config_free(c);
	}
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void values_of_interface(void **state)
{
	static const struct row rows[] = {
		{ NET "MTU = 575\n", 5, "MTU \"575\", want 576..65535 bytes" },
		{ NET "MTU = 99999999999999999999\n", 5, "MTU \"9999" },
		{ NET "MTU = -1\n", 5, "MTU \"-1\", want" },
		{ NET "MTU = 1400\nMTU = 1380\n", 6, "MTU is given twice in one section" },
		{ NET "FwMark = 0x1ffffffff\n", 5, "FwMark \"0x1ffffffff\", want 0..0xffffffff" },
		{ NET "FwMark = 0x\n", 5, "FwMark \"0x\", want" },
		{ NET "FwMark = off\n", 0, NULL },
		{ HEAD "Address = 10.66.77.1\n", 4, "Address 10.66.77.1/32 leaves no address" },
		{ HEAD "Address = 10.66.77.0/24\n", 4, "Address 10.66.77.0/24 is no host's" },
		{ HEAD "Address = 10.66.77.255/24\n", 4, "Address 10.66.77.255/24 is no host's" },
		{ HEAD "Address = 10.66.77.1/7\n", 4, "Address 10.66.77.1/7, want a prefix of /8" },
		{ HEAD "Address = 127.0.0.1/8\n", 4, "Address 127.0.0.1/8, want a private one" },
		{ NET "Address = ten/8\n", 5, "Address \"ten/8\", want one such as" },
	};
	static const struct row whole[] = {
		{ "[Interface]\nPrivateKey=" KEY_G "\nListenPort=65536\nAddress=10.0.0.1/8\n", 3,
		  "ListenPort \"65536\", want 1..65535 a UDP port" },
		{ "[Interface]\nPrivateKey=" ZERO "\nListenPort=1\nAddress=10.0.0.1/8\n", 2,
		  "PrivateKey is all zero, want" },
	};

	(void)state;
	CHECK(rows);
	CHECK(whole);
}

static void values_of_peer(void **state)
{
	static const struct row rows[] = {
		{ NET A, 0, NULL },
		{ NET A "PresharedKey = x\n", 9, "malformed PresharedKey, want 44" },
		{ NET "[Peer]\nPublicKey = " ZERO "\n", 6, "PublicKey is all zero" },
		{ NET "[Peer]\nAllowedIPs = 10.66.77.9\n", 5,
		  "a peer without PublicKey, want one" },
		{ NET A "AllowedIPs = 10.66.77.2/32\n", 0, NULL },
		{ NET A "AllowedIPs = 10.66.77.300\n", 9,
		  "AllowedIPs \"10.66.77.300\", want pref" },
		{ NET A "AllowedIPs = 10.9.0.1/16\n", 9,
		  "AllowedIPs 10.9.0.1/16 has host bits set" },
		{ NET A "AllowedIPs = 10.66.77.1\n", 9,
		  "AllowedIPs 10.66.77.1/32 is the gateway's" },
		{ NET A "AllowedIPs = 0.0.0.0/0\n", 9, "AllowedIPs 0.0.0.0/0 sends what no other" },
		{ NET A "PersistentKeepalive = off\n", 0, NULL },
		{ NET A "PersistentKeepalive = 65536\n", 9,
		  "PersistentKeepalive \"65536\", want 0" },
		{ NET A "Endpoint = vpn.example.org:51820\n", 0, NULL },
		{ NET A "Endpoint = vpn.example.org\n", 9,
		  "Endpoint \"vpn.example.org\", want HOST:" },
		{ NET A "Endpoint = 2001:db8::1:5\n", 9,
		  "Endpoint \"2001:db8::1:5\", want HOST:P" },
		{ NET A "Endpoint = [::1]:70000\n", 9, "Endpoint \"[::1]:70000\", want" },
		{ NET A "Endpoint = a b:1\n", 9, "Endpoint \"a b:1\", want" },
		{ NET A "Endpoint = :1\n", 9, "Endpoint \":1\", want" },
		{ NET A "[Peer]\nPublicKey = " KEY_A "\n", 10,
		  "PublicKey is that of peer alice in line 7, want each key once" },
		{ NET A "[Peer]\n#Name=alice\nPublicKey = " KEY_B "\n", 10,
		  "the name alice is that of the peer in line 6, want each once" },
		{ NET A "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 10.66.77.2\n", 11,
		  "AllowedIPs 10.66.77.2/32 belongs to peer alice in line 8, want each once" },
		{ NET A "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 10.66.77.0/25\n", 0, NULL },
	};

	(void)state;
	CHECK(rows);
}

static void values_of_our_own_sections(void **state)
{
	static const struct row rows[] = {
		{ NET "[External]\nInterface = eth/0\n", 6, "Interface \"eth/0\", want the name" },
		{ NET "[External]\nInterface = abcdefghijklmnop\n", 6, "Interface \"abcdef" },
		{ NET "[External]\nEndpoint = 2001:db8::1\n", 0, NULL },
		{ NET "[External]\nEndpoint = [2001:db8::1]\n", 0, NULL },
		{ NET "[External]\nEndpoint = a/b\n", 6,
		  "Endpoint \"a/b\", want HOST or HOST:PORT" },
		{ NET "[Nat]\nUdpTimeout = 119\n", 6,
		  "UdpTimeout \"119\", want 120..604800 seconds (RFC 4787" },
		{ NET "[Nat]\nTcpEstablished = 7439\n", 6, "TcpEstablished \"7439\", want 7440.." },
		{ NET "[Nat]\nTcpTransitory = 239\n", 6, "TcpTransitory \"239\", want 240.." },
		{ NET "[Nat]\nIcmpTimeout = 59\n", 6, "IcmpTimeout \"59\", want 60.." },
		{ NET "[Nat]\nUdpTimeout = 5m\n", 6, "UdpTimeout \"5m\", want" },
		{ NET "[Nat]\nMappingsPerClient = 15\n", 6, "MappingsPerClient \"15\", want 16.." },
		{ NET "[Dns]\nEnabled = maybe\n", 6, "Enabled \"maybe\", want yes or no" },
		{ NET "[Dns]\nUpstream = dns.google\n", 6,
		  "Upstream \"dns.google\", want 9.9.9.9" },
		{ NET "[Dns]\nUpstream = https://9.9.9.9\n", 6, "Upstream \"https://9.9.9.9\"" },
		{ NET "[Dns]\nUpstream = 9.9.9.9#name\n", 6, "Upstream \"9.9.9.9#name\"" },
		{ NET "[Dns]\nUpstream = tls://9.9.9.9#\n", 6, "Upstream \"tls://9.9.9.9#\"" },
		{ NET "[Dns]\nUpstream = 10.66.77.1\n", 6, "Upstream 10.66.77.1 is this gateway" },
		{ NET "[Dns]\nUpstream = 1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,"
		      "1.1.1.8,1.1.1.9\n",
		  6, "Upstream \"1.1.1.9\" is one too many, want at most 8" },
		{ NET "[Policy]\nAllow = fe80::/10\n", 6, "Allow \"fe80::/10\", want an IPv4" },
		{ NET "[Policy]\nDeny = all\n", 6, "Deny \"all\", want an IPv4 prefix" },
		{ NET "[Gateway]\nWorkers = 9\n", 6, "Workers \"9\", want 0..8 threads" },
		{ NET "[Stream]\nPort = 0\n", 6, "Port \"0\", want 1..65535 a TCP port" },
		{ NET "[Stream]\nPort = 51820\n", 0, NULL }, /* TCP, while the tunnel's is UDP */
	};

	(void)state;
	CHECK(rows);
}

static void what_is_missing_but_not_needed_is_a_note(void **state)
{
	static const struct row rows[] = {
		{ "[Interface]\nPrivateKey=" KEY_G "\nAddress=10.0.0.1/8\n", 0,
		  "no ListenPort, taken as 51820" },
		{ HEAD, 0, "no IPv4 Address in [Interface], want one such as" },
		{ NET "#", 0, "no newline at the end, is the file complete?" },
	};

	(void)state;
	CHECK(rows);
}

#define CLIENT "[Interface]\nPrivateKey=" KEY_G "\n"
#define THERE  "[Peer]\nPublicKey=" KEY_A "\nEndpoint=h:1\nAllowedIPs=0.0.0.0/0\n"

static void values_of_a_clients_file(void **state)
{
	static const struct row rows[] = {
		{ CLIENT "DNS=9.9.9.9,2620:fe::fe, lan ,~corp_1.example-2\n" THERE, 0, NULL },
		{ CLIENT "DNS=\n" THERE, 0, NULL },
		{ CLIENT "DNS=9.9.9.9,,1.1.1.1\n" THERE, 3, "DNS \"\", want addresses of" },
		{ CLIENT "DNS=tls://9.9.9.9\n" THERE, 3, "DNS \"tls://9.9.9.9\", want addresses" },
		{ CLIENT "DNS=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,"
			 "1.1.1.9\n" THERE,
		  3, "DNS \"1.1.1.9\" is one too many, want at most 8 resolvers and 255" },
		/* What a gateway could not have as its own address. */
		{ CLIENT "Address=10.1.2.0/24\n" THERE, 0, NULL },
		{ CLIENT "Address=fd00::2/128\n" THERE, 0, NULL },
		{ CLIENT "Address=127.0.0.1/8\n" THERE, 3, "Address 127.0.0.1/8, want a private" },
		{ CLIENT "#Stream=udp://h:1\n\n" THERE, 0, NULL }, /* [Interface]'s */
		{ CLIENT THERE "#Stream=udp://h:1\n", 7,
		  "the comment's stream \"udp://h:1\" is not used, want tcp://HOST:PORT" },
	};
	char text[1000] = CLIENT "DNS = a.example, ";
	struct config_messages m;
	struct config *c = NULL;

	(void)state;
	CHECK(rows);
	memset(text + strlen(text), 'x', 248); /* with a blank between one more than fits */
	strcat(text, "\n" THERE);
	assert_int_equal(config_parse(text, strlen(text), &c, &m), -EINVAL);
	assert_non_null(strstr(m.items[0].text, "is one too many"));
	config_messages_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_interface),
		cmocka_unit_test(values_of_peer),
		cmocka_unit_test(values_of_our_own_sections),
		cmocka_unit_test(values_of_a_clients_file),
		cmocka_unit_test(what_is_missing_but_not_needed_is_a_note),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
