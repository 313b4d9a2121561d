/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_open.c - the start of a client, in the order in which things may fail, and its end
 *
 * What forks comes first, while nothing is open that a child must not have.  What the outside or the
 * host could notice comes last.
 */
#include "engine/client_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/random.h"
#include "io/resolv.h"
#include "io/sandbox.h"
#include "io/signals.h"

#define MTU_DEFAULT   1420 /* what WireGuard leaves of 1500 bytes, by IPv6 outside */
#define PEERS_LEAST   1024 /* room for those that wg(8) adds */
#define RESOLV_CONF   "/etc/resolv.conf"
#define RESOLV_MAX    2048
#define RESOLVERS_MAX 3 /* resolv.conf(5): MAXNS */

static uint32_t inner_mtu(const struct client *c)
{
	const struct config *config = c->params->config;

	return config && config->mtu ? config->mtu : MTU_DEFAULT;
}

/* ---- what forks ----------------------------------------------------------- */

static int complain_running(struct client *c, pid_t pid)
{
	client_say(c, LOG_LEVEL_ERROR,
		   "%s is in use by process %ld, and two tunnels with one key would cut each other "
		   "off: end that one (`culvert disconnect`) or add a peer to the gateway",
		   c->params->path, (long)pid);
	return -EADDRINUSE;
}

static void add_resolv(char *text, size_t *len, const char *word, const char *value)
{
	int n = snprintf(text + *len, RESOLV_MAX - *len, "%s %s\n", word, value);

	if (n > 0 && (size_t)n < RESOLV_MAX - *len)
		*len += (size_t)n;
}

/* Those of the file; else the host's that can be reached from inside the tunnel. */
static void resolv_text(const struct config *config, char text[static RESOLV_MAX])
{
	struct endpoint host[RESOLVERS_MAX];
	char addr[ADDR_TEXT_MAX];
	size_t len = 0;

	text[0] = '\0';
	if (config->dns_search[0] != '\0')
		add_resolv(text, &len, "search", config->dns_search);
	for (size_t i = 0; i < config->n_dns_servers; i++)
		add_resolv(text, &len, "nameserver", addr_format(&config->dns_servers[i], addr));
	if (config->n_dns_servers > 0)
		return;
	for (size_t i = 0, n = resolv_read(RESOLV_CONF, host, RESOLVERS_MAX); i < n; i++) {
		bool loopback = host[i].addr.family == ADDR_IP4 && host[i].addr.bytes[0] == 127;

		if (!loopback && host[i].scope == 0)
			add_resolv(text, &len, "nameserver", addr_format(&host[i].addr, addr));
	}
}

static int open_enclosure(struct client *c)
{
	char complaint[CLIENT_COMPLAINT_MAX] = "";
	char resolv[RESOLV_MAX];
	const struct config *config = c->params->config;
	struct enclosure_params params = {
		.name = c->params->adapter,
		.addresses = config->addresses,
		.n_addresses = config->n_addresses,
		.mtu = inner_mtu(c),
		.resolv_conf = resolv,
		.command = c->params->command,
	};
	int r;

	resolv_text(config, resolv);
	r = enclosure_new(&params, &c->enclosure, complaint);
	if (r < 0)
		client_say(c, LOG_LEVEL_ERROR, "%s", complaint[0] ? complaint : strerror(-r));
	else
		c->tun = enclosure_take_tun(c->enclosure);
	return r;
}

static int open_guardian(struct client *c)
{
	char complaint[CLIENT_COMPLAINT_MAX] = "";
	int r = guardian_new(&c->guardian, complaint);

	if (r < 0)
		client_say(c, LOG_LEVEL_ERROR, "%s: %s", c->label,
			   complaint[0] ? complaint : strerror(-r));
	return r;
}

static int open_children(struct client *c)
{
	pid_t pid = 0;

	if (c->params->path && control_server_probe(c->params->path, &pid) == -EADDRINUSE)
		return complain_running(c, pid);
	if (c->params->command)
		return open_enclosure(c);
	if (c->plan.route_all || c->plan.kill_switch)
		return open_guardian(c);
	return 0;
}

