/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/uapi.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The example of the protocol's description. */
#define PRIVATE "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a"
#define PEER_A  "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define PEER_B  "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"
#define SHARED  "188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52"

static int parse(const char *text, struct uapi_set *set)
{
	return uapi_parse_set(text, strlen(text), set);
}

static void the_example_of_the_description_is_read(void **state)
{
	static const char text[] =
		"private_key=" PRIVATE "\nfwmark=0\nlisten_port=12912\nreplace_peers=true\n"
		"public_key=" PEER_A "\npreshared_key=" SHARED "\nreplace_allowed_ips=true\n"
		"allowed_ip=192.168.4.4/32\nendpoint=[abcd:23::33]:51820\n"
		"public_key=" PEER_B "\nupdate_only=true\nreplace_allowed_ips=true\n"
		"allowed_ip=192.168.4.6/24\nallowed_ip=-10.0.0.0/8\n"
		"persistent_keepalive_interval=111\nendpoint=182.122.22.19:3233\n"
		"public_key=" PEER_A "\nremove=true\n\n";
	struct uapi_set set;

	(void)state;
	assert_int_equal(parse(text, &set), 0);
	assert_true(set.has_private_key && set.private_key[0] == 0xe8);
	assert_true(set.has_fwmark && set.fwmark == 0);
	assert_true(set.has_listen_port && set.listen_port == 12912);
	assert_true(set.replace_peers);
	assert_int_equal(set.n_peers, 3);
	assert_true(set.peers[0].has_preshared_key && set.peers[0].preshared_key[31] == 0x52);
	assert_true(set.peers[0].replace_allowed_ips && !set.peers[0].update_only);
	assert_true(set.peers[0].has_endpoint && set.peers[0].endpoint.port == 51820);
	assert_int_equal(set.peers[0].endpoint.addr.family, ADDR_IP6);
	assert_true(set.peers[1].update_only && !set.peers[1].has_preshared_key);
	assert_int_equal(set.peers[1].n_allowed, 1);
	/* Host bits are no part of an allowed address. */
	assert_int_equal(addr_to_ip4(&set.peers[1].allowed[0].addr), 0xc0a80400);
	assert_int_equal(set.peers[1].n_disallowed, 1);
	assert_int_equal(set.peers[1].disallowed[0].len, 8);
	assert_true(set.peers[1].has_keepalive && set.peers[1].keepalive == 111);
	assert_true(set.peers[2].remove);
	uapi_set_done(&set);
	assert_int_equal(set.n_peers, 0);
}

static void malformed_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"nonsense\n",
		"=\n",
		"private_key=" PRIVATE "00\n",
		"private_key=e84b\n",
		"private_key=x84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a\n",
		"listen_port=65536\n",
		"listen_port=-1\n",
		"listen_port=\n",
		"listen_port=99999999999999999999999\n",
		"fwmark=4294967296\n",
		"replace_peers=false\n",
		"endpoint=1.2.3.4:5\n", /* of no peer */
		"public_key=" PEER_A "\nendpoint=1.2.3.4\n",
		"public_key=" PEER_A "\nallowed_ip=1.2.3.4/33\n",
		"public_key=" PEER_A "\nallowed_ip=-\n",
		"public_key=" PEER_A "\nprotocol_version=2\n",
		"public_key=" PEER_A "\npersistent_keepalive_interval=65536\n",
		"public_key=" PEER_A "\nlisten_port=1\n",
		"public_key=abc\n",
		"unknown=1\n",
	};
	struct uapi_set set;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], &set), -EINVAL);
	assert_int_equal(uapi_parse_set("fwmark=1\0\n", 10, &set), -EINVAL);
	assert_int_equal(parse("", &set), 0);
	uapi_set_done(&set);
}

