/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wireguard_pair.h"

static const uint8_t no_psk[WG_KEY_LEN];
static const uint8_t psk[WG_KEY_LEN] = { 1, 2, 3 };
static struct pair p;

static void a_packet_makes_a_session_and_arrives(void **state)
{
	const uint8_t *const psks[] = { no_psk, psk };

	(void)state;
	for (int i = 0; i < 2; i++) {
		pair_start(&p, psks[i]);
		assert_int_equal(pair_seal(&p, 0, 100), DROP_WG_NO_SESSION);
		pair_settle(&p);
		assert_int_equal(p.side[1].n_data, 1);
		assert_int_equal(p.side[0].n_ready, 1);
		assert_int_equal(p.side[1].n_ready, 1);
		assert_int_equal(pair_seal(&p, 1, 1400), PASS);
		pair_settle(&p);
		assert_int_equal(p.side[0].n_data, 1);
		assert_int_equal(p.side[0].n_initiations + p.side[1].n_initiations, 1);
		pair_end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_makes_a_session_and_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
