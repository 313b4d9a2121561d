/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's threads as the gateway runs them, on the replay's wire: two workers, the handshake
 * thread, and a main (this one) that reloads, trims, changes the uplink and reads every counter
 * meanwhile.  Its purpose is the thread sanitizer; without it it still finds lost packets.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../replay/packets.h"
#include "../replay/wire.h"
#include "engine/handshake.h"
#include "engine/leases.h"
#include "engine/roster.h"
#include "engine/worker.h"
#include "io/loop.h"

#define WORKERS   2u
#define CLIENTS   4
#define PEERS_MAX 16u
#define ADDRESS   0xc6336401u
#define ROUNDS    400
#define PATIENCE  (30 * NS_PER_S)

struct client {
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	struct prefix allowed;
	struct endpoint where;
	struct wg_handshaker *handshaker;
	struct wg_tunnel *tunnel;
	struct wire_packet unsent; /* waits for a session */
	unsigned int got;
};

static struct post *post;
static struct udp *udp[1 + WORKERS];
static struct external *external[WORKERS];
static struct worker *worker[WORKERS];
static struct handshake *handshake;
static struct roster *roster;
static struct leases *leases;
static struct config config;
static struct config_peer peers[CLIENTS + 1];
static struct uplink uplink = { .name = "ext0", .up = true, .address = ADDRESS, .mtu = 1500 };
static struct uplink_host host;
static struct rng rng, thread_rng[WORKERS + 1];
static uint8_t private_key[WG_KEY_LEN], public_key[WG_KEY_LEN];
static struct endpoint gateway_where;
static struct client clients[CLIENTS];

static void configure(bool guest)
{
	static struct prefix guests = { .len = 32 };

	memset(&config, 0, sizeof(config));
	prefix_parse("10.66.77.1/24", &config.addresses[0]);
	config.n_addresses = 1;
	config.peers = peers;
	for (int i = 0; i < CLIENTS; i++) {
		memset(&peers[i], 0, sizeof(peers[i]));
		memcpy(peers[i].public_key, clients[i].public_key, WG_KEY_LEN);
		peers[i].allowed = &clients[i].allowed;
		peers[i].n_allowed = 1;
	}
	config.n_peers = CLIENTS;
	if (!guest)
		return;
	guests.addr = addr_ip4(0x0a424d63u);
	memset(&peers[CLIENTS], 0, sizeof(peers[CLIENTS]));
	memset(peers[CLIENTS].public_key, 9, WG_KEY_LEN);
	peers[CLIENTS].allowed = &guests;
	peers[CLIENTS].n_allowed = 1;
	config.n_peers++;
}

static void make_client(int i)
{
	static const uint8_t no_psk[WG_KEY_LEN];
	static const struct addr any;
	struct client *c = &clients[i];

	wg_private_key(&rng, c->private_key);
	wg_public_key(c->public_key, c->private_key);
	c->allowed = (struct prefix){ addr_ip4(0x0a424d02u + (uint32_t)i), 32 };
	c->where = (struct endpoint){ addr_ip4(0xcb00710au + (uint32_t)i), 40000, 0 };
	wg_handshaker_new(c->private_key, 1, &rng, &c->handshaker);
	wg_handshaker_peer_set(c->handshaker, 0, public_key, no_psk);
	wg_tunnel_new(1, &rng, &c->tunnel);
	wg_tunnel_peer_add(c->tunnel, 0, 0, loop_now());
	wg_tunnel_set_endpoint(c->tunnel, 0, &gateway_where, &any);
}

static void open_gateway(void)
{
	struct udp_params udp_params = { .port = 51820, .workers = WORKERS };
	struct roster_params r = { WORKERS, NULL, PEERS_MAX, &uplink, &host };
	struct leases_params l = { WORKERS, NULL, external, 51820, &rng };
	struct nat_params nat = nat_params_default();
	char complaint[256];

	nat.address = ADDRESS;
	nat.clients_max = PEERS_MAX;
	assert_int_equal(post_new(WORKERS, &post), 0);
	r.post = l.post = post;
	udp_open_group(&udp_params, udp);
	external_open_group(&uplink, WORKERS, external);
	configure(false);
	assert_int_equal(roster_new(&r, &roster), 0);
	assert_int_equal(roster_load(roster, &config, complaint), 0);
	assert_int_equal(leases_new(&l, &leases), 0);
	assert_int_equal(leases_set_address(leases, ADDRESS, 1), 0);
	for (unsigned int i = 0; i <= WORKERS; i++)
		thread_rng[i] = rng_seeded(100 + i);
	for (unsigned int i = 0; i < WORKERS; i++) {
		struct worker_params params = {
			.number = i,
			.workers = WORKERS,
			.post = post,
			.udp = udp[1 + i],
			.external = external[i],
			.table = roster_table(roster),
			.uplink = &uplink,
			.nat = &nat,
			.rng = &thread_rng[i],
		};

		assert_int_equal(worker_new(&params, &worker[i]), 0);
	}
	struct handshake_params h = {
		WORKERS, post, udp[0], roster_table(roster), private_key, &thread_rng[WORKERS],
	};

	assert_int_equal(handshake_new(&h, &handshake), 0);
}

