/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world_parts.h"

#define TRIM_INTERVAL (60 * NS_PER_S)

static void must(int result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "replay: the gateway did not start: %s\n", strerror(-result));
	abort();
}

/* The configuration as a file with these peers would give it. */
static void configure(struct world *w)
{
	struct config *c = &w->config;

	memset(c, 0, sizeof(*c));
	memcpy(c->private_key, w->private_key, sizeof(c->private_key));
	prefix_parse("10.66.77.1/24", &c->addresses[0]);
	c->n_addresses = 1;
	c->isolate_clients = w->settings.isolate != 0;
	memcpy(c->rules, w->rules, sizeof(w->rules));
	c->n_rules = w->n_rules;
	c->peers = w->peers;
	for (int i = 0; i < w->n_clients; i++) {
		struct client *client = &w->clients[i];
		struct config_peer *peer = &w->peers[c->n_peers];

		if (!client->configured)
			continue;
		memset(peer, 0, sizeof(*peer));
		memcpy(peer->name, client->name, sizeof(client->name));
		memcpy(peer->public_key, client->public_key, WG_KEY_LEN);
		memcpy(peer->preshared_key, client->psk, WG_KEY_LEN);
		peer->allowed = client->allowed;
		peer->n_allowed = 2;
		c->n_peers++;
	}
}

static void open_main(struct world *w)
{
	struct roster_params roster = {
		.workers = w->workers,
		.post = w->post,
		.peers_max = PEERS_MAX,
		.uplink = &w->uplink,
		.host = &w->host,
	};
	struct leases_params leases = {
		.workers = w->workers,
		.post = w->post,
		.external = w->external,
		.tunnel_port = w->where.port,
		.rng = &w->rng,
	};
	char complaint[256];

	configure(w);
	must(roster_new(&roster, &w->roster));
	must(roster_load(w->roster, &w->config, complaint));
	must(leases_new(&leases, &w->leases));
	must(leases_set_address(w->leases, w->uplink.address, 1));
}

static struct nat_params shard(const struct world *w)
{
	struct nat_params p = nat_params_default();

	p.address = w->uplink.address;
	p.mappings_max = w->settings.mappings ? w->settings.mappings : 4096;
	p.flows_max = 2 * p.mappings_max;
	p.clients_max = PEERS_MAX;
	for (enum nat_protocol i = NAT_TCP; i < N_NAT_PROTOCOLS && w->settings.quota; i++)
		p.client_quota[i] = w->settings.quota;
	return p;
}

static void open_threads(struct world *w)
{
	struct nat_params nat = shard(w);
	struct handshake_params h = {
		.workers = w->workers,
		.post = w->post,
		.udp = w->udp[0],
		.table = roster_table(w->roster),
		.private_key = w->private_key,
		.rng = &w->rng,
	};
	struct stream_server_params streams = {
		.workers = w->workers,
		.post = w->post,
		.listener = w->listener,
	};

	for (unsigned int i = 0; i < w->workers; i++) {
		struct worker_params params = {
			.number = i,
			.workers = w->workers,
			.post = w->post,
			.udp = w->udp[1 + i],
			.external = w->external[i],
			.tun = i == 0 ? w->tun : NULL,
			.has_adapter = w->tun != NULL,
			.dns = w->dns,
			.table = roster_table(w->roster),
			.uplink = &w->uplink,
			.nat = &nat,
			.rng = &w->rng,
		};

		must(worker_new(&params, &w->worker[i]));
	}
	must(handshake_new(&h, &w->handshake));
	must(stream_server_new(&streams, &w->streams));
}

static void start_gateway(struct world *w)
{
	struct udp_params udp = { .port = w->where.port, .workers = w->workers };

	must(post_new(w->workers, &w->post));
	must(udp_open_group(&udp, w->udp));
	must(external_open_group(&w->uplink, w->workers, w->external));
	w->listener = wire_listener_new();
	w->tun = w->settings.adapter ? wire_tun_new() : NULL;
	w->dns = w->settings.dns ? wire_dns_new() : NULL;
	open_main(w);
	open_threads(w);
}

static void stop_gateway(struct world *w)
{
	stream_server_free(w->streams);
	close(w->listener);
	handshake_free(w->handshake);
	for (unsigned int i = 0; i < w->workers; i++) {
		worker_free(w->worker[i]);
		external_free(w->external[i]);
	}
	for (unsigned int i = 0; i <= w->workers; i++)
		udp_free(w->udp[i]);
	tun_free(w->tun);
	wire_dns_free(w->dns);
	leases_free(w->leases);
	roster_free(w->roster);
	post_free(w->post);
}

