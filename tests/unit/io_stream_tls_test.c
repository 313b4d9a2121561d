/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/stream_tls.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "io_stream_pair.h"

static const uint8_t key_a[32] = { 1, 2, 3 };
static const uint8_t key_b[32] = { 1, 2, 4 };

static char dir[] = "/tmp/stream-tls-XXXXXX";
static char certificate[64], key[64], other_key[64], locked_key[64], garbage[64];

static EVP_PKEY *make_key(const char *path, const char *passphrase)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	FILE *f = fopen(path, "w");
	int len = passphrase ? (int)strlen(passphrase) : 0;

	assert_non_null(k);
	assert_int_equal(PEM_write_PrivateKey(f, k, passphrase ? EVP_aes_128_cbc() : NULL,
					      (const unsigned char *)passphrase, len, NULL, NULL),
			 1);
	fclose(f);
	return k;
}

/* A certificate for vpn.example.test and 127.0.0.1 that is its own authority. */
static void make_certificate(const char *path, EVP_PKEY *k)
{
	X509 *x = X509_new();
	X509_EXTENSION *names =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
				    "DNS:vpn.example.test,DNS:*.wild.test,IP:127.0.0.1");
	FILE *f = fopen(path, "w");

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, k);
	X509_add_ext(x, names, -1);
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	X509_EXTENSION_free(names);
	X509_free(x);
}

static int make_files(void **state)
{
	EVP_PKEY *k;
	FILE *f;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(dir));
	snprintf(certificate, sizeof(certificate), "%s/c.pem", dir);
	snprintf(key, sizeof(key), "%s/k.pem", dir);
	snprintf(other_key, sizeof(other_key), "%s/other.pem", dir);
	snprintf(locked_key, sizeof(locked_key), "%s/locked.pem", dir);
	snprintf(garbage, sizeof(garbage), "%s/garbage", dir);
	k = make_key(key, NULL);
	make_certificate(certificate, k);
	EVP_PKEY_free(k);
	EVP_PKEY_free(make_key(other_key, NULL));
	EVP_PKEY_free(make_key(locked_key, "secret"));
	f = fopen(garbage, "w");
	fputs("no PEM\n", f);
	fclose(f);
	/* The authorities of this "system". */
	setenv("SSL_CERT_FILE", certificate, 1);
	setenv("SSL_CERT_DIR", dir, 1);
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(certificate);
	unlink(key);
	unlink(other_key);
	unlink(locked_key);
	unlink(garbage);
	rmdir(dir);
	return 0;
}

/* Whether a client of @client gets through to @server; both are freed.  @said: what it says. */
static bool meets(struct stream_tls *client, struct stream_tls *server, const char *said)
{
	struct pair pair;
	bool open;

	pair_listen(&pair);
	pair_begin(&pair, client, server);
	pair_settle(&pair);
	open = stream_state(pair.near) == STREAM_OPEN;
	if (!strstr(stream_error(pair.near), said))
		fail_msg("\"%s\" has no \"%s\"", stream_error(pair.near), said);
	assert_true(open == (stream_error(pair.near)[0] == '\0'));
	if (open)
		assert_int_equal(stream_state(pair.far), STREAM_OPEN);
	pair_free(&pair);
	stream_tls_free(client);
	stream_tls_free(server);
	assert_int_equal(ERR_peek_error(), 0);
	return open;
}

static struct stream_tls *client(const char *name, const uint8_t *pin)
{
	struct stream_tls *tls = NULL;

	assert_int_equal(stream_tls_client(name, pin, &tls), 0);
	return tls;
}

static struct stream_tls *self_signed(const uint8_t private_key[static 32])
{
	struct stream_tls *tls = NULL;

	assert_int_equal(stream_tls_self_signed(private_key, &tls), 0);
	return tls;
}

static struct stream_tls *from_files(void)
{
	struct stream_tls *tls = NULL;

	assert_int_equal(stream_tls_server(certificate, key, &tls), 0);
	return tls;
}

