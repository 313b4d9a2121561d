/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "base/log.h"
#include "command/command.h"
#include "engine/gateway.h"

static const char help[] =
	"usage: culvert gateway [--config FILE] [--debug]\n"
	"\n"
	"Runs the gateway in the foreground until SIGTERM or SIGINT; SIGHUP reads the\n"
	"configuration again without losing a flow.  Nothing of the host is changed.\n"
	"\n"
	"      --config FILE  the configuration (" CONFIG_PATH_DEFAULT ")\n"
	"      --debug        say more on the log\n"
	"      --help         this text\n"
	"\n"
	"Ends with 0 after a signal, with 2 when the configuration is not valid, and with 1\n"
	"when it can't run for another reason.";

int command_gateway(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = CONFIG_PATH_DEFAULT;
	bool debug = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'd':
			debug = true;
			break;
		case 'h':
			puts(help);
			return STATUS_OK;
		default:
			return complain_option("gateway", c, argv);
		}
	}
	if (optind < argc)
		return complain_usage("gateway", "unexpected argument %s", argv[optind]);
	log_init(logs_to_journal(), debug);
	return gateway_run(path);
}
