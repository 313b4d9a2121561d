/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clients of a configuration.
 *
 * What changes the file works under its lock: read, check, edit the text, check the result,
 * replace the file.  A file that isn't valid is not touched.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/client.h"
#include "command/command.h"
#include "crypto/x25519.h"
#include "io/file.h"
#include "io/random.h"
#include "io/uplink.h"

static void print_help(void)
{
	puts("usage: culvert peer add NAME [--config FILE] [--public-key KEY]\n"
	     "       culvert peer list [--config FILE]\n"
	     "       culvert peer show NAME [--config FILE] [--qr]\n"
	     "       culvert peer remove NAME [--config FILE]\n"
	     "\n"
	     "add gives the client the next unused address and prints its wg-quick file, on a\n"
	     "terminal with a QR code; the private key in it is kept nowhere.  show prints what\n"
	     "is known of a client.  Changes are applied to the running gateway at once.\n"
	     "\n"
	     "      --config FILE     configuration (" CONFIG_PATH_DEFAULT ")\n"
	     "      --public-key KEY  the client made its own key pair, this is its public key\n"
	     "      --qr              the client's file as a QR code too\n"
	     "      --help            this text\n"
	     "\n"
	     "  culvert peer add alice > alice.conf\n"
	     "\n"
	     "Ends with 0, with 1 when nothing was changed, or with 3 when the file was changed "
	     "and\n"
	     "the running gateway goes on without it.");
}

struct peer_options {
	const char *config;
	const char *public_key; /* NULL: make a pair */
	const char *name;       /* NULL for list */
	bool qr;
};

/* What clients connect to when the file doesn't say: this host's address towards the internet. */
static void detect_host(const struct config *config, char host[static ADDR_TEXT_MAX])
{
	const char *interface = config->interface[0] ? config->interface : NULL;
	struct uplink_watch *watch;
	struct addr address;

	host[0] = '\0';
	if (config->endpoint[0] || uplink_watch_new(interface, NULL, &watch) < 0)
		return;
	address = addr_ip4(uplink_get(watch)->address);
	if (uplink_get(watch)->address)
		fprintf(stderr,
			"clients connect to %s, this host's address; if that is wrong, add "
			"Endpoint = HOST to [External]\n",
			addr_format(&address, host));
	uplink_watch_free(watch);
}

/* The peer to be added, complete but for its place in the file.  peer->allowed is the caller's. */
static int make_peer(const struct config *config, const struct peer_options *o,
		     struct config_peer *peer, uint8_t private_key[static CONFIG_KEY_LEN])
{
	struct rng rng = rng_system();
	uint8_t own[CONFIG_KEY_LEN];
	char text[PREFIX_TEXT_MAX];
	struct prefix gateway = config_gateway(config);
	struct addr address;

	if (o->public_key) {
		if (!config_key_parse(o->public_key, peer->public_key))
			return complain("--public-key wants the 44 characters that `wg pubkey` "
					"prints");
	} else {
		rng_fill(&rng, private_key, CONFIG_KEY_LEN);
		x25519_clamp(private_key);
		x25519_public(peer->public_key, private_key);
	}
	x25519_public(own, config->private_key);
	if (memcmp(own, peer->public_key, CONFIG_KEY_LEN) == 0)
		return complain("the public key is the gateway's own, want the client's");
	if (gateway.addr.family == ADDR_NONE)
		return complain("%s: no Address in [Interface], add one such as 10.66.77.1/24",
				o->config);
	switch (config_next_address(config, &address)) {
	case 0:
		break;
	case -ENOMEM:
		return complain_file(o->config, -ENOMEM);
	default:
		return complain("%s: every address of %s is taken, remove a peer or widen Address "
				"in [Interface]",
				o->config, prefix_format(&gateway, text));
	}
	peer->allowed[0] = (struct prefix){ address, 32 };
	peer->allowed[1] = (struct prefix){ config_client_ip6(own, addr_to_ip4(&address)), 128 };
	peer->n_allowed = 2;
	strcpy(peer->name, o->name);
	return STATUS_OK;
}

/* The peer that makes this a client's file: the gateway that it sends everything to. */
static const struct config_peer *find_gateway(const struct config *config)
{
	for (size_t i = 0; i < config->n_peers; i++)
		for (size_t k = 0; k < config->peers[i].n_allowed; k++)
			if (config->peers[i].allowed[k].len == 0 &&
			    config->peers[i].endpoint_host[0])
				return &config->peers[i];
	return NULL;
}

