/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_pair.h - two devices on a virtual network under a virtual clock
 *
 * Alice calls, Bob is called and has the port that the helper of wire_net.h leads to.  Both are
 * configured as wg(8) would do it.
 */
#ifndef CULVERT_TESTS_DEVICE_PAIR_H
#define CULVERT_TESTS_DEVICE_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/device.h"
#include "packet_build.h"
#include "../replay/wire_net.h"
#include "wireguard/wireguard.h"

#define ALICE_HOST 0x0a000001u /* 10.0.0.1 */
#define BOB_HOST   0x0a000002u
#define BOB_PORT   51820
#define ALICE      CLIENT      /* inside: 10.66.77.2, 2001:db8::a42:4d02 */
#define BOB        0x0a424d01u /* 10.66.77.1, 2001:db8::a42:4d01 */
#define PAIR_PEERS 64u
#define PAIR_WALL  (UINT64_C(1700000000) * NS_PER_S)

struct side {
	struct rng rng;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	uint32_t host;
	bool pinned; /* see struct device_params */
	struct tun *tun;
	struct device *device;
};

struct device_pair {
	struct side alice, bob;
};

static inline const char *hex(const uint8_t key[static WG_KEY_LEN])
{
	static char text[4][2 * WG_KEY_LEN + 1];
	static int at;
	char *out = text[at++ % 4];

	for (int i = 0; i < WG_KEY_LEN; i++)
		sprintf(out + 2 * (size_t)i, "%02x", key[i]);
	return out;
}

static inline uint64_t wall_now(void)
{
	return PAIR_WALL + net.now;
}

/* A set=1 request.  Return: what device_set() said. */
__attribute__((format(printf, 2, 3))) static inline int configure(struct side *s,
								  const char *format, ...)
{
	static char text[8192];
	struct uapi_set set;
	va_list ap;
	int r;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	assert_int_equal(uapi_parse_set(text, strlen(text), &set), 0);
	net.host = s->host;
	r = device_set(s->device, &set, net.now, wall_now());
	uapi_set_done(&set);
	return r;
}

static inline void side_start(struct side *s, uint32_t host, uint64_t seed)
{
	struct device_params params;

	s->rng = rng_seeded(seed);
	s->host = host;
	s->tun = net_tun_new(1420);
	params = (struct device_params){
		.tun = s->tun,
		.rng = &s->rng,
		.peers_max = PAIR_PEERS,
		.pinned = s->pinned,
	};
	wg_private_key(&s->rng, s->private_key);
	wg_public_key(s->public_key, s->private_key);
	assert_int_equal(device_new(&params, &s->device), 0);
}

/* Both have keys and each other; Alice knows where Bob is. */
static inline void pair_start(struct device_pair *p)
{
	net_reset();
	net.helped_port = BOB_PORT;
	side_start(&p->alice, ALICE_HOST, 1);
	side_start(&p->bob, BOB_HOST, 2);
	assert_int_equal(configure(&p->alice,
				   "private_key=%s\npublic_key=%s\nendpoint=10.0.0.2:51820\n"
				   "allowed_ip=10.66.77.0/24\nallowed_ip=2001:db8::/96\n",
				   hex(p->alice.private_key), hex(p->bob.public_key)),
			 0);
	assert_int_equal(configure(&p->bob,
				   "private_key=%s\nlisten_port=51820\npublic_key=%s\n"
				   "allowed_ip=10.66.77.2/32\nallowed_ip=2001:db8::a42:4d02/128\n",
				   hex(p->bob.private_key), hex(p->alice.public_key)),
			 0);
}

static inline void side_end(struct side *s)
{
	device_free(s->device);
	tun_free(s->tun);
}

static inline void pair_end(struct device_pair *p)
{
	side_end(&p->alice);
	side_end(&p->bob);
	net_reset();
}

static inline void side_poll(struct side *s)
{
	unsigned int ready = DEVICE_ALL;

	while (ready)
		ready = device_poll(s->device, ready, net.now, wall_now());
}

/* Lets @ns pass, with everything that happens on the way. */
static inline void pair_run(struct device_pair *p, uint64_t ns)
{
	uint64_t until = net.now + ns;

	for (;;) {
		uint64_t next = net_deliver();

		net.host = p->alice.host;
		side_poll(&p->alice);
		net.host = p->bob.host;
		side_poll(&p->bob);
		next = earlier(next, device_next_deadline(p->alice.device));
		next = earlier(next, device_next_deadline(p->bob.device));
		next = earlier(next, net.now + NET_DELAY); /* what was sent just now */
		if (next > until)
			break;
		if (next > net.now)
			net.now = next;
		else
			net.now++; /* what is due is due in the next round at the latest */
	}
	net.now = until;
}

/* One UDP datagram of @payload bytes from the host behind @from. */
static inline void say(struct side *from, uint32_t src, uint32_t dst, bool ip6, uint16_t sport,
		       size_t payload)
{
	static uint8_t packet[65536];
	static const uint8_t zeros[65536];
	struct build b = { .ip6 = ip6,
			   .src = src,
			   .dst = dst,
			   .proto = IPPROTO_NUM_UDP,
			   .fragment = 0x4000,
			   .sport = sport,
			   .dport = 9 };

	net_tun_put(from->tun, packet, build_packet(&b, packet, zeros, payload));
}

/* How many packets have come out of the adapter of @s; they are gone then. */
static inline size_t heard(struct side *s)
{
	static uint8_t packet[65536];
	size_t n = 0;

	while (net_tun_take(s->tun, packet) > 0)
		n++;
	return n;
}

/* A datagram from Alice to Bob arrives, within @ns. */
static inline bool reaches_bob(struct device_pair *p, uint64_t ns)
{
	(void)heard(&p->bob);
	say(&p->alice, ALICE, BOB, false, 1000, 100);
	pair_run(p, ns);
	return heard(&p->bob) > 0;
}

static inline bool reaches_alice(struct device_pair *p, uint64_t ns)
{
	(void)heard(&p->alice);
	say(&p->bob, BOB, ALICE, false, 1000, 100);
	pair_run(p, ns);
	return heard(&p->alice) > 0;
}

static inline struct device_peer_status status_of(const struct side *s)
{
	struct device_peer_status status;

	assert_int_equal(device_peers(s->device, &status, 1), 1);
	return status;
}

static inline uint64_t drops_of(const struct side *s, enum verdict v)
{
	return counter_get(&device_counters(s->device)->drops[v]);
}

/* The rule of counters.h. */
static inline void books_balance(const struct side *s)
{
	const struct path_counters *c = device_counters(s->device);
	uint64_t in =
		counter_get(&c->in_tunnel) + counter_get(&c->in_host) + counter_get(&c->generated);
	uint64_t out = counter_get(&c->out_tunnel) + counter_get(&c->out_host) +
		       counter_get(&c->consumed) + counter_get(&c->waiting);

	for (int i = 0; i < N_VERDICTS; i++)
		out += counter_get(&c->drops[i]);
	assert_int_equal(in, out);
}

#endif
