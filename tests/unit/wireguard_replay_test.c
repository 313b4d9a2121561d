/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

/* The way a person checks it: one line per message. */
static void the_window_accepts_and_refuses_as_listed(void **state)
{
	static const struct {
		uint64_t counter;
		bool accepted;
	} lines[] = {
		/*  1 */ { 0, true },
		/*  2 */ { 0, false }, /* seen */
		/*  3 */ { 1, true },
		/*  4 */ { 1, false },
		/*  5 */ { 9, true },
		/*  6 */ { 8, true }, /* late, not seen */
		/*  7 */ { 7, true },
		/*  8 */ { 7, false },
		/*  9 */ { REPLAY_WINDOW, true }, /* 4032: the greatest now */
		/* 10 */ { REPLAY_WINDOW - 1, true },
		/* 11 */ { REPLAY_WINDOW - 1, false },
		/* 12 */ { 2, true }, /* 4030 behind */
		/* 13 */ { 2, false },
		/* 14 */ { 0, false }, /* exactly 4032 behind: still remembered as seen */
		/* 15 */ { REPLAY_WINDOW + 16, true },
		/* 16 */ { 3, false },  /* 4045 behind: too old, though never seen */
		/* 17 */ { 16, true },  /* exactly at the edge */
		/* 18 */ { 15, false }, /* one too old */
		/* 19 */ { REPLAY_WINDOW * 4, true },
		/* 20 */ { REPLAY_WINDOW * 4 - REPLAY_WINDOW, true },
		/* 21 */ { 10, false },
		/* 22 */ { REPLAY_WINDOW * 4 - REPLAY_WINDOW, false },
		/* 23 */ { REPLAY_WINDOW * 4 - REPLAY_WINDOW - 1, false },
		/* 24 */ { UINT64_C(1) << 60, true },
		/* 25 */ { REPLAY_WINDOW * 4, false },
		/* 26 */ { (UINT64_C(1) << 60) - 1, true },
		/* 27 */ { (UINT64_C(1) << 60) - 1, false },
		/* 28 */ { UINT64_MAX - (UINT64_C(1) << 13) - 1, true }, /* the last that may be */
		/* 29 */ { UINT64_MAX - (UINT64_C(1) << 13) - 1, false },
		/* 30 */ { UINT64_C(1) << 60, false },
	};
	struct replay r = { .next = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		bool fresh = replay_fresh(&r, lines[i].counter);

		if (fresh != lines[i].accepted ||
		    replay_accept(&r, lines[i].counter) != lines[i].accepted)
			fail_msg("line %zu", i + 1);
	}
}

#define ORACLE 40000

/* The slow obvious version: a flag per counter. */
static void it_agrees_with_a_flag_per_counter(void **state)
{
	static bool seen[ORACLE];

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct rng rng = rng_seeded(seed);
		struct replay r = { .next = 0 };
		uint64_t greatest = 0;
		bool any = false;

		memset(seen, 0, sizeof(seen));
		for (int step = 0; step < 30000; step++) {
			uint64_t spread = rng_below(&rng, 50) == 0 ? 9000 : 100;
			uint64_t low = greatest > spread ? greatest - spread : 0;
			uint64_t c = low + rng_below(&rng, (uint32_t)(spread + 2));
			bool want;

			if (c >= ORACLE)
				break;
			want = !seen[c] && !(any && c < greatest && greatest - c > REPLAY_WINDOW);
			assert_int_equal(replay_fresh(&r, c), want);
			assert_int_equal(replay_accept(&r, c), want);
			seen[c] = true;
			any = true;
			if (c > greatest)
				greatest = c;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_accepts_and_refuses_as_listed),
		cmocka_unit_test(it_agrees_with_a_flag_per_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
