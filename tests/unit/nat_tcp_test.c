/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "packet/train.h"

static void go(struct tcp_flow *f, enum tcp_direction d, uint8_t flags, uint32_t seq, uint32_t ack,
	       uint32_t len)
{
	nat_tcp_advance(f, d, &(struct tcp_segment){ flags, seq, ack, len });
}

static struct tcp_flow established(void)
{
	struct tcp_flow f = { 0 };

	go(&f, TCP_OUT, TCP_SYN, 1000, 0, 0);
	assert_int_equal(f.state, TCP_OPENING);
	assert_int_equal(nat_tcp_class(&f), EXPIRY_TCP_TRANSITORY);
	go(&f, TCP_IN, TCP_SYN | TCP_ACK, 5000, 1001, 0);
	assert_int_equal(f.state, TCP_ESTABLISHED);
	go(&f, TCP_OUT, TCP_ACK, 1001, 5001, 0);
	assert_int_equal(nat_tcp_class(&f), EXPIRY_TCP_ESTABLISHED);
	return f;
}

static void a_connection_opens_and_closes(void **state)
{
	struct tcp_flow f = established();

	(void)state;
	go(&f, TCP_OUT, TCP_ACK | TCP_FIN, 1001, 5001, 10);
	assert_int_equal(f.state, TCP_HALF_CLOSED);
	assert_int_equal(nat_tcp_class(&f), EXPIRY_TCP_ESTABLISHED);
	go(&f, TCP_IN, TCP_ACK, 5001, 1006, 500); /* some of the data, not the FIN */
	assert_int_equal(f.state, TCP_HALF_CLOSED);
	go(&f, TCP_IN, TCP_ACK | TCP_FIN, 5501, 1006, 0);
	assert_int_equal(f.state, TCP_CLOSING);
	assert_int_equal(nat_tcp_class(&f), EXPIRY_TCP_TRANSITORY);
	go(&f, TCP_OUT, TCP_ACK, 1012, 5501, 0); /* not the FIN yet */
	assert_int_equal(f.state, TCP_CLOSING);
	go(&f, TCP_OUT, TCP_ACK, 1012, 5502, 0);
	assert_int_equal(f.state, TCP_CLOSING);
	go(&f, TCP_IN, TCP_ACK, 5502, 1012, 0);
	assert_int_equal(f.state, TCP_CLOSED);
	assert_int_equal(nat_tcp_class(&f), EXPIRY_TCP_CLOSED);
	go(&f, TCP_IN, TCP_ACK | TCP_FIN, 5501, 1012, 0); /* the last ACK was lost */
	go(&f, TCP_OUT, TCP_ACK, 1012, 5502, 0);
	assert_int_equal(f.state, TCP_CLOSED);
}

static void sequence_numbers_may_wrap(void **state)
{
	struct tcp_flow f = established();

	(void)state;
	go(&f, TCP_OUT, TCP_ACK | TCP_FIN, UINT32_MAX, 7, 1); /* its end is 1 */
	go(&f, TCP_IN, TCP_ACK | TCP_FIN, UINT32_MAX, UINT32_MAX, 0);
	assert_int_equal(f.state, TCP_CLOSING);
	go(&f, TCP_OUT, TCP_ACK, 1, 0, 0);
	assert_int_equal(f.state, TCP_CLOSING);
	go(&f, TCP_IN, TCP_ACK, 0, 1, 0);
	assert_int_equal(f.state, TCP_CLOSED);
}

static void both_may_close_at_once(void **state)
{
	struct tcp_flow f = established();

	(void)state;
	go(&f, TCP_OUT, TCP_ACK | TCP_FIN, 1001, 5001, 0);
	go(&f, TCP_IN, TCP_ACK | TCP_FIN, 5001, 1001, 0);
	assert_int_equal(f.state, TCP_CLOSING);
	go(&f, TCP_IN, TCP_ACK, 5002, 1002, 0);
	assert_int_equal(f.state, TCP_CLOSING);
	go(&f, TCP_OUT, TCP_ACK, 1002, 5002, 0);
	assert_int_equal(f.state, TCP_CLOSED);
}