static int check_addable(const struct config *config, const struct peer_options *o)
{
	const struct config_peer *peer = find_gateway(config);
	char label[CONFIG_NAME_MAX];

	if (peer)
		return complain("%s:%u: a peer that is sent everything makes this a client's file, "
				"name the gateway's with --config",
				o->config, peer->line);
	peer = config_find_peer(config, o->name);
	if (peer)
		return complain("%s:%u: there is a peer %s already, choose another name or remove "
				"it first",
				o->config, peer->line, o->name);
	peer = o->public_key ? config_find_peer(config, o->public_key) : NULL;
	if (peer)
		return complain("%s:%u: peer %s has this public key already, want one of its own "
				"for each",
				o->config, peer->line, config_peer_label(peer, label));
	if (config->n_peers == CONFIG_PEERS_MAX)
		return complain("%s: there are %d peers, which is the limit, remove one first",
				o->config, CONFIG_PEERS_MAX);
	return STATUS_OK;
}

/* Replaces the file by @text if that is a valid configuration too. */
static int commit(const struct file_edit *edit, const char *path, const char *text)
{
	struct config *result;
	int r;

	r = load_text(path, text, strlen(text), false, &result);
	if (r != STATUS_OK)
		return r;
	config_free(result);
	r = file_edit_commit(edit, text, strlen(text));
	return r < 0 ? complain_file(path, r) : STATUS_OK;
}

/* In one write and without a buffer that would keep the key. */
static int print_client(const char *text, bool qr)
{
	size_t len = strlen(text);

	setvbuf(stdout, NULL, _IONBF, 0);
	if (fwrite(text, 1, len, stdout) != len)
		return -errno;
	return qr ? client_print_qr(text) : 0;
}

/* A client file that can't be printed is lost with its key: then the peer goes as well. */
static int commit_and_print(const struct file_edit *edit, const struct peer_options *o,
			    const char *text, const char *client)
{
	int r;

	r = commit(edit, o->config, text);
	if (r != STATUS_OK)
		return r;
	/* A pipe that nobody reads from is an error to undo, not the end of this process. */
	signal(SIGPIPE, SIG_IGN);
	r = print_client(client, isatty(STDOUT_FILENO));
	if (r == 0)
		return STATUS_OK;
	file_edit_commit(edit, edit->text, edit->len);
	return complain("the client's file could not be written (%s), so %s was not added; check "
			"where standard output goes",
			strerror(-r), o->name);
}

static int add_to(const struct file_edit *edit, const struct config *config,
		  const struct peer_options *o)
{
	uint8_t private_key[CONFIG_KEY_LEN];
	struct prefix allowed[2];
	struct config_peer peer = { .allowed = allowed };
	char host[ADDR_TEXT_MAX];
	char *client = NULL;
	char *text = NULL;
	int r;

	r = check_addable(config, o);
	if (r == STATUS_OK)
		r = make_peer(config, o, &peer, private_key);
	if (r != STATUS_OK)
		goto out;
	detect_host(config, host);
	if (!host[0] && !config->endpoint[0]) {
		r = complain("%s: no address for clients to connect to, add Endpoint = HOST to "
			     "[External]",
			     o->config);
		goto out;
	}
	client = client_text(config, &peer, o->public_key ? NULL : private_key,
			     "the client made its key itself, insert it here", host);
	if (!client || config_text_add_peer(edit->text, &peer, &text) < 0)
		r = complain_file(o->config, -ENOMEM);
	else
		r = commit_and_print(edit, o, text, client);
out:
	file_text_free(text, text ? strlen(text) : 0);
	file_text_free(client, client ? strlen(client) : 0);
	explicit_bzero(private_key, sizeof(private_key));
	return r;
}

static int remove_from(const struct file_edit *edit, const struct config *config,
		       const struct peer_options *o)
{
	const struct config_peer *peer = config_find_peer(config, o->name);
	char label[CONFIG_NAME_MAX];
	char *text;
	int r;

	if (!peer)
		return complain("%s: no peer %s, `culvert peer list` shows them all", o->config,
				o->name);
	config_peer_label(peer, label);
	r = config_text_remove_peer(edit->text, label, &text);
	if (r < 0)
		return complain_file(o->config, r);
	r = commit(edit, o->config, text);
	file_text_free(text, strlen(text));
	return r;
}

/* Whatever changes the file: under its lock, and applied afterwards. */
static int edit_file(const struct peer_options *o,
		     int (*change)(const struct file_edit *edit, const struct config *config,
				   const struct peer_options *o))
{
	struct file_edit edit;
	struct config *config;
	int r;

	r = file_edit_begin(o->config, &edit);
	if (r < 0)
		return complain_file(o->config, r);
	r = load_text(o->config, edit.text, edit.len, false, &config);
	if (r == STATUS_OK) {
		r = change(&edit, config, o);
		config_free(config);
	}
	file_edit_done(&edit);
	return r == STATUS_OK ? apply(o->config) : r;
}