static void the_first_line_names_the_operation(void **state)
{
	const char *body;
	size_t len;

	(void)state;
	assert_int_equal(uapi_operation("get=1\n", 6, &body, &len), UAPI_GET);
	assert_int_equal(len, 0);
	assert_int_equal(uapi_operation("set=1\nfwmark=1\n", 15, &body, &len), UAPI_SET);
	assert_memory_equal(body, "fwmark=1\n", len);
	assert_int_equal(len, 9);
	assert_int_equal(uapi_operation("set=2\n", 6, &body, &len), UAPI_UNKNOWN);
	assert_int_equal(uapi_operation("get=1", 5, &body, &len), UAPI_GET);
	assert_int_equal(uapi_operation("\n", 1, &body, &len), UAPI_UNKNOWN);
	assert_int_equal(uapi_operation("", 0, &body, &len), UAPI_UNKNOWN);
}

static void a_device_is_written_in_the_order_that_tools_expect(void **state)
{
	struct prefix allowed[2];
	struct uapi_peer peer = {
		.public_key = { 0xaa },
		.preshared_key = { 0xbb },
		.last_handshake_s = 1700000000,
		.last_handshake_ns = 5,
		.rx_bytes = UINT64_MAX,
		.tx_bytes = 7,
		.keepalive = 25,
		.allowed = allowed,
		.n_allowed = 2,
	};
	struct uapi_device device = {
		.private_key = { 0xcc }, .listen_port = 51820, .peers = &peer, .n_peers = 1
	};
	char *text;

	(void)state;
	assert_true(prefix_parse("10.66.77.2/32", &allowed[0]));
	assert_true(prefix_parse("fd00::2/128", &allowed[1]));
	assert_true(endpoint_parse("[2001:db8::1]:9", &peer.endpoint));
	text = uapi_format_get(&device);
	assert_non_null(text);
#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"
	assert_string_equal(text, "private_key=cc" ZEROS "\nlisten_port=51820\n"
				  "public_key=aa" ZEROS "\npreshared_key=bb" ZEROS "\n"
				  "protocol_version=1\nendpoint=[2001:db8::1]:9\n"
				  "last_handshake_time_sec=1700000000\n"
				  "last_handshake_time_nsec=5\ntx_bytes=7\n"
				  "rx_bytes=18446744073709551615\n"
				  "persistent_keepalive_interval=25\nallowed_ip=10.66.77.2/32\n"
				  "allowed_ip=fd00::2/128\nerrno=0\n\n");
	free(text);
}

static void an_answer_carries_the_error_as_a_positive_number(void **state)
{
	char text[UAPI_ANSWER_MAX];

	(void)state;
	assert_int_equal(uapi_format_errno(0, text), 9);
	assert_string_equal(text, "errno=0\n\n");
	uapi_format_errno(-EINVAL, text);
	assert_string_equal(text, "errno=22\n\n");
}

/* The size is computed beforehand: the longest possible text must fit. */
static void the_longest_device_fits_its_buffer(void **state)
{
	static struct prefix allowed[300];
	static struct uapi_peer peers[50];
	struct uapi_device device = {
		.listen_port = 65535, .fwmark = UINT32_MAX, .peers = peers, .n_peers = 50
	};
	char *text;

	(void)state;
	memset(device.private_key, 0xff, 32);
	for (size_t i = 0; i < 300; i++)
		assert_true(
			prefix_parse("1111:2222:3333:4444:5555:6666:7777:8888/128", &allowed[i]));
	for (size_t i = 0; i < 50; i++) {
		memset(&peers[i], 0xff, sizeof(peers[i]));
		assert_true(endpoint_parse("[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
					   &peers[i].endpoint));
		peers[i].allowed = allowed;
		peers[i].n_allowed = i % 2 ? 300 : 0;
	}
	text = uapi_format_get(&device);
	assert_non_null(text);
	free(text);
	for (size_t i = 0; i < 50; i++)
		peers[i].n_allowed = 0;
	text = uapi_format_get(&device);
	assert_non_null(text);
	assert_string_equal(text + strlen(text) - 9, "errno=0\n\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_description_is_read),
		cmocka_unit_test(malformed_lines_are_refused),
		cmocka_unit_test(the_first_line_names_the_operation),
		cmocka_unit_test(a_device_is_written_in_the_order_that_tools_expect),
		cmocka_unit_test(an_answer_carries_the_error_as_a_positive_number),
		cmocka_unit_test(the_longest_device_fits_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
