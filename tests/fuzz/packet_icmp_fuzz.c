/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_icmp_fuzz.c - what is built about hostile packets is itself sound
 *
 * Input: a byte that cuts the packet into segments of its size, then an IPv4 or IPv6 packet.
 */
#include "packet_mend.h"

#include "packet/icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require_sound(uint8_t *out, size_t n)
{
	struct train t;

	REQUIRE(n <= ICMP_ERROR_MAX);
	REQUIRE(train_parse(&t, out, n, CSUM_UNCHECKED) == PASS);
	REQUIRE(t.len == n && t.proto == IPPROTO_NUM_ICMP);
	REQUIRE(train_verify(&t) == PASS);
	/* RFC 1122: about our own error no other one is ever sent. */
	REQUIRE(icmp_error(&t, ICMP_TIME_EXCEEDED, 0, 0, 0x0a424d01,
			   (uint8_t[ICMP_ERROR_MAX]){ 0 }) == 0);
}

/* The same of IPv6. */
static void try_ip6(uint8_t *packet, size_t len, uint8_t segment)
{
	uint8_t out[ICMP6_ERROR_MAX];
	struct train t, error;
	size_t n;

	if (train_parse_any(&t, packet, len, CSUM_UNCHECKED) != PASS || !t.ip6)
		return;
	if (t.n_pieces > 0)
		t.gso_size = segment;
	n = icmp6_error(&t, ICMP6_PACKET_TOO_BIG, 0, 1280, out);
	if (n == 0)
		return;
	REQUIRE(n <= sizeof(out));
	REQUIRE(train_parse_any(&error, out, n, CSUM_UNCHECKED) == PASS);
	REQUIRE(error.len == n && error.proto == IPPROTO_NUM_ICMP6);
	REQUIRE(train_verify(&error) == PASS);
	REQUIRE(icmp6_error(&error, ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, 0,
			    (uint8_t[ICMP6_ERROR_MAX]){ 0 }) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t out[ICMP6_ERROR_MAX];
	uint8_t *packet;
	struct train t;
	size_t n;

	if (len < 1)
		return 0;
	packet = mend_copy(data + 1, len - 1);
	n = icmp6_refusal(packet, len - 1, out);
	if (n > 0) {
		REQUIRE(n <= sizeof(out));
		REQUIRE(load_be16(out + 4) == n - 40);
		REQUIRE(icmp6_refusal(out, n, (uint8_t[ICMP6_ERROR_MAX]){ 0 }) == 0);
	}
	try_ip6(packet, len - 1, data[0]);
	mend_ip4(packet, len - 1);
	if (train_parse(&t, packet, len - 1, CSUM_UNCHECKED) == PASS) {
		if (t.n_pieces > 0)
			t.gso_size = data[0];
		n = icmp_error(&t, ICMP_UNREACHABLE, ICMP_ADMIN_PROHIBITED, 0, 0x0a424d01, out);
		if (n > 0)
			require_sound(out, n);
		if (icmp_echo_reply(&t) == PASS)
			REQUIRE(train_linearize(&t, (uint8_t[TRAIN_LEN_MAX]){ 0 }, TRAIN_LEN_MAX) >
				0);
	}
	free(packet);
	return 0;
}