static void *run_worker(void *w)
{
	worker_run(w);
	return NULL;
}

static void *run_handshake(void *h)
{
	handshake_run(h);
	return NULL;
}

static void to_gateway(const struct client *c, const uint8_t *data, size_t len)
{
	struct wire_packet p = { .from = c->where, .to = gateway_where, .len = len };

	memcpy(p.data, data, len);
	wire_tunnel_in(udp, WORKERS, &p);
}

static void output(struct client *c, const struct wg_output *out)
{
	if (out->kind == WG_SEND)
		to_gateway(c, out->message, out->len);
	if (out->kind == WG_SESSION)
		wg_tunnel_install(c->tunnel, &out->keys, loop_now());
}

static void client_send(struct client *c, const uint8_t *packet, size_t len)
{
	static const struct addr any;
	uint8_t message[2200];
	struct wg_tx tx = { .message = message, .plain_len = (uint32_t)len };
	struct wg_event event;
	struct wg_output out;

	memcpy(message + WG_DATA_HEADER_LEN, packet, len);
	if (wg_tunnel_seal(c->tunnel, 0, &tx, 1, 1420, loop_now()) == PASS) {
		to_gateway(c, message, tx.len);
		return;
	}
	c->unsent.len = len;
	memcpy(c->unsent.data, packet, len);
	while (wg_tunnel_next_event(c->tunnel, &event)) {
		if (!(event.kinds & WG_EVENT_HANDSHAKE))
			continue;
		wg_handshaker_initiate(c->handshaker, 0, &gateway_where, &any, loop_now(),
				       loop_wall(), &out);
		output(c, &out);
	}
}

static void client_receive(struct client *c, struct wire_packet *p)
{
	struct wg_rx rx = {
		p->data, (uint32_t)p->len, &gateway_where, &gateway_where.addr, PASS, 0
	};
	struct wg_output out;

	if (wg_message_type(p->data, p->len) == WG_DATA) {
		wg_tunnel_open(c->tunnel, &rx, 1, loop_now());
		c->got += rx.verdict == PASS && rx.len > 0;
		return;
	}
	wg_handshaker_receive(c->handshaker, p->data, p->len, &gateway_where, &gateway_where.addr,
			      false, loop_now(), &out);
	output(c, &out);
	if (out.kind == WG_SESSION && c->unsent.len > 0) {
		client_send(c, c->unsent.data, c->unsent.len);
		c->unsent.len = 0;
	}
}

/* A host on the internet that returns each datagram: the sums do not change by that. */
static void echo(struct wire_packet *p)
{
	uint8_t copy[12];
	uint16_t port = (uint16_t)(p->data[20] << 8 | p->data[21]);

	memcpy(copy, p->data + 12, 12);
	memcpy(p->data + 12, copy + 4, 4);
	memcpy(p->data + 16, copy, 4);
	memcpy(p->data + 20, copy + 10, 2);
	memcpy(p->data + 22, copy + 8, 2);
	wire_external_in(external[external_worker(port, WORKERS)], p->data, p->len);
}

static void main_receive(const struct post_message *m)
{
	if (m->kind == POST_LEASE_WANTED)
		(void)leases_wanted(leases, m->from,
				    ((struct post_lease *)(void *)m->body)->protocol);
	else if (m->kind == POST_LEASE_RETURNED)
		leases_returned(leases, m->from, (struct post_lease *)(void *)m->body);
	else if (m->kind == POST_ENDPOINT)
		roster_heard(roster, (struct post_peer *)(void *)m->body);
	else if (m->kind == POST_TABLE)
		roster_acknowledged(roster, (struct post_table *)(void *)m->body);
}

/* Everything that is there for this thread. */
static void pump(void)
{
	struct post_message m;
	struct wire_packet p;

	while (post_receive(post, post_main(WORKERS), &m))
		main_receive(&m);
	while (wire_take(&wire_external_out, &p))
		echo(&p);
	while (wire_take(&wire_tunnel_out, &p)) {
		for (int i = 0; i < CLIENTS; i++)
			if (endpoint_equal(&clients[i].where, &p.to))
				client_receive(&clients[i], &p);
	}
}