static int add(const struct peer_options *o)
{
	char shown[CONFIG_NAME_MAX];

	snprintf(shown, sizeof(shown), "%s", o->name);
	if (!config_name_valid(o->name))
		return complain("\"%s\" can't be a name, want 1-63 of A-Z a-z 0-9 - _ . @, the "
				"first a letter or digit",
				shown);
	return edit_file(o, add_to);
}

static int remove_peer(const struct peer_options *o)
{
	return edit_file(o, remove_from);
}

static int list(const struct peer_options *o)
{
	char label[CONFIG_NAME_MAX];
	char text[PREFIX_TEXT_MAX];
	char key[CONFIG_KEY_TEXT_MAX];
	struct config *config;
	int width = 4;

	if (load_file(o->config, &config) != STATUS_OK)
		return STATUS_FAILED;
	for (size_t i = 0; i < config->n_peers; i++) {
		int n = (int)strlen(config_peer_label(&config->peers[i], label));

		width = n > width ? n : width;
	}
	if (config->n_peers == 0)
		fprintf(stderr, "no peers yet, `culvert peer add NAME` makes one\n");
	for (size_t i = 0; i < config->n_peers; i++) {
		const struct config_peer *peer = &config->peers[i];

		config_key_format(peer->public_key, key);
		printf("%-*s  %s  ", width, config_peer_label(peer, label), key);
		for (size_t k = 0; k < peer->n_allowed; k++)
			printf("%s%s", k ? ", " : "", prefix_format(&peer->allowed[k], text));
		puts(peer->n_allowed ? "" : "-");
	}
	config_free(config);
	return STATUS_OK;
}

/* What is known comes as comments, so that the whole is still a client's file. */
static void print_known(const struct config_peer *peer, const char *path)
{
	char *text = config_print_peer(peer, false);
	char label[CONFIG_NAME_MAX];
	char *line = text;

	printf("# Peer %s, %s line %u:\n", config_peer_label(peer, label), path, peer->line);
	while (line && *line) {
		size_t len = strcspn(line, "\n");

		if (len > 0 && *line != '[' && *line != '#')
			printf("#   %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	free(text);
}

static int show(const struct peer_options *o)
{
	const struct config_peer *peer;
	char host[ADDR_TEXT_MAX];
	struct config *config;
	char *client;
	int r;

	if (load_file(o->config, &config) != STATUS_OK)
		return STATUS_FAILED;
	peer = config_find_peer(config, o->name);
	if (!peer) {
		config_free(config);
		return complain("%s: no peer %s, `culvert peer list` shows them all", o->config,
				o->name);
	}
	detect_host(config, host);
	client = client_text(config, peer, NULL,
			     "only the client has it, `culvert peer add` keeps none", host);
	print_known(peer, o->config);
	putchar('\n');
	fflush(stdout);
	r = client ? print_client(client, o->qr) : -ENOMEM;
	if (r < 0)
		r = complain("the client's file could not be written (%s), check where standard "
			     "output goes",
			     strerror(-r));
	file_text_free(client, client ? strlen(client) : 0);
	config_free(config);
	return r;
}

static const struct action {
	const char *name;
	int (*run)(const struct peer_options *o);
	bool wants_name;
} actions[] = {
	{ "add", add, true },
	{ "list", list, false },
	{ "show", show, true },
	{ "remove", remove_peer, true },
};

static int run(int argc, char **argv, struct peer_options *o)
{
	const char *word = argc > 0 ? argv[0] : NULL;

	if (!word)
		return complain_usage("peer", "want add, list, show or remove");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		const struct action *action = &actions[i];

		if (strcmp(word, action->name) != 0)
			continue;
		if (action->wants_name && argc < 2)
			return complain_usage("peer", "%s wants a NAME", word);
		if (argc > 1 + action->wants_name)
			return complain_usage("peer", "%s is one word too many",
					      argv[1 + action->wants_name]);
		if (o->public_key && action->run != add)
			return complain_usage("peer", "--public-key goes with add only");
		if (o->qr && action->run != show)
			return complain_usage("peer", "--qr goes with show only");
		o->name = action->wants_name ? argv[1] : NULL;
		return action->run(o);
	}
	return complain_usage("peer", "unknown action %s, want add, list, show or remove", word);
}

int command_peer(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "public-key", required_argument, NULL, 'k' },
		{ "qr", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ .name = NULL },
	};
	struct peer_options o = { .config = CONFIG_PATH_DEFAULT };
	int c;

	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.config = optarg;
			break;
		case 'k':
			o.public_key = optarg;
			break;
		case 'q':
			o.qr = true;
			break;
		case 'h':
			print_help();
			return STATUS_OK;
		default:
			return complain_option("peer", c, argv);
		}
	}
	return run(argc - optind, argv + optind, &o);
}
