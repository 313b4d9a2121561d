/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A first configuration: what isn't given is detected, or asked for on a terminal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/command.h"
#include "crypto/x25519.h"
#include "io/file.h"
#include "io/random.h"
#include "io/uplink.h"

#define ADDRESS_DEFAULT "10.66.77.1/24"
#define PORT_DEFAULT    51820

static void print_help(void)
{
	puts("usage: culvert init [--config FILE] [--endpoint HOST[:PORT]]\n"
	     "                    [--external INTERFACE] [--address ADDRESS/LENGTH]\n"
	     "\n"
	     "Writes a gateway configuration with fresh keys.  What isn't given is detected, or\n"
	     "asked for on a terminal.  A file that exists is never overwritten.\n"
	     "\n"
	     "      --config FILE             where to write (" CONFIG_PATH_DEFAULT ")\n"
	     "      --endpoint HOST[:PORT]    what clients connect to; PORT is listened on too\n"
	     "                                (the external address, port 51820)\n"
	     "      --external INTERFACE      the way to the internet (the default route's)\n"
	     "      --address ADDRESS/LENGTH  the gateway inside the tunnel (" ADDRESS_DEFAULT ")\n"
	     "      --help                    this text");
}

struct init_options {
	const char *config;
	const char *endpoint; /* NULL: detect */
	const char *external; /* NULL: that of the default route */
	const char *address;
};

/* What goes into the file. */
struct plan {
	char host[CONFIG_HOST_MAX];
	uint16_t port;
	struct prefix address;
	struct prefix near; /* the external interface's own network; family ADDR_NONE: unknown */
	char interface[IFNAMSIZ];
	bool allow_private;
};

static bool is_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* RFC 1918 and RFC 6598: nobody on the internet reaches these. */
static bool is_private(uint32_t ip4)
{
	static const char *const texts[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
					     "100.64.0.0/10", "169.254.0.0/16" };
	struct prefix p;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (prefix_parse(texts[i], &p) && prefix_contains_ip4(&p, ip4))
			return true;
	return false;
}

/* One line from the terminal, without its newline; empty at the end of input. */
static void ask(const char *question, char answer[static CONFIG_HOST_MAX])
{
	fputs(question, stderr);
	if (!fgets(answer, CONFIG_HOST_MAX, stdin))
		answer[0] = '\0';
	answer[strcspn(answer, "\r\n")] = '\0';
}

static int take_endpoint(struct plan *plan, const char *text)
{
	plan->port = PORT_DEFAULT;
	if (config_endpoint_parse(text, plan->host, &plan->port))
		return STATUS_OK;
	return complain_usage("init", "\"%s\" is no endpoint, want HOST or HOST:PORT", text);
}

/* The address that the host has may not be the one that clients see: say so, and ask. */
static int detect_endpoint(struct plan *plan, const struct uplink *uplink, const char *path)
{
	struct addr address = addr_ip4(uplink->address);
	char answer[CONFIG_HOST_MAX];
	char text[ADDR_TEXT_MAX];
	char question[160];

	plan->port = PORT_DEFAULT;
	if (uplink->address == 0)
		return complain("no external address found, name what clients connect to with "
				"--endpoint HOST");
	addr_format(&address, text);
	strcpy(plan->host, text);
	if (!is_private(uplink->address))
		return STATUS_OK;
	fprintf(stderr,
		"%s of %s is a private address: clients elsewhere need the public address or name "
		"of this host, and UDP port %u forwarded to it\n",
		text, uplink->name, plan->port);
	if (!is_terminal()) {
		fprintf(stderr, "to name it, change Endpoint in %s\n", path);
		return STATUS_OK;
	}
	snprintf(question, sizeof(question),
		 "HOST or HOST:PORT for clients to connect to [%s]: ", text);
	ask(question, answer);
	return answer[0] ? take_endpoint(plan, answer) : STATUS_OK;
}

