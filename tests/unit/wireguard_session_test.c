/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PEER 3

static struct index_table *indices;
static struct sessions s;
static const struct session zero;

static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	sessions_init(&s);
	return index_table_new(64, &indices);
}

static int teardown(void **state)
{
	(void)state;
	sessions_clear(&s, indices, PEER);
	indices = index_table_free(indices);
	return 0;
}

static void install(uint32_t local_index, bool initiator)
{
	const struct wg_keys keys = { .peer = PEER,
				      .local_index = local_index,
				      .initiator = initiator };

	assert_int_equal(sessions_install(&s, indices, &keys), 0);
}

/* The local indices of previous, current and next; 0 for none. */
static void expect(uint32_t previous, uint32_t current, uint32_t next)
{
	const uint8_t places[3] = { s.previous, s.current, s.next };
	const uint32_t want[3] = { previous, current, next };

	for (int i = 0; i < 3; i++) {
		const struct session *session = sessions_get(&s, places[i]);

		assert_int_equal(session ? session->local_index : 0, want[i]);
		if (session)
			assert_int_equal(index_table_get(indices, want[i]),
					 session_id(PEER, places[i]));
	}
	for (uint32_t index = 1; index < 10; index++) {
		bool live = index == previous || index == current || index == next;

		assert_int_equal(index_table_get(indices, index) != INDEX_NONE, live);
	}
	for (int i = 0; i < SESSIONS; i++) {
		if (i != s.previous && i != s.current && i != s.next)
			assert_memory_equal(&s.place[i], &zero, sizeof(zero)); /* keys are gone */
	}
}

static void an_initiator_sends_with_the_new_session_and_receives_with_both(void **state)
{
	(void)state;
	install(1, true);
	expect(0, 1, 0);
	install(2, true);
	expect(1, 2, 0);
	install(3, true);
	expect(2, 3, 0);
}

static void a_responder_waits_for_the_first_message(void **state)
{
	(void)state;
	install(1, false);
	expect(0, 0, 1);
	sessions_confirm(&s, indices, PEER);
	expect(0, 1, 0);
	install(2, false);
	expect(0, 1, 2);
	install(3, false); /* the initiator has not got our response */
	expect(0, 1, 3);
	sessions_confirm(&s, indices, PEER);
	expect(1, 3, 0);
	install(4, false); /* previous makes way for next */
	expect(0, 3, 4);
}

static void when_both_initiate_the_other_sides_session_stays_receivable(void **state)
{
	(void)state;
	install(1, true);
	install(2, false);
	expect(0, 1, 2);
	install(3, true);
	expect(2, 3, 0);
}

static void clearing_wipes_everything(void **state)
{
	(void)state;
	install(1, true);
	install(2, true);
	install(3, false);
	sessions_clear(&s, indices, PEER);
	expect(0, 0, 0);
}

static void a_session_whose_index_was_taken_over_leaves_it_alone(void **state)
{
	(void)state;
	install(1, true);
	index_table_put(indices, 1, session_id(PEER + 1, 0)); /* another peer's, by chance */
	sessions_clear(&s, indices, PEER);
	assert_int_equal(index_table_get(indices, 1), session_id(PEER + 1, 0));
	index_table_remove(indices, 1, session_id(PEER + 1, 0));
}

static void a_session_is_dead_after_180_s(void **state)
{
	const struct session session = { .birth = NS_PER_S };

	(void)state;
	assert_false(session_expired(&session, 181 * NS_PER_S - 1));
	assert_true(session_expired(&session, 181 * NS_PER_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_initiator_sends_with_the_new_session_and_receives_with_both, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_responder_waits_for_the_first_message, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			when_both_initiate_the_other_sides_session_stays_receivable, setup,
			teardown),
		cmocka_unit_test_setup_teardown(clearing_wipes_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_session_whose_index_was_taken_over_leaves_it_alone, setup, teardown),
		cmocka_unit_test(a_session_is_dead_after_180_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
