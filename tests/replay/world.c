/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/handshake.h"
#include "engine/table.h"
#include "engine/worker.h"

#define CLIENTS_MAX 16
#define WORKERS_MAX 8
#define PEERS_MAX   64
#define START       (1000 * NS_PER_S)
#define WALL        (UINT64_C(1700000000) * NS_PER_S)

struct client {
	char name[32];
	uint32_t ip4;
	uint16_t keepalive;
	bool removed;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	struct prefix allowed;
	struct endpoint where;
	struct wg_handshaker *handshaker;
	struct wg_tunnel *tunnel;
	struct wire_queue *got;
	struct wire_queue *waiting; /* for a session */
	struct wire_packet last;    /* data datagram */
	unsigned int lose;
	uint64_t handshakes;
};

struct world {
	uint64_t now;
	unsigned int workers;
	struct rng rng;
	uint32_t address;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	struct endpoint where; /* the gateway's tunnel port */
	struct post *post;
	struct udp *udp[1 + WORKERS_MAX];
	struct external *external[WORKERS_MAX];
	struct worker *worker[WORKERS_MAX];
	struct handshake *handshake;
	struct config config;
	struct uplink uplink;
	struct uplink_host host;
	struct table *tables[256]; /* all that were made; freed at the end */
	size_t n_tables;
	struct client clients[CLIENTS_MAX];
	int n_clients;
};

static struct table *table_in_force(const struct world *w)
{
	return w->n_tables ? w->tables[w->n_tables - 1] : NULL;
}

static struct table *make_table(struct world *w)
{
	struct peer_spec specs[CLIENTS_MAX];
	static const uint8_t no_psk[WG_KEY_LEN];
	struct table *table;
	size_t n = 0;

	for (int i = 0; i < w->n_clients; i++) {
		struct client *c = &w->clients[i];

		if (c->removed)
			continue;
		specs[n++] = (struct peer_spec){
			.name = c->name,
			.public_key = c->public_key,
			.preshared_key = no_psk,
			.allowed = &c->allowed,
			.n_allowed = 1,
		};
	}
	if (engine_table_new(table_in_force(w), &w->config, &w->uplink, &w->host, specs, n, PEERS_MAX,
		      &table) < 0)
		abort();
	w->tables[w->n_tables++] = table;
	return table;
}

static void tell_all(struct world *w, enum post_kind kind, const void *body, size_t len,
		     unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		post_send(w->post, post_main(w->workers), i, kind, body, len, NULL, 0);
}

static void give_leases(struct world *w)
{
	for (uint16_t first = 1024; first < 1024 + 64 * 32; first += 64) {
		struct post_lease lease = { w->address, NAT_TCP, first };

		tell_all(w, POST_LEASE, &lease, sizeof(lease), w->workers);
		lease.protocol = NAT_UDP;
		tell_all(w, POST_LEASE, &lease, sizeof(lease), w->workers);
	}
}

static void start_gateway(struct world *w)
{
	struct table *table = make_table(w);
	struct udp_params udp = { .port = w->where.port, .workers = w->workers };
	struct nat_params nat = nat_params_default();
	struct handshake_params h = {
		.workers = w->workers,
		.table = table,
		.private_key = w->private_key,
		.rng = &w->rng,
	};

	nat.address = w->address;
	nat.mappings_max = 4096;
	nat.flows_max = 8192;
	nat.clients_max = PEERS_MAX;
	post_new(w->workers, &w->post);
	udp_open_group(&udp, w->udp);
	external_open_group(&w->uplink, w->workers, w->external);
	for (unsigned int i = 0; i < w->workers; i++) {
		struct worker_params params = {
			.number = i,
			.workers = w->workers,
			.post = w->post,
			.udp = w->udp[1 + i],
			.external = w->external[i],
			.table = table,
			.uplink = &w->uplink,
			.nat = &nat,
			.rng = &w->rng,
		};

		if (worker_new(&params, &w->worker[i]) < 0)
			abort();
	}
	h.post = w->post;
	h.udp = w->udp[0];
	if (handshake_new(&h, &w->handshake) < 0)
		abort();
	give_leases(w);
}

