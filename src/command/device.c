/* SPDX-License-Identifier: BSD-2-Clause */
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "command/command.h"
#include "engine/client.h"

static const char help[] =
	"usage: culvert device [--foreground] NAME\n"
	"\n"
	"Makes the adapter NAME and runs a WireGuard device behind it, to be configured by\n"
	"wg(8), wg-quick(8) or ip(8).  It goes to the background once both the adapter and\n"
	"its socket /var/run/wireguard/NAME.sock are there, and ends when the adapter is\n"
	"deleted.\n"
	"\n"
	"  -f, --foreground  stay in the foreground\n"
	"      --help        this text\n"
	"\n"
	"WG_TUN_FD, WG_UAPI_FD, WG_PROCESS_FOREGROUND and LOG_LEVEL in the environment mean\n"
	"what they mean to wireguard-go.";

#define DESCRIPTOR_MAX 65535 /* more is no descriptor that was passed on purpose */

/* Return: -1 without such a variable, -2 if it is no number. */
static int descriptor(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	long fd;

	if (!text || *text == '\0')
		return -1;
	fd = strtol(text, &end, 10);
	return *end == '\0' && fd >= 0 && fd <= DESCRIPTOR_MAX ? (int)fd : -2;
}

static int run(const char *name, bool foreground)
{
	const char *level = getenv("LOG_LEVEL");
	struct client_params params = {
		.adapter = name,
		.daemon = !foreground,
		.tun_fd = descriptor("WG_TUN_FD"),
		.uapi_fd = descriptor("WG_UAPI_FD"),
		.keep_output = level && *level && strcmp(level, "silent") != 0,
	};

	if (params.tun_fd < -1 || params.uapi_fd < -1)
		return complain("WG_TUN_FD and WG_UAPI_FD are numbers of open descriptors, correct "
				"or unset them");
	log_init(logs_to_journal(), level && strcmp(level, "verbose") == 0);
	return client_run(&params);
}

int command_device(int argc, char **argv)
{
	static const struct option options[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ .name = NULL },
	};
	const char *variable = getenv("WG_PROCESS_FOREGROUND");
	bool foreground = variable && strcmp(variable, "1") == 0;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":f", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			foreground = true;
			break;
		case 'h':
			puts(help);
			return STATUS_OK;
		default:
			return complain_option("device", c, argv);
		}
	}
	if (optind >= argc)
		return complain_usage("device", "the name of an adapter is missing");
	if (argc - optind > 1)
		return complain_usage("device", "%s is one word too many", argv[optind + 1]);
	if (!adapter_name_valid(argv[optind]))
		return complain_usage("device", "%s is no name for an adapter", argv[optind]);
	return run(argv[optind], foreground);
}
