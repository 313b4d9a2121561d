/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "command/client_file.h"
#include "command/command.h"
#include "engine/client.h"

/* In there the adapter is alone with lo, so the name is free whatever the file is called. */
#define ADAPTER "culvert0"

/* As env(1) has it: what is below is the command's own. */
#define STATUS_NOT_RUN 125

static const char help[] =
	"usage: culvert exec [--debug] FILE -- COMMAND [ARGUMENT ...]\n"
	"\n"
	"Runs COMMAND so that the tunnel of FILE, a client's file as `culvert peer add` prints\n"
	"it, is all the network it has.  Needs no root, and changes nothing of the host.\n"
	"\n"
	"      --debug  say more on standard error\n"
	"      --help   this text\n"
	"\n"
	"Ends with the command's status, 128 + N if signal N ended it; with 127 when the command\n"
	"is not found, 126 when it can't be executed, and 125 when the tunnel can't be had.";

static int run(const char *path, char *const *command)
{
	struct config *config;
	int r;

	/* Its terminal is the command's. */
	if (client_file_load(path, false, &config) != STATUS_OK)
		return STATUS_NOT_RUN;
	r = client_run(&(struct client_params){ .path = path,
						.config = config,
						.adapter = ADAPTER,
						.command = command,
						.tun_fd = -1,
						.uapi_fd = -1 });
	config_free(config);
	return r;
}

/* What is wrong has been said. */
static int not_run(int status)
{
	(void)status;
	return STATUS_NOT_RUN;
}

/* FILE -- COMMAND ...; the "--" may be left out where nothing can be mistaken. */
static int run_words(char **words)
{
	char **command = words + 1;

	if (!words[0])
		return not_run(complain_usage("exec", "want a FILE and a COMMAND"));
	if (*command && strcmp(*command, "--") == 0)
		command++;
	else if (*command && **command == '-')
		return not_run(complain_usage(
			"exec", "%s stands behind FILE, want -- COMMAND there", *command));
	if (!*command)
		return not_run(complain_usage("exec", "want -- COMMAND behind %s", words[0]));
	return run(words[0], command);
}

int command_exec(int argc, char **argv)
{
	static const struct option options[] = {
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool debug = false;
	int c;

	opterr = 0;
	/* "+": the command's options are its own. */
	while ((c = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			debug = true;
			break;
		case 'h':
			puts(help);
			return STATUS_OK;
		default:
			return not_run(complain_option("exec", c, argv));
		}
	}
	log_init(false, debug);
	return run_words(argv + optind);
}
