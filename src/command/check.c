/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "command/command.h"
#include "io/file.h"

static void print_help(void)
{
	puts("usage: culvert check [--verbose] [FILE]\n"
	     "\n"
	     "Checks a configuration and names what is wrong as file:line.\n"
	     "\n"
	     "  FILE               configuration to check (" CONFIG_PATH_DEFAULT ")\n"
	     "      --config FILE  the same\n"
	     "      --verbose      print it as understood, defaults filled in, keys hidden\n"
	     "      --help         this text\n"
	     "\n"
	     "Ends with 0 when it is valid, else with 1.");
}

static int report(const char *path, const struct config *config, bool verbose)
{
	char *text;

	if (!verbose) {
		printf("%s: valid, %zu peer%s\n", path, config->n_peers,
		       config->n_peers == 1 ? "" : "s");
		return STATUS_OK;
	}
	text = config_print(config, false);
	if (!text)
		return complain_file(path, -ENOMEM);
	fputs(text, stdout);
	free(text);
	return STATUS_OK;
}

static int check(const char *path, bool verbose)
{
	struct config_messages messages;
	struct config *config;
	size_t len;
	char *text;
	int r;

	r = file_read(path, &text, &len);
	if (r < 0)
		return complain_file(path, r);
	r = config_parse(text, len, &config, &messages);
	file_text_free(text, len);
	print_messages(path, &messages, true);
	if (file_is_exposed(path))
		fprintf(stderr, "%s: note: " CONFIG_EXPOSED "\n", path);
	config_messages_done(&messages);
	if (r == -EINVAL)
		return STATUS_FAILED;
	if (r < 0)
		return complain_file(path, r);
	r = report(path, config, verbose);
	config_free(config);
	return r;
}

int command_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ .name = NULL },
	};
	const char *path = CONFIG_PATH_DEFAULT;
	bool verbose = false;
	int c;

	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case 'h':
			print_help();
			return STATUS_OK;
		default:
			return complain_option("check", c, argv);
		}
	}
	if (argc - optind > 1)
		return complain_usage("check", "%s is one file too many", argv[optind + 1]);
	if (optind < argc)
		path = argv[optind];
	return check(path, verbose);
}