static void a_pin_follows_from_the_key_alone(void **state)
{
	/*
	 * SHA-256 of the SubjectPublicKeyInfo, by Python's hashlib and cryptography: another derivation
	 * would lock out the clients that have a pin.
	 */
	static const uint8_t known[STREAM_PIN_LEN] = {
		0x34, 0x6f, 0x30, 0x26, 0xb0, 0x68, 0x0f, 0x6e, 0x0d, 0x08, 0x8d,
		0x66, 0x36, 0x8d, 0x68, 0x8e, 0x96, 0x39, 0xf5, 0x2e, 0x7c, 0xa1,
		0x2e, 0xa7, 0xd1, 0xea, 0x2b, 0x67, 0xa6, 0x26, 0xe2, 0x6c,
	};
	uint8_t a[STREAM_PIN_LEN], again[STREAM_PIN_LEN], b[STREAM_PIN_LEN];

	(void)state;
	assert_int_equal(stream_pin(key_a, a), 0);
	assert_int_equal(stream_pin(key_a, again), 0);
	assert_int_equal(stream_pin(key_b, b), 0);
	assert_memory_equal(a, known, sizeof(a));
	assert_memory_equal(a, again, sizeof(a));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void the_pinned_server_is_met_under_any_name(void **state)
{
	uint8_t pin[STREAM_PIN_LEN];

	(void)state;
	assert_int_equal(stream_pin(key_a, pin), 0);
	assert_true(meets(client("vpn.example.org", pin), self_signed(key_a), ""));
	assert_true(meets(client("192.0.2.1", pin), self_signed(key_a), ""));
	assert_true(meets(client("", pin), self_signed(key_a), ""));
}

static void another_server_than_the_pinned_one_is_refused(void **state)
{
	uint8_t pin[STREAM_PIN_LEN];

	(void)state;
	assert_int_equal(stream_pin(key_a, pin), 0);
	assert_false(meets(client("h", pin), self_signed(key_b), "not the pinned certificate"));
	assert_false(meets(client("vpn.example.test", pin), from_files(), "not the pinned"));
}

static void without_a_pin_the_name_and_the_authority_count(void **state)
{
	(void)state;
	assert_true(meets(client("vpn.example.test", NULL), from_files(), ""));
	assert_true(meets(client("a.wild.test", NULL), from_files(), ""));
	assert_true(meets(client("127.0.0.1", NULL), from_files(), ""));
	assert_false(meets(client("evil.example.test", NULL), from_files(), "ostname mismatch"));
	assert_false(meets(client("127.0.0.2", NULL), from_files(), "IP address mismatch"));
	assert_false(
		meets(client("vpn.example.test", NULL), self_signed(key_a), "is refused (self"));
}

static void one_end_without_tls_is_told(void **state)
{
	struct stream_tls *near = client("h", key_a);
	struct stream_tls *far = self_signed(key_a);
	struct stream_rx rx[4];
	struct pair pair;

	(void)state;
	/* The client's hello is frames to a server without TLS, which waits for more of them. */
	pair_listen(&pair);
	pair_begin(&pair, near, NULL);
	for (int i = 0; i < 20; i++) {
		stream_run(pair.near, loop_now());
		stream_recv(pair.far, rx, 4);
		pair_wait(stream_fd(pair.near), POLLIN, 1);
	}
	assert_int_equal(stream_run(pair.near, loop_now() + STREAM_CONNECT), STREAM_CLOSED);
	assert_non_null(strstr(stream_error(pair.near), "no answer by TLS from 127.0.0.1"));
	pair_free(&pair);
	/* And the other way round. */
	pair_listen(&pair);
	pair_begin(&pair, NULL, far);
	pair_settle(&pair);
	assert_int_equal(stream_state(pair.far), STREAM_CONNECTING);
	assert_int_equal(stream_send(pair.near, (const uint8_t *)"hello, there", 12, 12, 0), 0);
	pair_settle(&pair);
	assert_int_equal(stream_state(pair.far), STREAM_CLOSED);
	assert_true(strlen(stream_error(pair.far)) > 0);
	pair_free(&pair);
	stream_tls_free(near);
	stream_tls_free(far);
}

static void what_is_no_certificate_and_its_key_is_refused(void **state)
{
	struct stream_tls *tls = NULL;

	(void)state;
	assert_int_equal(stream_tls_server("/nonexistent", key, &tls), -ENOENT);
	assert_int_equal(stream_tls_server(certificate, "/nonexistent", &tls), -ENOENT);
	assert_int_equal(stream_tls_server(garbage, key, &tls), -EBADMSG);
	assert_int_equal(stream_tls_server(certificate, garbage, &tls), -EBADMSG);
	assert_int_equal(stream_tls_server(certificate, other_key, &tls), -EBADMSG);
	assert_int_equal(stream_tls_server(certificate, locked_key, &tls), -EBADMSG);
	assert_int_equal(stream_tls_client("", NULL, &tls), -EINVAL);
	assert_null(tls);
	assert_int_equal(ERR_peek_error(), 0);
}

/* Each sentence ends where it should, however long the address is. */
static void sentences_fit(void **state)
{
	const char *remote = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
	struct stream_tls *tls = client("vpn.example.test", NULL);
	char out[STREAM_ERROR_MAX];
	SSL *ssl;

	(void)state;
	ssl = stream_tls_begin(tls, 0);
	assert_non_null(ssl);
	SSL_set_verify_result(ssl, X509_V_ERR_APPLICATION_VERIFICATION);
	stream_tls_explain(tls, ssl, remote, out);
	assert_true(strlen(out) < STREAM_ERROR_MAX - 1);
	SSL_set_verify_result(ssl, X509_V_ERR_HOSTNAME_MISMATCH);
	stream_tls_explain(tls, ssl, remote, out);
	assert_true(strlen(out) < STREAM_ERROR_MAX - 1);
	SSL_set_verify_result(ssl, X509_V_OK);
	stream_tls_explain(tls, ssl, remote, out);
	assert_non_null(strstr(out, "has ended"));
	SSL_free(ssl);
	stream_tls_free(tls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_follows_from_the_key_alone),
		cmocka_unit_test(the_pinned_server_is_met_under_any_name),
		cmocka_unit_test(another_server_than_the_pinned_one_is_refused),
		cmocka_unit_test(without_a_pin_the_name_and_the_authority_count),
		cmocka_unit_test(one_end_without_tls_is_told),
		cmocka_unit_test(what_is_no_certificate_and_its_key_is_refused),
		cmocka_unit_test(sentences_fit),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
