/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation n fails, for each n: the answer is -ENOMEM, and nothing leaks or crashes.
 *
 * The sources are compiled into this program with an allocator that counts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_memory.h"

#define malloc  failing_malloc
#define calloc  failing_calloc
#define realloc failing_realloc
#define free    counted_free
#include "../../src/config/check.c"
#include "../../src/config/config.c"
#include "../../src/config/messages.c"
#include "../../src/config/parse.c"
#include "../../src/config/values.c"
#undef malloc
#undef calloc
#undef realloc
#undef free

#define KEY "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="

static const char text[] =
	"[Stream]\nPort = 443\n"
	"[Interface]\nPrivateKey = " KEY "\nAddress = 10.0.0.1/24\nPostUp = x\n"
	"[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nAllowedIPs = 10.0.0.2\n"
	"[Peer]\nPublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\nAllowedIPs = 10.0.0.3\n";

static void each_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
	struct config_messages m;
	struct config *c = NULL;
	int failures = 0;
	int r;

	(void)state;
	for (;;) {
		countdown = failures;
		r = config_parse(text, sizeof(text) - 1, &c, &m);
		config_messages_done(&m);
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(c);
		assert_int_equal(living, 0);
		failures++;
	}
	assert_true(failures > 8);
	countdown = 0;
	assert_int_equal(config_next_address(c, &(struct addr){ 0 }), -ENOMEM);
	countdown = -1;
	config_free(c);
	assert_int_equal(living, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failed_allocation_is_reported_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