/* A tunnel network that the host has already would hide one of the two. */
static int check_overlap(const struct plan *plan, const struct uplink_watch *watch)
{
	const struct uplink_host *host = uplink_host_get(watch);
	char theirs[PREFIX_TEXT_MAX];
	char ours[PREFIX_TEXT_MAX];

	for (size_t i = 0; i <= host->n_other_links; i++) {
		const struct prefix *p = i ? &host->other_links[i - 1] : &plan->near;

		if (p->addr.family == ADDR_NONE || p->len == 0)
			continue;
		if (prefix_contains(p, &plan->address.addr) ||
		    prefix_contains(&plan->address, &p->addr))
			return complain("%s overlaps %s, a network of this host, choose another "
					"with --address",
					prefix_format(&plan->address, ours),
					prefix_format(p, theirs));
	}
	return STATUS_OK;
}

static int detect(struct plan *plan, const struct init_options *o)
{
	struct uplink_watch *watch = NULL;
	const struct uplink *uplink;
	int r;

	r = uplink_watch_new(o->external, NULL, &watch);
	if (r < 0 && o->external)
		return complain("no interface %s, `ip link` shows what there is", o->external);
	if (r < 0 && !o->endpoint)
		return complain("no default route found, name what clients connect to with "
				"--endpoint HOST");
	if (r < 0) {
		fputs("no default route found, the gateway looks for it again at its start\n",
		      stderr);
		return take_endpoint(plan, o->endpoint);
	}
	uplink = uplink_get(watch);
	if (uplink->address) {
		plan->near = (struct prefix){ addr_ip4(uplink->address), uplink->prefix_len };
		prefix_mask(&plan->near);
	}
	r = o->endpoint ? take_endpoint(plan, o->endpoint)
			: detect_endpoint(plan, uplink, o->config);
	if (r == STATUS_OK)
		r = check_overlap(plan, watch);
	uplink_watch_free(watch);
	return r;
}

/* A private network that the host's owner may want to open: its own, if it has one. */
static const char *private_example(const struct plan *plan, char out[static PREFIX_TEXT_MAX])
{
	if (plan->near.addr.family == ADDR_IP4 && is_private(addr_to_ip4(&plan->near.addr)))
		return prefix_format(&plan->near, out);
	return "192.168.1.0/24";
}

static void ask_private(struct plan *plan, const char *path)
{
	char near[PREFIX_TEXT_MAX];
	char answer[CONFIG_HOST_MAX] = "";

	if (is_terminal())
		ask("May clients reach this host's private networks (10/8, 172.16/12, "
		    "192.168/16)? [y/N] ",
		    answer);
	plan->allow_private = strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
	if (!plan->allow_private)
		fprintf(stderr,
			"private networks are closed to clients; to open one, add Allow = %s to "
			"[Policy] in %s\n",
			private_example(plan, near), path);
}

static void print_config(FILE *f, const struct plan *plan,
			 const uint8_t private_key[static CONFIG_KEY_LEN])
{
	char near[PREFIX_TEXT_MAX];
	char key[CONFIG_KEY_TEXT_MAX];
	char text[PREFIX_TEXT_MAX];

	config_key_format(private_key, key);
	fprintf(f,
		"# Culvert gateway; culvert.conf(5) explains every key.\n"
		"# Clients are added by `culvert peer add NAME`.\n"
		"\n"
		"[Interface]\n"
		"PrivateKey = %s\n"
		"Address = %s\n"
		"ListenPort = %u\n"
		"\n"
		"[External]\n",
		key, prefix_format(&plan->address, text), plan->port);
	explicit_bzero(key, sizeof(key));
	if (plan->interface[0])
		fprintf(f, "Interface = %s\n", plan->interface);
	fprintf(f,
		"# What clients connect to; the port is ListenPort unless one is given.\n"
		"Endpoint = %s\n"
		"\n"
		"[Policy]\n",
		plan->host);
	if (plan->allow_private) {
		fputs("# Private networks are open to clients.\n"
		      "Allow = 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16\n",
		      f);
		return;
	}
	fprintf(f,
		"# Private networks are closed to clients.  To open one:\n"
		"# Allow = %s\n",
		private_example(plan, near));
}

