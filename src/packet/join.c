/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.c - neighbours of one flow become one train
 *
 * Flows interleave in a batch, so the last few trains that may still grow are kept
 * in a small table.  A segment that fits moves its payload pieces to the end of
 * its train; any other packet of that flow closes the train first, so that nothing
 * overtakes within a flow.
 */
#include <string.h>

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/ip6.h"
#include "packet/train.h"

#define OPEN_MAX 8 /* flows that may interleave */

#define IP4_LEN_PLAIN 20
#define IP4_LEN       2
#define IP4_ID        4
#define IP4_FLAGS     6
#define IP4_CHECK     10

#define TCP_SEQ    4
#define TCP_ACKED  8
#define TCP_OFFSET 12
#define TCP_FLAGS  13
#define TCP_WINDOW 14
#define TCP_CHECK  16
#define TCP_URGENT 18
#define UDP_LEN    4
#define UDP_CHECK  6

/* A train that may still grow.  Its head is brought up to date when it is closed. */
struct open {
	struct train *t;
	uint32_t segments;
	uint32_t next_seq;  /* TCP */
	uint8_t last_flags; /* TCP: of the segment joined last */
};

struct joiner {
	struct open open[OPEN_MAX]; /* oldest first */
	size_t n;
};

/* Whether @t is of a kind that joins at all, as first segment or as a later one. */
static bool is_joinable(const struct train *t)
{
	const uint8_t *l4 = train_l4(t);

	if (t->gso_size > 0 || t->n_pieces == 0 || train_is_fragment(t))
		return false;
	if (!t->ip6 && t->l4 != IP4_LEN_PLAIN)
		return false;
	if (t->proto == IPPROTO_NUM_TCP) {
		/* CWR marks one segment only; the rest have a meaning of their own. */
		return (t->tcp_flags & ~(TCP_PSH | TCP_FIN | TCP_ECE)) == TCP_ACK;
	}
	/* A datagram without a checksum would get one, so it is left alone. */
	return t->proto == IPPROTO_NUM_UDP &&
	       (t->csum == CSUM_PARTIAL || load_be16(l4 + UDP_CHECK) != 0);
}

/* Nothing may follow a segment that ends a burst: PSH and FIN belong to the last one. */
static bool is_last(const struct train *t)
{
	return t->proto == IPPROTO_NUM_TCP && t->tcp_flags & (TCP_PSH | TCP_FIN);
}

static bool same_addresses(const struct train *a, const struct train *b)
{
	if (a->src != b->src || a->dst != b->dst || a->ip6 != b->ip6)
		return false;
	return !a->ip6 || memcmp(a->head + IP6_SRC, b->head + IP6_SRC, IP6_LEN - IP6_SRC) == 0;
}

/* Whether @b could belong to @a's flow: a fragment has no ports and could be anyone's, and so
   could what is behind extension headers. */
static bool same_flow(const struct train *a, const struct train *b)
{
	if (!same_addresses(a, b))
		return false;
	if (b->ip6 && !train_has_ports(b))
		return true;
	return a->proto == b->proto &&
	       (train_is_fragment(b) || (a->sport == b->sport && a->dport == b->dport));
}

static bool ip4_continues(const struct open *o, const struct train *b)
{
	const struct train *a = o->t;
	uint16_t next_id = (uint16_t)(load_be16(a->head + IP4_ID) + o->segments);

	if (a->tos != b->tos || a->ttl != b->ttl ||
	    memcmp(a->head + IP4_FLAGS, b->head + IP4_FLAGS, 2) != 0)
		return false;
	/* RFC 6864: without fragmentation the identification means nothing. */
	return a->dont_fragment || load_be16(b->head + IP4_ID) == next_id;
}

/* Version, traffic class and flow label, and the hop limit. */
static bool ip6_continues(const struct train *a, const struct train *b)
{
	return memcmp(a->head, b->head, IP6_PAYLOAD_LEN) == 0 && a->ttl == b->ttl;
}

static bool tcp_continues(const struct open *o, const struct train *b)
{
	const uint8_t *first = train_l4(o->t);
	const uint8_t *next = train_l4(b);

	return load_be32(next + TCP_SEQ) == o->next_seq && o->t->head_len == b->head_len &&
	       memcmp(first + TCP_ACKED, next + TCP_ACKED, 4) == 0 &&
	       first[TCP_OFFSET] == next[TCP_OFFSET] &&
	       (first[TCP_FLAGS] | TCP_PSH | TCP_FIN) == (next[TCP_FLAGS] | TCP_PSH | TCP_FIN) &&
	       memcmp(first + TCP_WINDOW, next + TCP_WINDOW, 2) == 0 &&
	       memcmp(first + TCP_URGENT, next + TCP_URGENT, b->head_len - b->l4 - TCP_URGENT) == 0;
}

