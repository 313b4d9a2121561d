/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp.h - what the NAT follows of one TCP connection
 *
 * The states and their edges are drawn in DESIGN.md.  Pure; private to nat/.
 *
 * Source: RFC 7857 section 2; RFC 6146 section 3.5.2; RFC 5382 REQ-2, REQ-5.
 */
#ifndef CULVERT_NAT_TCP_H
#define CULVERT_NAT_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "nat/expiry.h"

enum tcp_state {
	TCP_NEW,         /* just made, has seen nothing */
	TCP_ASKED,       /* outside sent a SYN, inside has not answered */
	TCP_OPENING,     /* inside sent, outside has not answered */
	TCP_ESTABLISHED, /* both have sent */
	TCP_HALF_CLOSED, /* one FIN */
	TCP_CLOSING,     /* both FINs, not both acknowledged */
	TCP_CLOSED,      /* both acknowledged, or reset by inside, or refused */
	TCP_RESET,       /* a RST from outside, which may be forged */
};

enum tcp_direction {
	TCP_OUT, /* inside to outside */
	TCP_IN,
};

struct tcp_flow {
	uint8_t state;       /* enum tcp_state */
	bool fin[2];         /* by sender: its FIN was seen */
	bool fin_acked[2];   /* and acknowledged by the other side */
	uint32_t fin_end[2]; /* the sequence number behind it */
};

/* One train's worth of news. */
struct tcp_segment {
	uint8_t flags;
	uint32_t seq; /* of its first byte */
	uint32_t ack;
	uint32_t len; /* payload bytes of the whole train */
};

/** nat_tcp_advance() - the state after @s went by in @direction */
void nat_tcp_advance(struct tcp_flow *f, enum tcp_direction direction, const struct tcp_segment *s);

/** nat_tcp_class() - the timer of the state */
enum expiry_class nat_tcp_class(const struct tcp_flow *f);

#endif
