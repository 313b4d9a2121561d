/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * culvert - a user-space VPN gateway and client
 *
 * One binary; the first argument names the subcommand.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "io/standard.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{ "init", command_init, "write a gateway configuration with fresh keys" },
	{ "peer", command_peer, "add, list, show or remove clients" },
	{ "check", command_check, "validate a configuration" },
	{ "gateway", command_gateway, "run the gateway" },
	{ "connect", command_connect, "run a client's tunnel" },
	{ "disconnect", command_disconnect, "end a client's tunnel and all that it changed" },
	{ "exec", command_exec, "run one command whose whole network is a tunnel" },
	{ "device", command_device, "run a WireGuard device for wg(8), as wireguard-go does" },
	{ "status", command_status, "show what the running gateway or client does" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	puts("usage: culvert COMMAND [OPTION ...]\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	puts("\n"
	     "      --help     this text; `culvert COMMAND --help` says more\n"
	     "      --version  the version\n"
	     "\n"
	     "culvert(8) and culvert.conf(5) are the manual.");
}

/* A full disk shows only here when standard output is a file. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	complain("writing to standard output failed, check where it goes");
	return status == STATUS_OK ? STATUS_FAILED : status;
}

/* The name by which programs call it that know of wireguard-go only. */
static bool is_device(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strcmp(slash ? slash + 1 : name, "culvert-device") == 0;
}

int main(int argc, char **argv)
{
	(void)standard_hold(); /* without /dev/null there is nothing that could be done about it */
	if (argc > 0 && is_device(argv[0]))
		return finish(command_device(argc, argv));
	if (argc < 2) {
		fputs("culvert: no command given, see `culvert --help`\n", stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help();
		return finish(STATUS_OK);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("culvert " CULVERT_VERSION);
		return finish(STATUS_OK);
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return finish(commands[i].run(argc - 1, argv + 1));
	complain("unknown command %s, see `culvert --help`", argv[1]);
	return STATUS_USAGE;
}