static void stop_gateway(struct world *w)
{
	handshake_free(w->handshake);
	for (unsigned int i = 0; i < w->workers; i++) {
		worker_free(w->worker[i]);
		external_free(w->external[i]);
	}
	for (unsigned int i = 0; i <= w->workers; i++)
		udp_free(w->udp[i]);
	post_free(w->post);
	for (size_t i = 0; i < w->n_tables; i++)
		engine_table_free(w->tables[i]);
	w->n_tables = 0;
}

struct world *world_new(unsigned int workers)
{
	struct world *w = calloc(1, sizeof(*w));

	w->now = START;
	w->workers = workers;
	w->rng = rng_seeded(1);
	w->address = WORLD_EXTERNAL;
	endpoint_parse("203.0.113.1:51820", &w->where);
	wg_private_key(&w->rng, w->private_key);
	wg_public_key(w->public_key, w->private_key);
	prefix_parse("10.66.77.1/24", &w->config.addresses[0]);
	w->config.n_addresses = 1;
	w->uplink =
		(struct uplink){ .name = "ext0", .up = true, .address = w->address, .mtu = 1500 };
	w->host.addresses[0] = w->address;
	w->host.n_addresses = 1;
	start_gateway(w);
	return w;
}

void world_free(struct world *w)
{
	stop_gateway(w);
	for (int i = 0; i < w->n_clients; i++) {
		wg_handshaker_free(w->clients[i].handshaker);
		wg_tunnel_free(w->clients[i].tunnel);
		free(w->clients[i].got);
		free(w->clients[i].waiting);
	}
	free(w);
}

static void publish_table(struct world *w)
{
	struct post_table body = { .table = make_table(w) };

	tell_all(w, POST_TABLE, &body, sizeof(body), w->workers + 1);
	world_settle(w);
}

int world_client(const struct world *w, const char *name)
{
	for (int i = 0; i < w->n_clients; i++)
		if (strcmp(w->clients[i].name, name) == 0)
			return i;
	return -1;
}

int world_add_client(struct world *w, const char *name, uint32_t ip4, uint16_t keepalive)
{
	static const uint8_t no_psk[WG_KEY_LEN];
	static const struct addr any;
	struct client *c = &w->clients[w->n_clients];

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->ip4 = ip4;
	c->keepalive = keepalive;
	c->allowed = (struct prefix){ addr_ip4(ip4), 32 };
	c->where =
		(struct endpoint){ addr_ip4(0xcb007100u + 10u + (uint32_t)w->n_clients), 40000, 0 };
	wg_private_key(&w->rng, c->private_key);
	wg_public_key(c->public_key, c->private_key);
	c->got = calloc(1, sizeof(*c->got));
	c->waiting = calloc(1, sizeof(*c->waiting));
	wg_handshaker_new(c->private_key, 1, &w->rng, &c->handshaker);
	wg_handshaker_peer_set(c->handshaker, 0, w->public_key, no_psk);
	wg_tunnel_new(1, &w->rng, &c->tunnel);
	wg_tunnel_peer_add(c->tunnel, 0, keepalive, w->now);
	wg_tunnel_set_endpoint(c->tunnel, 0, &w->where, &any);
	w->n_clients++;
	publish_table(w);
	return w->n_clients - 1;
}

void world_remove_client(struct world *w, int client)
{
	w->clients[client].removed = true;
	publish_table(w);
}

void world_move_client(struct world *w, int client, const struct endpoint *where)
{
	w->clients[client].where = *where;
}

void world_client_lose(struct world *w, int client, unsigned int n)
{
	w->clients[client].lose = n;
}

static void client_datagram(struct world *w, struct client *c, const uint8_t *data, size_t len)
{
	struct wire_packet p = { .from = c->where, .to = w->where, .len = len };

	memcpy(p.data, data, len);
	if (wg_message_type(data, len) == WG_DATA)
		c->last = p;
	if (c->lose > 0) {
		c->lose--;
		return;
	}
	wire_tunnel_in(w->udp, w->workers, &p);
}

void world_replay_last(struct world *w, int client, const struct endpoint *from)
{
	struct wire_packet p = w->clients[client].last;

	if (from)
		p.from = *from;
	wire_tunnel_in(w->udp, w->workers, &p);
	world_settle(w);
}

