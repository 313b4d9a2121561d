/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uapi.h - the WireGuard cross-platform configuration protocol
 *
 * The text protocol by which wg(8) talks to a user-space implementation over
 * /var/run/wireguard/NAME.sock.  Pure: text in, a list of operations out; a device in, text out.
 * Keys are 32 raw bytes here and lower-case hex on the wire.
 * Source: wireguard.com/xplatform.
 */
#ifndef CULVERT_CONTROL_UAPI_H
#define CULVERT_CONTROL_UAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum uapi_operation {
	UAPI_UNKNOWN, /* answered with errno=22 (EINVAL) */
	UAPI_GET,
	UAPI_SET,
};

/**
 * uapi_operation() - what a request asks for, by its first line
 * @text: one request, without its empty line or with it
 * @ret_body: where the lines after the first begin; @ret_len: how long they are
 */
enum uapi_operation uapi_operation(const char *text, size_t len, const char **ret_body,
				   size_t *ret_len);

struct uapi_peer_set {
	uint8_t public_key[32];
	bool remove;
	bool update_only;
	bool replace_allowed_ips;
	bool has_preshared_key;
	uint8_t preshared_key[32];
	bool has_endpoint;
	struct endpoint endpoint;
	bool has_keepalive;
	uint16_t keepalive;     /* seconds */
	struct prefix *allowed; /* to add */
	size_t n_allowed;
	struct prefix *disallowed; /* "-" prefixed: to remove */
	size_t n_disallowed;
};

struct uapi_set {
	bool has_private_key;
	uint8_t private_key[32];
	bool has_listen_port;
	uint16_t listen_port;
	bool has_fwmark;
	uint32_t fwmark;
	bool replace_peers;
	struct uapi_peer_set *peers;
	size_t n_peers;
};

/**
 * uapi_parse_set() - the body of a set=1 request, without the first line, up to the empty line
 * Return: 0; -EINVAL: malformed; -ENOMEM.  uapi_set_done() wipes and frees.
 */
int uapi_parse_set(const char *text, size_t len, struct uapi_set *ret);
void uapi_set_done(struct uapi_set *set);

#define UAPI_ANSWER_MAX 24 /* with the final NUL */

/** uapi_format_errno() - the answer to set=1.  @error: 0 or -errno.  Return: its length. */
size_t uapi_format_errno(int error, char out[static UAPI_ANSWER_MAX]);

struct uapi_peer {
	uint8_t public_key[32];
	uint8_t preshared_key[32];
	struct endpoint endpoint;  /* ADDR_NONE: none */
	uint64_t last_handshake_s; /* seconds since 1970; 0 never */
	uint32_t last_handshake_ns;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint16_t keepalive;
	const struct prefix *allowed;
	size_t n_allowed;
};

struct uapi_device {
	uint8_t private_key[32];
	uint16_t listen_port;
	uint32_t fwmark;
	const struct uapi_peer *peers;
	size_t n_peers;
};

/** uapi_format_get() - the answer to get=1, errno line and empty line included.  Return: malloc'd
 *  text that holds secrets (the caller wipes it), NULL without memory. */
char *uapi_format_get(const struct uapi_device *device);

#endif
