/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_view.h - which of what happens to a tunnel is worth a line to a person
 *
 * Looks at snapshots of the device's peers and tells events: connected, not answered, moved to
 * another transport, lost.  And it makes the one line that a terminal shows.  Pure.
 */
#ifndef CULVERT_ENGINE_CLIENT_VIEW_H
#define CULVERT_ENGINE_CLIENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "config/config.h"
#include "engine/device.h"

#define VIEW_LINE_MAX     256
#define VIEW_SENTENCE_MAX 512

/* Handshakes that are unanswered for so long are told.  A first answer takes a round trip; an
 * initiation is repeated after five seconds. */
#define VIEW_PATIENCE (8 * NS_PER_S)

struct view;

/* What a person is told of. */
struct view_event {
	bool bad;                     /* worth a warning */
	char text[VIEW_SENTENCE_MAX]; /* one sentence without a full stop */
};

/**
 * view_new() - @config: borrowed for life; NULL: peers are known by their keys alone
 * @label: begins each line
 */
struct view *view_new(const struct config *config, const char *label);
struct view *view_free(struct view *v);

/**
 * view_look() - takes the next snapshot
 * @peers: all of the device's, @n of them
 *
 * Then view_event() gives what it showed, and view_next_deadline() when one more is wanted even
 * if nothing happens.
 */
void view_look(struct view *v, const struct device_peer_status *peers, size_t n, uint64_t now);

/** view_event() - Return: false when there are no more */
bool view_event(struct view *v, struct view_event *ret);
uint64_t view_next_deadline(const struct view *v);

/** view_up() - whether a peer answers */
bool view_up(const struct view *v);

/** view_unanswered() - since when no handshake of a peer is answered, the longest; NEVER: none is */
uint64_t view_unanswered(const struct view *v);

/** view_trouble() - the last bad event that has not passed; "" if all is well */
const char *view_trouble(const struct view *v);

/** view_tried() - where a connection was attempted and how, for a sentence */
void view_tried(const struct view *v, char out[static VIEW_SENTENCE_MAX]);

/** view_line() - for the terminal.  Return: whether it may differ a second later without a packet. */
bool view_line(const struct view *v, uint64_t now, char out[static VIEW_LINE_MAX]);

/* Bytes per second of one peer, between the last two looks that were a second apart. */
struct view_rate {
	uint64_t rx;
	uint64_t tx;
};

/** view_rate() - of the peer with @public_key; all zero if there is none */
struct view_rate view_rate(const struct view *v, const uint8_t public_key[static 32]);

#endif
