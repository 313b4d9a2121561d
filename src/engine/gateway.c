/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/protocol.h"
#include "engine/gateway_main.h"
#include "io/notify.h"
#include "io/signals.h"

#define HOUSEKEEPING (60 * NS_PER_S)

enum {
	MAIN_SIGNAL,
	MAIN_POST,
	MAIN_UPLINK,
	MAIN_CONTROL,
	MAIN_UAPI,
};

static void tell_all(struct gateway *g, enum post_kind kind, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		post_insist(g->post, post_main(g->workers), i, kind, NULL, 0);
}

static void receive(struct gateway *g, const struct post_message *m, uint64_t now)
{
	switch (m->kind) {
	case POST_LEASE_WANTED:
		gateway_lease_wanted(g, m->from, ((struct post_lease *)(void *)m->body)->protocol);
		break;
	case POST_LEASE_RETURNED:
		leases_returned(g->leases, m->from, (struct post_lease *)(void *)m->body);
		break;
	case POST_ENDPOINT:
		gateway_peer_heard(g, (struct post_peer *)(void *)m->body, now);
		break;
	case POST_TABLE:
		roster_acknowledged(g->roster, (struct post_table *)(void *)m->body);
		break;
	case POST_DATAGRAM:
	case POST_TRAIN_TO_PEER:
	case POST_TRAIN_FROM_OUTSIDE:
	case POST_TRAIN_TO_HOST:
	case POST_SESSION:
	case POST_HANDSHAKE_FAILED:
	case POST_INITIATE:
	case POST_STREAM_SEND:
	case POST_STREAM_USED:
	case POST_STREAM_CLOSED:
	case POST_EXTERNAL:
	case POST_UPLINK:
	case POST_LEASE:
	case POST_TRIM:
	case POST_STOP:
		break; /* not for main */
	}
}

static void reload_on_signal(struct gateway *g)
{
	char complaint[512];

	notify_reloading(g->notify, loop_now());
	if (gateway_reload(g, complaint) < 0)
		log_error("reload refused, the running configuration stays: %s", complaint);
	notify_ready(g->notify, g->rung);
}

static char *reload_on_request(struct gateway *g)
{
	char complaint[512];
	char *answer = NULL;

	if (gateway_reload(g, complaint) >= 0)
		return strdup("ok\n");
	return asprintf(&answer, "error: %s\n", complaint) < 0 ? NULL : answer;
}

static void serve_control(struct gateway *g, uint64_t now)
{
	struct control_call call;

	control_server_run(g->control, now);
	while (control_server_next(g->control, &call)) {
		char refusal[CONTROL_ANSWER_MAX];
		char *answer = NULL;

		switch (control_admit(call.text, call.len, control_server_config_path(g->control),
				      call.reader, call.owner, refusal)) {
		case CONTROL_REFUSED:
			answer = strdup(refusal);
			break;
		case CONTROL_STATUS:
			answer = gateway_status(g);
			break;
		case CONTROL_RELOAD:
			answer = reload_on_request(g);
			break;
		case CONTROL_STOP:
			answer = strdup("error: this is a gateway: end it with SIGTERM, or "
					"`systemctl stop culvert`\n");
			break;
		}
		control_server_answer(g->control, call.id, answer, answer ? strlen(answer) : 0,
				      now);
	}
}

static void serve_uapi(struct gateway *g, uint64_t now)
{
	struct control_call call;

	if (!g->uapi)
		return;
	control_server_run(g->uapi, now);
	while (control_server_next(g->uapi, &call))
		gateway_uapi_call(g, &call, now);
}

/* Once a minute while peers are active, and never when all is quiet. */
static void housekeeping(struct gateway *g, uint64_t now)
{
	if (g->next_state <= now) {
		gateway_state_save(g);
		g->next_state = NEVER;
	}
	if (g->next_watchdog <= now) {
		notify_watchdog(g->notify);
		g->next_watchdog = now + notify_watchdog_interval(g->notify);
	}
	if (g->next_housekeeping > now)
		return;
	g->next_housekeeping = now + HOUSEKEEPING;
	tell_all(g, POST_TRIM, g->workers);
	gateway_sample_rates(g, now);
	g->next_state = earlier(g->next_state, now);
}

static uint64_t next_deadline(const struct gateway *g)
{
	uint64_t next = earlier(g->next_housekeeping, g->next_state);

	next = earlier(next, g->next_watchdog);
	next = earlier(next, control_server_next_deadline(g->control));
	return g->uapi ? earlier(next, control_server_next_deadline(g->uapi)) : next;
}

