/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open.c - the start of a gateway, in the order in which things may fail
 *
 * A second instance, a missing interface, a port in use and a missing right are told before
 * anything is opened that the outside could notice.
 */
#include "engine/gateway_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/random.h"
#include "io/sandbox.h"
#include "io/selftest.h"

#define WORKERS_DEFAULT_MAX 8u
#define PEERS_MAX_LEAST     4096u
#define PEERS_MAX_MOST      65536u
#define RESOLV_CONF         "/etc/resolv.conf"

static int open_control(struct gateway *g)
{
	pid_t pid = 0;
	int r = control_server_new(g->path, &g->control, &pid);

	if (r == -EADDRINUSE)
		log_error("a gateway already runs with %s (process %ld): stop that one first",
			  g->path, (long)pid);
	else if (r < 0)
		log_error("no place for the control socket of %s: %s; make /run/culvert or the "
			  "configuration's directory writable for this user",
			  g->path, strerror(-r));
	if (r < 0)
		return r;
	r = control_server_new_uapi(ADAPTER, &g->uapi, &pid);
	if (r < 0)
		log_notice("wg(8) cannot reach this gateway: /var/run/wireguard/%s.sock: %s",
			   ADAPTER, r == -EADDRINUSE ? "another device has it" : strerror(-r));
	return 0;
}

static int open_uplink(struct gateway *g)
{
	const char *name = g->config->interface[0] ? g->config->interface : NULL;
	int r = uplink_watch_new(name, ADAPTER, &g->watch);

	if (r == -ENODEV)
		log_error("there is no interface %s: correct Interface in [External] of %s",
			  g->config->interface, g->path);
	else if (r == -ENETUNREACH)
		log_error("this host has no IPv4 default route: name the external interface in "
			  "[External] of %s",
			  g->path);
	else if (r < 0)
		log_error("can't read this host's routes: %s", strerror(-r));
	if (r < 0)
		return r;
	g->uplink = *uplink_get(g->watch);
	g->host = *uplink_host_get(g->watch);
	if (!g->uplink.up)
		log_warning("external interface %s has no carrier, address or route yet: clients "
			    "wait until it has",
			    g->uplink.name);
	return 0;
}

static unsigned int choose_workers(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int n = config->workers;

	if (n == 0)
		n = cores < 1                           ? 1
		    : cores > (long)WORKERS_DEFAULT_MAX ? WORKERS_DEFAULT_MAX
							: (unsigned int)cores;
	return n > WORKERS_MAX ? WORKERS_MAX : n;
}

static uint32_t choose_peers_max(const struct config *config)
{
	size_t wanted = 2 * config->n_peers;

	return wanted < PEERS_MAX_LEAST  ? PEERS_MAX_LEAST
	       : wanted > PEERS_MAX_MOST ? PEERS_MAX_MOST
					 : (uint32_t)wanted;
}

static int open_roster(struct gateway *g)
{
	struct roster_params params = {
		.workers = g->workers,
		.post = g->post,
		.peers_max = choose_peers_max(g->config),
		.uplink = &g->uplink,
		.host = &g->host,
	};
	char complaint[256] = "not enough memory";
	int r = roster_new(&params, &g->roster);

	if (r >= 0)
		r = roster_load(g->roster, g->config, complaint);
	if (r < 0) {
		log_error("%s", complaint);
		return r;
	}
	g->views = calloc(params.peers_max, sizeof(*g->views));
	return g->views ? 0 : -ENOMEM;
}

int gateway_open_host(struct gateway *g)
{
	int r = open_control(g);

	if (r >= 0)
		r = open_uplink(g);
	if (r < 0)
		return r;
	g->rng = rng_system();
	g->handshake_rng = rng_system();
	g->workers = choose_workers(g->config);
	for (unsigned int i = 0; i < g->workers; i++)
		g->worker_rng[i] = rng_system();
	r = post_new(g->workers, &g->post);
	if (r < 0) {
		log_error("no memory for %u workers: lower Workers in [Gateway]", g->workers);
		return r;
	}
	return open_roster(g);
}

