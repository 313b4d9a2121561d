/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/names.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 2

struct name {
	char *host;
	struct addr addr;
};

/* Shared by main and the thread; whoever is done last frees it. */
struct errand {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool finished;  /* the thread has asked for all */
	bool abandoned; /* main waits no longer */
	size_t n;
	struct name names[];
};

static struct errand *errand_free(struct errand *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->names[i].host);
	pthread_cond_destroy(&e->done);
	pthread_mutex_destroy(&e->lock);
	free(e);
	return NULL;
}

static struct errand *errand_new(const char *const *hosts, size_t n)
{
	struct errand *e = calloc(1, sizeof(*e) + n * sizeof(e->names[0]));
	pthread_condattr_t attributes;

	if (!e)
		return NULL;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&e->done, &attributes);
	pthread_condattr_destroy(&attributes);
	for (e->n = 0; e->n < n; e->n++) {
		e->names[e->n].host = strdup(hosts[e->n]);
		if (!e->names[e->n].host)
			return errand_free(e);
	}
	return e;
}

static struct addr look_up(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list;
	struct addr addr = { .family = ADDR_NONE };

	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return addr;
	if (list->ai_family == AF_INET6) {
		addr.family = ADDR_IP6;
		memcpy(addr.bytes, &((struct sockaddr_in6 *)(void *)list->ai_addr)->sin6_addr, 16);
	} else {
		addr.family = ADDR_IP4;
		memcpy(addr.bytes, &((struct sockaddr_in *)(void *)list->ai_addr)->sin_addr, 4);
	}
	freeaddrinfo(list);
	return addr;
}

static void *run(void *arg)
{
	struct errand *e = arg;
	bool abandoned = false;

	for (size_t i = 0; i < e->n && !abandoned; i++) {
		struct addr addr = look_up(e->names[i].host);

		pthread_mutex_lock(&e->lock);
		e->names[i].addr = addr;
		abandoned = e->abandoned;
		pthread_mutex_unlock(&e->lock);
	}
	pthread_mutex_lock(&e->lock);
	abandoned = e->abandoned;
	e->finished = true;
	pthread_cond_signal(&e->done);
	pthread_mutex_unlock(&e->lock);
	if (abandoned)
		errand_free(e);
	return NULL;
}

/* Takes what is there when the thread has finished, or when patience ends. */
static void collect(struct errand *e, struct addr *ret)
{
	struct timespec until;
	bool finished;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&e->lock);
	while (!e->finished && r == 0)
		r = pthread_cond_timedwait(&e->done, &e->lock, &until);
	for (size_t i = 0; i < e->n; i++)
		ret[i] = e->names[i].addr;
	finished = e->finished;
	e->abandoned = true;
	pthread_mutex_unlock(&e->lock);
	if (finished)
		errand_free(e);
}

static void ask(const char *const *hosts, size_t n, struct addr *ret)
{
	struct errand *e = errand_new(hosts, n);
	pthread_attr_t detached;
	pthread_t thread;
	int r;

	if (!e)
		return;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &detached, run, e);
	pthread_attr_destroy(&detached);
	if (r == 0)
		collect(e, ret);
	else
		errand_free(e);
}

void names_find(const char *const *hosts, size_t n, struct addr *ret)
{
	const char **names = calloc(n ? n : 1, sizeof(*names));
	struct addr *found = calloc(n ? n : 1, sizeof(*found));
	size_t *place = calloc(n ? n : 1, sizeof(*place));
	size_t n_names = 0;

	for (size_t i = 0; i < n; i++) {
		ret[i] = (struct addr){ .family = ADDR_NONE };
		if (hosts[i][0] == '\0' || addr_parse(hosts[i], &ret[i]) || !names || !place)
			continue;
		place[n_names] = i;
		names[n_names++] = hosts[i];
	}
	if (n_names > 0 && found) {
		ask(names, n_names, found);
		for (size_t i = 0; i < n_names; i++)
			ret[place[i]] = found[i];
	}
	free(place);
	free(found);
	free(names);
}
