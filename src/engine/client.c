/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/protocol.h"
#include "engine/client_main.h"
#include "io/daemon.h"
#include "io/signals.h"
#include "io/status_line.h"

#define EVENTS         16
#define STATUS_COMMAND 125 /* of an exec: something of ours failed */

/* ---- control sockets ------------------------------------------------------ */

static void leave(struct client *c, int status)
{
	c->leaving = true;
	c->status = status;
}

/* A command that runs decides itself what a signal means, and we end with it. */
static void end(struct client *c, int number)
{
	if (c->command_runs)
		enclosure_signal(c->enclosure, number);
	else
		leave(c, c->params->command ? 128 + number : 0);
}

static void serve_control(struct client *c, uint64_t now)
{
	struct control_call call;

	control_server_run(c->control, now);
	while (control_server_next(c->control, &call)) {
		char refusal[CONTROL_ANSWER_MAX];
		char *answer = NULL;

		switch (control_admit(call.text, call.len, control_server_config_path(c->control),
				      call.reader, call.owner, refusal)) {
		case CONTROL_REFUSED:
			answer = strdup(refusal);
			break;
		case CONTROL_STATUS:
			answer = client_status(c, now);
			break;
		case CONTROL_RELOAD:
			answer = strdup("error: a client does not read its file again: "
					"disconnect, and connect\n");
			break;
		case CONTROL_STOP:
			answer = strdup("ok\n");
			client_say(c, LOG_LEVEL_NOTICE, "%s: disconnected on request", c->label);
			c->on_request = true;
			end(c, SIGTERM);
			break;
		}
		control_server_answer(c->control, call.id, answer, answer ? strlen(answer) : 0,
				      now);
	}
}

static char *uapi_set(struct client *c, const char *body, size_t len, uint64_t now)
{
	char text[UAPI_ANSWER_MAX];
	struct uapi_set set;
	int r = uapi_parse_set(body, len, &set);

	if (r >= 0) {
		r = device_set(c->device, &set, now, client_wall(c, now));
		uapi_set_done(&set);
	}
	if (r < 0)
		client_say(c, LOG_LEVEL_DEBUG, "%s: wg(8) wants what can't be had: %s", c->label,
			   strerror(-r));
	uapi_format_errno(r, text);
	return strdup(text);
}

static void uapi_call(struct client *c, const struct control_call *call, uint64_t now)
{
	char text[UAPI_ANSWER_MAX];
	const char *body;
	size_t len;
	char *answer = NULL;

	if (call->owner) {
		switch (uapi_operation(call->text, call->len, &body, &len)) {
		case UAPI_GET:
			answer = device_get(c->device, now, loop_wall());
			break;
		case UAPI_SET:
			answer = uapi_set(c, body, len, now);
			break;
		case UAPI_UNKNOWN:
			uapi_format_errno(-EINVAL, text);
			answer = strdup(text);
			break;
		}
	}
	control_server_answer(c->uapi, call->id, answer, answer ? strlen(answer) : 0, now);
}

static void serve_uapi(struct client *c, uint64_t now)
{
	struct control_call call;

	control_server_run(c->uapi, now);
	while (control_server_next(c->uapi, &call)) {
		uapi_call(c, &call, now);
		client_touched(c);
	}
}

/* ---- the host around us --------------------------------------------------- */

static void network_changed(struct client *c, const char *what, uint64_t now)
{
	client_say(c, LOG_LEVEL_NOTICE, "%s: %s: looking for the way again", c->label, what);
	device_network_changed(c->device, now, client_wall(c, now));
	/* Addresses that names lead to may differ between networks, and the last one may have had
	 * no name server. */
	if (c->names_again != NEVER)
		client_peers_look_up(c, now);
	client_touched(c);
}

