/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.h - the gateway's unix sockets, both ends
 *
 * A server never blocks its thread: one descriptor to wait for, one deadline, and a bounded
 * number of connections that are read and answered as they become ready.  It carries bytes; what
 * they mean is control/protocol.h and control/uapi.h.  Two of them run in a gateway:
 *
 *	control   /run/culvert/NAME.sock, or .NAME.sock beside the configuration when that can't
 *	          be had (NAME: the configuration's base name without ".conf").  A request is a
 *	          line of at most 4 KiB; the answer ends with the connection.
 *	UAPI      /var/run/wireguard/INTERFACE.sock, mode 0600.  A request ends with an empty line
 *	          and has at most 16 MiB; a connection may carry several.
 *
 * The loop of the owner:
 *
 *	loop_add(loop, control_server_fd(s), LOOP_READ, CONTROL);
 *	... when it is readable or control_server_next_deadline(s) has come:
 *	control_server_run(s, now);
 *	while (control_server_next(s, &call))
 *		control_server_answer(s, call.id, text, len, now);
 *
 * Each call that was taken is answered, at once or later; until then it keeps its connection.
 */
#ifndef CULVERT_IO_CONTROL_H
#define CULVERT_IO_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_CONNECTIONS 16         /* at once; more are closed */
#define CONTROL_PATIENCE_MS 2000       /* for a whole request, and for a whole answer */
#define CONTROL_PATHS       2          /* candidates for the control socket */
#define CONTROL_PATH_MAX    108        /* sizeof(sun_path) */
#define CONTROL_REQUEST_MAX 4096       /* with its newline */
#define UAPI_REQUEST_MAX    (16 << 20) /* with its empty line: 300,000 AllowedIPs */

struct control_server;

/**
 * control_server_new() - the control socket of the gateway that runs @config_path
 * @ret_pid: on -EADDRINUSE the process that has it, 0 if unknown
 *
 * Holds a lock file beside the socket for its life, so that a stale socket is replaced and a
 * living one never is, however the other process ended.
 *
 * Return: 0; -EADDRINUSE: a gateway already runs with this configuration; -ENOENT and so on:
 * no such file, or no place for a socket could be had (the last one's reason).
 */
int control_server_new(const char *config_path, struct control_server **ret, pid_t *ret_pid);

/** control_server_probe() - Return: -EADDRINUSE as above if one runs with @config_path, else 0 */
int control_server_probe(const char *config_path, pid_t *ret_pid);

/** control_server_new_uapi() - the same for wg(8) at /var/run/wireguard/@interface.sock */
int control_server_new_uapi(const char *interface, struct control_server **ret, pid_t *ret_pid);

/** control_server_adopt_uapi() - the same at a listening unix socket that another process has made
 *  and gives us (@fd: takes); its path is that one's to remove */
int control_server_adopt_uapi(int fd, struct control_server **ret);

/** control_server_free() - closes connections, removes socket and lock file */
struct control_server *control_server_free(struct control_server *server);

/** control_server_fd() - becomes readable when control_server_run() has something to do */
int control_server_fd(const struct control_server *server);

/** control_server_config_path() - real path of the configuration; "" for UAPI */
const char *control_server_config_path(const struct control_server *server);

/** control_server_path() - where clients find the socket */
const char *control_server_path(const struct control_server *server);

/** control_server_next_deadline() - ns, monotonic; NEVER while no connection is open */
uint64_t control_server_next_deadline(const struct control_server *server);

/** control_server_run() - accepts, reads, writes, drops who is too slow; never blocks */
void control_server_run(struct control_server *server, uint64_t now);

struct control_call {
	uint64_t id;      /* for the answer */
	const char *text; /* the request without its newline, for UAPI without the empty line;
			     borrowed until it is answered; not NUL-terminated */
	size_t len;
	bool reader; /* the client belongs to the configuration file's group */
	bool owner;  /* the client is root or this process's own user */
	pid_t pid;
};

/** control_server_next() - takes one complete request.  Return: false when there is none. */
bool control_server_next(struct control_server *server, struct control_call *ret);

/**
 * control_server_answer() - queues the answer to a call
 * @text: takes, malloc'd; wiped and freed once sent, for it may hold keys; NULL: close without one
 *
 * An id whose connection is gone is fine.
 */
void control_server_answer(struct control_server *server, uint64_t id, char *text, size_t len,
			   uint64_t now);

/**
 * control_paths() - where the control socket of @config_path may be, best first
 * @config_path: its real path
 *
 * Return: how many; those that would be too long for a socket are left out.
 */
size_t control_paths(const char *config_path, char ret[static CONTROL_PATHS][CONTROL_PATH_MAX]);

/**
 * control_request() - asks the gateway that runs @config_path
 * @request: "status" or "reload"; the real path and the newline are added
 * @ret_answer: malloc'd, NUL-terminated
 *
 * Context: may block for 2 s.
 * Return: 0; -ECONNREFUSED: no gateway runs with this configuration; -EACCES: one does, or
 * may, but its socket may not be used; -ETIMEDOUT; -ENOENT: no such configuration file;
 * -EPROTO: closed without an answer (too many clients at once).
 */
int control_request(const char *config_path, const char *request, char **ret_answer);

/**
 * control_running() - the configurations whose gateways and clients have a socket in /run/culvert
 * @ret: malloc'd, NUL-terminated real paths behind each other, an empty one at the end
 *
 * Only those that this user may ask.  Return: 0, also when there are none; -ENOMEM or -errno.
 */
int control_running(char **ret);

/** control_wait_end() - until the process that runs @config_path has closed its control socket,
 *  10 s at most.  Return: 0; -ETIMEDOUT. */
int control_wait_end(const char *config_path);

#endif
