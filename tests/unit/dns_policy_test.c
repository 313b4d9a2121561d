/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dns/dns.h"
#include "dns_build.h"

static bool inside(const char *name, uint16_t type, const void *data, size_t len)
{
	struct built reply = build(1, 0x8180, name, type);
	struct prefix tunnel;

	assert_true(prefix_parse("10.66.77.0/24", &tunnel));
	build_record(&reply, 0, BUILD_CNAME, 60, "\xc0\x0c", 2);
	build_record(&reply, 0, type, 60, data, len);
	return dns_reply_points_inside(reply.bytes, reply.len, &tunnel);
}

static const uint8_t loopback6[16] = { [15] = 1 };

static void addresses_of_the_tunnel_and_loopback_are_inside(void **state)
{
	(void)state;
	assert_true(inside("evil.example", BUILD_A, "\x0a\x42\x4d\x01", 4));
	assert_true(inside("evil.example", BUILD_A, "\x0a\x42\x4d\xff", 4));
	assert_true(inside("evil.example", BUILD_A, "\x7f\x00\x00\x01", 4));
	assert_true(inside("evil.example", BUILD_A, "\x7f\xff\x01\x01", 4));
	assert_true(inside("evil.example", BUILD_AAAA, loopback6, 16));
}

static void other_addresses_are_not(void **state)
{
	static const uint8_t outside6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };

	(void)state;
	assert_false(inside("good.example", BUILD_A, "\x0a\x42\x4e\x01", 4));
	assert_false(inside("good.example", BUILD_A, "\xc0\xa8\x01\x01", 4));
	assert_false(inside("good.example", BUILD_A, "\x80\x00\x00\x01", 4));
	assert_false(inside("good.example", BUILD_AAAA, outside6, 16));
	assert_false(inside("good.example", BUILD_TXT,
			    "\x03"
			    "\x7f\x00\x00",
			    4));
}

static void mapped_addresses_are_looked_into(void **state)
{
	uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, 10, 66, 77, 3 };

	(void)state;
	assert_true(inside("evil.example", BUILD_AAAA, mapped, 16));
	mapped[14] = 78;
	assert_false(inside("good.example", BUILD_AAAA, mapped, 16));
}

static void address_hints_are_looked_into(void **state)
{
	/* Priority 1, target ".", alpn h2, ipv4hint of two addresses. */
	uint8_t svc[] = {
		0, 1, 0, 0, 1, 0, 3, 2, 'h', '2', 0, 4, 0, 8, 192, 0, 2, 1, 127, 0, 0, 1
	};
	uint8_t svc6[7 + 16] = { 0, 1, 0, 0, 6, 0, 16, [22] = 1 };

	(void)state;
	assert_true(inside("evil.example", BUILD_HTTPS, svc, sizeof(svc)));
	assert_true(inside("evil.example", BUILD_HTTPS, svc6, sizeof(svc6)));
	svc[18] = 192;
	assert_false(inside("good.example", BUILD_HTTPS, svc, sizeof(svc)));
	assert_false(inside("good.example", BUILD_HTTPS, svc, 2));
	assert_false(inside("good.example", BUILD_HTTPS, "\0\1\x3f", 3));
}

static void localhost_may_be_loopback_but_not_the_tunnel(void **state)
{
	(void)state;
	assert_false(inside("localhost", BUILD_A, "\x7f\x00\x00\x01", 4));
	assert_false(inside("app.LocalHost", BUILD_AAAA, loopback6, 16));
	assert_true(inside("localhost", BUILD_A, "\x0a\x42\x4d\x01", 4));
	assert_true(inside("localhost.example", BUILD_A, "\x7f\x00\x00\x01", 4));
	assert_true(inside("xlocalhost", BUILD_A, "\x7f\x00\x00\x01", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_the_tunnel_and_loopback_are_inside),
		cmocka_unit_test(other_addresses_are_not),
		cmocka_unit_test(mapped_addresses_are_looked_into),
		cmocka_unit_test(address_hints_are_looked_into),
		cmocka_unit_test(localhost_may_be_loopback_but_not_the_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