static int open_udp(struct gateway *g)
{
	struct udp_params params = {
		.port = g->config->listen_port,
		.workers = g->workers,
		.fwmark = g->config->fwmark,
	};
	int r = udp_open_group(&params, g->udp);

	if (r == -EADDRINUSE)
		log_error("UDP port %u is in use by another program: stop that one or change "
			  "ListenPort in %s",
			  params.port, g->path);
	else if (r == -EACCES || r == -EPERM)
		log_error("no permission for UDP port %u%s: choose a port above 1023 or give "
			  "CAP_NET_BIND_SERVICE",
			  params.port, params.fwmark ? " with FwMark" : "");
	else if (r < 0)
		log_error("can't open UDP port %u: %s", params.port, strerror(-r));
	return r;
}

static int open_tls(struct gateway *g)
{
	const struct config *c = g->config;
	int r;

	if (c->stream_tls == CONFIG_STREAM_PLAIN)
		return 0;
	if (c->stream_tls == CONFIG_STREAM_SELF_SIGNED)
		r = stream_tls_self_signed(c->private_key, &g->tls);
	else
		r = stream_tls_server(c->stream_certificate, c->stream_key, &g->tls);
	if (r == -EBADMSG)
		log_error("%s and %s are not a certificate and its key in PEM: correct [Stream] "
			  "of %s",
			  c->stream_certificate, c->stream_key, g->path);
	else if (r < 0 && c->stream_tls == CONFIG_STREAM_CERTIFICATE)
		log_error("can't read %s and %s: %s; make both readable for this user",
			  c->stream_certificate, c->stream_key, strerror(-r));
	else if (r < 0)
		log_error("can't make a certificate for [Stream]: %s", strerror(-r));
	return r;
}

static int open_stream(struct gateway *g)
{
	unsigned int port = g->config->stream_port;
	int r;

	if (port == 0)
		return 0;
	r = open_tls(g);
	if (r < 0)
		return r;
	r = stream_listen((uint16_t)port);
	if (r == -EADDRINUSE)
		log_error("TCP port %u is in use by another program: stop that one or change Port "
			  "in [Stream] of %s",
			  port, g->path);
	else if (r == -EACCES || r == -EPERM)
		log_error("no permission for TCP port %u: choose a port above 1023 in [Stream] or "
			  "give CAP_NET_BIND_SERVICE",
			  port);
	else if (r < 0)
		log_error("can't open TCP port %u: %s", port, strerror(-r));
	g->listener = r;
	return r < 0 ? r : 0;
}

static int open_external(struct gateway *g)
{
	int r = external_open_group(&g->uplink, g->workers, g->external);

	if (r == -EPERM || r == -EACCES)
		log_error("the gateway needs CAP_NET_RAW for raw packets: run it as root or with "
			  "that capability");
	else if (r < 0)
		log_error("can't open the external interface %s: %s", g->uplink.name, strerror(-r));
	return r;
}

/* A kernel that cuts trains wrongly gets single packets. */
static void test_offloads(struct gateway *g)
{
	struct selftest_result result;
	int r = selftest_offloads(&result);

	g->offload_external = r < 0 || result.external;
	if (r < 0) {
		log_notice("offloads could not be tested (%s): they stay on", strerror(-r));
		return;
	}
	if (result.finding)
		log_warning(
			"this kernel handles packet trains wrongly (%s): sending single packets "
			"%s%s%s, slower but right",
			result.finding, result.external ? "" : "to the internet",
			result.external || result.tunnel ? "" : " and ",
			result.tunnel ? "" : "into the tunnel");
	for (unsigned int i = 0; i < g->workers; i++)
		external_set_offload(g->external[i], result.external);
	for (unsigned int i = 0; i <= g->workers; i++)
		udp_set_offload(g->udp[i], result.tunnel);
}

/* Without the adapter everything works but the host's own services. */
static void open_adapter(struct gateway *g)
{
	struct prefix address = config_gateway(g->config);
	struct tun_params params = {
		.name = ADAPTER,
		.addresses = &address,
		.n_addresses = 1,
		.mtu = roster_table(g->roster)->mtu,
		.up = true,
	};
	int r = tun_open(&params, &g->tun);

	if (r >= 0)
		snprintf(g->rung, sizeof(g->rung), "raw packets, adapter %s", ADAPTER);
	else
		snprintf(g->rung, sizeof(g->rung), "raw packets, no adapter (%s)",
			 r == -EPERM || r == -EACCES ? "CAP_NET_ADMIN is missing"
			 : r == -ENOENT              ? "no /dev/net/tun"
			 : r == -EBUSY               ? "the name " ADAPTER " is taken"
						     : strerror(-r));
	if (r < 0 && g->config->dns)
		(void)loopback_new(roster_table(g->roster)->peers_max, &g->rng, &g->loopback);
}