struct world *world_new(const struct world_settings *settings)
{
	struct world *w = calloc(1, sizeof(*w));

	wire_reset();
	if (settings->blocks)
		wire_blocks = settings->blocks;
	w->now = START;
	w->next_trim = START + TRIM_INTERVAL;
	w->settings = *settings;
	w->workers = settings->workers ? settings->workers : 2;
	if (w->workers > WORKERS_MAX)
		w->workers = WORKERS_MAX;
	w->rng = rng_seeded(1);
	endpoint_parse("203.0.113.1:51820", &w->where);
	wg_private_key(&w->rng, w->private_key);
	wg_public_key(w->public_key, w->private_key);
	w->uplink = (struct uplink){
		.name = "ext0",
		.up = true,
		.address = WORLD_EXTERNAL,
		.mtu = settings->mtu ? settings->mtu : 1500,
	};
	w->host.addresses[0] = WORLD_EXTERNAL;
	w->host.addresses[1] = addr_to_ip4(&w->where.addr);
	w->host.n_addresses = 2;
	start_gateway(w);
	world_settle(w);
	return w;
}

void world_free(struct world *w)
{
	if (!w)
		return;
	stop_gateway(w);
	clients_free(w);
	free(w);
}

/* As a reload does. */
void world_publish(struct world *w)
{
	char complaint[256];

	configure(w);
	must(roster_load(w->roster, &w->config, complaint));
	roster_publish(w->roster);
	world_settle(w);
}

