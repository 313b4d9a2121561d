/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/drop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_reason_has_a_name_of_its_own_and_a_text(void **state)
{
	(void)state;
	for (enum verdict v = PASS; v < N_VERDICTS; v++) {
		assert_true(strlen(drop_name(v)) > 0);
		assert_true(strlen(drop_text(v)) > 0);
		for (enum verdict w = PASS; w < v; w++)
			assert_string_not_equal(drop_name(v), drop_name(w));
	}
}

static void names_are_those_of_the_enum(void **state)
{
	(void)state;
	assert_string_equal(drop_name(PASS), "pass");
	assert_string_equal(drop_name(DROP_IP_MALFORMED), "IP_MALFORMED");
	assert_string_equal(drop_name(DROP_NAT_NO_PORT), "NAT_NO_PORT");
	assert_string_equal(drop_text(DROP_NAT_NO_PORT), "external ports exhausted");
	assert_string_equal(drop_name(DROP_ECN), "ECN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_name_of_its_own_and_a_text),
		cmocka_unit_test(names_are_those_of_the_enum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
