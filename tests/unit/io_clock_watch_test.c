/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/clock_watch.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

static const struct clock_reading before = { .monotonic = 100 * NS_PER_S,
					     .boot = 300 * NS_PER_S,
					     .wall = 1700000000 * NS_PER_S };

static struct clock_change after(int64_t monotonic_ms, int64_t boot_ms, int64_t wall_ms)
{
	struct clock_reading now = before;

	now.monotonic += (uint64_t)(monotonic_ms * (int64_t)NS_PER_MS);
	now.boot += (uint64_t)(boot_ms * (int64_t)NS_PER_MS);
	now.wall += (uint64_t)(wall_ms * (int64_t)NS_PER_MS);
	return clock_change_between(&before, &now);
}

static void time_that_passes_is_no_change(void **state)
{
	struct clock_change c = after(5000, 5000, 5000);

	(void)state;
	assert_int_equal(c.slept, 0);
	assert_int_equal(c.jumped, 0);
}

static void sleep_is_what_boottime_gains(void **state)
{
	struct clock_change c = after(5000, 65000, 65000);

	(void)state;
	assert_int_equal(c.slept, 60 * NS_PER_S);
	assert_int_equal(c.jumped, 0);
}

static void a_clock_that_is_set_has_jumped_either_way(void **state)
{
	(void)state;
	assert_int_equal(after(5000, 5000, 3605000).jumped, 3600 * (int64_t)NS_PER_S);
	assert_int_equal(after(5000, 5000, -86395000).jumped, -86400 * (int64_t)NS_PER_S);
	assert_int_equal(after(5000, 5000, -86395000).slept, 0);
}

static void slewing_is_not_noticed(void **state)
{
	struct clock_change c = after(60000, 60100, 60200);

	(void)state;
	assert_int_equal(c.slept, 0);
	assert_int_equal(c.jumped, 0);
}

static void it_is_silent_while_nothing_happens(void **state)
{
	struct clock_watch *w;
	struct pollfd p = { .events = POLLIN };

	(void)state;
	assert_int_equal(clock_watch_new(&w), 0);
	p.fd = clock_watch_fd(w);
	assert_int_equal(poll(&p, 1, 20), 0);
	assert_int_equal(clock_watch_read(w).slept, 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_null(clock_watch_free(w));
	assert_null(clock_watch_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_that_passes_is_no_change),
		cmocka_unit_test(sleep_is_what_boottime_gains),
		cmocka_unit_test(a_clock_that_is_set_has_jumped_either_way),
		cmocka_unit_test(slewing_is_not_noticed),
		cmocka_unit_test(it_is_silent_while_nothing_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
