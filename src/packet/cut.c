/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cut.c - a train becomes the packets that it stands for
 *
 * The payload is copied and summed in one pass.  Everything else that a segment's
 * checksum covers is the head, of at most 120 bytes.
 *
 * Source: RFC 9293 section 3.1 for the flags, RFC 6864 for the identification.
 */
#include <string.h>

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/ip6.h"
#include "packet/train.h"

#define TCP_SEQ   4
#define TCP_FLAGS 13
#define TCP_CHECK 16
#define UDP_LEN   4
#define UDP_CHECK 6

void cut_start(struct cut *cut, const struct train *t)
{
	*cut = (struct cut){ .train = t };
}

/* Copies the next @len payload bytes to @out.  Return: their unfolded sum. */
static uint64_t take_payload(struct cut *cut, uint8_t *out, uint32_t len)
{
	const struct train *t = cut->train;
	uint64_t sum = 0;
	uint32_t done = 0;

	while (done < len) {
		const struct piece *piece = &t->pieces[cut->piece];
		uint32_t n = piece->len - cut->in_piece;

		if (n > len - done)
			n = len - done;
		uint64_t part = checksum_copy(0, out + done, piece->data + cut->in_piece, n);

		/* Behind an odd number of bytes each stands in the other half of its word. */
		sum += done & 1 ? __builtin_bswap16(checksum_fold(part)) : part;
		done += n;
		cut->in_piece += n;
		if (cut->in_piece == piece->len) {
			cut->piece++;
			cut->in_piece = 0;
		}
	}
	cut->offset += len;
	return sum;
}

/* Length and identification of one segment, and the header checksum with them. */
static void finish_ip4(const struct cut *cut, uint8_t *out, uint32_t len)
{
	const struct train *t = cut->train;
	uint16_t id = load_be16(t->head + 4);
	uint16_t new_id = (uint16_t)(id + cut->segment);
	uint16_t check = load_be16(t->head + 10);

	check = checksum_adjust16(check, load_be16(t->head + 2), (uint16_t)len);
	check = checksum_adjust16(check, id, new_id);
	store_be16(out + 2, (uint16_t)len);
	store_be16(out + 4, new_id);
	store_be16(out + 10, check);
}

/* Of either family: @len and what depends on it, and on the segment's number. */
static void finish_ip(const struct cut *cut, uint8_t *out, uint32_t len)
{
	if (cut->train->ip6)
		store_be16(out + IP6_PAYLOAD_LEN, (uint16_t)(len - IP6_LEN));
	else
		finish_ip4(cut, out, len);
}

static void finish_tcp(const struct cut *cut, uint8_t *tcp, uint32_t at, bool last)
{
	const struct train *t = cut->train;

	store_be32(tcp + TCP_SEQ, load_be32(train_l4(t) + TCP_SEQ) + at);
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (at > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

/* Writes the complete checksum of the segment at @out, whose payload sums to @payload. */
static void finish_check(const struct train *t, uint8_t *out, uint32_t len, uint64_t payload)
{
	uint8_t *l4 = out + t->l4;
	uint8_t *check = l4 + (t->proto == IPPROTO_NUM_TCP ? TCP_CHECK : UDP_CHECK);
	uint32_t header_len = t->head_len - t->l4;
	uint64_t sum = train_pseudo(t, len - t->l4);
	uint16_t folded;

	/* The header is a multiple of 4 bytes, so the payload begins at an even offset. */
	store_be16(check, 0);
	folded = (uint16_t)~checksum_fold(checksum_add(sum + payload, l4, header_len));
	store_be16(check, t->proto == IPPROTO_NUM_UDP && folded == 0 ? 0xffff : folded);
}

/* Whether the packet is already what goes on the wire. */
static bool is_finished(const struct train *t)
{
	if (!train_has_ports(t) || train_is_fragment(t))
		return true;
	return t->csum != CSUM_PARTIAL && train_segments(t) == 1;
}

static bool has_no_checksum(const struct train *t)
{
	return t->csum != CSUM_PARTIAL && t->proto == IPPROTO_NUM_UDP &&
	       load_be16(train_l4(t) + UDP_CHECK) == 0;
}

size_t cut_next(struct cut *cut, uint8_t *out, size_t room)
{
	const struct train *t = cut->train;
	uint32_t at = cut->offset;
	uint32_t left = train_payload_len(t) - at;
	uint32_t n = left;
	uint64_t sum;

	if (cut->segment > 0 && left == 0)
		return 0;
	if (t->gso_size > 0 && n > t->gso_size)
		n = t->gso_size;
	if (t->head_len + n > room)
		return 0;
	memcpy(out, t->head, t->head_len);
	sum = take_payload(cut, out + t->head_len, n);
	if (!is_finished(t)) {
		finish_ip(cut, out, t->head_len + n);
		if (t->proto == IPPROTO_NUM_TCP)
			finish_tcp(cut, out + t->l4, at, n == left);
		else
			store_be16(out + t->l4 + UDP_LEN, (uint16_t)(t->head_len - t->l4 + n));
		if (!has_no_checksum(t))
			finish_check(t, out, t->head_len + n, sum);
	}
	cut->segment++;
	return t->head_len + n;
}
