/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/client_file.h"
#include "command/command.h"
#include "control/status.h"
#include "engine/guardian.h"
#include "io/control.h"

static const char help[] =
	"usage: culvert disconnect [FILE | NAME]\n"
	"\n"
	"Ends the tunnel of FILE, or the one whose adapter is NAME, or all tunnels; then undoes\n"
	"what of them is left on this host, kill switches included.  Fine when there is none.\n"
	"\n"
	"      --help  this text\n"
	"\n"
	"Ends with 0, or with 1 when a tunnel can't be ended or something can't be undone.";

static int complain_stop(const char *path, int error)
{
	if (error == -ETIMEDOUT)
		return complain("the tunnel of %s does not answer, end its process and repeat",
				path);
	return complain("the tunnel of %s can't be reached (%s), end its process and repeat", path,
			strerror(-error));
}

/*
 * Ends the tunnel of one file and waits until it has.
 * Return: STATUS_OK, also if none runs; else said why.
 */
static int stop(const char *path, bool *ret_stopped)
{
	char *answer;
	int r = control_request(path, "stop", &answer);
	bool refused;

	if (r == -ECONNREFUSED || r == -ENOENT)
		return STATUS_OK;
	if (r < 0)
		return complain_stop(path, r);
	refused = strncmp(answer, "ok", 2) != 0;
	if (refused)
		complain("%s: %.*s", path, (int)strcspn(answer, "\n"), answer);
	free(answer);
	if (refused)
		return STATUS_FAILED;
	r = control_wait_end(path);
	if (r < 0)
		return complain_stop(path, r);
	printf("%s: disconnected\n", path);
	*ret_stopped = true;
	return STATUS_OK;
}

/* Return: whether a client runs with @path, and its adapter's name. */
static bool running_adapter(const char *path, char ret[static IFNAMSIZ])
{
	char *json;
	bool client;

	if (control_request(path, "status", &json) < 0)
		return false;
	client = status_client_adapter(json, ret);
	free(json);
	return client;
}

/* Those that run as this user may see: @adapter NULL for all. */
static int stop_running(const char *adapter, bool *ret_stopped)
{
	char *running;
	int status = STATUS_OK;

	if (control_running(&running) < 0)
		return complain("not enough memory, end other programs and repeat");
	for (const char *path = running; *path != '\0'; path += strlen(path) + 1) {
		char name[IFNAMSIZ];

		if (!running_adapter(path, name) || (adapter && strcmp(name, adapter) != 0))
			continue;
		if (stop(path, ret_stopped) != STATUS_OK)
			status = STATUS_FAILED;
	}
	free(running);
	return status;
}

static int undo(const char *adapter, unsigned int *ret_found)
{
	char complaint[512] = "";
	int r = guardian_disconnect(adapter, ret_found, complaint);

	if (r < 0)
		return complain("%s", complaint[0] ? complaint : strerror(-r));
	if (*ret_found > 0)
		printf("%s%sundone what was left on this host\n", adapter ? adapter : "",
		       adapter ? ": " : "");
	return STATUS_OK;
}

static int disconnect(const char *what)
{
	char adapter[IFNAMSIZ];
	bool is_file = what && (strchr(what, '/') || access(what, F_OK) == 0);
	bool has_adapter = is_file && running_adapter(what, adapter);
	bool stopped = false;
	unsigned int found = 0;
	int status;

	/* The one that runs may have been given another name than its file's. */
	if (is_file && !has_adapter && !client_file_adapter(what, adapter))
		return complain("%s: the base name is no name for an adapter, name the adapter",
				what);
	/* A file's name from another directory means the same adapter. */
	if (what && !is_file && !client_file_adapter(what, adapter))
		return complain("%s is neither a file nor the name of an adapter, name one of them",
				what);
	status = is_file ? stop(what, &stopped) : stop_running(what ? adapter : NULL, &stopped);
	if (status != STATUS_OK)
		return status;
	/* A command's tunnel leaves nothing, and its user may not even look for a kill switch. */
	if (stopped && is_file && !has_adapter && geteuid() != 0)
		return STATUS_OK;
	status = undo(what ? adapter : NULL, &found);
	if (status == STATUS_OK && !stopped && found == 0)
		printf("%s%snothing was connected, and nothing is left\n", what ? what : "",
		       what ? ": " : "");
	return status;
}

int command_disconnect(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ .name = NULL },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c != 'h')
			return complain_option("disconnect", c, argv);
		puts(help);
		return STATUS_OK;
	}
	if (argc - optind > 1)
		return complain_usage("disconnect", "%s is one word too many", argv[optind + 1]);
	return disconnect(argv[optind]);
}