/* RFC 5382 REQ-2a. */
static void both_may_open_at_once(void **state)
{
	struct tcp_flow f = { 0 };

	(void)state;
	go(&f, TCP_OUT, TCP_SYN, 1, 0, 0);
	go(&f, TCP_IN, TCP_SYN, 9, 0, 0);
	assert_int_equal(f.state, TCP_ESTABLISHED);
	f = (struct tcp_flow){ 0 };
	go(&f, TCP_IN, TCP_SYN, 9, 0, 0);
	assert_int_equal(f.state, TCP_ASKED);
	assert_int_equal(nat_tcp_class(&f), EXPIRY_TCP_TRANSITORY);
	go(&f, TCP_IN, TCP_SYN, 9, 0, 0);
	assert_int_equal(f.state, TCP_ASKED);
	go(&f, TCP_OUT, TCP_SYN, 1, 0, 0);
	assert_int_equal(f.state, TCP_ESTABLISHED);
}

/* RFC 7857 section 2.2. */
static void a_rst_from_outside_is_doubted_until_inside_agrees(void **state)
{
	struct tcp_flow f = established();

	(void)state;
	go(&f, TCP_IN, TCP_RST, 5001, 0, 0);
	assert_int_equal(f.state, TCP_RESET);
	assert_int_equal(nat_tcp_class(&f), EXPIRY_TCP_TRANSITORY);
	go(&f, TCP_IN, TCP_ACK, 5001, 1001, 100);
	assert_int_equal(f.state, TCP_RESET);
	go(&f, TCP_OUT, TCP_ACK, 1001, 5101, 0);
	assert_int_equal(f.state, TCP_ESTABLISHED);
	go(&f, TCP_IN, TCP_RST, 5001, 0, 0);
	go(&f, TCP_OUT, TCP_SYN, 1, 0, 0);
	assert_int_equal(f.state, TCP_OPENING);
}

static void a_rst_from_inside_closes(void **state)
{
	struct tcp_flow f = established();

	(void)state;
	go(&f, TCP_OUT, TCP_RST, 1001, 0, 0);
	assert_int_equal(f.state, TCP_CLOSED);
	go(&f, TCP_IN, TCP_ACK, 5001, 1001, 100);
	assert_int_equal(f.state, TCP_CLOSED);
}

static void a_refused_connection_closes_unless_the_refusal_was_forged(void **state)
{
	struct tcp_flow f = { 0 };

	(void)state;
	go(&f, TCP_OUT, TCP_SYN, 1000, 0, 0);
	go(&f, TCP_IN, TCP_RST | TCP_ACK, 0, 1001, 0);
	assert_int_equal(f.state, TCP_CLOSED);
	go(&f, TCP_IN, TCP_SYN | TCP_ACK, 5000, 1001, 0);
	go(&f, TCP_OUT, TCP_ACK, 1001, 5001, 0);
	go(&f, TCP_IN, TCP_ACK, 5001, 1001, 10);
	assert_int_equal(f.state, TCP_ESTABLISHED);
}

static void a_syn_from_inside_reopens_a_closing_connection(void **state)
{
	struct tcp_flow f = established();

	(void)state;
	go(&f, TCP_OUT, TCP_ACK | TCP_FIN, 1001, 5001, 0);
	go(&f, TCP_IN, TCP_ACK | TCP_FIN, 5001, 1002, 0);
	go(&f, TCP_OUT, TCP_SYN, 90000, 0, 0);
	assert_int_equal(f.state, TCP_OPENING);
	go(&f, TCP_IN, TCP_SYN | TCP_ACK, 70000, 90001, 0);
	assert_int_equal(f.state, TCP_ESTABLISHED); /* the old FINs are forgotten */
}

static void outside_alone_never_gets_beyond_asking(void **state)
{
	struct rng rng = rng_seeded(2);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct tcp_flow f = { 0 };

		go(&f, TCP_IN, TCP_SYN, rng_u32(&rng), rng_u32(&rng), 0);
		for (int i = 0; i < 20; i++)
			go(&f, TCP_IN, (uint8_t)rng_u32(&rng), rng_u32(&rng), rng_u32(&rng), 5);
		assert_int_equal(f.state, TCP_ASKED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_opens_and_closes),
		cmocka_unit_test(sequence_numbers_may_wrap),
		cmocka_unit_test(both_may_close_at_once),
		cmocka_unit_test(both_may_open_at_once),
		cmocka_unit_test(a_rst_from_outside_is_doubted_until_inside_agrees),
		cmocka_unit_test(a_rst_from_inside_closes),
		cmocka_unit_test(a_refused_connection_closes_unless_the_refusal_was_forged),
		cmocka_unit_test(a_syn_from_inside_reopens_a_closing_connection),
		cmocka_unit_test(outside_alone_never_gets_beyond_asking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
