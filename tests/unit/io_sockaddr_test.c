/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/sockaddr.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void endpoints_of_both_families_come_back(void **state)
{
	static const char *const texts[] = { "192.0.2.1:51820", "[2001:db8::7]:443" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct endpoint e, back;
		union sockaddr_any sa;

		assert_true(endpoint_parse(texts[i], &e));
		e.scope = i == 1 ? 3 : 0;
		assert_int_equal(sockaddr_put(&e, &sa), i == 0 ? sizeof(sa.in) : sizeof(sa.in6));
		back = sockaddr_get(&sa);
		assert_true(endpoint_equal(&e, &back));
	}
}

static void the_kernel_gets_network_order(void **state)
{
	struct endpoint e = { .addr = addr_ip4(0xc0000201), .port = 0x1234 };
	union sockaddr_any sa;

	(void)state;
	sockaddr_put(&e, &sa);
	assert_int_equal(sa.any.sa_family, AF_INET);
	assert_memory_equal(&sa.in.sin_port, "\x12\x34", 2);
	assert_memory_equal(&sa.in.sin_addr, "\xc0\x00\x02\x01", 4);
}

static void a_mapped_address_is_ipv4_without_a_scope(void **state)
{
	union sockaddr_any sa = { .in6 = { .sin6_family = AF_INET6, .sin6_scope_id = 5 } };
	struct endpoint e;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.9", &sa.in6.sin6_addr), 1);
	sa.in6.sin6_port = htons(53);
	e = sockaddr_get(&sa);
	assert_int_equal(addr_to_ip4(&e.addr), 0xc0000209);
	assert_int_equal(e.port, 53);
	assert_int_equal(e.scope, 0);
}

static void another_family_is_none(void **state)
{
	union sockaddr_any sa = { .any.sa_family = AF_UNIX };

	(void)state;
	assert_int_equal(sockaddr_get(&sa).addr.family, ADDR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_of_both_families_come_back),
		cmocka_unit_test(the_kernel_gets_network_order),
		cmocka_unit_test(a_mapped_address_is_ipv4_without_a_scope),
		cmocka_unit_test(another_family_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