static bool continues(const struct open *o, const struct train *b)
{
	const struct train *a = o->t;
	uint32_t payload = train_payload_len(b);
	uint32_t segment = a->gso_size ? a->gso_size : train_payload_len(a);

	if (!is_joinable(b) || !same_flow(a, b) || payload > segment)
		return false;
	if (a->len + payload > TRAIN_LEN_MAX || a->n_pieces + b->n_pieces > TRAIN_PIECES_MAX)
		return false;
	if (a->ip6 ? !ip6_continues(a, b) : !ip4_continues(o, b))
		return false;
	return a->proto == IPPROTO_NUM_UDP || tcp_continues(o, b);
}

static void append(struct open *o, const struct train *b)
{
	struct train *a = o->t;
	uint32_t payload = train_payload_len(b);

	if (a->gso_size == 0)
		a->gso_size = (uint16_t)train_payload_len(a);
	memcpy(&a->pieces[a->n_pieces], b->pieces, b->n_pieces * sizeof(b->pieces[0]));
	a->n_pieces = (uint16_t)(a->n_pieces + b->n_pieces);
	a->len += payload;
	o->segments++;
	o->next_seq += payload;
	o->last_flags = b->tcp_flags;
}

static void write_ip4_len(const struct train *t)
{
	uint8_t *check = t->head + IP4_CHECK;

	store_be16(check, checksum_adjust16(load_be16(check), load_be16(t->head + IP4_LEN),
					    (uint16_t)t->len));
	store_be16(t->head + IP4_LEN, (uint16_t)t->len);
}

/* Gives a joined train the head of the whole: lengths, last flags, a partial checksum. */
static void write_head(const struct open *o)
{
	struct train *t = o->t;
	uint8_t *l4 = train_l4(t);
	uint16_t l4_len = (uint16_t)(t->len - t->l4);
	uint64_t pseudo = train_pseudo(t, l4_len);

	if (t->ip6)
		store_be16(t->head + IP6_PAYLOAD_LEN, l4_len);
	else
		write_ip4_len(t);
	if (t->proto == IPPROTO_NUM_TCP) {
		t->tcp_flags |= o->last_flags & (TCP_PSH | TCP_FIN);
		l4[TCP_FLAGS] = t->tcp_flags;
		store_be16(l4 + TCP_CHECK, checksum_fold(pseudo));
	} else {
		store_be16(l4 + UDP_LEN, l4_len);
		store_be16(l4 + UDP_CHECK, checksum_fold(pseudo));
	}
	t->csum = CSUM_PARTIAL;
}

static void close_at(struct joiner *j, size_t i)
{
	if (j->open[i].segments > 1)
		write_head(&j->open[i]);
	j->n--;
	memmove(&j->open[i], &j->open[i + 1], (j->n - i) * sizeof(j->open[0]));
}

static void open_train(struct joiner *j, struct train *t)
{
	if (j->n == OPEN_MAX)
		close_at(j, 0);
	j->open[j->n++] = (struct open){
		.t = t,
		.segments = 1,
		.next_seq = t->proto == IPPROTO_NUM_TCP
				    ? load_be32(train_l4(t) + TCP_SEQ) + train_payload_len(t)
				    : 0,
	};
}

/* Return: true if @t's payload now belongs to an open train. */
static bool try_append(struct joiner *j, struct train *t)
{
	for (size_t i = j->n; i-- > 0;) {
		struct open *o = &j->open[i];
		bool joined;

		if (!same_flow(o->t, t))
			continue;
		/* The first segment is looked at only once a second one wants to join it. */
		joined = continues(o, t) && train_verify(o->t) == PASS && train_verify(t) == PASS;
		if (joined)
			append(o, t);
		if (!joined || is_last(t) || train_payload_len(t) < o->t->gso_size)
			close_at(j, i);
		if (joined)
			return true;
	}
	return false;
}

/* Copies only the pieces in use: a struct train is more than a kilobyte. */
static void move_train(struct train *to, const struct train *from)
{
	if (to != from)
		memcpy(to, from,
		       offsetof(struct train, pieces) + from->n_pieces * sizeof(from->pieces[0]));
}

size_t trains_join(struct train *t, size_t n)
{
	struct joiner j = { .n = 0 };
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		if (try_append(&j, &t[i]))
			continue;
		move_train(&t[left], &t[i]);
		if (is_joinable(&t[left]) && !is_last(&t[left]))
			open_train(&j, &t[left]);
		left++;
	}
	while (j.n > 0)
		close_at(&j, j.n - 1);
	return left;
}
