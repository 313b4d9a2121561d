/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - the file that a client imports, as text and as a QR code
 */
#ifndef CULVERT_COMMAND_CLIENT_H
#define CULVERT_COMMAND_CLIENT_H

#include "config/config.h"

/**
 * client_text() - the wg-quick file of @peer
 * @private_key: the client's, or NULL when only the client knows it
 * @why: comment that stands in the private key's place when there is none
 * @host: what clients connect to unless [External] Endpoint says so, without brackets; empty: unknown
 *
 * Return: malloc'd text that may hold a secret, NULL without memory.
 */
char *client_text(const struct config *config, const struct config_peer *peer,
		  const uint8_t *private_key, const char *why, const char *host);

/** client_print_qr() - @text as half blocks on standard output.  Return: 0, or -errno. */
int client_print_qr(const char *text);

#endif