void world_reload(struct world *w, unsigned int n)
{
	char complaint[256];

	for (unsigned int i = 0; i < n; i++) {
		configure(w);
		must(roster_load(w->roster, &w->config, complaint));
		roster_publish(w->roster);
	}
	world_settle(w);
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

void world_host_send(struct world *w, const uint8_t *packet, size_t len)
{
	if (w->tun)
		wire_host_in(w->tun, packet, len);
	world_settle(w);
}

void world_datagram(struct world *w, const struct wire_packet *p)
{
	struct wire_packet copy = *p;

	if (copy.to.port == 0)
		copy.to = w->where;
	wire_tunnel_in(w->udp, w->workers, &copy);
	world_settle(w);
}

/* What main does with what it is told: engine/gateway.c. */
static void main_receive(struct world *w, const struct post_message *m)
{
	if (m->kind == POST_LEASE_WANTED)
		(void)leases_wanted(w->leases, m->from,
				    ((struct post_lease *)(void *)m->body)->protocol);
	else if (m->kind == POST_LEASE_RETURNED)
		leases_returned(w->leases, m->from, (struct post_lease *)(void *)m->body);
	else if (m->kind == POST_ENDPOINT)
		roster_heard(w->roster, (struct post_peer *)(void *)m->body);
	else if (m->kind == POST_TABLE)
		roster_acknowledged(w->roster, (struct post_table *)(void *)m->body);
}

static void poll_gateway(struct world *w)
{
	struct post_message m;

	while (handshake_poll(w->handshake, w->now, WALL + w->now))
		;
	for (unsigned int i = 0; i < w->workers; i++)
		while (worker_poll(w->worker[i], WORKER_ALL, w->now))
			;
	while (stream_server_poll(w->streams, w->now))
		;
	while (post_receive(w->post, post_main(w->workers), &m))
		main_receive(w, &m);
	if (w->next_trim > w->now)
		return;
	w->next_trim = w->now + TRIM_INTERVAL;
	for (unsigned int i = 0; i < w->workers; i++)
		post_insist(w->post, post_main(w->workers), i, POST_TRIM, NULL, 0);
}

void world_settle(struct world *w)
{
	for (int round = 0, quiet = 0; round < 100 && quiet < 4; round++) {
		poll_gateway(w);
		quiet = clients_deliver(w) ? 0 : quiet + 1;
		clients_timers(w);
	}
}

static uint64_t next_deadline(const struct world *w)
{
	uint64_t next = earlier(handshake_next_deadline(w->handshake), w->next_trim);

	for (unsigned int i = 0; i < w->workers; i++)
		next = earlier(next, worker_next_deadline(w->worker[i]));
	next = earlier(next, stream_server_next_deadline(w->streams));
	return earlier(next, clients_next_deadline(w));
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

static uint64_t handshake_time(void *ctx, uint32_t peer)
{
	const struct world *w = ctx;
	const struct worker *owner = w->worker[peer_worker(peer, w->workers)];
	uint64_t when = counter_get(&worker_peer_stats(owner, peer)->last_handshake);

	return when == 0 ? 0 : (WALL + when) / NS_PER_S;
}

void world_restart(struct world *w, bool state)
{
	char *text = state ? roster_state(w->roster, handshake_time, w) : NULL;

	stop_gateway(w);
	start_gateway(w);
	if (text)
		roster_restore(w->roster, text, strlen(text), (WALL + w->now) / NS_PER_S);
	free(text);
	world_settle(w);
}

/* As gateway_uplink_changed() does. */
static void uplink_changed(struct world *w, bool moved)
{
	struct post_uplink body = { .uplink = w->uplink };
	char complaint[256];

	w->host.addresses[0] = w->uplink.address;
	for (unsigned int i = 0; i < w->workers; i++)
		post_insist(w->post, post_main(w->workers), i, POST_UPLINK, &body, sizeof(body));
	if (moved)
		must(leases_set_address(w->leases, w->uplink.address, 1));
	must(roster_rebuild(w->roster, complaint));
	roster_publish(w->roster);
	world_settle(w);
}

void world_set_uplink(struct world *w, uint32_t address, bool up)
{
	bool moved = address != w->uplink.address;

	w->uplink.address = address;
	w->uplink.up = up;
	uplink_changed(w, moved);
}

void world_set_interface(struct world *w, int ifindex)
{
	struct external *group[WORKERS_MAX];

	w->uplink.ifindex = ifindex;
	must(external_open_group(&w->uplink, w->workers, group));
	for (unsigned int i = 0; i < w->workers; i++) {
		struct post_external body = { .external = group[i] };

		w->external[i] = group[i];
		post_insist(w->post, post_main(w->workers), i, POST_EXTERNAL, &body, sizeof(body));
	}
	uplink_changed(w, true);
}

void world_rule(struct world *w, const struct prefix *prefix, bool allow)
{
	w->rules[w->n_rules++] = (struct config_rule){ *prefix, allow };
	world_publish(w);
}

unsigned int world_workers(const struct world *w)
{
	return w->workers;
}

unsigned int world_streams(const struct world *w)
{
	return stream_server_connections(w->streams);
}

void world_other_link(struct world *w, const struct prefix *prefix)
{
	w->host.other_links[w->host.n_other_links++] = *prefix;
	world_set_uplink(w, w->uplink.address, w->uplink.up);
}

static uint64_t drops_of(const struct world *w, enum verdict v)
{
	uint64_t n = counter_get(&handshake_counters(w->handshake)->drops[v]) +
		     counter_get(&stream_server_counters(w->streams)->drops[v]);

	for (unsigned int i = 0; i < w->workers; i++)
		n += counter_get(&worker_counters(w->worker[i])->drops[v]);
	return n;
}

uint64_t world_drops(const struct world *w, const char *reason)
{
	for (enum verdict v = PASS + 1; v < N_VERDICTS; v++)
		if (strcmp(drop_name(v), reason) == 0)
			return drops_of(w, v);
	return UINT64_MAX;
}

uint64_t world_all_drops(const struct world *w)
{
	uint64_t n = 0;

	for (enum verdict v = PASS + 1; v < N_VERDICTS; v++)
		n += drops_of(w, v);
	return n;
}

uint64_t world_mappings(const struct world *w)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < w->workers; i++)
		for (enum nat_protocol p = NAT_TCP; p < N_NAT_PROTOCOLS; p++)
			n += counter_get(&worker_nat(w->worker[i], p)->mappings);
	return n;
}

static void add(const struct path_counters *c, uint64_t *in, uint64_t *out)
{
	*in += counter_get(&c->in_tunnel) + counter_get(&c->in_external) +
	       counter_get(&c->in_host) + counter_get(&c->generated);
	*out += counter_get(&c->out_tunnel) + counter_get(&c->out_external) +
		counter_get(&c->out_host) + counter_get(&c->consumed) + counter_get(&c->waiting);
}

bool world_sum_holds(const struct world *w, char *text, size_t size)
{
	uint64_t in = 0, out = 0, drops = world_all_drops(w);

	for (unsigned int i = 0; i < w->workers; i++)
		add(worker_counters(w->worker[i]), &in, &out);
	add(handshake_counters(w->handshake), &in, &out);
	add(stream_server_counters(w->streams), &in, &out);
	snprintf(text, size, "%llu in, %llu out, %llu dropped", (unsigned long long)in,
		 (unsigned long long)out, (unsigned long long)drops);
	return in == out + drops;
}
