/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/vnet.h"

#include "base/wire.h"
#include "packet/checksum.h"

#define FLAG_NEEDS_CSUM 1
#define FLAG_DATA_VALID 2
#define GSO_NONE        0
#define GSO_TCPV4       1
#define GSO_TCPV6       4
#define GSO_UDP_L4      5 /* of both families; Linux 6.2 */
#define GSO_ECN         0x80

#define TCP_CHECK 16
#define UDP_CHECK 6

bool vnet_is_train(const struct train *t)
{
	return t->gso_size > 0 && t->len - t->head_len > t->gso_size;
}

static uint8_t gso_type(const struct train *t)
{
	if (t->proto == IPPROTO_NUM_UDP)
		return GSO_UDP_L4;
	return t->ip6 ? GSO_TCPV6 : GSO_TCPV4;
}

struct vnet_header vnet_describe(const struct train *t, uint32_t l2)
{
	bool tcp = t->proto == IPPROTO_NUM_TCP;
	struct vnet_header h = { .header_len = (uint16_t)(l2 + t->head_len) };

	if (t->csum == CSUM_PARTIAL) {
		h.flags = FLAG_NEEDS_CSUM;
		h.csum_start = (uint16_t)(l2 + t->l4);
		h.csum_offset = tcp ? TCP_CHECK : UDP_CHECK;
	}
	if (vnet_is_train(t)) {
		h.gso_type = gso_type(t);
		if (tcp && t->tcp_flags & TCP_CWR)
			h.gso_type |= GSO_ECN;
		h.gso_size = t->gso_size;
	}
	return h;
}

size_t vnet_gather(const struct train *t, struct iovec *iov)
{
	iov[0] = (struct iovec){ t->head, t->head_len };
	for (uint32_t i = 0; i < t->n_pieces; i++)
		iov[1 + i] = (struct iovec){ t->pieces[i].data, t->pieces[i].len };
	return 1u + t->n_pieces;
}

/* A partial checksum must be that of the transport header. */
static bool is_own_checksum(const struct train *t, const struct vnet_header *h, uint32_t l2)
{
	return h->csum_start == l2 + t->l4 &&
	       h->csum_offset == (t->proto == IPPROTO_NUM_TCP ? TCP_CHECK : UDP_CHECK);
}

/* The segment size must belong to the protocol. */
static bool is_own_gso(const struct train *t, const struct vnet_header *h)
{
	return h->gso_size > 0 && train_has_ports(t) && !train_is_fragment(t) &&
	       (h->gso_type & (uint8_t)~GSO_ECN) == gso_type(t);
}

/* Return: false if there is no such place in the packet. */
static bool complete_checksum(struct train *t, const struct vnet_header *h, uint32_t l2)
{
	uint32_t start, at;
	uint16_t sum;

	if (h->csum_start < l2 + t->l4)
		return false;
	start = h->csum_start - l2;
	at = start + h->csum_offset;
	if (at + 2 > t->len)
		return false;
	sum = (uint16_t)~checksum_fold(checksum_add(0, t->head + start, t->len - start));
	store_be16(t->head + at, sum ? sum : 0xffff); /* as UDP wants it, and TCP does not mind */
	t->csum = CSUM_UNCHECKED;
	return true;
}

static void make_partial(struct train *t)
{
	uint8_t *check = train_l4(t) + (t->proto == IPPROTO_NUM_TCP ? TCP_CHECK : UDP_CHECK);

	store_be16(check, checksum_fold(train_pseudo(t, t->len - t->l4)));
	t->csum = CSUM_PARTIAL;
}

static enum csum_state csum_state(const struct vnet_header *h)
{
	if (h->flags & FLAG_NEEDS_CSUM)
		return CSUM_PARTIAL;
	return h->flags & FLAG_DATA_VALID ? CSUM_VERIFIED : CSUM_UNCHECKED;
}

/* What the header says about a parsed packet. */
static enum verdict apply(struct train *t, const struct vnet_header *h, uint32_t l2)
{
	bool gso = (h->gso_type & (uint8_t)~GSO_ECN) != GSO_NONE;

	if (gso && !is_own_gso(t, h))
		return DROP_L4_MALFORMED;
	if (t->csum == CSUM_PARTIAL) {
		bool ok = train_has_ports(t) ? is_own_checksum(t, h, l2)
					     : complete_checksum(t, h, l2);

		if (!ok)
			return DROP_L4_MALFORMED;
	}
	if (!gso || t->len - t->head_len <= h->gso_size)
		return PASS;
	t->gso_size = h->gso_size;
	/* Joined by the device: it has checked the sums of the segments, and left one of them. */
	if (t->csum == CSUM_VERIFIED)
		make_partial(t);
	return PASS;
}

enum verdict vnet_parse(struct train *t, const struct vnet_header *h, uint32_t l2, uint8_t *packet,
			size_t len)
{
	enum verdict v = train_parse(t, packet, len, csum_state(h));

	return v == PASS ? apply(t, h, l2) : v;
}

enum verdict vnet_parse_any(struct train *t, const struct vnet_header *h, uint32_t l2,
			    uint8_t *packet, size_t len)
{
	enum verdict v = train_parse_any(t, packet, len, csum_state(h));

	return v == PASS ? apply(t, h, l2) : v;
}
