/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void addresses_of_both_families_survive_text(void **state)
{
	static const char *const texts[] = { "10.66.77.1", "255.255.255.255", "::", "2001:db8::1" };
	char out[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(addr_parse(texts[i], &a));
		assert_string_equal(addr_format(&a, out), texts[i]);
	}
	assert_true(addr_parse("10.66.77.1", &a));
	assert_int_equal(addr_to_ip4(&a), 0x0a424d01);
}

static void malformed_text_is_refused_and_the_result_untouched(void **state)
{
	static const char *const endpoints[] = {
		"",      "1.2.3.4",     "1.2.3.4:", "1.2.3.4:0",  "1.2.3.4:65536", "::1:5",
		"[::1]", "[1.2.3.4]:5", "]:5",      "1.2.3.4:+5", "host:5",        ":5"
	};
	static const char *const prefixes[] = { "",        "1.2.3.4/", "1.2.3.4/33",
						"1.2.3/8", "::/129",   "1.2.3.4/-1" };
	struct endpoint e = { .port = 7 };
	struct prefix p = { .len = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		assert_false(endpoint_parse(endpoints[i], &e));
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		assert_false(prefix_parse(prefixes[i], &p));
	assert_int_equal(e.port, 7);
	assert_int_equal(p.len, 7);
}

static void endpoints_survive_text(void **state)
{
	char out[ENDPOINT_TEXT_MAX];
	struct endpoint e;

	(void)state;
	assert_true(endpoint_parse("192.0.2.1:51820", &e));
	assert_string_equal(endpoint_format(&e, out), "192.0.2.1:51820");
	assert_true(endpoint_parse("[2001:db8::1]:1", &e));
	assert_string_equal(endpoint_format(&e, out), "[2001:db8::1]:1");
}

static void prefixes_contain_what_they_should(void **state)
{
	struct prefix p;

	(void)state;
	assert_true(prefix_parse("10.66.77.130/25", &p));
	assert_true(prefix_contains_ip4(&p, 0x0a424dff));
	assert_false(prefix_contains_ip4(&p, 0x0a424d7f));
	prefix_mask(&p);
	assert_int_equal(addr_to_ip4(&p.addr), 0x0a424d80);
	assert_true(prefix_parse("0.0.0.0/0", &p));
	assert_true(prefix_contains_ip4(&p, 0xffffffff));
	assert_true(prefix_parse("2001:db8::/33", &p));
	struct addr a;

	assert_true(addr_parse("2001:db8:7fff::1", &a));
	assert_true(prefix_contains(&p, &a));
	assert_true(addr_parse("2001:db8:8000::1", &a));
	assert_false(prefix_contains(&p, &a));
	assert_true(addr_parse("32.1.13.184", &a));
	assert_false(prefix_contains(&p, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_both_families_survive_text),
		cmocka_unit_test(malformed_text_is_refused_and_the_result_untouched),
		cmocka_unit_test(endpoints_survive_text),
		cmocka_unit_test(prefixes_contain_what_they_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