static int register_all(struct gateway *g)
{
	int r = loop_add(g->loop, g->signals, LOOP_READ, MAIN_SIGNAL);

	if (r >= 0)
		r = loop_add(g->loop, post_fd(g->post, post_main(g->workers)), LOOP_READ,
			     MAIN_POST);
	if (r >= 0)
		r = loop_add(g->loop, uplink_watch_fd(g->watch), LOOP_READ, MAIN_UPLINK);
	if (r >= 0)
		r = loop_add(g->loop, control_server_fd(g->control), LOOP_READ, MAIN_CONTROL);
	if (r >= 0 && g->uapi)
		r = loop_add(g->loop, control_server_fd(g->uapi), LOOP_READ, MAIN_UAPI);
	return r;
}

/* Returns whether to go on. */
static bool handle_signal(struct gateway *g)
{
	int number;

	while ((number = signals_read(g->signals)) != 0) {
		if (number != SIGHUP)
			return false;
		reload_on_signal(g);
	}
	return true;
}

static void main_loop(struct gateway *g)
{
	struct loop_event events[8];
	struct post_message m;

	for (;;) {
		size_t n = loop_wait(g->loop, next_deadline(g), events, 8);
		uint64_t now = loop_now();

		for (size_t i = 0; i < n; i++) {
			if (events[i].what == MAIN_SIGNAL && !handle_signal(g))
				return;
			if (events[i].what == MAIN_UPLINK && uplink_watch_read(g->watch))
				gateway_uplink_changed(g);
		}
		while (post_receive(g->post, post_main(g->workers), &m))
			receive(g, &m, now);
		serve_control(g, now);
		serve_uapi(g, now);
		housekeeping(g, now);
	}
}

static void stop_threads(struct gateway *g)
{
	if (g->n_threads > 0)
		tell_all(g, POST_STOP, g->workers + 1);
	if (g->n_threads > 0 && g->streams)
		post_insist(g->post, post_main(g->workers), post_stream(g->workers), POST_STOP,
			    NULL, 0);
	for (unsigned int i = 0; i < g->n_threads; i++)
		pthread_join(g->threads[i], NULL);
	g->n_threads = 0;
}

/* In the reverse order of opening. */
static void close_all(struct gateway *g)
{
	stop_threads(g);
	stream_server_free(g->streams);
	handshake_free(g->handshake);
	for (unsigned int i = 0; i < g->workers; i++)
		worker_free(g->worker[i]);
	dns_proxy_free(g->dns);
	leases_free(g->leases);
	loopback_free(g->loopback);
	tun_free(g->tun);
	for (unsigned int i = 0; i < g->workers; i++)
		external_free(g->external[i]);
	if (g->listener >= 0)
		close(g->listener);
	stream_tls_free(g->tls);
	for (unsigned int i = 0; i <= g->workers; i++)
		udp_free(g->udp[i]);
	roster_free(g->roster);
	post_free(g->post);
	uplink_watch_free(g->watch);
	control_server_free(g->uapi);
	control_server_free(g->control);
	notify_free(g->notify);
	loop_free(g->loop);
	if (g->signals >= 0)
		close(g->signals);
	free(g->views);
	free(g->state);
	config_free(g->config);
	free(g);
}

static int start(struct gateway *g)
{
	int r;

	g->signals = signals_open();
	if (g->signals < 0)
		return g->signals;
	r = loop_new(&g->loop);
	if (r >= 0 && notify_new(&g->notify) == -ENOMEM)
		r = -ENOMEM;
	if (r >= 0)
		r = gateway_open_host(g);
	if (r >= 0)
		r = gateway_open_path(g);
	if (r >= 0)
		r = gateway_enter_sandbox(g);
	if (r >= 0)
		r = gateway_start_threads(g);
	if (r >= 0)
		r = register_all(g);
	return r;
}

int gateway_run(const char *config_path)
{
	struct gateway *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return 1;
	g->path = config_path;
	g->signals = -1;
	g->listener = -1;
	g->next_state = NEVER;
	g->next_watchdog = NEVER;
	g->started = loop_now();
	g->next_housekeeping = g->started + HOUSEKEEPING;
	r = gateway_read_config(config_path, &g->config);
	if (r < 0) {
		free(g);
		return r == -EINVAL ? 2 : 1;
	}
	r = start(g);
	if (r >= 0) {
		gateway_state_load(g);
		notify_ready(g->notify, g->rung);
		if (notify_watchdog_interval(g->notify) != NEVER)
			g->next_watchdog = loop_now();
		main_loop(g);
		log_notice("stopping");
		notify_stopping(g->notify);
		gateway_state_save(g);
	}
	close_all(g);
	return r < 0 ? 1 : 0;
}
