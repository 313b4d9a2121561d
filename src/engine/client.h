/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - the main loop of `culvert connect`, `culvert exec` and `culvert device`
 *
 * One thread waits for the device's descriptors, netlink, signals, the control socket, the
 * UAPI socket, and the command of an exec; see device.h for what happens to packets.
 */
#ifndef CULVERT_ENGINE_CLIENT_H
#define CULVERT_ENGINE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "engine/guardian.h"
#include "io/enclosure.h"

struct client_params {
	const char *path; /* of the file, for sentences and the control socket; NULL: device */
	const struct config *config; /* borrowed; NULL: configured by wg(8) alone */
	const char *adapter;         /* name */
	struct guardian_plan plan; /* connect: excludes, route_all, kill_switch are the caller's */
	char *const *command;      /* exec: NULL-terminated; else NULL */
	bool terminal;             /* one calm status line instead of log lines */
	bool daemon;               /* device: goes to the background once it can be configured */
	int tun_fd;                /* device: adopted, as WG_TUN_FD; -1: none */
	int uapi_fd;               /* device: the same of its listening socket, as WG_UAPI_FD */
	bool keep_output;          /* device: also in the background */
};

/** client_run() - Return: the exit status.  Everything is said to the log or the terminal. */
int client_run(const struct client_params *params);

#endif