/* Encrypts one packet, or keeps it until there is a session. */
static void client_encrypt(struct world *w, struct client *c, const uint8_t *packet, size_t len)
{
	static uint8_t message[2048];
	struct wg_tx tx = { .message = message, .plain_len = (uint32_t)len };
	struct wire_packet keep = { .len = len };

	memcpy(message + WG_DATA_HEADER_LEN, packet, len);
	if (wg_tunnel_seal(c->tunnel, 0, &tx, 1, 1420, w->now) == PASS) {
		client_datagram(w, c, message, tx.len);
		return;
	}
	memcpy(keep.data, packet, len);
	if (len > 0)
		wire_put(c->waiting, &keep);
}

static void client_output(struct world *w, struct client *c, struct wg_output *out)
{
	static const struct addr any;

	if (out->kind == WG_SEND)
		client_datagram(w, c, out->message, out->len);
	if (out->kind != WG_SESSION)
		return;
	wg_tunnel_install(c->tunnel, &out->keys, w->now);
	wg_tunnel_set_endpoint(c->tunnel, 0, &w->where, &any);
	c->handshakes++;
	if (out->len > 0)
		client_datagram(w, c, out->message, out->len);
	else if (c->waiting->n == 0)
		client_encrypt(w, c, out->message, 0);
}

static void client_events(struct world *w, struct client *c)
{
	static const struct addr any;
	struct wire_packet p;
	struct wg_output out;
	struct wg_event event;

	while (wg_tunnel_next_event(c->tunnel, &event)) {
		if (event.kinds & WG_EVENT_HANDSHAKE) {
			wg_handshaker_initiate(c->handshaker, 0, &w->where, &any, w->now,
					       WALL + w->now, &out);
			client_output(w, c, &out);
		}
		if (event.kinds & WG_EVENT_READY)
			for (size_t n = c->waiting->n; n > 0 && wire_take(c->waiting, &p); n--)
				client_encrypt(w, c, p.data, p.len);
		if (event.kinds & WG_EVENT_KEEPALIVE)
			client_encrypt(w, c, NULL, 0);
	}
}

static void client_receive(struct world *w, struct client *c, struct wire_packet *p)
{
	struct wg_output out;
	struct wg_rx rx = { p->data, (uint32_t)p->len, &w->where, &w->where.addr, PASS, 0 };
	struct wire_packet inner = { .len = 0 };

	if (wg_message_type(p->data, p->len) != WG_DATA) {
		wg_handshaker_receive(c->handshaker, p->data, p->len, &w->where, &w->where.addr,
				      false, w->now, &out);
		client_output(w, c, &out);
		return;
	}
	wg_tunnel_open(c->tunnel, &rx, 1, w->now);
	if (rx.verdict != PASS || rx.len < 20)
		return;
	inner.len = (size_t)(rx.data[2] << 8 | rx.data[3]);
	if (inner.len > rx.len)
		return;
	memcpy(inner.data, rx.data, inner.len);
	wire_put(c->got, &inner);
}

static void client_timers(struct world *w, struct client *c)
{
	struct wg_output out;

	if (wg_tunnel_next_deadline(c->tunnel) <= w->now)
		wg_tunnel_on_deadline(c->tunnel, w->now);
	do {
		wg_handshaker_on_deadline(c->handshaker, w->now, WALL + w->now, &out);
		client_output(w, c, &out);
	} while (out.kind != WG_NOTHING);
	client_events(w, c);
}

void world_client_send(struct world *w, int client, const uint8_t *packet, size_t len)
{
	client_encrypt(w, &w->clients[client], packet, len);
	world_settle(w);
}

bool world_client_take(struct world *w, int client, struct wire_packet *ret)
{
	return wire_take(w->clients[client].got, ret);
}

/* As the fanout program steers: by destination port, query identifier, or embedded source port. */
static uint16_t external_port_of(const uint8_t *p, size_t len)
{
	size_t header = (size_t)(p[0] & 0xf) * 4;
	const uint8_t *l4 = p + header;

	if (len < header + 8)
		return 0;
	if (p[9] != IPPROTO_NUM_ICMP)
		return (uint16_t)(l4[2] << 8 | l4[3]);
	if (l4[0] == 0 || len < header + 8 + 28)
		return (uint16_t)(l4[4] << 8 | l4[5]);
	return (uint16_t)(l4[8 + 20] << 8 | l4[8 + 21]);
}

void world_outside_send(struct world *w, const uint8_t *packet, size_t len)
{
	unsigned int worker = external_worker(external_port_of(packet, len), w->workers);

	wire_external_in(w->external[worker], packet, len);
	world_settle(w);
}

