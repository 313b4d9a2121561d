/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static void a_full_ring_refuses_and_recovers(void **state)
{
	struct ring *ring;
	size_t len;
	int n = 0;

	(void)state;
	assert_int_equal(ring_new(4096, &ring), 0);
	assert_null(ring_peek(ring, &len));
	assert_null(ring_reserve(ring, 4096));
	while (ring_reserve(ring, 100)) {
		assert_true(ring_commit(ring, 100) == (n == 0));
		n++;
	}
	assert_true(n >= 30);
	for (; n > 0; n--) {
		assert_non_null(ring_peek(ring, &len));
		assert_int_equal(len, 100);
		ring_release(ring);
	}
	assert_null(ring_peek(ring, &len));
	assert_non_null(ring_reserve(ring, 2000));
	ring_free(ring);
}

#define RECORDS 200000

static void *produce(void *arg)
{
	struct ring *ring = arg;
	struct rng rng = rng_seeded(7);

	for (uint32_t i = 0; i < RECORDS; i++) {
		size_t len = 4 + rng_below(&rng, 900);
		uint8_t *p;

		while (!(p = ring_reserve(ring, len)))
			sched_yield();
		memset(p, (int)(i & 0xff), len);
		memcpy(p, &i, 4);
		(void)ring_commit(ring, len);
	}
	return NULL;
}

static void records_cross_threads_whole_and_in_order(void **state)
{
	struct rng rng = rng_seeded(7);
	pthread_t thread;
	struct ring *ring;

	(void)state;
	assert_int_equal(ring_new(8192, &ring), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, ring), 0);
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint32_t number;
		uint8_t *p;
		size_t len;

		while (!(p = ring_peek(ring, &len)))
			sched_yield();
		memcpy(&number, p, 4);
		assert_int_equal(number, i);
		assert_int_equal(len, 4 + rng_below(&rng, 900));
		for (size_t k = 4; k < len; k++)
			assert_int_equal(p[k], i & 0xff);
		ring_release(ring);
	}
	pthread_join(thread, NULL);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_ring_refuses_and_recovers),
		cmocka_unit_test(records_cross_threads_whole_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
