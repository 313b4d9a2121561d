/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "control/status.h"
#include "io/control.h"
#include "io/screen.h"

#define REFRESH_MS 1000

struct options {
	const char *config;
	bool json;
	bool watch;
};

static void print_help(void)
{
	puts("usage: culvert status [--json] [--watch] [FILE]\n"
	     "\n"
	     "Shows what the running gateway does, or the client: peers, NAT, DNS and what was\n"
	     "dropped.\n"
	     "\n"
	     "  FILE               of the gateway or client (" CONFIG_PATH_DEFAULT ")\n"
	     "      --config FILE  the same\n"
	     "      --json         for programs: all numbers, times in seconds, sizes in bytes\n"
	     "      --watch        again each second, until ^C\n"
	     "      --help         this text\n"
	     "\n"
	     "Ends with 0, or with 1 when nothing runs with FILE or it does not answer.");
}

/* Says why there is no answer.  Return: STATUS_FAILED. */
static int complain_request(const char *config, int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		return complain("%s: no such file, name that of the gateway or client that runs: "
				"culvert status FILE",
				config);
	case -ECONNREFUSED:
		return complain(
			"nothing runs with %s, start it with `culvert gateway --config %s`, "
			"or `culvert connect` if it is a client's, or name another file",
			config, config);
	case -ETIMEDOUT:
		return complain("what runs with %s did not answer within 2 s, look at its log and "
				"restart it if it hangs",
				config);
	case -EPROTO:
		return complain("what runs with %s has too many clients at this moment, repeat "
				"in a second",
				config);
	case -EBADMSG:
		return complain("what runs with %s answers in a way that this version does not "
				"know, use the version that it runs",
				config);
	default:
		return complain_file(config, error);
	}
}

/*
 * What is to be shown.  Nothing is said here: the screen may not be ours to write on.
 * Return: 0; -EREMOTEIO: the gateway refused, and *ret is its sentence; or another -errno.
 */
static int fetch(const struct options *o, char **ret)
{
	char *answer;
	char *page;
	int r;

	r = control_request(o->config, "status", &answer);
	if (r < 0)
		return r;
	if (strncmp(answer, "error: ", 7) == 0) {
		answer[strcspn(answer, "\n")] = '\0';
		memmove(answer, answer + 7, strlen(answer + 7) + 1);
		*ret = answer;
		return -EREMOTEIO;
	}
	if (o->json) {
		*ret = answer;
		return 0;
	}
	page = status_page(answer, screen_columns());
	free(answer);
	if (!page)
		return -EBADMSG;
	*ret = page;
	return 0;
}

/* @refusal: as fetch() left it for -EREMOTEIO; freed here */
static int finish(const struct options *o, int r, char *refusal)
{
	if (r == 0)
		return STATUS_OK;
	if (r != -EREMOTEIO)
		return complain_request(o->config, r);
	complain("%s", refusal);
	free(refusal);
	return STATUS_FAILED;
}

static int show_once(const struct options *o)
{
	char *text = NULL;
	int r = fetch(o, &text);

	if (r < 0)
		return finish(o, r, text);
	fputs(text, stdout);
	free(text);
	return STATUS_OK;
}

static int watch(const struct options *o)
{
	char *text = NULL;
	int r;

	/* The first answer comes before the screen is taken: a refusal is plain text. */
	r = fetch(o, &text);
	if (r < 0)
		return finish(o, r, text);
	screen_begin();
	do {
		screen_show(text);
		free(text);
		text = NULL;
		if (!screen_wait(REFRESH_MS))
			break;
		r = fetch(o, &text);
	} while (r == 0);
	screen_end();
	return finish(o, r, text);
}

int command_status(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "watch", no_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ .name = NULL },
	};
	struct options o = { .config = CONFIG_PATH_DEFAULT };
	int c;

	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.config = optarg;
			break;
		case 'j':
			o.json = true;
			break;
		case 'w':
			o.watch = true;
			break;
		case 'h':
			print_help();
			return STATUS_OK;
		default:
			return complain_option("status", c, argv);
		}
	}
	if (argc - optind > 1)
		return complain_usage("status", "%s is one word too many", argv[optind + 1]);
	if (optind < argc)
		o.config = argv[optind];
	return o.watch ? watch(&o) : show_once(&o);
}
