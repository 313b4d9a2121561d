/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/names.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/resolver.h"

#define PATIENCE_S 2

struct name {
	char *host; /* NULL: nothing to ask for */
	struct names_answer answer;
};

/* Shared by who asks and the thread; whoever is done last frees it. */
struct names {
	pthread_mutex_t lock;
	pthread_cond_t done;
	int waker;      /* a descriptor: tells what the condition tells */
	bool finished;  /* the thread has asked for all */
	bool abandoned; /* nobody waits any longer */
	struct endpoint servers[RESOLVER_SERVERS_MAX];
	size_t n_servers;
	size_t n;
	struct name names[];
};

static struct names *destroy(struct names *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->names[i].host);
	if (e->waker >= 0)
		close(e->waker);
	pthread_cond_destroy(&e->done);
	pthread_mutex_destroy(&e->lock);
	free(e);
	return NULL;
}

static struct names *create(size_t n)
{
	struct names *e = calloc(1, sizeof(*e) + n * sizeof(e->names[0]));
	pthread_condattr_t attributes;

	if (!e)
		return NULL;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&e->done, &attributes);
	pthread_condattr_destroy(&attributes);
	e->n = n;
	e->waker = waker_new();
	return e->waker < 0 ? destroy(e) : e;
}

/* What a hosts file has is found in this way alone. */
static struct names_answer look_up_as_host(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct names_answer answer = { .absent = false };
	struct addrinfo *list;
	int r = getaddrinfo(host, NULL, &hints, &list);

	if (r != 0) {
		answer.absent = r == EAI_NONAME || r == EAI_NODATA;
		return answer;
	}
	if (list->ai_family == AF_INET6) {
		answer.addr.family = ADDR_IP6;
		memcpy(answer.addr.bytes,
		       &((struct sockaddr_in6 *)(void *)list->ai_addr)->sin6_addr, 16);
	} else {
		answer.addr.family = ADDR_IP4;
		memcpy(answer.addr.bytes, &((struct sockaddr_in *)(void *)list->ai_addr)->sin_addr,
		       4);
	}
	freeaddrinfo(list);
	return answer;
}

static struct names_answer look_up(const struct names *e, const char *host)
{
	struct names_answer answer = { .absent = false };

	if (e->n_servers > 0 && resolver_ask(host, e->servers, e->n_servers, &answer.addr) == 0)
		return answer;
	return look_up_as_host(host);
}

static void finish(struct names *e)
{
	e->finished = true;
	pthread_cond_signal(&e->done);
	waker_wake(e->waker);
}

static void *run(void *arg)
{
	struct names *e = arg;
	bool abandoned = false;

	for (size_t i = 0; i < e->n && !abandoned; i++) {
		struct names_answer answer;

		if (!e->names[i].host)
			continue;
		answer = look_up(e, e->names[i].host);
		pthread_mutex_lock(&e->lock);
		e->names[i].answer = answer;
		abandoned = e->abandoned;
		pthread_mutex_unlock(&e->lock);
	}
	pthread_mutex_lock(&e->lock);
	abandoned = e->abandoned;
	finish(e);
	pthread_mutex_unlock(&e->lock);
	if (abandoned)
		destroy(e);
	return NULL;
}

/* Literal addresses are answered here.  Return: how many are to be asked for, or -ENOMEM. */
static int prepare(struct names *e, const char *const *hosts)
{
	int asked = 0;

	for (size_t i = 0; i < e->n; i++) {
		if (hosts[i][0] == '\0' || addr_parse(hosts[i], &e->names[i].answer.addr))
			continue;
		e->names[i].host = strdup(hosts[i]);
		if (!e->names[i].host)
			return -ENOMEM;
		asked++;
	}
	return asked;
}

static int start(struct names *e)
{
	pthread_attr_t detached;
	pthread_t thread;
	int r;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &detached, run, e);
	pthread_attr_destroy(&detached);
	return -r;
}

int names_ask(const char *const *hosts, size_t n, const struct endpoint *servers, size_t n_servers,
	      struct names **ret)
{
	struct names *e = create(n);
	int r;

	if (!e)
		return -ENOMEM;
	for (; e->n_servers < n_servers && e->n_servers < RESOLVER_SERVERS_MAX; e->n_servers++)
		e->servers[e->n_servers] = servers[e->n_servers];
	r = prepare(e, hosts);
	if (r == 0)
		finish(e);
	else if (r > 0)
		r = start(e);
	if (r < 0) {
		destroy(e);
		return r;
	}
	*ret = e;
	return 0;
}

int names_fd(const struct names *e)
{
	return e->waker;
}

bool names_wait(struct names *e)
{
	struct timespec until;
	bool finished;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&e->lock);
	while (!e->finished && r == 0)
		r = pthread_cond_timedwait(&e->done, &e->lock, &until);
	finished = e->finished;
	pthread_mutex_unlock(&e->lock);
	return finished;
}

void names_take(struct names *e, struct names_answer *ret)
{
	pthread_mutex_lock(&e->lock);
	for (size_t i = 0; i < e->n; i++)
		ret[i] = e->names[i].answer;
	pthread_mutex_unlock(&e->lock);
}

struct names *names_free(struct names *e)
{
	bool finished;

	if (!e)
		return NULL;
	pthread_mutex_lock(&e->lock);
	finished = e->finished;
	e->abandoned = true;
	pthread_mutex_unlock(&e->lock);
	return finished ? destroy(e) : NULL;
}

void names_find(const char *const *hosts, size_t n, struct addr *ret)
{
	struct names_answer *answers = calloc(n ? n : 1, sizeof(*answers));
	struct names *e = NULL;

	/* Without memory or a thread the literal ones are still of use. */
	for (size_t i = 0; i < n; i++) {
		ret[i] = (struct addr){ .family = ADDR_NONE };
		(void)addr_parse(hosts[i], &ret[i]);
	}
	if (answers && names_ask(hosts, n, NULL, 0, &e) == 0) {
		(void)names_wait(e);
		names_take(e, answers);
		for (size_t i = 0; i < n; i++)
			ret[i] = answers[i].addr;
	}
	names_free(e);
	free(answers);
}