/* At the adapter's address, or where there is none at one that only loopback.h reaches. */
static void listen_for_tcp(struct gateway *g, const struct prefix *tunnel)
{
	struct prefix loopback = { addr_ip4(LOOPBACK_SOURCE), 32 };
	int r = -EOPNOTSUPP;

	if (g->tun)
		r = dns_proxy_listen(g->dns, roster_table(g->roster)->gateway, tunnel);
	else if (g->loopback)
		r = dns_proxy_listen(g->dns, LOOPBACK_LISTENER, &loopback);
	if (r < 0)
		log_warning("DNS is served by UDP only: no listener for TCP: %s", strerror(-r));
	else
		roster_set_dns_port(g->roster, (uint16_t)r);
}

static int open_dns(struct gateway *g)
{
	struct prefix tunnel = roster_table(g->roster)->tunnel;
	int wakers[WORKERS_MAX];
	struct dns_proxy_params params = {
		.config = g->config,
		.gateway = roster_table(g->roster)->gateway,
		.tunnel = tunnel,
		.external = g->uplink.address,
		.workers = g->workers,
		.worker_wakers = wakers,
		.resolv_conf = RESOLV_CONF,
	};
	char complaint[256];
	int r;

	if (!g->config->dns)
		return 0;
	for (unsigned int i = 0; i < g->workers; i++)
		wakers[i] = post_fd(g->post, i);
	r = dns_proxy_new(&params, &g->dns, complaint);
	if (r < 0) {
		log_error("%s", complaint);
		return r;
	}
	listen_for_tcp(g, &tunnel);
	return 0;
}

static int open_leases(struct gateway *g)
{
	struct leases_params params = {
		.workers = g->workers,
		.post = g->post,
		.external = g->external,
		.tunnel_port = udp_port(g->udp[0]),
		.rng = &g->rng,
	};
	int r = leases_new(&params, &g->leases);

	if (r >= 0)
		r = leases_set_address(g->leases, g->uplink.address, g->uplink.ifindex);
	if (r == -EOPNOTSUPP)
		log_error("this kernel can't keep external ports silent (no IP_MINTTL): it would "
			  "reset the clients' connections");
	else if (r == -EMFILE)
		log_error(
			"too few file descriptors for external ports: raise the limit (ulimit -n, "
			"LimitNOFILE)");
	else if (r < 0)
		log_error("can't lease external ports: %s", strerror(-r));
	return r;
}

int gateway_open_path(struct gateway *g)
{
	int r = open_udp(g);

	if (r >= 0)
		r = open_stream(g); /* before ports are leased, which it might be one of */
	if (r >= 0)
		r = open_external(g);
	if (r < 0)
		return r;
	test_offloads(g);
	open_adapter(g);
	return open_leases(g);
}

/* Everything privileged is open; threads that start from here on inherit what is left. */
int gateway_enter_sandbox(struct gateway *g)
{
	struct sandbox_params params = { .net_raw = true, .net_admin = g->tun != NULL };
	int r = sandbox_enter(&params);

	if (r == -EINVAL || r == -ENOSYS) {
		log_warning("this kernel has no seccomp filters: running without a sandbox");
		return 0;
	}
	if (r < 0)
		log_error("can't enter the sandbox: %s", strerror(-r));
	return r;
}

static struct nat_params shard_params(const struct gateway *g)
{
	const struct config *c = g->config;
	struct nat_params p = nat_params_default();

	p.address = g->uplink.address;
	p.mappings_max = c->mappings_max / g->workers;
	p.flows_max = 2 * p.mappings_max;
	p.clients_max = roster_table(g->roster)->peers_max;
	for (enum nat_protocol i = NAT_TCP; i < N_NAT_PROTOCOLS; i++)
		p.client_quota[i] = c->mappings_per_client;
	p.tcp_established = c->tcp_established;
	p.tcp_transitory = c->tcp_transitory;
	p.udp = c->udp_timeout;
	p.icmp = c->icmp_timeout;
	return p;
}

