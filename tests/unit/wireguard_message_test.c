/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void only_exact_lengths_and_zero_reserved_bytes_are_messages(void **state)
{
	static const size_t lens[5] = { 0, WG_INITIATION_LEN, WG_RESPONSE_LEN, WG_COOKIE_REPLY_LEN,
					WG_DATA_OVERHEAD };
	uint8_t m[2000] = { 0 };

	(void)state;
	for (uint8_t type = 1; type <= 4; type++) {
		m[0] = type;
		for (size_t len = 0; len < sizeof(m); len++) {
			bool fits = type == WG_DATA ? len >= lens[4] : len == lens[type];

			assert_int_equal(wg_message_type(m, len), fits ? type : 0);
		}
		for (int i = 1; i < 4; i++) {
			m[i] = 1;
			assert_int_equal(wg_message_type(m, lens[type]), 0);
			m[i] = 0;
		}
	}
	m[0] = 5;
	assert_int_equal(wg_message_type(m, 148), 0);
}

static void the_receiver_index_is_found_in_each_type(void **state)
{
	uint8_t m[WG_INITIATION_LEN] = { 0 };

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		m[i] = i;
	m[0] = WG_RESPONSE;
	assert_int_equal(wg_receiver_index(m), 0x0b0a0908);
	m[0] = WG_COOKIE_REPLY;
	assert_int_equal(wg_receiver_index(m), 0x07060504);
	m[0] = WG_DATA;
	assert_int_equal(wg_receiver_index(m), 0x07060504);
}

static void padding_stops_at_the_mtu(void **state)
{
	(void)state;
	assert_int_equal(wg_message_len(0, 1420), 32);
	assert_int_equal(wg_message_len(1, 1420), 48);
	assert_int_equal(wg_message_len(16, 1420), 48);
	assert_int_equal(wg_message_len(17, 1420), 64);
	assert_int_equal(wg_message_len(1409, 1420), 1420 + 32);
	assert_int_equal(wg_message_len(1420, 1420), 1420 + 32);
	assert_int_equal(wg_message_len(1500, 1420), 1500 + 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_exact_lengths_and_zero_reserved_bytes_are_messages),
		cmocka_unit_test(the_receiver_index_is_found_in_each_type),
		cmocka_unit_test(padding_stops_at_the_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