/* ---- the loop and its small parts ----------------------------------------- */

static int open_loop(struct client *c)
{
	int r;

	c->signals = signals_open();
	if (c->signals < 0)
		return c->signals;
	r = loop_new(&c->loop);
	if (r == 0 && notify_new(&c->notify) == -ENOMEM)
		r = -ENOMEM;
	if (r == 0)
		r = link_watch_new(c->params->command ? "" : c->params->adapter, GUARDIAN_PROTOCOL,
				   &c->links);
	if (r == 0)
		r = clock_watch_new(&c->clocks);
	if (r == 0) {
		c->view = view_new(c->params->config, c->label);
		r = c->view ? 0 : -ENOMEM;
	}
	if (r == 0 && c->params->config) {
		c->peers = calloc(c->params->config->n_peers + 1, sizeof(*c->peers));
		r = c->peers ? 0 : -ENOMEM;
	}
	if (r < 0)
		client_say(c, LOG_LEVEL_ERROR, "%s: can't begin: %s", c->label, strerror(-r));
	return r;
}

/* A tunnel works without; but nobody can ask it anything then. */
static int open_control(struct client *c)
{
	pid_t pid = 0;
	int r;

	if (!c->params->path)
		return 0;
	r = control_server_new(c->params->path, &c->control, &pid);
	if (r == -EADDRINUSE)
		return complain_running(c, pid);
	if (r < 0)
		client_say(c, c->params->command ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
			   "no place for the control socket of %s (%s): `culvert status` and "
			   "`culvert disconnect` can't reach this one",
			   c->params->path, strerror(-r));
	client_clock_open(&c->clock, r < 0 ? "" : control_server_config_path(c->control),
			  loop_now());
	return 0;
}

/* ---- the tunnel ----------------------------------------------------------- */

static int complain_adapter(struct client *c, int r)
{
	const char *name = c->params->adapter;

	if (r == -EBUSY)
		client_say(c, LOG_LEVEL_ERROR,
			   "the name %s is taken by another interface: remove that one or choose "
			   "a name%s",
			   name, c->params->path ? " with --interface" : "");
	else if (r == -EPERM || r == -EACCES)
		client_say(c, LOG_LEVEL_ERROR,
			   "no permission to make the adapter %s: run this as root or with "
			   "CAP_NET_ADMIN%s",
			   name, c->params->path ? "; `culvert exec` needs neither" : "");
	else if (r == -ENOENT)
		client_say(c, LOG_LEVEL_ERROR,
			   "there is no /dev/net/tun: load the module (modprobe tun), or give "
			   "the device to this container");
	else if (r == -EADDRINUSE)
		client_say(c, LOG_LEVEL_ERROR,
			   "an Address of %s is on this host already: remove it there, or end the "
			   "other tunnel that has it",
			   c->params->path);
	else
		client_say(c, LOG_LEVEL_ERROR, "can't make the adapter %s: %s", name, strerror(-r));
	return r;
}

static int open_adapter(struct client *c)
{
	const struct config *config = c->params->config;
	struct tun_params params = {
		.name = c->params->adapter,
		.addresses = config ? config->addresses : NULL,
		.n_addresses = config ? config->n_addresses : 0,
		.mtu = inner_mtu(c),
		.ip6 = true,
		.up = config != NULL,
	};
	int r;

	if (c->tun)
		return 0;
	if (!config && c->params->tun_fd >= 0)
		r = tun_adopt(c->params->tun_fd, TUN_ADAPTER, NULL, params.mtu, true, &c->tun);
	else
		r = tun_open(&params, &c->tun);
	return r < 0 ? complain_adapter(c, r) : 0;
}