static bool deliver_to_clients(struct world *w)
{
	struct wire_packet p;
	bool any = false;

	while (wire_take(&wire_tunnel_out, &p)) {
		any = true;
		for (int i = 0; i < w->n_clients; i++)
			if (endpoint_equal(&w->clients[i].where, &p.to))
				client_receive(w, &w->clients[i], &p);
	}
	return any;
}

static void poll_gateway(struct world *w)
{
	struct post_message m;

	while (handshake_poll(w->handshake, w->now, WALL + w->now))
		;
	for (unsigned int i = 0; i < w->workers; i++)
		while (worker_poll(w->worker[i], WORKER_ALL, w->now))
			;
	while (post_receive(w->post, post_main(w->workers), &m))
		; /* what main would do is the scenario's business */
}

void world_settle(struct world *w)
{
	for (int round = 0, quiet = 0; round < 100 && quiet < 3; round++) {
		poll_gateway(w);
		quiet = deliver_to_clients(w) ? 0 : quiet + 1;
		for (int i = 0; i < w->n_clients; i++)
			client_timers(w, &w->clients[i]);
	}
}

static uint64_t next_deadline(const struct world *w)
{
	uint64_t next = handshake_next_deadline(w->handshake);

	for (unsigned int i = 0; i < w->workers; i++)
		next = earlier(next, worker_next_deadline(w->worker[i]));
	for (int i = 0; i < w->n_clients; i++) {
		next = earlier(next, wg_tunnel_next_deadline(w->clients[i].tunnel));
		next = earlier(next, wg_handshaker_next_deadline(w->clients[i].handshaker));
	}
	return next;
}

void world_advance(struct world *w, uint64_t ns)
{
	uint64_t until = w->now + ns;

	world_settle(w);
	for (uint64_t next; (next = next_deadline(w)) <= until;) {
		w->now = next > w->now ? next : w->now + NS_PER_MS;
		world_settle(w);
	}
	w->now = until;
	world_settle(w);
}

void world_restart(struct world *w)
{
	stop_gateway(w);
	start_gateway(w);
	world_settle(w);
}

void world_set_address(struct world *w, uint32_t address)
{
	struct post_uplink body;

	w->address = address;
	w->uplink.address = address;
	w->host.addresses[0] = address;
	body.uplink = w->uplink;
	tell_all(w, POST_UPLINK, &body, sizeof(body), w->workers);
	give_leases(w);
	publish_table(w);
}

uint64_t world_drops(const struct world *w, const char *reason)
{
	for (unsigned int v = PASS + 1; v < N_VERDICTS; v++) {
		uint64_t n = counter_get(&handshake_counters(w->handshake)->drops[v]);

		if (strcmp(drop_name((enum verdict)v), reason) != 0)
			continue;
		for (unsigned int i = 0; i < w->workers; i++)
			n += counter_get(&worker_counters(w->worker[i])->drops[v]);
		return n;
	}
	return UINT64_MAX;
}

uint64_t world_mappings(const struct world *w)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < w->workers; i++)
		for (enum nat_protocol p = NAT_TCP; p < N_NAT_PROTOCOLS; p++)
			n += counter_get(&worker_nat(w->worker[i], p)->mappings);
	return n;
}

uint64_t world_handshakes(const struct world *w, int client)
{
	return w->clients[client].handshakes;
}

static void add(const struct path_counters *c, uint64_t *in, uint64_t *out, uint64_t *drops)
{
	*in += counter_get(&c->in_tunnel) + counter_get(&c->in_external) +
	       counter_get(&c->in_host) + counter_get(&c->generated);
	*out += counter_get(&c->out_tunnel) + counter_get(&c->out_external) +
		counter_get(&c->out_host) + counter_get(&c->consumed) + counter_get(&c->waiting);
	for (unsigned int v = PASS + 1; v < N_VERDICTS; v++)
		*drops += counter_get(&c->drops[v]);
}

bool world_sum_holds(const struct world *w, char *text, size_t size)
{
	uint64_t in = 0, out = 0, drops = 0;

	for (unsigned int i = 0; i < w->workers; i++)
		add(worker_counters(w->worker[i]), &in, &out, &drops);
	add(handshake_counters(w->handshake), &in, &out, &drops);
	snprintf(text, size, "%llu in, %llu out, %llu dropped", (unsigned long long)in,
		 (unsigned long long)out, (unsigned long long)drops);
	return in == out + drops;
}
