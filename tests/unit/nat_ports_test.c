/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/ports.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CLIENTS 4
#define HOLD    (120 * NS_PER_S)
#define PLENTY  100000 /* a quota that is never reached */

static struct ports_client clients[CLIENTS];
static struct ports ports;
static struct rng rng;

static void start(uint64_t hold, int blocks)
{
	memset(clients, 0, sizeof(clients));
	rng = rng_seeded(5);
	assert_int_equal(nat_ports_init(&ports, hold, clients), 0);
	for (int i = 0; i < blocks; i++)
		assert_int_equal(nat_ports_lease(&ports, (uint16_t)(20032 + 64 * i)), 0);
}

static uint16_t take(uint32_t client, enum ports_wish wish, uint64_t now)
{
	return nat_ports_take(&ports, client, 0, PLENTY, wish, 9, &rng, now);
}

static void leases_are_aligned_blocks_and_given_once(void **state)
{
	(void)state;
	start(0, 1);
	assert_int_equal(nat_ports_lease(&ports, 20033), -EINVAL);
	assert_int_equal(nat_ports_lease(&ports, 20032), -EEXIST);
	assert_int_equal(ports.n_leased, 64);
	assert_int_equal(nat_ports_lease(&ports, 0), 0);
	assert_int_equal(ports.n_leased, 127);
	nat_ports_done(&ports);
}

static void every_leased_port_is_given_exactly_once_then_none(void **state)
{
	bool seen[PORTS_N] = { false };

	(void)state;
	start(0, 3);
	for (int i = 0; i < 3 * 64; i++) {
		uint16_t port = take(0, PORTS_ANY, 0);

		assert_in_range(port, 20032, 20032 + 3 * 64 - 1);
		assert_false(seen[port]);
		seen[port] = true;
		assert_int_equal(ports.mapping[port], 9);
	}
	assert_int_equal(take(0, PORTS_ANY, 0), 0);
	nat_ports_give(&ports, 20100, 0, 0);
	assert_int_equal(take(1, PORTS_ANY, 0), 20100);
	nat_ports_done(&ports);
}

static void port_0_is_never_given(void **state)
{
	(void)state;
	start(0, 0);
	assert_int_equal(nat_ports_lease(&ports, 0), 0);
	for (int i = 0; i < 63; i++)
		assert_int_not_equal(take(0, PORTS_EVEN, 0), 0);
	assert_int_equal(take(0, PORTS_ANY, 0), 0);
	assert_int_equal(ports.n_free[0] + ports.n_free[1], 0);
	nat_ports_done(&ports);
}

/* RFC 4787 REQ-4: preserved where possible, which never means refused. */
static void parity_is_kept_while_there_is_a_choice(void **state)
{
	(void)state;
	start(0, 1);
	for (int i = 0; i < 32; i++)
		assert_int_equal(take(0, PORTS_ODD, 0) & 1, 1);
	assert_int_equal(take(0, PORTS_ODD, 0) & 1, 0);
	for (int i = 0; i < 31; i++)
		assert_int_equal(take(0, PORTS_EVEN, 0) & 1, 0);
	nat_ports_done(&ports);
}

/* RFC 6888 REQ-15: a chi-squared test over 64 ports, 63 degrees of freedom, p = 10^-6. */
static void the_choice_is_uniform(void **state)
{
	uint32_t n[64] = { 0 };
	double chi = 0;

	(void)state;
	start(0, 1);
	for (int i = 0; i < 64000; i++) {
		uint16_t port = take(0, PORTS_ANY, 0);

		n[port - 20032]++;
		nat_ports_give(&ports, port, 0, 0);
	}
	for (int i = 0; i < 64; i++)
		chi += ((double)n[i] - 1000) * ((double)n[i] - 1000) / 1000;
	assert_true(chi < 131);
	nat_ports_done(&ports);
}

/* RFC 6888 REQ-8. */
static void a_freed_port_is_held_from_others_but_not_from_its_owner(void **state)
{
	uint64_t now = NS_PER_S;

	(void)state;
	start(HOLD, 1);
	for (int i = 0; i < 64; i++)
		assert_int_not_equal(take(0, PORTS_ANY, now), 0);
	nat_ports_give(&ports, 20050, 0, now);
	assert_int_equal(take(1, PORTS_ANY, now + HOLD - 1), 0);
	assert_int_equal(take(0, PORTS_ANY, now + HOLD - 1), 20050);
	nat_ports_give(&ports, 20050, 0, now);
	assert_int_equal(take(1, PORTS_ANY, now + HOLD), 20050);
	nat_ports_done(&ports);
}