static int complain_device(struct client *c, int r)
{
	const struct config *config = c->params->config;

	if (r == -EADDRINUSE)
		client_say(c, LOG_LEVEL_ERROR,
			   "UDP port %u is in use by another program: stop that one, or take "
			   "ListenPort out of %s",
			   config->listen_port, c->params->path);
	else if (r == -EACCES || r == -EPERM)
		client_say(c, LOG_LEVEL_ERROR,
			   "no permission for ListenPort %u%s: choose a port above 1023, or run "
			   "this as root",
			   config->listen_port, config->fwmark ? " with FwMark" : "");
	else if (r == -EINVAL)
		client_say(c, LOG_LEVEL_ERROR,
			   "%s: a peer has this client's own key or no valid key: correct "
			   "PublicKey",
			   c->params->path);
	else
		client_say(c, LOG_LEVEL_ERROR, "%s: can't set the tunnel up: %s", c->label,
			   strerror(-r));
	return r;
}

static int configure_device(struct client *c)
{
	struct uapi_set set;
	uint64_t now = loop_now();
	int r = client_peers_set(c->params->config, c->peers, &set);

	if (r == 0)
		r = device_set(c->device, &set, now, client_wall(c, now));
	uapi_set_done(&set);
	if (r == 0)
		r = client_peers_stream(c);
	return r < 0 ? complain_device(c, r) : 0;
}

static int open_device(struct client *c)
{
	const struct config *config = c->params->config;
	struct device_params params = {
		.tun = c->tun,
		.rng = &c->rng,
		.loop = c->loop,
		.peers_max = PEERS_LEAST + (config ? (uint32_t)config->n_peers : 0),
		.pinned = c->plan.route_all,
	};
	int r;

	c->rng = rng_system();
	r = device_new(&params, &c->device);
	if (r < 0) {
		client_say(c, LOG_LEVEL_ERROR, "%s: can't begin: %s", c->label, strerror(-r));
		return r;
	}
	return config ? configure_device(c) : 0;
}

/* What a device is for, and what a client does without. */
static int open_uapi(struct client *c)
{
	bool wanted = !c->params->config;
	pid_t pid = 0;
	int r;

	if (c->params->command)
		return 0;
	if (wanted && c->params->uapi_fd >= 0)
		r = control_server_adopt_uapi(c->params->uapi_fd, &c->uapi);
	else
		r = control_server_new_uapi(c->params->adapter, &c->uapi, &pid);
	if (r == 0 || !wanted)
		return 0;
	client_say(c, LOG_LEVEL_ERROR, "no socket for wg(8) at /var/run/wireguard/%s.sock: %s",
		   c->params->adapter,
		   r == -EADDRINUSE || r == -EBUSY ? "another device has that name" : strerror(-r));
	return r;
}

/* ---- the host ------------------------------------------------------------- */

static int block_host(struct client *c)
{
	char complaint[CLIENT_COMPLAINT_MAX] = "";
	int r;

	if (!c->guardian)
		return 0;
	client_peers_plan(c, &c->plan);
	if (!c->plan.kill_switch)
		return 0;
	r = guardian_block(c->guardian, &c->plan, complaint);
	if (r < 0)
		client_say(c, LOG_LEVEL_ERROR, "%s: %s", c->label,
			   complaint[0] ? complaint : strerror(-r));
	return r;
}

/* Before an endpoint is known all traffic would have no way to take, and its name could not be asked for. */
int client_change_host(struct client *c)
{
	char complaint[CLIENT_COMPLAINT_MAX] = "";
	int r;

	if (!c->guardian || c->host_changed || c->plan.n_endpoints == 0)
		return 0;
	r = guardian_apply(c->guardian, &c->plan, complaint);
	c->host_changed = r >= 0;
	if (r < 0)
		client_say(c, LOG_LEVEL_ERROR, "%s: %s", c->label,
			   complaint[0] ? complaint : strerror(-r));
	return r;
}

static void make_plan(struct client *c)
{
	const struct config *config = c->params->config;

	c->plan = c->params->plan;
	if (!config)
		return;
	snprintf(c->plan.adapter, sizeof(c->plan.adapter), "%s", c->params->adapter);
	for (size_t i = 0; i < config->n_dns_servers && i < GUARDIAN_DNS_MAX; i++)
		c->plan.dns[c->plan.n_dns++] = config->dns_servers[i];
	snprintf(c->plan.search, sizeof(c->plan.search), "%s", config->dns_search);
}