static void clocks_changed(struct client *c, uint64_t now)
{
	struct clock_change change = clock_watch_read(c->clocks);
	char what[64];

	if (change.slept) {
		snprintf(what, sizeof(what), "this host slept for %llu s",
			 (unsigned long long)(change.slept / NS_PER_S));
		network_changed(c, what, now);
	}
	if (change.jumped < 0 && c->up)
		client_clock_keep(&c->clock, client_wall(c, now) + (uint64_t)-change.jumped);
	if (change.jumped)
		client_say(c, LOG_LEVEL_DEBUG, "%s: the clock was set by %lld s", c->label,
			   (long long)(change.jumped / (int64_t)NS_PER_S));
}

static void read_signals(struct client *c)
{
	int number;

	while ((number = signals_read(c->signals)) != 0)
		end(c, number);
}

/* ---- a command ------------------------------------------------------------ */

static void start_command(struct client *c)
{
	int r = enclosure_start(c->enclosure);

	c->patience_ends = NEVER;
	c->command_runs = true;
	if (r < 0) {
		client_say(c, LOG_LEVEL_ERROR, "%s: the command can't be started: %s", c->label,
			   strerror(-r));
		leave(c, STATUS_COMMAND);
	}
}

static void give_up_waiting(struct client *c)
{
	char tried[VIEW_SENTENCE_MAX];

	view_tried(c->view, tried);
	client_say(
		c, LOG_LEVEL_ERROR,
		"%s: no answer from %s within %u s: see that it is up, that the port is open and "
		"that it knows this key",
		c->label, tried, CLIENT_PATIENCE_S);
	leave(c, STATUS_COMMAND);
}

static void attend_command(struct client *c, bool ended, uint64_t now)
{
	if (ended) {
		leave(c, enclosure_wait(c->enclosure));
		return;
	}
	if (c->command_runs)
		return;
	client_look(c, now); /* each round: who waits for a prompt feels a tenth of a second */
	if (c->up)
		start_command(c);
	else if (c->patience_ends <= now)
		give_up_waiting(c);
}

/* ---- the loop ------------------------------------------------------------- */

static uint64_t next_deadline(const struct client *c)
{
	uint64_t next = earlier(device_next_deadline(c->device), c->next_look);

	next = earlier(next, earlier(c->names_again, c->patience_ends));
	next = earlier(next, link_watch_next_deadline(c->links));
	next = earlier(next, c->next_watchdog);
	if (c->control)
		next = earlier(next, control_server_next_deadline(c->control));
	return c->uapi ? earlier(next, control_server_next_deadline(c->uapi)) : next;
}

static void due(struct client *c, uint64_t now)
{
	/* A device's peers are called when wg(8)'s user has something to say to them, as by other
	 * devices: a call from an address that has just come would move us there unasked. */
	if (link_watch_changed(c->links, now) && c->params->config)
		network_changed(c, "the network has changed", now);
	if (c->names_again <= now)
		client_peers_look_up(c, now);
	if (c->control && control_server_next_deadline(c->control) <= now)
		serve_control(c, now);
	if (c->uapi && control_server_next_deadline(c->uapi) <= now)
		serve_uapi(c, now);
	if (c->next_look <= now)
		client_look(c, now);
	if (c->next_watchdog <= now) {
		notify_watchdog(c->notify);
		c->next_watchdog = now + notify_watchdog_interval(c->notify);
	}
}

/* Return: the device's sources that are ready. */
static unsigned int handle(struct client *c, const struct loop_event *events, size_t n,
			   bool *ret_ended, uint64_t now)
{
	unsigned int ready = 0;

	for (size_t i = 0; i < n; i++) {
		if (events[i].what <= DEVICE_ALL)
			ready |= (unsigned int)events[i].what;
		else if (events[i].what == CLIENT_SIGNAL)
			read_signals(c);
		else if (events[i].what == CLIENT_CONTROL)
			serve_control(c, now);
		else if (events[i].what == CLIENT_UAPI)
			serve_uapi(c, now);
		else if (events[i].what == CLIENT_LINKS)
			link_watch_read(c->links, now);
		else if (events[i].what == CLIENT_CLOCKS)
			clocks_changed(c, now);
		else if (events[i].what == CLIENT_NAMES)
			client_peers_found(c, now);
		else if (events[i].what == CLIENT_COMMAND)
			*ret_ended = true;
	}
	return ready;
}

