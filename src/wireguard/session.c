/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/session.h"

#include <errno.h>
#include <string.h>

#include "crypto/wipe.h"

void sessions_init(struct sessions *s)
{
	s->current = SESSION_NONE;
	s->previous = SESSION_NONE;
	s->next = SESSION_NONE;
}

struct session *sessions_get(struct sessions *s, uint8_t place)
{
	return place == SESSION_NONE ? NULL : &s->place[place];
}

/* Frees the place that @role names and empties the role. */
static void drop(struct sessions *s, struct index_table *indices, uint32_t peer, uint8_t *role)
{
	struct session *old = sessions_get(s, *role);

	if (!old)
		return;
	index_table_remove(indices, old->local_index, session_id(peer, *role));
	aead_free(old->send);
	aead_free(old->receive);
	wipe(old, sizeof(*old));
	*role = SESSION_NONE;
}

/*
 * Makes room as the paper's rules have it.  An initiator's new session is current at once
 * and what was current becomes previous.  An unconfirmed next one is younger than the
 * current one then: both sides have initiated at the same time, the other side may already
 * send under it, so it is what must be kept as previous.
 */
static void make_room(struct sessions *s, struct index_table *indices, uint32_t peer,
		      bool initiator)
{
	drop(s, indices, peer, &s->previous);
	if (!initiator) {
		drop(s, indices, peer, &s->next);
		return;
	}
	if (s->next != SESSION_NONE) {
		drop(s, indices, peer, &s->current);
		s->previous = s->next;
		s->next = SESSION_NONE;
	} else {
		s->previous = s->current;
		s->current = SESSION_NONE;
	}
}

static uint8_t free_place(const struct sessions *s)
{
	uint8_t i = 0;

	while (s->place[i].send)
		i++;
	return i;
}

int sessions_install(struct sessions *s, struct index_table *indices, const struct wg_keys *keys)
{
	struct aead *receive = NULL;
	struct aead *send = NULL;
	struct session *n;
	uint8_t place;

	if (aead_new(keys->send_key, &send) < 0 || aead_new(keys->receive_key, &receive) < 0) {
		aead_free(send);
		return -ENOMEM;
	}
	make_room(s, indices, keys->peer, keys->initiator);
	place = free_place(s);
	n = &s->place[place];
	memset(n, 0, sizeof(*n));
	n->send = send;
	n->receive = receive;
	n->birth = keys->birth;
	n->local_index = keys->local_index;
	n->remote_index = keys->remote_index;
	n->initiator = keys->initiator;
	*(keys->initiator ? &s->current : &s->next) = place;
	index_table_put(indices, n->local_index, session_id(keys->peer, place));
	return 0;
}

void sessions_confirm(struct sessions *s, struct index_table *indices, uint32_t peer)
{
	drop(s, indices, peer, &s->previous);
	s->previous = s->current;
	s->current = s->next;
	s->next = SESSION_NONE;
}

void sessions_clear(struct sessions *s, struct index_table *indices, uint32_t peer)
{
	drop(s, indices, peer, &s->previous);
	drop(s, indices, peer, &s->current);
	drop(s, indices, peer, &s->next);
}