static int new_worker(struct gateway *g, unsigned int number)
{
	struct nat_params nat = shard_params(g);
	struct worker_params params = {
		.number = number,
		.workers = g->workers,
		.post = g->post,
		.udp = g->udp[1 + number],
		.stream_port = g->config->stream_port,
		.external = g->external[number],
		.tun = number == 0 ? g->tun : NULL,
		.has_adapter = g->tun != NULL,
		.loopback = number == 0 ? g->loopback : NULL,
		.dns = g->dns,
		.table = roster_table(g->roster),
		.uplink = &g->uplink,
		.nat = &nat,
		.rng = &g->worker_rng[number],
	};

	return worker_new(&params, &g->worker[number]);
}

static int new_handshake(struct gateway *g)
{
	struct handshake_params params = {
		.workers = g->workers,
		.post = g->post,
		.udp = g->udp[0],
		.table = roster_table(g->roster),
		.private_key = g->config->private_key,
		.rng = &g->handshake_rng,
	};
	int r = handshake_new(&params, &g->handshake);

	if (r == -EINVAL)
		log_error("%s: a peer has the gateway's own key or no valid key: every peer needs "
			  "its own",
			  g->path);
	return r;
}

static int new_stream_server(struct gateway *g)
{
	struct stream_server_params params = {
		.workers = g->workers,
		.post = g->post,
		.listener = g->listener,
		.tls = g->tls,
	};

	return g->listener < 0 ? 0 : stream_server_new(&params, &g->streams);
}

static void *worker_thread(void *arg)
{
	int r = worker_run(arg);

	if (r < 0)
		log_error("a worker could not start: %s", strerror(-r));
	return NULL;
}

static void *handshake_thread(void *arg)
{
	int r = handshake_run(arg);

	if (r < 0)
		log_error("the handshake thread could not start: %s", strerror(-r));
	return NULL;
}

static void *stream_thread(void *arg)
{
	stream_server_run(arg);
	return NULL;
}

static int spawn(struct gateway *g, void *(*run)(void *), void *arg, const char *name)
{
	int r = pthread_create(&g->threads[g->n_threads], NULL, run, arg);

	if (r != 0)
		return -r;
	pthread_setname_np(g->threads[g->n_threads++], name);
	return 0;
}

static void announce(const struct gateway *g)
{
	char address[PREFIX_TEXT_MAX];
	char external[ADDR_TEXT_MAX];
	struct prefix tunnel = config_gateway(g->config);
	struct addr ext = addr_ip4(g->uplink.address);

	log_notice("gateway %s on UDP port %u, %zu peer%s, %u worker%s",
		   prefix_format(&tunnel, address), udp_port(g->udp[0]), g->config->n_peers,
		   g->config->n_peers == 1 ? "" : "s", g->workers, g->workers == 1 ? "" : "s");
	if (g->streams)
		log_notice("streams on TCP port %u, %s", g->config->stream_port,
			   gateway_stream_tls(g->config));
	log_notice("external interface %s, address %s, MTU %u, %s; guards: TCP %s, UDP %s",
		   g->uplink.name, addr_format(&ext, external), g->uplink.mtu,
		   external_offload(g->external[0]), leases_guard(g->leases, NAT_TCP),
		   leases_guard(g->leases, NAT_UDP));
	log_notice("rung: %s", g->rung);
}

int gateway_start_threads(struct gateway *g)
{
	char name[24]; /* the compiler does not know that workers are few */
	int r = open_dns(g);

	for (unsigned int i = 0; i < g->workers && r >= 0; i++)
		r = new_worker(g, i);
	if (r >= 0)
		r = new_handshake(g);
	if (r >= 0)
		r = new_stream_server(g);
	for (unsigned int i = 0; i < g->workers && r >= 0; i++) {
		snprintf(name, sizeof(name), "worker-%u", i);
		r = spawn(g, worker_thread, g->worker[i], name);
	}
	if (r >= 0)
		r = spawn(g, handshake_thread, g->handshake, "handshake");
	if (r >= 0 && g->streams)
		r = spawn(g, stream_thread, g->streams, "streams");
	if (r < 0)
		log_error("could not start: %s", strerror(-r));
	else
		announce(g);
	return r;
}
