/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/command/client.c"

#define KEY_G        "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define KEY_G_PUBLIC "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="
#define KEY_A        "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define KEY_B        "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="

#define PIN_G "VAYLmC1Puls2jLr7JWSXfbvWJhpmXi3x2DWj6+dKA6s="

#define HEAD "[Interface]\nPrivateKey = " KEY_G "\nAddress = 10.66.77.1/24\n"
#define PEER "[Peer]\nPublicKey = " KEY_A "\n"

struct row {
	const char *text;
	bool own_key; /* the client's is not ours to print */
	const char *want;
};

static void check_row(const struct row *row)
{
	uint8_t private_key[CONFIG_KEY_LEN];
	struct config_messages m;
	struct config *c = NULL;
	char *got;

	assert_int_equal(config_parse(row->text, strlen(row->text), &c, &m), 0);
	config_messages_done(&m);
	assert_true(config_key_parse(KEY_B, private_key));
	got = client_text(c, &c->peers[0], row->own_key ? NULL : private_key, "yours", "192.0.2.1");
	assert_string_equal(got, row->want);
	free(got);
	config_free(c);
}

static void client_files_fit_their_gateway(void **state)
{
	static const struct row rows[] = {
		{ HEAD PEER "AllowedIPs = 10.66.77.2, fd00::2\n", false,
		  "[Interface]\nPrivateKey = " KEY_B "\nAddress = 10.66.77.2/24, fd00::2/64\n"
		  "DNS = 10.66.77.1\nMTU = 1420\n"
		  "\n[Peer]\nPublicKey = " KEY_G_PUBLIC "\nAllowedIPs = 0.0.0.0/0, ::/0\n"
		  "Endpoint = 192.0.2.1:51820\n" },
		/* A router with networks behind it, another port, a secret of both. */
		{ HEAD "ListenPort = 443\nMTU = 1300\n[Dns]\nEnabled = no\n"
		       "[External]\nEndpoint = 2001:db8::1\n" PEER
		       "AllowedIPs = 192.168.9.0/24, 10.66.77.2\nPresharedKey = " KEY_A "\n",
		  true,
		  "[Interface]\n# PrivateKey: yours\nAddress = 10.66.77.2/24\nMTU = 1300\n"
		  "\n[Peer]\nPublicKey = " KEY_G_PUBLIC "\nPresharedKey = " KEY_A
		  "\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = [2001:db8::1]:443\n" },
		/* An address elsewhere stays a lone one; the port of [External] wins. */
		{ HEAD "[External]\nEndpoint = vpn.example.org:99\n" PEER "AllowedIPs = 10.9.9.9\n",
		  true,
		  "[Interface]\n# PrivateKey: yours\nAddress = 10.9.9.9/32\nDNS = 10.66.77.1\n"
		  "MTU = 1420\n\n[Peer]\nPublicKey = " KEY_G_PUBLIC
		  "\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = vpn.example.org:99\n" },
		/* What clients are told of streams: a pin, where the gateway signs by itself. */
		{ HEAD "[Stream]\nPort = 443\n" PEER, true,
		  "[Interface]\n# PrivateKey: yours\nDNS = 10.66.77.1\n"
		  "MTU = 1420\n\n[Peer]\nPublicKey = " KEY_G_PUBLIC
		  "\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = 192.0.2.1:51820\n"
		  "# Stream = tls://192.0.2.1:443 sha256:" PIN_G "\n" },
		{ HEAD "[Stream]\nPort = 443\nCertificate = /c\nKey = /k\n"
		       "[External]\nEndpoint = vpn.example.org:99\n" PEER,
		  true,
		  "[Interface]\n# PrivateKey: yours\nDNS = 10.66.77.1\n"
		  "MTU = 1420\n\n[Peer]\nPublicKey = " KEY_G_PUBLIC
		  "\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = vpn.example.org:99\n"
		  "# Stream = tls://vpn.example.org:443\n" },
		{ HEAD "[Stream]\nPort = 80\nTls = no\n[External]\nEndpoint = 2001:db8::1\n" PEER,
		  true,
		  "[Interface]\n# PrivateKey: yours\nDNS = 10.66.77.1\n"
		  "MTU = 1420\n\n[Peer]\nPublicKey = " KEY_G_PUBLIC
		  "\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = [2001:db8::1]:51820\n"
		  "# Stream = tcp://[2001:db8::1]:80\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void a_code_is_square_and_has_a_light_border(void **state)
{
	QRcode *qr = QRcode_encodeString8bit("hello", 0, QR_ECLEVEL_L);

	(void)state;
	assert_non_null(qr);
	assert_false(is_dark(qr, -1, 0));
	assert_false(is_dark(qr, 0, qr->width));
	/* The finder pattern: dark edge, light ring, dark heart. */
	assert_true(is_dark(qr, 0, 0));
	assert_false(is_dark(qr, 1, 1));
	assert_true(is_dark(qr, 3, 3));
	QRcode_free(qr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_files_fit_their_gateway),
		cmocka_unit_test(a_code_is_square_and_has_a_light_border),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
