/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_main.h - what the main loop of a client holds while it runs (private to engine/)
 *
 * client.c         the loop and the order of start and stop
 * client_open.c    what is opened at start, each failure a sentence
 * client_peers.c   the file's peers: as UAPI has them, and where their names lead
 * client_report.c  what is said: the log, the terminal's line, status
 * client_view.c    which of what happened is worth a line
 */
#ifndef CULVERT_ENGINE_CLIENT_MAIN_H
#define CULVERT_ENGINE_CLIENT_MAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "engine/client.h"
#include "engine/client_clock.h"
#include "engine/client_view.h"
#include "engine/device.h"
#include "engine/names.h"
#include "io/clock_watch.h"
#include "io/control.h"
#include "io/link_watch.h"
#include "io/loop.h"
#include "io/notify.h"

#define CLIENT_COMPLAINT_MAX 512
#define CLIENT_PATIENCE_S    15 /* that a command waits for the first answer */

/* loop_event.what; the device's own numbers (enum device_ready) are below. */
enum {
	CLIENT_SIGNAL = 16,
	CLIENT_CONTROL,
	CLIENT_UAPI,
	CLIENT_LINKS,
	CLIENT_CLOCKS,
	CLIENT_NAMES,
	CLIENT_COMMAND,
};

/* Where one peer of the file is, as its names were looked up last. */
struct client_peer {
	struct endpoint udp; /* family ADDR_NONE: no endpoint, or its name leads nowhere */
	struct endpoint stream;
	struct stream_tls *tls;
	bool absent; /* its name does not exist, which is more than that nobody could be asked */
};

struct client {
	const struct client_params *params;
	char label[64]; /* what a person calls the connection: the adapter's name, or the file's */
	uint64_t started;

	struct loop *loop;
	int signals;
	int background; /* for daemon_ready(); -1: stays in the foreground */
	struct notify *notify;
	struct control_server *control; /* NULL: a device, or no place for its socket */
	struct control_server *uapi;    /* NULL: no right to make its socket */
	struct link_watch *links;
	struct clock_watch *clocks;
	struct client_clock clock;
	struct rng rng;
	struct tun *tun;
	struct device *device;
	struct guardian *guardian; /* NULL: nothing of the host is changed */
	struct guardian_plan plan;
	bool host_changed; /* the plan is in force: not before an endpoint is known */
	bool asks_outside; /* name servers outside may be asked, for a look-up that is under way */
	struct enclosure *enclosure; /* NULL: no command */

	struct client_peer *peers; /* in the order of the file */
	struct names *names;       /* while a look-up is under way */
	uint64_t names_again;      /* ns; NEVER: all that is wanted is known */
	uint64_t names_wait;       /* ns, between this look-up and the next; 0: the first one */
	bool names_fixed;          /* the file has addresses only */

	struct view *view;
	uint64_t next_look;    /* ns: at the device's peers; NEVER: nothing can have changed */
	uint64_t last_look;    /* ns */
	uint64_t next_connect; /* ns: before the first answer */
	bool up;               /* a peer has answered */

	bool command_runs;
	uint64_t next_watchdog; /* ns */
	uint64_t patience_ends; /* ns: the command is given up without a first answer */
	bool leaving;
	bool on_request; /* by culvert disconnect, which lifts a kill switch too */
	int status;
};

/* client_open.c */
/** client_open() - all that a client needs, each failure a sentence.  Return: 0 or -errno. */
int client_open(struct client *c);
void client_close(struct client *c);

/** client_change_host() - the guardian's part, as soon as an endpoint is known.
 *  Return: 0; or -errno, and said why. */
int client_change_host(struct client *c);

/* client_peers.c */
/** client_peers_set() - the file as UAPI has it.  Return: 0 or -ENOMEM; uapi_set_done() is due. */
int client_peers_set(const struct config *config, const struct client_peer *peers,
		     struct uapi_set *ret);

/** client_peers_find() - looks names up, two seconds at most.  Return: 0; or -errno, and said why. */
int client_peers_find(struct client *c);

/** client_peers_stream() - tells the device of the streams.  Return: 0 or -errno. */
int client_peers_stream(struct client *c);

/** client_peers_look_up() - begins to look names up again, unless that is under way */
void client_peers_look_up(struct client *c, uint64_t now);

/** client_peers_found() - takes what was found, if it is there */
void client_peers_found(struct client *c, uint64_t now);

/** client_peers_plan() - the tunnel's endpoints for the guardian.  Return: whether they changed. */
bool client_peers_plan(const struct client *c, struct guardian_plan *plan);

/* client_report.c */
/** client_wall() - the time for handshakes, ns since 1970 */
uint64_t client_wall(const struct client *c, uint64_t now);

/** client_say() - a line for the log, beside the terminal's status line */
__attribute__((format(printf, 3, 4))) void client_say(struct client *c, enum log_level level,
						      const char *format, ...);

/** client_look() - at the device's peers: tells what has changed.  Sets the time of the next look. */
void client_look(struct client *c, uint64_t now);

/** client_touched() - something happened that a look might show */
void client_touched(struct client *c);

/** client_status() - Return: malloc'd JSON, or NULL */
char *client_status(struct client *c, uint64_t now);

#endif
