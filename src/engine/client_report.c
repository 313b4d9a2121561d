/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_report.c - what a client says: the log, the terminal's line, status
 *
 * The device's peers are looked at when something has happened, ten times a second at most, and
 * never when all is quiet.
 */
#include "engine/client_main.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/status.h"
#include "io/status_line.h"
#include "wireguard/wireguard.h"

#define LOOK_EVERY    (100 * NS_PER_MS)
#define REDRAW_EVERY  NS_PER_S
#define NAMES_AFTER   (15 * NS_PER_S) /* without an answer the address may be another by now */
#define CONNECT_AGAIN (10 * NS_PER_S)

uint64_t client_wall(const struct client *c, uint64_t now)
{
	return client_clock_wall(&c->clock, now, loop_wall());
}

void client_say(struct client *c, enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list ap;

	/* The terminal is the command's: only what explains a failure may stand in its output. */
	if (c->params->command && level == LOG_LEVEL_NOTICE)
		level = LOG_LEVEL_DEBUG;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (c->params->terminal)
		status_line_hide();
	log_line(level, "%s", line);
}

/* Return: all of them, or NULL without memory or peers. */
static struct device_peer_status *all_peers(const struct client *c, size_t *ret_n)
{
	size_t n = device_peers(c->device, NULL, 0);
	struct device_peer_status *peers = n ? calloc(n, sizeof(*peers)) : NULL;

	*ret_n = peers ? device_peers(c->device, peers, n) : 0;
	return peers;
}

static void tell_events(struct client *c)
{
	struct view_event event;
	char doubt[VIEW_SENTENCE_MAX];

	while (view_event(c->view, &event)) {
		/* An exec that waits for its first answer says it itself, with the end. */
		bool told = c->params->command && !c->up;

		if (!told)
			client_say(c, event.bad ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "%s",
				   event.text);
		if (event.bad && client_clock_doubt(&c->clock, loop_wall(), doubt, sizeof(doubt)))
			client_say(c, LOG_LEVEL_WARNING, "%s: %s", c->label, doubt);
		notify_status(c->notify, event.text);
	}
}

static void draw(struct client *c, uint64_t now)
{
	char line[VIEW_LINE_MAX];

	if (!c->params->terminal)
		return;
	if (view_line(c->view, now, line))
		c->next_look = earlier(c->next_look, now + REDRAW_EVERY);
	status_line_show(line);
}

/* A network that was down when it all began, or a gateway that starts later than its client. */
static void insist(struct client *c, uint64_t now)
{
	uint64_t since = view_unanswered(c->view);

	if (!c->params->config)
		return;
	if (since != NEVER && since + NAMES_AFTER <= now && !c->names_fixed &&
	    c->names_again == NEVER)
		c->names_again = now + c->names_wait;
	if (since != NEVER && since + NAMES_AFTER > now)
		c->next_look = earlier(c->next_look, since + NAMES_AFTER);
	if (c->up || since != NEVER)
		return;
	if (c->next_connect <= now) {
		device_connect(c->device, now, client_wall(c, now));
		c->next_connect = now + CONNECT_AGAIN;
	}
	c->next_look = earlier(c->next_look, c->next_connect);
}

void client_look(struct client *c, uint64_t now)
{
	size_t n;
	struct device_peer_status *peers = all_peers(c, &n);

	view_look(c->view, peers, n, now);
	free(peers);
	c->last_look = now;
	c->next_look = view_next_deadline(c->view);
	if (!c->up && view_up(c->view))
		client_clock_keep(&c->clock, client_wall(c, now));
	c->up = c->up || view_up(c->view);
	if (view_up(c->view))
		c->names_wait = 0;
	tell_events(c);
	insist(c, now);
	draw(c, now);
}

void client_touched(struct client *c)
{
	uint64_t every = c->params->terminal && c->up ? REDRAW_EVERY : LOOK_EVERY;

	c->next_look = earlier(c->next_look, c->last_look + every);
}

static void fill_head(const struct client *c, struct status *s, struct status_client *client,
		      uint64_t now)
{
	const struct config *config = c->params->config;

	s->client = client;
	snprintf(s->version, sizeof(s->version), "%s", CULVERT_VERSION);
	s->pid = (long)getpid();
	s->uptime = now - c->started;
	s->listen_port = device_port(c->device);
	if (!c->enclosure) /* in there it is nobody else's */
		snprintf(s->adapter, sizeof(s->adapter), "%s", c->params->adapter);
	snprintf(client->trouble, sizeof(client->trouble), "%s", view_trouble(c->view));
	if (!config)
		return;
	wg_public_key(s->public_key, config->private_key);
	client->addresses = config->addresses;
	client->n_addresses = config->n_addresses;
	if (config->n_addresses > 0)
		s->address = config->addresses[0];
}

static void add_counters(const struct client *c, struct status *s)
{
	const struct path_counters *from = device_counters(c->device);

	s->packets_in = counter_get(&from->in_tunnel) + counter_get(&from->in_host) +
			counter_get(&from->generated);
	s->packets_out = counter_get(&from->out_tunnel) + counter_get(&from->out_host) +
			 counter_get(&from->consumed) + counter_get(&from->waiting);
	for (unsigned int v = PASS + 1; v < N_VERDICTS; v++)
		s->drops[v] = counter_get(&from->drops[v]);
}

static void fill_peer(const struct client *c, const struct device_peer_status *from,
		      struct status_peer *to, uint64_t now)
{
	const struct config *config = c->params->config;
	struct view_rate rate = view_rate(c->view, from->public_key);

	memcpy(to->public_key, from->public_key, sizeof(to->public_key));
	to->endpoint = from->endpoint;
	to->handshake_age =
		from->last_handshake == 0 ? UINT64_MAX : now - earlier(from->last_handshake, now);
	to->rx_bytes = from->rx_bytes;
	to->tx_bytes = from->tx_bytes;
	to->rx_rate = rate.rx;
	to->tx_rate = rate.tx;
	to->mappings = UINT32_MAX;
	to->mtu = from->mtu;
	to->streams = from->streams;
	to->runtime = true;
	for (size_t i = 0; config && i < config->n_peers; i++) {
		const struct config_peer *peer = &config->peers[i];

		if (memcmp(peer->public_key, from->public_key, CONFIG_KEY_LEN) != 0)
			continue;
		snprintf(to->name, sizeof(to->name), "%s", peer->name);
		to->allowed = peer->allowed;
		to->n_allowed = peer->n_allowed;
		to->runtime = false;
	}
}

char *client_status(struct client *c, uint64_t now)
{
	struct status *s = calloc(1, sizeof(*s));
	struct status_client client = { .route_all = c->plan.route_all,
					.kill_switch = c->plan.kill_switch };
	size_t n;
	struct device_peer_status *seen = all_peers(c, &n);
	struct status_peer *peers = calloc(n + 1, sizeof(*peers));
	char *json = NULL;

	if (s && peers) {
		client_look(c, now); /* rates are those until now */
		fill_head(c, s, &client, now);
		add_counters(c, s);
		s->peers = peers;
		s->n_peers = n;
		for (size_t i = 0; i < n; i++)
			fill_peer(c, &seen[i], &peers[i], now);
		json = status_json(s);
	}
	free(peers);
	free(seen);
	free(s);
	return json;
}
