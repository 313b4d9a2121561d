/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/random.h"

static struct loop *new_loop(void)
{
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	return loop;
}

static void a_deadline_is_kept_and_never_early(void **state)
{
	struct loop *loop = new_loop();
	struct loop_event event;

	(void)state;
	for (int i = 0; i < 5; i++) {
		uint64_t deadline = loop_now() + 3 * NS_PER_MS + 1;

		assert_int_equal(loop_wait(loop, deadline, &event, 1), 0);
		assert_true(loop_now() >= deadline);
		assert_true(loop_now() < deadline + NS_PER_S);
	}
	assert_int_equal(loop_wait(loop, 0, &event, 1), 0);
	loop_free(loop);
}

static void events_carry_the_callers_number_and_the_interest(void **state)
{
	struct loop *loop = new_loop();
	struct loop_event events[8];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(loop_add(loop, pair[0], LOOP_READ, UINT64_C(0x123456789abcdef0)), 0);
	assert_int_equal(loop_add(loop, pair[0], LOOP_READ, 1), -17);
	assert_int_equal(loop_wait(loop, 0, events, 8), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(loop_wait(loop, NEVER, events, 8), 1);
	assert_true(events[0].what == UINT64_C(0x123456789abcdef0));
	assert_true(events[0].readable);
	assert_false(events[0].writable);

	assert_int_equal(loop_change(loop, pair[0], LOOP_WRITE, 7), 0);
	assert_int_equal(loop_wait(loop, NEVER, events, 8), 1);
	assert_int_equal(events[0].what, 7);
	assert_true(events[0].writable);
	assert_false(events[0].readable);

	/* The other end is gone: whatever the interest, the owner is told to read. */
	assert_int_equal(loop_change(loop, pair[0], LOOP_READ, 8), 0);
	close(pair[1]);
	assert_int_equal(loop_wait(loop, NEVER, events, 8), 1);
	assert_true(events[0].readable);

	loop_remove(loop, pair[0]);
	assert_int_equal(loop_wait(loop, 0, events, 8), 0);
	close(pair[0]);
	loop_free(loop);
}

static void *wake_later(void *arg)
{
	struct timespec ts = { .tv_nsec = 5000000 };

	nanosleep(&ts, NULL);
	waker_wake(*(int *)arg);
	return NULL;
}

static void another_thread_wakes_the_loop_and_clearing_silences_it(void **state)
{
	struct loop *loop = new_loop();
	struct loop_event event;
	pthread_t thread;
	int waker = waker_new();

	(void)state;
	assert_true(waker >= 0);
	assert_int_equal(loop_add(loop, waker, LOOP_READ, 3), 0);
	assert_int_equal(pthread_create(&thread, NULL, wake_later, &waker), 0);
	assert_int_equal(loop_wait(loop, loop_now() + 10 * NS_PER_S, &event, 1), 1);
	assert_int_equal(event.what, 3);
	pthread_join(thread, NULL);
	waker_wake(waker);
	waker_clear(waker);
	assert_int_equal(loop_wait(loop, 0, &event, 1), 0);
	waker_clear(waker); /* must not block */
	close(waker);
	loop_free(loop);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	(void)number;
	alarms++;
}

static void signals_do_not_end_a_wait(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value.tv_usec = 2000, .it_interval.tv_usec = 2000 };
	struct itimerval off = { 0 };
	struct loop *loop = new_loop();
	struct loop_event event;
	uint64_t deadline;

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	deadline = loop_now() + 30 * NS_PER_MS;
	assert_int_equal(loop_wait(loop, deadline, &event, 1), 0);
	setitimer(ITIMER_REAL, &off, NULL);
	assert_true(loop_now() >= deadline);
	assert_true(alarms > 0);
	loop_free(loop);
}

static void the_system_generator_fills_every_byte(void **state)
{
	struct rng rng = rng_system();
	uint8_t seen[1000] = { 0 };

	(void)state;
	for (int round = 0; round < 20; round++) {
		uint8_t out[1002] = { 0 };

		rng_fill(&rng, out + 1, sizeof(seen));
		assert_int_equal(out[0], 0);
		assert_int_equal(out[1001], 0);
		for (size_t i = 0; i < sizeof(seen); i++)
			seen[i] |= out[i + 1];
	}
	/* 20 zero bytes in one place: once in 2^160. */
	for (size_t i = 0; i < sizeof(seen); i++)
		assert_int_not_equal(seen[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_is_kept_and_never_early),
		cmocka_unit_test(events_carry_the_callers_number_and_the_interest),
		cmocka_unit_test(another_thread_wakes_the_loop_and_clearing_silences_it),
		cmocka_unit_test(signals_do_not_end_a_wait),
		cmocka_unit_test(the_system_generator_fills_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
