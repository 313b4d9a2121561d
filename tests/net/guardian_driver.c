/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guardian_driver.c - a client's changes to its host without the client: a script of words
 *
 * usage: guardian_driver ADAPTER WORD...
 *
 * The words are obeyed in order; the first that fails prints its complaint, and ends it with status 1.
 *   adapter                an adapter of that name, as tun.h makes it
 *   address CIDR           the adapter's; without it 10.66.77.2/24
 *   endpoint udp|tcp ADDRESS PORT, no-endpoints
 *   exclude CIDR, dns ADDRESS, search TEXT, route-all, kill-switch
 *                          into the plan
 *   new, block, unblock, apply, endpoints, free
 *                          the guardian's functions
 *   wait                   prints "ready" and waits for SIGUSR1 to go on; SIGTERM ends it
 *   disconnect NAME|all    prints how many things were undone
 *   blocked                prints the endpoints that a standing kill switch lets through
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/guardian.h"
#include "io/tun.h"

static struct guardian_plan plan;
static struct guardian *guardian;
static struct tun *adapter;
static const char *address_text = "10.66.77.2/24";
static char complaint[512];

static int make_adapter(void)
{
	struct prefix address;
	struct tun_params params = { .name = plan.adapter,
				     .addresses = &address,
				     .n_addresses = 1,
				     .mtu = 1420,
				     .ip6 = true,
				     .up = true };
	int r;

	prefix_parse(address_text, &address);
	r = tun_open(&params, &adapter);
	if (r < 0)
		snprintf(complaint, sizeof(complaint), "adapter: %s", strerror(-r));
	return r;
}

static int add_endpoint(char **words)
{
	struct guardian_endpoint *e = &plan.endpoints[plan.n_endpoints++];

	e->tcp = strcmp(words[1], "tcp") == 0;
	e->port = (uint16_t)atoi(words[3]);
	return addr_parse(words[2], &e->addr) ? 0 : -EINVAL;
}

static void wait_for_signal(void)
{
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	printf("ready\n");
	fflush(stdout);
	sigwait(&set, &signal);
	if (signal == SIGUSR1)
		return;
	guardian_free(guardian);
	tun_free(adapter);
	exit(EXIT_SUCCESS);
}

static int disconnect(const char *name)
{
	unsigned int found;
	int r = guardian_disconnect(strcmp(name, "all") == 0 ? NULL : name, &found, complaint);

	if (r == 0)
		printf("%u\n", found);
	return r;
}

static void print_blocked(void)
{
	struct guardian_endpoint found[GUARDIAN_ENDPOINTS_MAX];
	size_t n = guardian_blocked_endpoints(plan.adapter, found);
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		printf("%s %s %u\n", found[i].tcp ? "tcp" : "udp",
		       addr_format(&found[i].addr, text), found[i].port);
}

/* The plan's part of the words.  Return: how many words it took; 0: it is none of these. */
static int plan_word(char **words)
{
	if (strcmp(words[0], "endpoint") == 0)
		return add_endpoint(words) == 0 ? 4 : 0;
	if (strcmp(words[0], "exclude") == 0)
		return prefix_parse(words[1], &plan.excludes[plan.n_excludes++]) ? 2 : 0;
	if (strcmp(words[0], "dns") == 0)
		return addr_parse(words[1], &plan.dns[plan.n_dns++]) ? 2 : 0;
	if (strcmp(words[0], "search") == 0) {
		snprintf(plan.search, sizeof(plan.search), "%s", words[1]);
		return 2;
	}
	if (strcmp(words[0], "address") == 0) {
		address_text = words[1];
		return 2;
	}
	if (strcmp(words[0], "no-endpoints") == 0)
		plan.n_endpoints = 0;
	else if (strcmp(words[0], "route-all") == 0)
		plan.route_all = true;
	else if (strcmp(words[0], "kill-switch") == 0)
		plan.kill_switch = true;
	else
		return 0;
	return 1;
}

static int obey(char **words)
{
	if (strcmp(words[0], "adapter") == 0)
		return make_adapter();
	if (strcmp(words[0], "new") == 0)
		return guardian_new(&guardian, complaint);
	if (strcmp(words[0], "block") == 0)
		return guardian_block(guardian, &plan, complaint);
	if (strcmp(words[0], "unblock") == 0)
		return guardian_unblock(guardian, complaint);
	if (strcmp(words[0], "apply") == 0)
		return guardian_apply(guardian, &plan, complaint);
	if (strcmp(words[0], "endpoints") == 0)
		return guardian_endpoints(guardian, &plan, complaint);
	if (strcmp(words[0], "free") == 0)
		guardian = guardian_free(guardian);
	else if (strcmp(words[0], "wait") == 0)
		wait_for_signal();
	else if (strcmp(words[0], "blocked") == 0)
		print_blocked();
	else
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	sigset_t set;
	int r = 0;

	if (argc < 3)
		return 2;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	snprintf(plan.adapter, sizeof(plan.adapter), "%s", argv[1]);
	for (int i = 2; i < argc && r == 0;) {
		int used = plan_word(argv + i);

		if (used == 0 && strcmp(argv[i], "disconnect") == 0 && i + 1 < argc) {
			r = disconnect(argv[i + 1]);
			used = 2;
		} else if (used == 0) {
			snprintf(complaint, sizeof(complaint), "%s: no such word", argv[i]);
			r = obey(argv + i);
			used = 1;
		}
		i += used;
	}
	if (r < 0)
		printf("%s\n", complaint);
	guardian_free(guardian);
	tun_free(adapter);
	return r < 0;
}
