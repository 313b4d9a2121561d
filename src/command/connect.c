/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "command/client_file.h"
#include "command/command.h"
#include "engine/client.h"
#include "io/status_line.h"

static const char help[] =
	"usage: culvert connect [--route-all] [--exclude PREFIX]... [--kill-switch]\n"
	"                       [--interface NAME] [--debug] FILE\n"
	"\n"
	"Runs the tunnel that FILE describes, as `culvert peer add` printed it or as\n"
	"wg-quick(8) has it, until SIGTERM, SIGINT or `culvert disconnect`.\n"
	"\n"
	"Without options it makes an adapter with FILE's addresses and changes nothing else\n"
	"of the host.  Whatever the options change is undone at the end, however it ends,\n"
	"but for the kill switch.\n"
	"\n"
	"      --route-all        all traffic of this host goes through the tunnel, and DNS\n"
	"      --exclude PREFIX   but not what goes to PREFIX; may be repeated\n"
	"      --kill-switch      the same as --route-all, and nothing leaves beside the\n"
	"                         tunnel, not even while it is down or after a crash: that\n"
	"                         stays until `culvert disconnect`\n"
	"      --interface NAME   the adapter's name (FILE's base name without .conf)\n"
	"      --debug            say more on the log\n"
	"      --help             this text\n"
	"\n"
	"Ends with 0 after a signal or `culvert disconnect`, and with 1 when it can't run.";

struct options {
	struct guardian_plan plan;
	const char *interface; /* NULL: the file's base name */
	const char *path;
	bool debug;
};

/* Return: STATUS_OK, or STATUS_USAGE and said why. */
static int add_exclude(struct guardian_plan *plan, const char *text)
{
	struct prefix *p = &plan->excludes[plan->n_excludes];

	if (plan->n_excludes == GUARDIAN_EXCLUDES_MAX)
		return complain_usage("connect", "more than %u times --exclude",
				      GUARDIAN_EXCLUDES_MAX);
	if (!prefix_parse(text, p))
		return complain_usage("connect", "%s is no prefix like 192.168.0.0/16", text);
	prefix_mask(p);
	plan->n_excludes++;
	return STATUS_OK;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "route-all", no_argument, NULL, 'r' },
		{ "exclude", required_argument, NULL, 'e' },
		{ "kill-switch", no_argument, NULL, 'k' },
		{ "interface", required_argument, NULL, 'i' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ .name = NULL },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			o->plan.route_all = true;
			break;
		case 'e':
			if (add_exclude(&o->plan, optarg) != STATUS_OK)
				return STATUS_USAGE;
			break;
		case 'k':
			/* Without the routes the host would have nothing but the tunnel's own networks. */
			o->plan.route_all = true;
			o->plan.kill_switch = true;
			break;
		case 'i':
			o->interface = optarg;
			break;
		case 'd':
			o->debug = true;
			break;
		case 'h':
			puts(help);
			return -1;
		default:
			return complain_option("connect", c, argv);
		}
	}
	if (optind >= argc)
		return complain_usage("connect", "the file of a client is missing");
	if (argc - optind > 1)
		return complain_usage("connect", "%s is one word too many", argv[optind + 1]);
	if (o->plan.n_excludes > 0 && !o->plan.route_all)
		return complain_usage("connect", "--exclude says what --route-all leaves out, and "
						 "there is no --route-all");
	if (o->interface && !adapter_name_valid(o->interface))
		return complain_usage("connect",
				      "%s is no name for an adapter (15 letters, digits "
				      "and _=+.- at most)",
				      o->interface);
	o->path = argv[optind];
	return STATUS_OK;
}

/* What of --route-all would lead nowhere is told, for it is easy to overlook. */
static void warn_of_routes(const char *path, const struct config *config)
{
	bool lower = false; /* half of all addresses */
	bool upper = false;

	for (size_t i = 0; i < config->n_peers; i++) {
		for (size_t k = 0; k < config->peers[i].n_allowed; k++) {
			const struct prefix *p = &config->peers[i].allowed[k];

			if (p->addr.family != ADDR_IP4 || p->len > 1)
				continue;
			lower |= p->len == 0 || p->addr.bytes[0] < 128;
			upper |= p->len == 0 || p->addr.bytes[0] >= 128;
		}
	}
	if (!lower || !upper)
		log_warning("%s: no peer has AllowedIPs = 0.0.0.0/0: what no peer carries is "
			    "dropped with --route-all",
			    path);
}

static int run(const struct options *o, const struct config *config)
{
	char name[IFNAMSIZ];
	struct client_params params = {
		.path = o->path,
		.config = config,
		.adapter = o->interface ? o->interface : name,
		.plan = o->plan,
		.terminal = !o->debug && status_line_possible(),
		.tun_fd = -1,
		.uapi_fd = -1,
	};

	if (!o->interface && !client_file_adapter(o->path, name))
		return complain("%s: the base name is no name for an adapter (15 letters, digits "
				"and _=+.- at most), give one with --interface",
				o->path);
	log_init(logs_to_journal(), o->debug);
	if (o->plan.route_all)
		warn_of_routes(o->path, config);
	return client_run(&params);
}

int command_connect(int argc, char **argv)
{
	struct options o = { .path = NULL };
	struct config *config;
	int r = parse_options(argc, argv, &o);

	if (r != STATUS_OK)
		return r < 0 ? STATUS_OK : r;
	r = client_file_load(o.path, true, &config);
	if (r != STATUS_OK)
		return r;
	r = run(&o, config);
	config_free(config);
	return r;
}
