/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

#define KEY_G "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define PIN   "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="

#define NET \
	"[Interface]\nPrivateKey = " KEY_G "\nListenPort = 1\nAddress = 10.66.77.1/24\n[Stream]\n"

/* The first complaint about [Stream] with these lines, "" for none. */
static const char *complaint(const char *lines, unsigned int *line)
{
	static char said[320];
	struct config_messages m;
	struct config *c = NULL;
	char text[1000];

	snprintf(text, sizeof(text), NET "%s", lines);
	config_parse(text, strlen(text), &c, &m);
	snprintf(said, sizeof(said), "%s", m.n > 0 ? m.items[0].text : "");
	*line = m.n > 0 ? m.items[0].line : 0;
	assert_true(m.n == m.n_errors && m.n <= 1);
	config_messages_done(&m);
	config_free(c);
	return said;
}

static void what_does_not_fit_together_is_an_error(void **state)
{
	static const struct {
		const char *lines;
		unsigned int line;
		const char *begins;
	} rows[] = {
		{ "", 0, "" },
		{ "Port = 443\n", 0, "" },
		{ "Port = 443\nCertificate = /c\nKey = /k\n", 0, "" },
		{ "Port = 443\nTls = on\nCertificate = /c\nKey = /k\n", 0, "" },
		{ "Tls = no\n", 0, "no Port in [Stream], want one such as 443" },
		{ "Port = 443\nTls = 1.3\n", 7, "Tls \"1.3\", want yes or no" },
		{ "Port = 443\nCertificate = /c\n", 7, "Certificate without Key, want both" },
		{ "Port = 443\nKey = /k\n", 7, "Key without Certificate, want both" },
		{ "Port = 443\nTls = no\nKey = /k\nCertificate = /c\n", 7,
		  "Tls = no with a Certificate, want Tls = yes or no Certificate" },
		{ "Port = 443\nCertificate = c.pem\nKey = /k\n", 7,
		  "Certificate \"c.pem\", want the absolute path of a PEM file" },
		{ "Port = 443\nCertificate = /c\nKey =\n", 8, "Key \"\", want the absolute path" },
		{ "Port = 443\nCertificate = /c\nKey = /\033[2J\n", 8, "Key \"/?[2J\", want" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int line;
		const char *said = complaint(rows[i].lines, &line);

		if (strncmp(said, rows[i].begins, strlen(rows[i].begins)) != 0 ||
		    !said[0] != !rows[i].begins[0] || line != rows[i].line)
			fail_msg("%swants %u: %s\ngot %u: %s", rows[i].lines, rows[i].line,
				 rows[i].begins, line, said);
	}
}

static void a_path_has_an_end(void **state)
{
	char lines[600] = "Port = 1\nKey = /k\nCertificate = /";
	unsigned int line;

	(void)state;
	memset(lines + strlen(lines), 'x', CONFIG_HOST_MAX - 2);
	strcpy(lines + strlen(lines), "\n");
	assert_string_equal(complaint(lines, &line), "");
	strcpy(lines + strlen(lines) - 1, "x\n");
	assert_non_null(strstr(complaint(lines, &line), "at most 255 bytes"));
}

static void tls_is_the_default_and_a_certificate_one_of_its_own(void **state)
{
	static const struct {
		const char *lines;
		enum config_stream_tls tls;
	} rows[] = {
		{ "Port = 443\n", CONFIG_STREAM_SELF_SIGNED },
		{ "Port = 443\nTls = yes\n", CONFIG_STREAM_SELF_SIGNED },
		{ "Port = 443\nTls = no\n", CONFIG_STREAM_PLAIN },
		{ "Port = 443\nKey = /k\nCertificate = /c\nTls = yes\n",
		  CONFIG_STREAM_CERTIFICATE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_messages m;
		struct config *c = NULL;
		char text[1000];

		snprintf(text, sizeof(text), NET "%s", rows[i].lines);
		assert_int_equal(config_parse(text, strlen(text), &c, &m), 0);
		config_messages_done(&m);
		assert_int_equal(c->stream_port, 443);
		assert_int_equal(c->stream_tls, rows[i].tls);
		config_free(c);
	}
}

static void a_stream_is_the_same_text_again(void **state)
{
	static const struct {
		const char *text;
		const char *again; /* NULL: refused */
	} rows[] = {
		{ "tcp://192.0.2.1:80", "tcp://192.0.2.1:80" },
		{ "TLS://vpn.example.org:443", "tls://vpn.example.org:443" },
		{ "tls://[2001:db8::1]:443 \t SHA256:" PIN, "tls://[2001:db8::1]:443 sha256:" PIN },
		{ "", NULL },
		{ "192.0.2.1:80", NULL },
		{ "udp://192.0.2.1:80", NULL },
		{ "tls://", NULL },
		{ "tls://host", NULL },
		{ "tls://host:0", NULL },
		{ "tls://host:65536", NULL },
		{ "tls://a/b:443", NULL },
		{ "tcp://host:80 sha256:" PIN, NULL },
		{ "tls://host:80 " PIN, NULL },
		{ "tls://host:80 sha1:" PIN, NULL },
		{ "tls://host:80 sha256:", NULL },
		{ "tls://host:80 sha256:" PIN "x", NULL },
		{ "tls://host:80 sha256:" PIN " x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_peer peer = { .stream_port = 0 };
		char text[CONFIG_STREAM_TEXT_MAX];

		if (config_stream_parse(rows[i].text, &peer) != (rows[i].again != NULL))
			fail_msg("%s", rows[i].text);
		assert_string_equal(config_stream_format(&peer, text),
				    rows[i].again ? rows[i].again : "");
	}
}

static void the_longest_stream_fits(void **state)
{
	struct config_peer peer = { .stream_port = 65535, .stream_tls = true };
	char text[CONFIG_STREAM_TEXT_MAX + 300];
	struct config_peer again;

	(void)state;
	memset(peer.stream_host, ':', CONFIG_HOST_MAX - 1);
	peer.stream_pinned = true;
	config_stream_format(&peer, text);
	assert_int_equal(strlen(text), CONFIG_STREAM_TEXT_MAX - 2);
	assert_true(config_stream_parse(text, &again));
	assert_string_equal(again.stream_host, peer.stream_host);
	memset(text, 'h', sizeof(text));
	memcpy(text, "tls://", 6);
	strcpy(text + 6 + CONFIG_HOST_MAX, ":443");
	assert_false(config_stream_parse(text, &again));
	memset(text + 6, 'h', 500);
	strcpy(text + 506, ":443");
	assert_false(config_stream_parse(text, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_together_is_an_error),
		cmocka_unit_test(a_path_has_an_end),
		cmocka_unit_test(tls_is_the_default_and_a_certificate_one_of_its_own),
		cmocka_unit_test(a_stream_is_the_same_text_again),
		cmocka_unit_test(the_longest_stream_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