static int register_all(struct client *c)
{
	int r = loop_add(c->loop, c->signals, LOOP_READ, CLIENT_SIGNAL);

	if (r == 0)
		r = loop_add(c->loop, link_watch_fd(c->links), LOOP_READ, CLIENT_LINKS);
	if (r == 0)
		r = loop_add(c->loop, clock_watch_fd(c->clocks), LOOP_READ, CLIENT_CLOCKS);
	if (r == 0 && c->control)
		r = loop_add(c->loop, control_server_fd(c->control), LOOP_READ, CLIENT_CONTROL);
	if (r == 0 && c->uapi)
		r = loop_add(c->loop, control_server_fd(c->uapi), LOOP_READ, CLIENT_UAPI);
	if (r == 0 && c->enclosure) {
		c->patience_ends = loop_now() + CLIENT_PATIENCE_S * NS_PER_S;
		r = loop_add(c->loop, enclosure_fd(c->enclosure), LOOP_READ, CLIENT_COMMAND);
	}
	if (r < 0)
		client_say(c, LOG_LEVEL_ERROR, "%s: can't begin: %s", c->label, strerror(-r));
	return r;
}

static int open_tunnel(struct client *c)
{
	int r = open_loop(c);

	if (r == 0)
		r = open_control(c);
	if (r == 0 && c->params->config)
		r = client_peers_find(c);
	if (r == 0)
		r = block_host(c);
	if (r == 0)
		r = open_adapter(c);
	if (r == 0)
		r = open_device(c);
	if (r == 0)
		r = open_uapi(c);
	if (r == 0)
		r = client_change_host(c);
	if (r == 0)
		r = register_all(c);
	return r;
}

/* wg(8) may give a device a mark or a low port at any time; a file is done with both by now, but for
 * the mark of streams that are opened later. */
static int enter_sandbox(struct client *c)
{
	const struct config *config = c->params->config;
	struct sandbox_params params = {
		.net_admin = !config || config->fwmark != 0,
		.net_bind_service = !config,
		.children = c->guardian != NULL || c->enclosure != NULL,
	};
	int r = sandbox_enter(&params);

	if (r == -EINVAL || r == -ENOSYS) {
		client_say(c, LOG_LEVEL_WARNING,
			   "this kernel has no seccomp filters: running without a sandbox");
		return 0;
	}
	if (r < 0)
		client_say(c, LOG_LEVEL_ERROR, "can't enter the sandbox: %s", strerror(-r));
	return r;
}

int client_open(struct client *c)
{
	char complaint[CLIENT_COMPLAINT_MAX] = "";
	int r;

	make_plan(c);
	r = open_children(c);
	if (r == 0)
		r = open_tunnel(c);
	if (r == 0)
		r = enter_sandbox(c);
	/* Who never was connected is not to be cut off by what was meant to protect the connection. */
	if (r < 0 && c->guardian && guardian_unblock(c->guardian, complaint) < 0)
		client_say(c, LOG_LEVEL_ERROR, "%s: %s", c->label, complaint);
	return r;
}

/* In the reverse order of opening: the host is as it was before the tunnel goes. */
void client_close(struct client *c)
{
	guardian_free(c->guardian);
	names_free(c->names);
	control_server_free(c->uapi);
	device_free(c->device);
	for (size_t i = 0; c->peers && i < c->params->config->n_peers; i++)
		stream_tls_free(c->peers[i].tls);
	free(c->peers);
	tun_free(c->tun);
	control_server_free(c->control);
	enclosure_free(c->enclosure);
	view_free(c->view);
	clock_watch_free(c->clocks);
	link_watch_free(c->links);
	notify_free(c->notify);
	loop_free(c->loop);
	if (c->signals >= 0)
		close(c->signals);
	free(c);
}
