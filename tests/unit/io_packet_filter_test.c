/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs run in the kernel: attached to one end of a socket pair they see each
 * datagram at offset 0, and what they return is how much of it arrives.
 */
#include "io/packet_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/wire.h"

#define ADDRESS 0xc0000201u

static int pair[2];

static void attach(struct packet_filter *f)
{
	struct sock_fprog program = { .len = f->n, .filter = f->code };

	assert_int_equal(
		setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

/* Return: the bytes that the program keeps of @packet. */
static size_t run(const uint8_t *packet, size_t len)
{
	uint8_t out[2048];
	ssize_t n;

	assert_int_equal(send(pair[0], packet, len, 0), len);
	n = recv(pair[1], out, sizeof(out), MSG_DONTWAIT);
	return n < 0 ? 0 : (size_t)n;
}

/* An IPv4 header with up to 40 bytes of options.  Return: its length. */
static size_t put_ip4(uint8_t *p, struct rng *rng, uint8_t proto, uint32_t src, uint32_t dst)
{
	size_t len = 20 + 4 * (rng_below(rng, 3) == 0 ? rng_below(rng, 11) : 0);

	rng_fill(rng, p, len);
	p[0] = (uint8_t)(0x40 | len / 4);
	p[9] = proto;
	store_be16(p + 6, rng_below(rng, 2) ? 0x4000 : 0);
	store_be32(p + 12, src);
	store_be32(p + 16, dst);
	return len;
}

struct sample {
	uint8_t packet[512];
	size_t len;
	int protocol; /* what the oracle knows: 0..2, or -1: has no external port */
	uint16_t port;
	bool ours; /* addresses and fragment fields are right */
};

static void put_l4(struct sample *s, struct rng *rng, uint8_t proto, size_t port_at, uint8_t type)
{
	rng_fill(rng, s->packet + s->len, 20);
	if (proto == IPPROTO_NUM_ICMP) {
		uint8_t *icmp = s->packet + s->len;

		icmp[0] = rng_below(rng, 4) ? type : (uint8_t)rng_below(rng, 20);
		if (icmp[0] == type)
			s->protocol = 2;
		s->port = load_be16(icmp + 4);
	} else if (proto == IPPROTO_NUM_TCP || proto == IPPROTO_NUM_UDP) {
		s->protocol = proto == IPPROTO_NUM_UDP;
		s->port = load_be16(s->packet + s->len + port_at);
	}
	s->len += 20;
}

static uint8_t random_protocol(struct rng *rng)
{
	static const uint8_t protocols[] = { 6, 6, 17, 17, 1, 1, 47 };

	return protocols[rng_below(rng, sizeof(protocols))];
}

/* Straight from the definitions: builds a packet and says what is in it. */
static struct sample make_sample(struct rng *rng)
{
	static const uint8_t types[] = { 3, 4, 11, 12 };
	struct sample s = { .protocol = -1, .ours = true };
	uint32_t dst = rng_below(rng, 8) ? ADDRESS : rng_u32(rng);
	uint8_t proto = random_protocol(rng);
	bool error = proto == IPPROTO_NUM_ICMP && rng_below(rng, 2);

	s.ours = dst == ADDRESS;
	s.len = put_ip4(s.packet, rng, proto, rng_u32(rng), dst);
	if (rng_below(rng, 16) == 0) {
		store_be16(s.packet + 6, (uint16_t)rng_u32(rng));
		s.ours = s.ours && (load_be16(s.packet + 6) & 0x3fff) == 0;
	}
	if (error) {
		uint32_t src = rng_below(rng, 8) ? ADDRESS : rng_u32(rng);
		uint8_t *inner = s.packet + s.len + 8;

		rng_fill(rng, s.packet + s.len, 8);
		s.packet[s.len] = types[rng_below(rng, 4)];
		proto = random_protocol(rng);
		s.len += 8;
		s.len += put_ip4(inner, rng, proto, src, rng_u32(rng));
		s.ours = s.ours && src == ADDRESS;
		put_l4(&s, rng, proto, 0, 8);
		if (rng_below(rng, 16) == 0) {
			store_be16(inner + 6, 0x2007);
			s.protocol = -1;
		}
	} else {
		put_l4(&s, rng, proto, 2, 0);
		/* A type that happens to be an error's has whatever bytes inside: not looked at here. */
		if (proto == IPPROTO_NUM_ICMP && s.protocol < 0)
			s.ours = false;
	}
	return s;
}

static void steering_agrees_with_external_worker(void **state)
{
	struct rng rng = rng_seeded(1);
	static struct packet_filter f;

	(void)state;
	for (unsigned int workers = 1; workers < 10; workers++) {
		packet_filter_steer(&f, workers);
		attach(&f);
		for (int i = 0; i < 2000; i++) {
			struct sample s = make_sample(&rng);
			unsigned int want = s.protocol < 0 ? 0 : external_worker(s.port, workers);

			if (s.packet[9] == IPPROTO_NUM_ICMP && s.protocol < 0)
				continue;
			assert_int_equal(run(s.packet, s.len), want);
		}
	}
}

static void only_leased_ports_of_our_address_pass(void **state)
{
	struct rng rng = rng_seeded(2);
	static struct packet_filter f;
	unsigned int passed = 0;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct external_ports ports;
		uint32_t l2 = round % 2 ? 14 : 0;
		uint8_t frame[600] = { 0 };

		rng_fill(&rng, &ports, sizeof(ports));
		if (round % 5 == 0)
			memset(ports.blocks[round % 3], round % 4 ? 0xff : 0, 128);
		packet_filter_ports(&f, l2, ADDRESS, &ports);
		attach(&f);
		for (int i = 0; i < 2000; i++) {
			struct sample s = make_sample(&rng);
			unsigned int block = s.port >> 6;
			bool want = s.ours && s.protocol >= 0 &&
				    ports.blocks[s.protocol][block / 64] >> block % 64 & 1;

			memcpy(frame + l2, s.packet, s.len);
			assert_int_equal(run(frame, l2 + s.len), want ? l2 + s.len : 0);
			passed += want;
		}
	}
	assert_true(passed > 10000);
}

static void every_port_is_decided_alone_and_truncated_packets_do_not_pass(void **state)
{
	struct external_ports ports = { 0 };
	static struct packet_filter f;
	struct rng rng = rng_seeded(3);
	uint8_t packet[28] = { 0 };

	(void)state;
	for (unsigned int block = 0; block < 1024; block += 3)
		ports.blocks[1][block / 64] |= UINT64_C(1) << block % 64;
	packet_filter_ports(&f, 0, ADDRESS, &ports);
	attach(&f);
	(void)put_ip4(packet, &rng, IPPROTO_NUM_UDP, 1, ADDRESS);
	packet[0] = 0x45;
	for (uint32_t port = 0; port < 65536; port += 31) {
		store_be16(packet + 22, (uint16_t)port);
		assert_int_equal(run(packet, 28), port / 64 % 3 == 0 ? 28 : 0);
	}
	for (size_t len = 1; len < 24; len++)
		assert_int_equal(run(packet, len), 0);
}

static void the_worst_program_fits(void **state)
{
	struct external_ports ports;
	static struct packet_filter f;
	struct rng rng = rng_seeded(4);

	(void)state;
	rng_fill(&rng, &ports, sizeof(ports)); /* no two words are equal */
	packet_filter_ports(&f, 14, ADDRESS, &ports);
	attach(&f);
	printf("# worst case: %u instructions\n", f.n);
	assert_true(f.n <= PACKET_FILTER_MAX);
	memset(&ports, 0, sizeof(ports));
	packet_filter_ports(&f, 14, ADDRESS, &ports);
	printf("# nothing leased: %u instructions\n", f.n);
	attach(&f);
}

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steering_agrees_with_external_worker),
		cmocka_unit_test(only_leased_ports_of_our_address_pass),
		cmocka_unit_test(every_port_is_decided_alone_and_truncated_packets_do_not_pass),
		cmocka_unit_test(the_worst_program_fits),
	};

	return cmocka_run_group_tests(tests, open_pair, close_pair);
}
