/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a server is, and how a client tells.
 *
 * WireGuard inside proves who both ends are: TLS is there so that the network sees what it
 * lets through.  A certificate is checked all the same, because whoever is in between could else
 * choose what to let through and what not.
 */
#include "io/stream_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "crypto/blake2s.h"
#include "crypto/wipe.h"

#define NAME_MAX_LEN 256
#define READ_AHEAD   (64 << 10) /* bytes of one read(): four records */

struct stream_tls {
	SSL_CTX *context;
	bool server;
	bool pinned;
	uint8_t pin[STREAM_PIN_LEN];
	char name[NAME_MAX_LEN];
	bool name_is_address;
};

/* AES-128 first: what is inside is encrypted already, and it is the fastest where AES has a unit. */
#define CIPHERS "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"

/* No tickets and no sessions: nothing is resumed, so nothing is kept that could be stolen. */
static struct stream_tls *tls_new(bool server)
{
	struct stream_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return NULL;
	tls->server = server;
	tls->context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (!tls->context || SSL_CTX_set_min_proto_version(tls->context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(tls->context, CIPHERS) != 1 ||
	    SSL_CTX_set_num_tickets(tls->context, 0) != 1) {
		ERR_clear_error();
		return stream_tls_free(tls);
	}
	SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(tls->context, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(tls->context,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(tls->context, 1);
	SSL_CTX_set_default_read_buffer_len(tls->context, READ_AHEAD);
	return tls;
}

struct stream_tls *stream_tls_free(struct stream_tls *tls)
{
	if (tls)
		SSL_CTX_free(tls->context);
	free(tls);
	return NULL;
}

static bool pin_of(EVP_PKEY *key, uint8_t ret[static STREAM_PIN_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	if (len > 0)
		SHA256(der, (size_t)len, ret);
	OPENSSL_free(der);
	return len > 0;
}

/* In place of OpenSSL's own check: the key is all that counts, names and dates are not looked at. */
static int check_pin(X509_STORE_CTX *store, void *arg)
{
	const struct stream_tls *tls = arg;
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
	uint8_t pin[STREAM_PIN_LEN];

	if (key && pin_of(key, pin) && memcmp(pin, tls->pin, sizeof(pin)) == 0)
		return 1;
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

int stream_tls_client(const char *name, const uint8_t *pin, struct stream_tls **ret)
{
	struct stream_tls *tls;
	struct addr address;

	if (name[0] == '\0' && !pin)
		return -EINVAL;
	tls = tls_new(false);
	if (!tls)
		return -ENOMEM;
	snprintf(tls->name, sizeof(tls->name), "%s", name);
	tls->name_is_address = addr_parse(name, &address);
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	if (pin) {
		tls->pinned = true;
		memcpy(tls->pin, pin, sizeof(tls->pin));
		SSL_CTX_set_cert_verify_callback(tls->context, check_pin, tls);
	} else if (SSL_CTX_set_default_verify_paths(tls->context) != 1) {
		ERR_clear_error();
		stream_tls_free(tls);
		return -ENOENT;
	}
	*ret = tls;
	return 0;
}

static int check_readable(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	fclose(f);
	return 0;
}

/* Instead of OpenSSL's own, which asks at the terminal: a key with a passphrase is refused. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

int stream_tls_server(const char *certificate, const char *key, struct stream_tls **ret)
{
	struct stream_tls *tls;
	int r = check_readable(certificate);

	if (r == 0)
		r = check_readable(key);
	if (r < 0)
		return r;
	tls = tls_new(true);
	if (!tls)
		return -ENOMEM;
	SSL_CTX_set_default_passwd_cb(tls->context, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(tls->context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(tls->context) != 1) {
		ERR_clear_error();
		stream_tls_free(tls);
		return -EBADMSG;
	}
	*ret = tls;
	return 0;
}

/* Keyed BLAKE2s of a label tells nothing of the key, and another label would be another secret. */
static EVP_PKEY *derive_key(const uint8_t private_key[static 32])
{
	static const char label[] = "culvert stream certificate v1";
	uint8_t seed[BLAKE2S_HASH_LEN];
	struct blake2s b;
	EVP_PKEY *key;

	blake2s_init(&b, sizeof(seed), private_key, 32);
	blake2s_update(&b, label, sizeof(label) - 1);
	blake2s_final(&b, seed);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	wipe(seed, sizeof(seed));
	return key;
}

/* The same each time, so it never needs to be renewed: RFC 5280 section 4.1.2.5 has the last date. */
static X509 *sign_certificate(EVP_PKEY *key)
{
	static const unsigned char name[] = "culvert";
	X509 *x = X509_new();
	X509_NAME *subject = x ? X509_get_subject_name(x) : NULL;

	if (subject && X509_set_version(x, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20000101000000Z") == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1 &&
	    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC, name,
				       sizeof(name) - 1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, key) == 1 &&
	    X509_sign(x, key, NULL) > 0)
		return x;
	X509_free(x);
	return NULL;
}

int stream_tls_self_signed(const uint8_t private_key[static 32], struct stream_tls **ret)
{
	struct stream_tls *tls = tls_new(true);
	EVP_PKEY *key = tls ? derive_key(private_key) : NULL;
	X509 *certificate = key ? sign_certificate(key) : NULL;
	bool ok = certificate && SSL_CTX_use_certificate(tls->context, certificate) == 1 &&
		  SSL_CTX_use_PrivateKey(tls->context, key) == 1;

	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (!ok) {
		stream_tls_free(tls);
		return -ENOMEM;
	}
	*ret = tls;
	return 0;
}

int stream_pin(const uint8_t private_key[static 32], uint8_t ret[static STREAM_PIN_LEN])
{
	EVP_PKEY *key = derive_key(private_key);
	bool ok = key && pin_of(key, ret);

	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok ? 0 : -ENOMEM;
}

static bool set_name(const struct stream_tls *tls, SSL *ssl)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (tls->name[0] == '\0')
		return true;
	/* RFC 6066 section 3: an address is no server name. */
	if (!tls->name_is_address && SSL_set_tlsext_host_name(ssl, tls->name) != 1)
		return false;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (tls->name_is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, tls->name) == 1;
	return SSL_set1_host(ssl, tls->name) == 1;
}

SSL *stream_tls_begin(const struct stream_tls *tls, int fd)
{
	SSL *ssl = SSL_new(tls->context);

	if (!ssl || SSL_set_fd(ssl, fd) != 1 || (!tls->server && !set_name(tls, ssl))) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	if (tls->server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

void stream_tls_explain(const struct stream_tls *tls, SSL *ssl, const char *remote,
			char out[static STREAM_ERROR_MAX])
{
	long verdict = tls->server ? X509_V_OK : SSL_get_verify_result(ssl);
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (verdict == X509_V_ERR_APPLICATION_VERIFICATION)
		snprintf(out, STREAM_ERROR_MAX,
			 "%s has not the pinned certificate: somebody is in between, or its key "
			 "has changed; `culvert peer show` there tells",
			 remote);
	else if (verdict != X509_V_OK)
		snprintf(out, STREAM_ERROR_MAX,
			 "the certificate of %s is refused (%s), want one for its name, or a pin",
			 remote, X509_verify_cert_error_string(verdict));
	else if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER ||
		 ERR_GET_REASON(error) == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
		snprintf(out, STREAM_ERROR_MAX,
			 "%s speaks no TLS 1.3, want Tls = yes there or tcp:// here", remote);
	else
		snprintf(out, STREAM_ERROR_MAX, "TLS with %s has failed: %s", remote,
			 reason ? reason : "the connection has ended");
	ERR_clear_error();
}