static void adapter_gone(struct client *c)
{
	/* That of a command goes with its namespace, and so with the command. */
	if (c->command_runs) {
		leave(c, enclosure_wait(c->enclosure));
		return;
	}
	client_say(c, LOG_LEVEL_NOTICE, "%s: the adapter was deleted", c->label);
	leave(c, c->params->config ? 1 : 0);
}

/* Only an adapter that is ready and has nothing to read may be gone: to ask costs a system call. */
static unsigned int poll_device(struct client *c, unsigned int ready, uint64_t now)
{
	const struct counter *read = &device_counters(c->device)->in_host;
	uint64_t before = counter_get(read);
	unsigned int more = device_poll(c->device, ready, now, client_wall(c, now));

	if (ready & DEVICE_TUN && counter_get(read) == before && device_gone(c->device) &&
	    !c->leaving)
		adapter_gone(c);
	return more;
}

static void main_loop(struct client *c)
{
	struct loop_event events[EVENTS];
	unsigned int more = DEVICE_ALL;

	while (!c->leaving) {
		size_t n = loop_wait(c->loop, more ? 0 : next_deadline(c), events, EVENTS);
		uint64_t now = loop_now();
		bool ended = false;
		unsigned int ready = handle(c, events, n, &ended, now);

		if (ready | more)
			client_touched(c);
		more = poll_device(c, ready | more, now);
		due(c, now);
		if (c->enclosure)
			attend_command(c, ended, now);
	}
}

/* Who ends it with ^C finds a host without network, and no client to tell why. */
static void tell_what_stays(struct client *c)
{
	if (c->plan.kill_switch && !c->on_request)
		client_say(c, LOG_LEVEL_WARNING,
			   "%s: the kill switch stands, nothing leaves this host: culvert "
			   "disconnect %s lifts it",
			   c->label, c->params->adapter);
}

static void run(struct client *c)
{
	uint64_t now = loop_now();

	if (c->background >= 0)
		daemon_ready(c->background, c->params->keep_output);
	c->background = -1;
	notify_ready(c->notify, c->label);
	if (notify_watchdog_interval(c->notify) != NEVER)
		c->next_watchdog = now;
	if (c->params->config)
		device_connect(c->device, now, client_wall(c, now));
	client_touched(c);
	main_loop(c);
	if (c->up)
		client_clock_keep(&c->clock, client_wall(c, loop_now()));
	if (c->params->terminal)
		status_line_end();
	tell_what_stays(c);
	notify_stopping(c->notify);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The file's base name, as wg-quick(8) has it. */
static void make_label(struct client *c)
{
	size_t len;

	snprintf(c->label, sizeof(c->label), "%s",
		 c->params->path ? base_of(c->params->path) : c->params->adapter);
	len = strlen(c->label);
	if (c->params->path && len > 5 && strcmp(c->label + len - 5, ".conf") == 0)
		c->label[len - 5] = '\0';
}

int client_run(const struct client_params *params)
{
	struct client *c = calloc(1, sizeof(*c));
	int status = params->command ? STATUS_COMMAND : 1;
	int r;

	if (!c)
		return status;
	c->params = params;
	c->started = loop_now();
	c->signals = -1;
	c->background = -1;
	c->next_look = NEVER;
	c->names_again = NEVER;
	c->patience_ends = NEVER;
	c->next_watchdog = NEVER;
	make_label(c);
	if (params->daemon) {
		const int kept[] = { params->tun_fd, params->uapi_fd };

		c->background = daemon_fork(kept, 2, &status);
		if (c->background < 0) {
			if (c->background != -ECHILD)
				log_error("can't go to the background: %s",
					  strerror(-c->background));
			free(c);
			return status;
		}
	}
	r = client_open(c);
	if (r == 0) {
		run(c);
		status = c->status;
	}
	client_close(c);
	return status;
}
