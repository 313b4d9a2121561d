/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any text is parsed; what is valid must survive being printed, and must be the same again
 * after a peer was added and removed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static struct config *parse(const char *text, size_t len)
{
	struct config_messages messages;
	struct config *config = NULL;
	int r;

	r = config_parse(text, len, &config, &messages);
	require((r == 0) == (config != NULL), "a result exactly on success");
	require((r == 0) == (messages.n_errors == 0), "valid exactly without errors");
	config_messages_done(&messages);
	return config;
}

static void check_print(const struct config *config)
{
	char *text = config_print(config, true);
	struct config *again = parse(text, strlen(text));
	char *second;

	require(again != NULL, "what is printed is valid");
	second = config_print(again, true);
	require(strcmp(text, second) == 0, "what is printed prints the same");
	config_free(again);
	free(second);
	free(text);
}

static void check_add(const struct config *config, const char *text)
{
	struct config_peer peer = { .name = "fuzz-added", .public_key = { 1, 2, 3 } };
	struct config *again;
	struct prefix allowed;
	struct addr address;
	char *without;
	char *with;

	if (config_find_peer(config, peer.name) || config_next_address(config, &address) < 0)
		return;
	allowed = (struct prefix){ address, 32 };
	peer.allowed = &allowed;
	peer.n_allowed = 1;
	require(config_text_add_peer(text, &peer, &with) == 0, "a peer can be added");
	again = parse(with, strlen(with));
	require(again && again->n_peers == config->n_peers + 1, "the result has one more");
	config_free(again);
	require(config_text_remove_peer(with, peer.name, &without) == 0, "it can be removed");
	require(strncmp(without, text, strlen(text)) == 0, "that restores the text");
	free(without);
	free(with);
}

static void check_remove(const struct config *config, const char *text)
{
	char label[CONFIG_NAME_MAX];
	struct config *again;
	char *without;

	if (config->n_peers == 0 || !config->peers[0].name[0])
		return;
	config_peer_label(&config->peers[0], label);
	require(config_text_remove_peer(text, label, &without) == 0, "each peer can be removed");
	again = parse(without, strlen(without));
	require(again && again->n_peers == config->n_peers - 1, "the result has one less");
	require(!config_find_peer(again, label) || !config_find_peer(again, label)->name[0],
		"and it is the right one");
	config_free(again);
	free(without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config *config = parse((const char *)data, len);
	char *text;

	if (!config)
		return 0;
	text = malloc(len + 1);
	require(text != NULL, "memory");
	memcpy(text, data, len);
	text[len] = '\0';
	check_print(config);
	check_add(config, text);
	check_remove(config, text);
	free(text);
	config_free(config);
	return 0;
}
