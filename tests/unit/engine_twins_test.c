/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/twins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool heard(struct twins *t, const char *text, uint64_t second)
{
	struct endpoint at;

	assert_true(endpoint_parse(text, &at));
	return twins_heard(t, &at, second * NS_PER_S);
}

/* Return: how often it was said, when the peer is heard from two places in turns. */
static unsigned int in_turns(struct twins *t, unsigned int times, uint64_t from, uint64_t every)
{
	unsigned int said = 0;

	for (unsigned int i = 0; i < times; i++)
		said += heard(t, i % 2 ? "192.0.2.1:4000" : "[2001:db8::1]:4000", from + i * every);
	return said;
}

static void two_places_in_turns_are_told_once(void **state)
{
	struct twins t = { 0 };

	(void)state;
	assert_int_equal(in_turns(&t, TWINS_RETURNS + 1, 100, 1), 0);
	assert_int_equal(in_turns(&t, 2, 110, 1), 1);
	assert_int_equal(in_turns(&t, 200, 112, 5), 0);
	assert_int_equal(t.here.port, 4000);
}

static void they_are_told_again_after_a_while(void **state)
{
	struct twins t = { 0 };
	uint64_t later = 100 + TWINS_QUIET / NS_PER_S + 60;

	(void)state;
	assert_int_equal(in_turns(&t, 20, 100, 1), 1);
	assert_int_equal(in_turns(&t, 20, later, 1), 1);
}

static void a_device_that_roams_now_and_then_is_one_device(void **state)
{
	struct twins t = { 0 };

	(void)state;
	assert_int_equal(in_turns(&t, 100, 100, 15), 0);
}

static void new_places_are_a_device_on_its_way(void **state)
{
	const char *places[] = { "192.0.2.1:1", "192.0.2.1:2", "192.0.2.3:1", "192.0.2.4:1" };
	struct twins t = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_false(heard(&t, places[i % 4], 100));
}

static void one_place_is_one_device(void **state)
{
	struct twins t = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_false(heard(&t, "192.0.2.1:1", 100));
}

static void streams_are_not_counted(void **state)
{
	struct endpoint at;
	struct twins t = { 0 };

	(void)state;
	assert_true(endpoint_parse("192.0.2.1:1", &at));
	for (uint32_t i = 0; i < 100; i++) {
		at.stream = i % 5;
		at.port = (uint16_t)(1 + at.stream);
		assert_false(twins_heard(&t, &at, NS_PER_S));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_places_in_turns_are_told_once),
		cmocka_unit_test(they_are_told_again_after_a_while),
		cmocka_unit_test(a_device_that_roams_now_and_then_is_one_device),
		cmocka_unit_test(new_places_are_a_device_on_its_way),
		cmocka_unit_test(one_place_is_one_device),
		cmocka_unit_test(streams_are_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
