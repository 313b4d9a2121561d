/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/gateway_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/status.h"

#define SAMPLE_LEAST NS_PER_S /* between two samples of a rate */

const struct wg_peer_stats *gateway_peer_stats(const struct gateway *g, uint32_t peer)
{
	return worker_peer_stats(g->worker[peer_worker(peer, g->workers)], peer);
}

uint64_t gateway_handshake_time(void *ctx, uint32_t peer)
{
	const struct gateway *g = ctx;
	uint64_t when = counter_get(&gateway_peer_stats(g, peer)->last_handshake);
	uint64_t now = loop_now();

	return when == 0 ? 0 : (loop_wall() - (now - earlier(when, now))) / NS_PER_S;
}

void gateway_sample_rates(struct gateway *g, uint64_t now)
{
	uint64_t elapsed = now - g->rates_at;
	const struct table *t = roster_table(g->roster);

	if (elapsed < SAMPLE_LEAST)
		return;
	for (uint32_t i = 0; i < t->n_slots; i++) {
		struct peer_view *s = &g->views[i];
		uint64_t rx = counter_get(&gateway_peer_stats(g, i)->rx_bytes);
		uint64_t tx = counter_get(&gateway_peer_stats(g, i)->tx_bytes);

		/* A number that went to another peer counts from zero again. */
		s->rx_rate = rx < s->rx ? 0 : (rx - s->rx) * NS_PER_MS / (elapsed / 1000);
		s->tx_rate = tx < s->tx ? 0 : (tx - s->tx) * NS_PER_MS / (elapsed / 1000);
		s->rx = rx;
		s->tx = tx;
	}
	g->rates_at = now;
}

static void add_path(struct status *s, const struct path_counters *c)
{
	s->packets_in += counter_get(&c->in_tunnel) + counter_get(&c->in_external) +
			 counter_get(&c->in_host) + counter_get(&c->generated);
	s->packets_out += counter_get(&c->out_tunnel) + counter_get(&c->out_external) +
			  counter_get(&c->out_host) + counter_get(&c->consumed) +
			  counter_get(&c->waiting);
	s->out_packets += counter_get(&c->out_external);
	s->out_bytes += counter_get(&c->out_external_bytes);
	s->in_packets += counter_get(&c->in_external);
	s->in_bytes += counter_get(&c->in_external_bytes);
	for (unsigned int v = PASS + 1; v < N_VERDICTS; v++)
		s->drops[v] += counter_get(&c->drops[v]);
}

static void add_nat(const struct gateway *g, struct status *s)
{
	for (enum nat_protocol p = NAT_TCP; p < N_NAT_PROTOCOLS; p++) {
		struct ports_counts counts = leases_counts(g->leases, p);

		for (unsigned int i = 0; i < g->workers; i++) {
			const struct nat_gauges *gauge = worker_nat(g->worker[i], p);

			s->nat[p].mappings += (uint32_t)counter_get(&gauge->mappings);
			s->nat[p].leased += (uint32_t)counter_get(&gauge->leased);
			s->nat[p].free += (uint32_t)counter_get(&gauge->free);
		}
		s->nat[p].leasable = counts.leasable;
		snprintf(s->nat[p].guard, sizeof(s->nat[p].guard), "%s",
			 leases_guard(g->leases, p));
	}
}

static void add_peer(const struct gateway *g, uint32_t number, struct status_peer *out,
		     uint64_t now)
{
	const struct table_peer *p = &roster_table(g->roster)->peers[number];
	const struct wg_peer_stats *stats = gateway_peer_stats(g, number);
	uint64_t handshake = counter_get(&stats->last_handshake);

	memcpy(out->name, p->name, sizeof(out->name));
	memcpy(out->public_key, p->public_key, sizeof(out->public_key));
	out->endpoint = roster_endpoint(g->roster, number);
	out->allowed = p->allowed;
	out->n_allowed = p->n_allowed;
	out->handshake_age = handshake == 0 ? UINT64_MAX : now - earlier(handshake, now);
	out->rx_bytes = counter_get(&stats->rx_bytes);
	out->tx_bytes = counter_get(&stats->tx_bytes);
	out->rx_rate = g->views[number].rx_rate;
	out->tx_rate = g->views[number].tx_rate;
	out->mappings = (uint32_t)worker_client_mappings(g->worker[peer_worker(number, g->workers)],
							 number);
	out->runtime = p->runtime;
}

const char *gateway_stream_tls(const struct config *config)
{
	return config->stream_tls == CONFIG_STREAM_PLAIN         ? "without TLS"
	       : config->stream_tls == CONFIG_STREAM_SELF_SIGNED ? "TLS, self-signed"
								 : "TLS, certificate";
}

static void add_streams(const struct gateway *g, struct status *s)
{
	if (!g->streams)
		return;
	s->stream_port = g->config->stream_port;
	s->stream_tls = gateway_stream_tls(g->config);
	s->stream_connections = stream_server_connections(g->streams);
	add_path(s, stream_server_counters(g->streams));
}

static void fill_head(const struct gateway *g, struct status *s, uint64_t now)
{
	snprintf(s->version, sizeof(s->version), "%s", CULVERT_VERSION);
	s->pid = (long)getpid();
	s->uptime = now - g->started;
	memcpy(s->rung, g->rung, sizeof(s->rung));
	s->workers = g->workers;
	wg_public_key(s->public_key, g->config->private_key);
	s->listen_port = udp_port(g->udp[0]);
	s->address = config_gateway(g->config);
	snprintf(s->adapter, sizeof(s->adapter), "%s", g->tun ? tun_name(g->tun) : "");
	memcpy(s->interface, g->uplink.name, sizeof(s->interface));
	s->interface_up = g->uplink.up;
	s->external = addr_ip4(g->uplink.address);
	s->mtu = g->uplink.mtu;
	snprintf(s->offload, sizeof(s->offload), "%s", external_offload(g->external[0]));
}

/* The kernel forgets its count when it is read, so main keeps the sum. */
static void add_overruns(struct gateway *g, struct status *s)
{
	for (unsigned int i = 0; i < g->workers; i++)
		g->overruns += external_overruns(g->external[i]);
	s->packets_in += g->overruns;
	s->drops[DROP_EXTERNAL_OVERRUN] += g->overruns;
}

char *gateway_status(struct gateway *g)
{
	struct status_upstream upstreams[CONFIG_UPSTREAMS_MAX];
	const struct table *t = roster_table(g->roster);
	struct status_peer *peers = calloc(t->n_slots + 1, sizeof(*peers));
	struct status *s = calloc(1, sizeof(*s));
	uint64_t now = loop_now();
	char *json = NULL;

	if (s && peers) {
		gateway_sample_rates(g, now);
		fill_head(g, s, now);
		add_nat(g, s);
		for (unsigned int i = 0; i < g->workers; i++)
			add_path(s, worker_counters(g->worker[i]));
		add_path(s, handshake_counters(g->handshake));
		add_streams(g, s);
		add_overruns(g, s);
		if (g->dns)
			dns_proxy_status(g->dns, s, upstreams);
		s->peers = peers;
		for (uint32_t i = 0; i < t->n_slots; i++)
			if (t->peers[i].used)
				add_peer(g, i, &peers[s->n_peers++], now);
		json = status_json(s);
	}
	free(peers);
	free(s);
	return json;
}
