/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/resolv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void nameservers_of_both_families_are_found(void **state)
{
	struct endpoint found[8];
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	assert_int_equal(resolv_parse("# comment\n"
				      "search example.com\n"
				      "nameserver 127.0.0.53\n"
				      "nameserver\t 2001:db8::1 # second\r\n"
				      "options edns0",
				      found, 8),
			 2);
	assert_string_equal(endpoint_format(&found[0], text), "127.0.0.53:53");
	assert_string_equal(endpoint_format(&found[1], text), "[2001:db8::1]:53");
}

static void a_link_local_server_has_its_interface(void **state)
{
	struct endpoint found[2];

	(void)state;
	assert_int_equal(resolv_parse("nameserver fe80::1%lo\n", found, 2), 1);
	assert_int_equal(found[0].scope, 1);
	assert_int_equal(resolv_parse("nameserver fe80::1%nosuchif\n", found, 2), 0);
}

static void what_is_no_address_is_left_out(void **state)
{
	struct endpoint found[2];

	(void)state;
	assert_int_equal(resolv_parse("", found, 2), 0);
	assert_int_equal(resolv_parse("nameserver\n", found, 2), 0);
	assert_int_equal(resolv_parse("nameserver example.com\n", found, 2), 0);
	assert_int_equal(resolv_parse("nameserver1.2.3.4\n", found, 2), 0);
	assert_int_equal(resolv_parse(" nameserver 1.2.3.4\n", found, 2), 0);
	assert_int_equal(
		resolv_parse("nameserver 1111111111111111111111111111111111111111111111111"
			     "11111111111111111111111111111111111111111111111111111111111"
			     "11111111111111111111111111111111111111111111111111111111111\n",
			     found, 2),
		0);
	assert_int_equal(resolv_parse("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3",
				      found, 2),
			 2);
}

static void a_changed_file_has_another_stamp(void **state)
{
	char path[] = "/tmp/resolv-test-XXXXXX";
	struct resolv_stamp before;
	struct resolv_stamp after;
	struct endpoint found[2];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	before = resolv_stamp(path);
	assert_int_equal(resolv_read(path, found, 2), 0);
	assert_int_equal(write(fd, "nameserver 9.9.9.9\n", 19), 19);
	close(fd);
	after = resolv_stamp(path);
	assert_false(resolv_stamp_equal(&before, &after));
	before = resolv_stamp(path);
	assert_true(resolv_stamp_equal(&before, &after));
	assert_int_equal(resolv_read(path, found, 2), 1);
	unlink(path);
	after = resolv_stamp(path);
	assert_false(resolv_stamp_equal(&before, &after));
	assert_int_equal(resolv_read(path, found, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nameservers_of_both_families_are_found),
		cmocka_unit_test(a_link_local_server_has_its_interface),
		cmocka_unit_test(what_is_no_address_is_left_out),
		cmocka_unit_test(a_changed_file_has_another_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
