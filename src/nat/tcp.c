/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/tcp.h"

#include "packet/train.h"

/* A connection begins anew: the FINs of the last one are history. */
static void restart(struct tcp_flow *f, enum tcp_state state)
{
	*f = (struct tcp_flow){ .state = (uint8_t)state };
}

static void note_fin(struct tcp_flow *f, enum tcp_direction from, const struct tcp_segment *s)
{
	enum tcp_direction other = from == TCP_OUT ? TCP_IN : TCP_OUT;

	if (s->flags & TCP_FIN && !f->fin[from]) {
		f->fin[from] = true;
		f->fin_end[from] = s->seq + s->len + 1;
	}
	/* An acknowledgement of anything behind the FIN cannot be; modular for RFC 9293's sake. */
	if (s->flags & TCP_ACK && f->fin[other] && (int32_t)(s->ack - f->fin_end[other]) >= 0)
		f->fin_acked[other] = true;
}

/* How far the two FINs have brought it. */
static enum tcp_state state_by_fins(const struct tcp_flow *f)
{
	if (f->fin[TCP_OUT] && f->fin[TCP_IN])
		return f->fin_acked[TCP_OUT] && f->fin_acked[TCP_IN] ? TCP_CLOSED : TCP_CLOSING;
	return f->fin[TCP_OUT] || f->fin[TCP_IN] ? TCP_HALF_CLOSED : TCP_ESTABLISHED;
}

static enum tcp_state after_rst(const struct tcp_flow *f, enum tcp_direction direction)
{
	/* The tunnel vouches for its sender: this one is no forgery. */
	if (direction == TCP_OUT)
		return TCP_CLOSED;

	switch ((enum tcp_state)f->state) {
	case TCP_ESTABLISHED:
	case TCP_HALF_CLOSED:
	case TCP_CLOSING:
		return TCP_RESET; /* RFC 7857 section 2.2: keep it, the RST may be forged */
	case TCP_OPENING:
		return TCP_CLOSED; /* refused; if forged, the next segment from inside reopens */
	case TCP_NEW:
	case TCP_ASKED:
	case TCP_CLOSED:
	case TCP_RESET:
		break;
	}
	return (enum tcp_state)f->state;
}

void nat_tcp_advance(struct tcp_flow *f, enum tcp_direction direction, const struct tcp_segment *s)
{
	bool out = direction == TCP_OUT;
	bool syn = s->flags & TCP_SYN;

	if (s->flags & TCP_RST) {
		f->state = (uint8_t)after_rst(f, direction);
		return;
	}
	switch ((enum tcp_state)f->state) {
	case TCP_NEW:
		restart(f, out ? TCP_OPENING : TCP_ASKED);
		break;
	case TCP_ASKED:
		if (out)
			f->state = TCP_ESTABLISHED;
		break;
	case TCP_OPENING:
		if (!out)
			f->state = TCP_ESTABLISHED;
		break;
	case TCP_CLOSING:
	case TCP_CLOSED:
		/* RFC 9293 section 3.6.1: an old connection makes room for a new one; and a
		 * connection that ended by a RST only goes on if the RST was forged. */
		if (out && (syn || !f->fin[TCP_OUT] || !f->fin[TCP_IN])) {
			restart(f, TCP_OPENING);
			break;
		}
		note_fin(f, direction, s);
		if (f->state == TCP_CLOSING)
			f->state = (uint8_t)state_by_fins(f);
		return;
	case TCP_RESET:
		/* RFC 6146 section 3.5.2.2: what inside sends after a RST proves it wrong.  What
		 * outside sends may have been overtaken by it and proves nothing. */
		if (out && syn)
			restart(f, TCP_OPENING);
		else if (out)
			f->state = TCP_ESTABLISHED;
		break;
	case TCP_ESTABLISHED:
	case TCP_HALF_CLOSED:
		break;
	}
	note_fin(f, direction, s);
	if (f->state == TCP_ESTABLISHED || f->state == TCP_HALF_CLOSED)
		f->state = (uint8_t)state_by_fins(f);
}

enum expiry_class nat_tcp_class(const struct tcp_flow *f)
{
	switch ((enum tcp_state)f->state) {
	case TCP_ESTABLISHED:
	case TCP_HALF_CLOSED:
		return EXPIRY_TCP_ESTABLISHED;
	case TCP_CLOSED:
		return EXPIRY_TCP_CLOSED;
	case TCP_NEW:
	case TCP_ASKED:
	case TCP_OPENING:
	case TCP_CLOSING:
	case TCP_RESET:
		break;
	}
	return EXPIRY_TCP_TRANSITORY;
}