static void a_client_at_its_limit_uses_its_own_held_ports_again(void **state)
{
	uint64_t now = NS_PER_S;

	(void)state;
	start(HOLD, 4);
	for (uint32_t i = 0; i < 1000; i++, now += NS_PER_S / 500) {
		uint16_t port = nat_ports_take(&ports, 0, 0, 32, PORTS_EVEN, 1, &rng, now);

		assert_int_equal(port & 1, 0);
		nat_ports_give(&ports, port, 0, now);
	}
	assert_int_equal(clients[0].n_held, 32);
	assert_int_equal(ports.n_free[0] + ports.n_free[1], 4 * 64 - 32);
	nat_ports_done(&ports);
}

static void a_removed_clients_held_ports_are_nobodys(void **state)
{
	uint64_t now = NS_PER_S;

	(void)state;
	start(HOLD, 1);
	for (int i = 0; i < 64; i++)
		assert_int_not_equal(take(0, PORTS_ANY, now), 0);
	for (uint16_t port = 20032; port < 20096; port++)
		nat_ports_give(&ports, port, 0, now);
	nat_ports_forget_client(&ports, 0);
	assert_int_equal(clients[0].n_held, 0);
	assert_int_equal(take(0, PORTS_ANY, now + HOLD - 1), 0);
	assert_int_not_equal(take(0, PORTS_ANY, now + HOLD), 0);
	nat_ports_done(&ports);
}

static void only_wholly_idle_blocks_above_the_reserve_are_given_back(void **state)
{
	uint64_t now = NS_PER_S;
	uint16_t port;
	int first;

	(void)state;
	start(HOLD, 2);
	assert_int_equal(nat_ports_idle(&ports, 2, now), -1);
	port = take(0, PORTS_ANY, now);
	assert_int_equal(nat_ports_idle(&ports, 1, now), -1);
	first = nat_ports_idle(&ports, 0, now);
	assert_true(first >= 0 && (port < first || port > first + 63));
	assert_int_equal(ports.n_leased, 64);
	assert_int_equal(nat_ports_idle(&ports, 0, now), -1);
	nat_ports_give(&ports, port, 0, now);
	assert_int_equal(nat_ports_idle(&ports, 0, now + HOLD - 1), -1);
	assert_true(nat_ports_idle(&ports, 0, now + HOLD) >= 0);
	assert_int_equal(ports.n_leased, 0);
	assert_int_equal(ports.n_free[0] + ports.n_free[1], 0);
	nat_ports_done(&ports);
}

/* The slow way: one record per port, searched from end to end. */
static struct model {
	bool mapped;
	uint32_t client;
	uint64_t held_until;
} model[PORTS_N];

static uint32_t model_free(uint64_t now)
{
	uint32_t n = 0;

	for (uint32_t i = 20032; i < 20032 + 128; i++)
		n += !model[i].mapped && model[i].held_until <= now;
	return n;
}

static void model_take(uint64_t now)
{
	uint32_t client = rng_below(&rng, CLIENTS);
	uint32_t n_free = model_free(now);
	uint16_t port = take(client, (enum ports_wish)rng_below(&rng, 3), now);

	if (!port) {
		assert_int_equal(n_free, 0);
		return;
	}
	assert_false(model[port].mapped);
	if (model[port].held_until > now)
		assert_int_equal(model[port].client, client);
	model[port] = (struct model){ .mapped = true, .client = client };
}

static void any_history_agrees_with_the_obvious_model(void **state)
{
	uint64_t now = NS_PER_S;

	(void)state;
	memset(model, 0, sizeof(model));
	start(HOLD, 2);
	for (int step = 0; step < 200000; step++) {
		uint16_t port = (uint16_t)(20032 + rng_below(&rng, 128));

		now += rng_below(&rng, 2 * (uint32_t)NS_PER_S);
		if (rng_below(&rng, 3) > 0) {
			model_take(now);
		} else if (model[port].mapped) {
			model[port].mapped = false;
			model[port].held_until = now + HOLD;
			nat_ports_give(&ports, port, model[port].client, now);
		}
		nat_ports_release(&ports, now);
		assert_int_equal(ports.n_free[0] + ports.n_free[1], model_free(now));
	}
	nat_ports_done(&ports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leases_are_aligned_blocks_and_given_once),
		cmocka_unit_test(every_leased_port_is_given_exactly_once_then_none),
		cmocka_unit_test(port_0_is_never_given),
		cmocka_unit_test(parity_is_kept_while_there_is_a_choice),
		cmocka_unit_test(the_choice_is_uniform),
		cmocka_unit_test(a_freed_port_is_held_from_others_but_not_from_its_owner),
		cmocka_unit_test(a_client_at_its_limit_uses_its_own_held_ports_again),
		cmocka_unit_test(a_removed_clients_held_ports_are_nobodys),
		cmocka_unit_test(only_wholly_idle_blocks_above_the_reserve_are_given_back),
		cmocka_unit_test(any_history_agrees_with_the_obvious_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
