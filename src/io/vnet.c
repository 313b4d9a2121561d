/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/vnet.h"

#include "base/wire.h"
#include "packet/checksum.h"

#define FLAG_NEEDS_CSUM 1
#define FLAG_DATA_VALID 2
#define GSO_NONE        0
#define GSO_TCPV4       1
#define GSO_UDP_L4      5 /* Linux 6.2 */
#define GSO_ECN         0x80

#define TCP_CHECK 16
#define UDP_CHECK 6

bool vnet_is_train(const struct train *t)
{
	return t->gso_size > 0 && t->len - t->head_len > t->gso_size;
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
		h.gso_type = tcp ? GSO_TCPV4 : GSO_UDP_L4;
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

/* The segment size must belong to the protocol, and the partial checksum to its header. */
static bool agrees(const struct train *t, const struct vnet_header *h, uint32_t l2)
{
	bool tcp = t->proto == IPPROTO_NUM_TCP;
	uint8_t type = h->gso_type & (uint8_t)~GSO_ECN;

	if (h->flags & FLAG_NEEDS_CSUM &&
	    (h->csum_start != l2 + t->l4 || (!tcp && t->proto != IPPROTO_NUM_UDP) ||
	     h->csum_offset != (tcp ? TCP_CHECK : UDP_CHECK)))
		return false;
	if (type == GSO_NONE)
		return true;
	return h->gso_size > 0 && !train_is_fragment(t) &&
	       (type == GSO_TCPV4 ? tcp : type == GSO_UDP_L4 && t->proto == IPPROTO_NUM_UDP);
}

static void make_partial(struct train *t)
{
	uint8_t *check = train_l4(t) + (t->proto == IPPROTO_NUM_TCP ? TCP_CHECK : UDP_CHECK);
	uint64_t sum = checksum_pseudo(t->src, t->dst, t->proto, (uint16_t)(t->len - t->l4));

	store_be16(check, checksum_fold(sum));
	t->csum = CSUM_PARTIAL;
}

enum verdict vnet_parse(struct train *t, const struct vnet_header *h, uint32_t l2, uint8_t *packet,
			size_t len)
{
	enum csum_state csum = h->flags & FLAG_NEEDS_CSUM   ? CSUM_PARTIAL
			       : h->flags & FLAG_DATA_VALID ? CSUM_VERIFIED
							    : CSUM_UNCHECKED;
	enum verdict v = train_parse(t, packet, len, csum);

	if (v != PASS)
		return v;
	if (!agrees(t, h, l2))
		return DROP_L4_MALFORMED;
	if ((h->gso_type & ~GSO_ECN) == GSO_NONE || t->len - t->head_len <= h->gso_size)
		return PASS;
	t->gso_size = h->gso_size;
	/* Joined by the device: it has checked the sums of the segments, and left one of them. */
	if (csum == CSUM_VERIFIED)
		make_partial(t);
	return PASS;
}