static uint64_t sum_of(const struct path_counters *c, bool in)
{
	uint64_t drops = 0;

	for (unsigned int v = PASS + 1; v < N_VERDICTS; v++)
		drops += counter_get(&c->drops[v]);
	if (in)
		return counter_get(&c->in_tunnel) + counter_get(&c->in_external) +
		       counter_get(&c->in_host) + counter_get(&c->generated);
	return counter_get(&c->out_tunnel) + counter_get(&c->out_external) +
	       counter_get(&c->out_host) + counter_get(&c->consumed) + counter_get(&c->waiting) +
	       drops;
}

static uint64_t sum(bool in)
{
	uint64_t n = sum_of(handshake_counters(handshake), in);

	for (unsigned int i = 0; i < WORKERS; i++)
		n += sum_of(worker_counters(worker[i]), in);
	return n;
}

/* What status reads. */
static void look(void)
{
	for (unsigned int i = 0; i < WORKERS; i++) {
		(void)counter_get(&worker_nat(worker[i], NAT_UDP)->mappings);
		for (uint32_t peer = 0; peer < PEERS_MAX; peer++)
			(void)counter_get(&worker_peer_stats(worker[i], peer)->rx_bytes);
	}
	(void)sum(true);
}

static void tell_workers(enum post_kind kind, const void *body, size_t len)
{
	for (unsigned int i = 0; i < WORKERS; i++)
		post_insist(post, post_main(WORKERS), i, kind, body, len);
}

/* What main does while the workers work. */
static void disturb(int round)
{
	struct post_uplink body = { .uplink = uplink };
	char complaint[256];

	configure(round % 2 == 0);
	assert_int_equal(roster_load(roster, &config, complaint), 0);
	roster_publish(roster);
	if (round % 16 == 0)
		tell_workers(POST_UPLINK, &body, sizeof(body));
	if (round % 32 == 0)
		tell_workers(POST_TRIM, NULL, 0);
	look();
}

/* To the internet and back, and to the next client, who may be another worker's. */
static void send_round(int round)
{
	static const struct variables none;

	for (int i = 0; i < CLIENTS; i++) {
		char from[40], neighbour[40];
		char *out[] = { (char *)"udp", from, (char *)"192.0.2.53:7", (char *)"hello" };
		char *across[] = { (char *)"udp", from, neighbour, (char *)"hello" };
		uint8_t packet[PACKET_MAX];

		snprintf(from, sizeof(from), "10.66.77.%d:%d", 2 + i, 5000 + round % 50);
		snprintf(neighbour, sizeof(neighbour), "10.66.77.%d:7", 2 + (i + 1) % CLIENTS);
		client_send(&clients[i], packet, packet_build(&none, out, 4, packet));
		if (round > 0)
			client_send(&clients[i], packet, packet_build(&none, across, 4, packet));
	}
}

static bool all_have(unsigned int n)
{
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i].got < n)
			return false;
	return true;
}

static void wait_until_all_have(unsigned int n)
{
	uint64_t deadline = loop_now() + PATIENCE;

	while (!all_have(n)) {
		assert_true(loop_now() < deadline);
		pump();
		sched_yield();
	}
}

static void close_gateway(void)
{
	handshake_free(handshake);
	for (unsigned int i = 0; i < WORKERS; i++) {
		worker_free(worker[i]);
		external_free(external[i]);
	}
	for (unsigned int i = 0; i <= WORKERS; i++)
		udp_free(udp[i]);
	leases_free(leases);
	roster_free(roster);
	post_free(post);
	for (int i = 0; i < CLIENTS; i++) {
		wg_handshaker_free(clients[i].handshaker);
		wg_tunnel_free(clients[i].tunnel);
	}
}

static void no_packet_is_lost_while_main_reloads_and_reads(void **state)
{
	pthread_t threads[WORKERS + 1];

	(void)state;
	rng = rng_seeded(1);
	endpoint_parse("203.0.113.1:51820", &gateway_where);
	wg_private_key(&rng, private_key);
	wg_public_key(public_key, private_key);
	for (int i = 0; i < CLIENTS; i++)
		make_client(i);
	open_gateway();
	for (unsigned int i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_worker, worker[i]), 0);
	assert_int_equal(pthread_create(&threads[WORKERS], NULL, run_handshake, handshake), 0);
	send_round(0);
	wait_until_all_have(1);
	for (int round = 1; round < ROUNDS; round++) {
		disturb(round);
		send_round(round);
		wait_until_all_have(1 + 2 * (unsigned int)round);
	}
	for (unsigned int i = 0; i <= WORKERS; i++)
		post_insist(post, post_main(WORKERS), i, POST_STOP, NULL, 0);
	for (unsigned int i = 0; i <= WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sum(true), sum(false));
	close_gateway();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_packet_is_lost_while_main_reloads_and_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
