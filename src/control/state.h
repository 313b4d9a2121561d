/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - what outlives a restart: where each peer was last heard
 *
 *	culvert-state 1
 *	PUBLIC-KEY-BASE64 198.51.100.7:51820 1735689600
 *
 * After a restart the gateway initiates to peers heard in the last minutes, so that a client is
 * back in a second.  The file is a hint and never authority: a peer that isn't configured any more
 * is ignored by the caller, and the endpoint moves with the first authenticated packet.  Times
 * are whole seconds since 1970.  Pure.
 */
#ifndef CULVERT_CONTROL_STATE_H
#define CULVERT_CONTROL_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define STATE_PEERS_MAX 65536
#define STATE_LINE_MAX  136                                              /* with its newline */
#define STATE_SIZE_MAX  ((size_t)STATE_LINE_MAX * (STATE_PEERS_MAX + 1)) /* of the file */

struct state_peer {
	uint8_t public_key[32];
	struct endpoint endpoint; /* known */
	uint64_t handshake;       /* seconds since 1970 */
};

/**
 * state_parse() - reads the file's text
 * @text: @len bytes; whatever a crash, another version or a person left there
 * @ret: room for @max entries
 *
 * Bad lines are skipped; a file of another version is empty.  Of two lines with one key both
 * are given, in order.
 *
 * Return: how many.
 */
size_t state_parse(const char *text, size_t len, struct state_peer *ret, size_t max);

/** state_format() - Return: malloc'd, NUL-terminated, at most STATE_PEERS_MAX peers; NULL without
 *  memory */
char *state_format(const struct state_peer *peers, size_t n);

#endif