/* Each missing directory above @path, for nobody but the owner. */
static int make_directories(const char *path)
{
	char *copy = strdup(path);
	int r = copy ? 0 : -ENOMEM;

	for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash && r == 0;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			r = -errno;
		*slash = '/';
	}
	free(copy);
	return r;
}

static int write_config(const char *path, const char *text, size_t len)
{
	struct config *config;
	int r;

	/* What an option or an answer made of it is checked like any other file. */
	r = load_text(path, text, len, false, &config);
	if (r != STATUS_OK)
		return r;
	config_free(config);
	r = make_directories(path);
	if (r == 0)
		r = file_create(path, text, len, 0600);
	return r < 0 ? complain_file(path, r) : STATUS_OK;
}

static int write_plan(const struct plan *plan, const char *path)
{
	uint8_t private_key[CONFIG_KEY_LEN];
	struct rng rng = rng_system();
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return complain_file(path, -ENOMEM);
	rng_fill(&rng, private_key, sizeof(private_key));
	x25519_clamp(private_key);
	print_config(f, plan, private_key);
	explicit_bzero(private_key, sizeof(private_key));
	if (fclose(f) != 0)
		r = complain_file(path, -ENOMEM);
	else
		r = write_config(path, text, len);
	file_text_free(text, text ? len : 0);
	return r;
}

/* Neither the network itself nor its broadcast address. */
static bool is_host(const struct prefix *address)
{
	uint32_t hosts = UINT32_MAX >> address->len;
	uint32_t host = addr_to_ip4(&address->addr) & hosts;

	return host != 0 && host != hosts;
}

static int init(const struct init_options *o)
{
	const char *with = strcmp(o->config, CONFIG_PATH_DEFAULT) == 0 ? "" : " --config ";
	const char *file = *with ? o->config : "";
	struct plan plan = { .port = PORT_DEFAULT };
	int r;

	if (access(o->config, F_OK) == 0)
		return complain_file(o->config, -EEXIST);
	if (!prefix_parse(o->address, &plan.address) || plan.address.addr.family != ADDR_IP4 ||
	    plan.address.len < 8 || plan.address.len > 30 || !is_host(&plan.address))
		return complain_usage("init", "\"%s\" is no address, want one such as %s",
				      o->address, ADDRESS_DEFAULT);
	if (o->external && strlen(o->external) < sizeof(plan.interface))
		strcpy(plan.interface, o->external);
	r = detect(&plan, o);
	if (r != STATUS_OK)
		return r;
	ask_private(&plan, o->config);
	r = write_plan(&plan, o->config);
	if (r != STATUS_OK)
		return r;
	printf("wrote %s: clients connect to %s, UDP port %u\n", o->config, plan.host, plan.port);
	printf("next: culvert peer add NAME%s%s, then culvert gateway%s%s\n", with, file, with,
	       file);
	return STATUS_OK;
}

int command_init(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "endpoint", required_argument, NULL, 'e' },
		{ "external", required_argument, NULL, 'x' },
		{ "address", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ .name = NULL },
	};
	struct init_options o = { .config = CONFIG_PATH_DEFAULT, .address = ADDRESS_DEFAULT };
	int c;

	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.config = optarg;
			break;
		case 'e':
			o.endpoint = optarg;
			break;
		case 'x':
			o.external = optarg;
			break;
		case 'a':
			o.address = optarg;
			break;
		case 'h':
			print_help();
			return STATUS_OK;
		default:
			return complain_option("init", c, argv);
		}
	}
	if (optind < argc)
		return complain_usage("init", "%s is one word too many", argv[optind]);
	return init(&o);
}
