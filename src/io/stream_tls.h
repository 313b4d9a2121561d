/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_tls.h - what io/stream.c asks of io/stream_tls.c
 */
#ifndef CULVERT_IO_STREAM_TLS_H
#define CULVERT_IO_STREAM_TLS_H

#include <openssl/ssl.h>

#include "io/stream.h"

#define TLS_RECORD_MAX 16384 /* bytes of plain text; RFC 8446 section 5.1 */

/** stream_tls_begin() - a connection over @fd that will shake hands.  Return: NULL: no memory. */
SSL *stream_tls_begin(const struct stream_tls *tls, int fd);

/**
 * stream_tls_explain() - why TLS has failed, as a sentence; empties OpenSSL's error queue
 * @remote: as text
 */
void stream_tls_explain(const struct stream_tls *tls, SSL *ssl, const char *remote,
			char out[static STREAM_ERROR_MAX]);

#endif
