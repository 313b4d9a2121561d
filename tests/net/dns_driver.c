/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_driver.c - the DNS proxy without a tunnel: queries from a script, answers to it
 *
 * usage: dns_driver RESOLV-CONF [SCHEME://ADDRESS:PORT[#NAME]]...
 *
 * Prints "tcp PORT" (its listener on 127.0.0.1), then obeys lines from standard input:
 *   ask NAME TYPE EDNS-SIZE   one query (0: without EDNS), prints "NAME rcode tc answers bytes ms"
 *   burst N                   N different names at once, prints how many were answered and in
 *                             what time the last one was
 *   status                    one line of numbers, then one per upstream
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"
#include "engine/dns_proxy.h"
#include "io/loop.h"

#define SIZE_MAX_UDP 1392

static struct dns_proxy *proxy;
static int waker;
static uint16_t next_id = 1;

static size_t put_query(uint8_t *out, const char *name, unsigned int type, unsigned int edns)
{
	size_t at = 12;

	memset(out, 0, 12);
	store_be16(out, next_id++);
	store_be16(out + 2, 0x0100);
	store_be16(out + 4, 1);
	while (*name) {
		size_t len = strcspn(name, ".");

		out[at++] = (uint8_t)len;
		memcpy(out + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	out[at++] = 0;
	store_be16(out + at, (uint16_t)type);
	store_be16(out + at + 2, 1);
	at += 4;
	if (edns == 0)
		return at;
	store_be16(out + 10, 1);
	memset(out + at, 0, 11);
	store_be16(out + at + 1, 41);
	store_be16(out + at + 3, (uint16_t)edns);
	return at + 11;
}

static void ask(const char *name, unsigned int type, unsigned int edns)
{
	const struct dns_client client = { .src = 0x0a424d02,
					   .port = 5000,
					   .size_max = SIZE_MAX_UDP };
	uint8_t query[512];
	size_t len = put_query(query, name, type, edns);

	if (!dns_proxy_ask(proxy, 0, &client, query, len))
		printf("full\n");
}

/* Return: the next answer within 6 s, or NULL. */
static const uint8_t *await(size_t *len)
{
	struct pollfd fd = { .fd = waker, .events = POLLIN };
	struct dns_client client;
	const uint8_t *answer;

	while (!(answer = dns_proxy_answer(proxy, 0, &client, len))) {
		if (poll(&fd, 1, 6000) <= 0)
			return NULL;
		waker_clear(waker);
	}
	return answer;
}

static unsigned long ms_since(uint64_t start)
{
	return (unsigned long)((loop_now() - start) / NS_PER_MS);
}

static void command_ask(const char *name, unsigned int type, unsigned int edns)
{
	uint64_t start = loop_now();
	const uint8_t *answer;
	size_t len;

	ask(name, type, edns);
	answer = await(&len);
	if (!answer) {
		printf("%s silence\n", name);
		return;
	}
	printf("%s rcode=%d tc=%d answers=%d bytes=%zu ms=%lu\n", name, answer[3] & 15,
	       answer[2] >> 1 & 1, load_be16(answer + 6), len, ms_since(start));
	dns_proxy_answer_done(proxy, 0);
}

static void command_burst(unsigned int n)
{
	uint64_t start = loop_now();
	unsigned int answered = 0;
	const uint8_t *answer;
	size_t len;

	for (unsigned int i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example.test", i);
		ask(name, 1, 1232);
	}
	for (unsigned int i = 0; i < n && (answer = await(&len)); i++) {
		answered += (answer[3] & 15) == 0 && load_be16(answer + 6) == 1;
		dns_proxy_answer_done(proxy, 0);
	}
	printf("burst answered=%u ms=%lu\n", answered, ms_since(start));
}

static void command_status(void)
{
	struct status_upstream upstreams[CONFIG_UPSTREAMS_MAX];
	struct status status = { 0 };

	dns_proxy_status(proxy, &status, upstreams);
	printf("status queries=%lu cached=%lu failed=%lu entries=%u\n",
	       (unsigned long)status.dns_queries, (unsigned long)status.dns_cached,
	       (unsigned long)status.dns_failed, status.dns_cache_entries);
	for (size_t i = 0; i < status.n_upstreams; i++)
		printf("upstream %s alive=%d queries=%lu failures=%lu\n", upstreams[i].text,
		       upstreams[i].alive, (unsigned long)upstreams[i].queries,
		       (unsigned long)upstreams[i].failures);
}

static void obey(const char *line)
{
	char name[256];
	unsigned int a;
	unsigned int b;

	if (sscanf(line, "ask %255s %u %u", name, &a, &b) == 3)
		command_ask(name, a, b);
	else if (sscanf(line, "burst %u", &a) == 1)
		command_burst(a);
	else
		command_status();
	fflush(stdout);
}

static bool parse_upstream(const char *text, struct config_upstream *u)
{
	char endpoint[64];
	char scheme[4];

	if (sscanf(text, "%3[a-z]://%63[^#]#%255s", scheme, endpoint, u->tls_name) < 2)
		return false;
	u->kind = strcmp(scheme, "tls") == 0   ? DNS_UPSTREAM_TLS
		  : strcmp(scheme, "tcp") == 0 ? DNS_UPSTREAM_TCP
					       : DNS_UPSTREAM_UDP;
	return endpoint_parse(endpoint, &u->endpoint);
}

int main(int argc, char **argv)
{
	struct config *config = calloc(1, sizeof(*config));
	struct prefix loopback;
	char complaint[256];
	char line[512];

	waker = waker_new();
	if (argc < 2 || !config || waker < 0)
		return 2;
	config->dns_cache = 1000;
	for (int i = 2; i < argc && config->n_upstreams < CONFIG_UPSTREAMS_MAX; i++) {
		if (!parse_upstream(argv[i], &config->upstreams[config->n_upstreams++]))
			return 2;
	}
	struct dns_proxy_params params = {
		.config = config,
		.gateway = 0x0a424d01,
		.workers = 1,
		.worker_wakers = &waker,
		.resolv_conf = argv[1],
	};
	prefix_parse("10.66.77.0/24", &params.tunnel);
	prefix_parse("127.0.0.0/8", &loopback);
	if (dns_proxy_new(&params, &proxy, complaint) < 0) {
		printf("%s\n", complaint);
		free(config);
		return 1;
	}
	printf("tcp %d\n", dns_proxy_listen(proxy, 0x7f000001, &loopback));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	dns_proxy_free(proxy);
	free(config);
	return 0;
}
