/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_proxy_upstreams.c - which resolvers are asked, and the sockets to them
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/wire.h"
#include "engine/dns_proxy_parts.h"

#define RESOLV_LOOK_EVERY (2 * NS_PER_S)  /* and only when a query comes */
#define LINK_IDLE         (20 * NS_PER_S) /* then a connection is closed */
#define LINK_STUCK        (4 * NS_PER_S)  /* without any answer: a new connection is made */
#define CACHE_MAX         10000000u       /* entries, 5 GB: above it is a slip of the pen */
#define BACKOFF_MIN       NS_PER_S
#define BACKOFF_MAX       (30 * NS_PER_S)
#define UPSTREAM_TEXT_MAX 80 /* as in struct status_upstream */
#define UDP_BATCH         32 /* datagrams from one socket before others have their turn */
#define LINK_BATCH        16 /* full buffers from one stream */

/* ----------------------------------------------------------- which upstreams */

static const char *const schemes[] = {
	[DNS_UPSTREAM_UDP] = "udp",
	[DNS_UPSTREAM_TCP] = "tcp",
	[DNS_UPSTREAM_TLS] = "tls",
};

/* A name too long for a line of status is cut there. */
static void upstream_format(const struct config_upstream *u, char out[static UPSTREAM_TEXT_MAX])
{
	char endpoint[ENDPOINT_TEXT_MAX];
	int n = snprintf(out, UPSTREAM_TEXT_MAX, "%s://%s", schemes[u->kind],
			 endpoint_format(&u->endpoint, endpoint));

	if (u->tls_name[0] != '\0')
		snprintf(out + n, (size_t)(UPSTREAM_TEXT_MAX - n), "#%.*s",
			 UPSTREAM_TEXT_MAX - n - 2, u->tls_name);
}

/* A query to our own tunnel address would come back to us, for ever. */
static bool is_ourselves(const struct config_upstream *u, uint32_t gateway)
{
	return u->endpoint.addr.family == ADDR_IP4 && u->endpoint.port == 53 &&
	       addr_to_ip4(&u->endpoint.addr) == gateway;
}

int dns_choice_make(const struct config *config, uint32_t gateway, struct dns_choice *ret,
		    char *complaint)
{
	struct dns_choice c = {
		.n = config->n_upstreams,
		.from_host = config->n_upstreams == 0,
		.private_answers = config->dns_private_answers,
		.cache = config->dns_cache,
	};
	char text[UPSTREAM_TEXT_MAX];

	for (size_t i = 0; i < c.n; i++) {
		c.upstreams[i] = config->upstreams[i];
		upstream_format(&c.upstreams[i], text);
		if (is_ourselves(&c.upstreams[i], gateway)) {
			snprintf(complaint, 256,
				 "DNS: upstream %s is this gateway's own tunnel address, so that "
				 "each query would come back to it: name another resolver",
				 text);
			dns_choice_done(&c);
			return -ELOOP;
		}
		if (c.upstreams[i].kind == DNS_UPSTREAM_TLS && !c.tls && dns_tls_new(&c.tls) < 0) {
			snprintf(complaint, 256,
				 "DNS: upstream %s needs TLS, and the system's certificate "
				 "authorities can't be read: install ca-certificates",
				 text);
			return -ENOENT;
		}
	}
	*ret = c;
	return 0;
}

void dns_choice_done(struct dns_choice *choice)
{
	choice->tls = dns_tls_free(choice->tls);
}

/* Fills the choice with the host's own resolvers, but for ourselves. */
static void read_host(struct dns_proxy *p, struct dns_choice *c)
{
	struct endpoint found[DNS_UPSTREAMS_MAX];
	size_t n = resolv_read(p->resolv_conf, found, DNS_UPSTREAMS_MAX);

	c->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct config_upstream u = { .kind = DNS_UPSTREAM_UDP, .endpoint = found[i] };

		if (!is_ourselves(&u, p->gateway))
			c->upstreams[c->n++] = u;
	}
	if (c->n == 0)
		log_warning("DNS: %s names no resolver to ask, so clients get SERVFAIL: add a "
			    "nameserver there, or Upstream to [Dns]",
			    p->resolv_conf);
}

static void publish_names(struct dns_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	p->n_names = p->choice.n;
	for (size_t i = 0; i < p->choice.n; i++)
		upstream_format(&p->choice.upstreams[i], p->names[i]);
	pthread_mutex_unlock(&p->lock);
}

/* Empty, since other upstreams or another policy may have other answers. */
static void renew_cache(struct dns_proxy *p)
{
	uint32_t entries = p->choice.cache < CACHE_MAX ? p->choice.cache : CACHE_MAX;

	p->cache = dns_cache_free(p->cache);
	if (entries > 0 && dns_cache_new(entries, &p->rng, &p->cache) < 0)
		log_warning("DNS: no memory for a cache of %u answers, going on without one: "
			    "lower Cache in [Dns]",
			    entries);
}

/* All begins anew: the old numbers would mean other upstreams. */
static void apply(struct dns_proxy *p, uint64_t now)
{
	struct dns_upstreams ups = { .n = (uint8_t)p->choice.n };

	dns_proxy_links_close(p);
	for (uint8_t i = 0; i < ups.n; i++) {
		ups.at[i].alive = true;
		ups.at[i].stream_only = p->choice.upstreams[i].kind != DNS_UPSTREAM_UDP;
		p->links[i] = (struct dns_link){ .waiting = NEVER, .idle_at = NEVER };
	}
	dns_relay_set_upstreams(p->relay, &ups, now);
	renew_cache(p);
	publish_names(p);
}

/* Whether both ask the same upstreams in the same way. */
static bool choice_equal(const struct dns_choice *a, const struct dns_choice *b)
{
	if (a->from_host != b->from_host || a->private_answers != b->private_answers ||
	    a->cache != b->cache)
		return false;
	if (a->from_host)
		return true; /* resolv.conf is watched anyway */
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct config_upstream *u = &a->upstreams[i];
		const struct config_upstream *v = &b->upstreams[i];

		if (u->kind != v->kind || !endpoint_equal(&u->endpoint, &v->endpoint) ||
		    strcmp(u->tls_name, v->tls_name) != 0)
			return false;
	}
	return true;
}

void dns_proxy_use(struct dns_proxy *p, struct dns_choice *choice, uint64_t now)
{
	/* A reload for another reason leaves connections, cache and what is known alone. */
	if (p->n_names > 0 && choice_equal(&p->choice, choice)) {
		dns_choice_done(choice);
		return;
	}
	dns_proxy_links_close(p); /* before the TLS context goes that they use */
	dns_choice_done(&p->choice);
	p->choice = *choice;
	choice->tls = NULL;
	if (p->choice.from_host) {
		p->resolv_seen = resolv_stamp(p->resolv_conf);
		read_host(p, &p->choice);
	}
	apply(p, now);
}

void dns_proxy_check_host(struct dns_proxy *p, uint64_t now)
{
	struct resolv_stamp stamp;

	if (!p->choice.from_host || now < p->resolv_look_at)
		return;
	p->resolv_look_at = now + RESOLV_LOOK_EVERY;
	stamp = resolv_stamp(p->resolv_conf);
	if (resolv_stamp_equal(&stamp, &p->resolv_seen))
		return;
	p->resolv_seen = stamp;
	read_host(p, &p->choice);
	apply(p, now);
}

/* ------------------------------------------------------------------ by UDP */

void dns_proxy_close_udp(struct dns_proxy *p, uint32_t attempt)
{
	if (p->udp[attempt] < 0)
		return;
	dns_socket_close(p->udp[attempt]); /* leaves the epoll set by itself */
	p->udp[attempt] = -1;
	p->n_udp--;
}

static void send_udp(struct dns_proxy *p, const struct dns_send *send, uint64_t now)
{
	/* Questions that nobody answers, four sockets each, must leave room for new ones. */
	bool first = send->attempt % DNS_ATTEMPTS == 0;
	uint32_t limit = first ? DNS_UDP_SOCKETS_MAX : DNS_UDP_SOCKETS_MAX / 2;
	int fd = -EMFILE;
	int r;

	if (p->n_udp < limit)
		fd = dns_udp_open(&p->choice.upstreams[send->upstream].endpoint);

	if (fd < 0) {
		bool ours = fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM;

		dns_relay_attempt_failed(p->relay, send->attempt, !ours, now);
		return;
	}
	p->udp[send->attempt] = fd;
	p->n_udp++;
	r = dns_udp_send(fd, send->message, send->len);
	if (r == 0)
		r = loop_add(p->loop, fd, LOOP_READ, DNS_EVENT(DNS_EVENT_UDP, send->attempt));
	if (r < 0) {
		dns_proxy_close_udp(p, send->attempt);
		dns_relay_attempt_failed(p->relay, send->attempt, true, now);
	}
}

static void reply_came(struct dns_proxy *p, uint32_t attempt, const uint8_t *reply, size_t len,
		       uint64_t now)
{
	uint32_t query = attempt / DNS_ATTEMPTS;

	switch (dns_relay_reply(p->relay, attempt, reply, len, now)) {
	case DNS_REPLY_IGNORED:
		break;
	case DNS_REPLY_AGAIN:
		dns_proxy_close_udp(p, attempt);
		dns_proxy_advance(p, query, now);
		break;
	case DNS_REPLY_ACCEPTED:
		dns_proxy_accepted(p, query, reply, len, now);
		break;
	}
}

void dns_proxy_udp_ready(struct dns_proxy *p, uint32_t attempt, uint64_t now)
{
	/* The first reply that counts closes the socket. */
	for (int i = 0; i < UDP_BATCH && p->udp[attempt] >= 0; i++) {
		ssize_t n = dns_udp_receive(p->udp[attempt], p->scratch, sizeof(p->scratch));

		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n < 0) {
			dns_proxy_close_udp(p, attempt);
			dns_relay_attempt_failed(p->relay, attempt, true, now);
			return;
		}
		reply_came(p, attempt, p->scratch, (size_t)n, now);
	}
}

/* -------------------------------------------------------------- by a stream */

static void link_close(struct dns_proxy *p, struct dns_link *link)
{
	if (link->stream)
		loop_remove(p->loop, dns_stream_fd(link->stream));
	link->stream = dns_stream_free(link->stream);
	link->waiting = link->idle_at = NEVER;
}

void dns_proxy_links_close(struct dns_proxy *p)
{
	for (size_t i = 0; i < DNS_UPSTREAMS_MAX; i++)
		link_close(p, &p->links[i]);
}

/* The connection is over.  One that had answered may be opened again at once. */
static void link_lost(struct dns_proxy *p, uint8_t upstream, uint64_t now)
{
	struct dns_link *link = &p->links[upstream];
	bool answered = link->answered;
	const char *why = dns_stream_why(link->stream);
	char text[UPSTREAM_TEXT_MAX];

	if (why[0] != '\0' && link->backoff == 0) {
		upstream_format(&p->choice.upstreams[upstream], text);
		log_warning("DNS: upstream %s: TLS fails: %s", text, why);
	}
	link_close(p, link);
	if (answered) {
		link->backoff = 0;
		link->retry_at = now;
	} else {
		link->backoff = link->backoff == 0 ? BACKOFF_MIN : 2 * link->backoff;
		if (link->backoff > BACKOFF_MAX)
			link->backoff = BACKOFF_MAX;
		link->retry_at = now + link->backoff;
	}
	dns_relay_stream_lost(p->relay, upstream, answered, now);
}

static int link_open(struct dns_proxy *p, uint8_t upstream)
{
	const struct config_upstream *u = &p->choice.upstreams[upstream];
	struct dns_tls *tls = u->kind == DNS_UPSTREAM_TLS ? p->choice.tls : NULL;
	struct dns_link *link = &p->links[upstream];
	int r = dns_stream_connect(&u->endpoint, tls, u->tls_name, &link->stream);

	if (r < 0)
		return r;
	link->answered = false;
	link->interest = dns_stream_interest(link->stream);
	r = loop_add(p->loop, dns_stream_fd(link->stream), link->interest,
		     DNS_EVENT(DNS_EVENT_UPSTREAM, upstream));
	if (r < 0)
		link->stream = dns_stream_free(link->stream);
	return r;
}

static void link_wait(struct dns_proxy *p, uint8_t upstream)
{
	struct dns_link *link = &p->links[upstream];
	unsigned int interest = dns_stream_interest(link->stream);

	if (interest == link->interest)
		return;
	link->interest = interest;
	(void)loop_change(p->loop, dns_stream_fd(link->stream), interest,
			  DNS_EVENT(DNS_EVENT_UPSTREAM, upstream));
}

static void send_stream(struct dns_proxy *p, const struct dns_send *send, uint64_t now)
{
	struct dns_link *link = &p->links[send->upstream];
	int r = 0;

	if (!link->stream)
		r = now < link->retry_at ? -ECONNREFUSED : link_open(p, send->upstream);
	if (r == 0)
		r = dns_stream_put(link->stream, load_be16(send->message), send->message,
				   send->len);
	if (r < 0) {
		bool ours = r == -EMFILE || r == -ENFILE || r == -ENOMEM;

		dns_relay_attempt_failed(p->relay, send->attempt, !ours, now);
		return;
	}
	if (link->waiting == NEVER)
		link->waiting = now;
	link->idle_at = now + LINK_IDLE;
	/* Written when the loop says so: queries of one moment share a segment and a record. */
	link->interest |= LOOP_WRITE;
	(void)loop_change(p->loop, dns_stream_fd(link->stream), link->interest,
			  DNS_EVENT(DNS_EVENT_UPSTREAM, send->upstream));
}

/* Return: whether a message came and the stream is still the same one. */
static bool link_take(struct dns_proxy *p, uint8_t upstream, uint64_t now)
{
	struct dns_link *link = &p->links[upstream];
	struct dns_stream *stream = link->stream;
	const uint8_t *message;
	bool any = false;
	size_t len;

	while (link->stream == stream && (message = dns_stream_next(stream, &len))) {
		uint32_t attempt;

		any = true;
		link->answered = true;
		link->backoff = 0;
		link->waiting = NEVER;
		if (len < DNS_HEADER_LEN)
			continue;
		attempt = dns_relay_find(p->relay, upstream, load_be16(message));
		if (attempt != DNS_NO_ATTEMPT)
			reply_came(p, attempt, message, len, now);
	}
	return any && link->stream == stream;
}

void dns_proxy_link_ready(struct dns_proxy *p, uint32_t index, uint64_t now)
{
	uint8_t upstream = (uint8_t)index;
	struct dns_link *link = &p->links[upstream];
	int r = 0;

	if (!link->stream)
		return; /* closed by an earlier event of the same turn */
	for (int i = 0; i < LINK_BATCH; i++) {
		r = dns_stream_work(link->stream);
		if (!link_take(p, upstream, now) || r < 0)
			break;
	}
	if (!link->stream)
		return;
	if (r < 0 || dns_stream_ended(link->stream))
		link_lost(p, upstream, now);
	else
		link_wait(p, upstream);
}

static uint64_t link_deadline(const struct dns_link *link)
{
	uint64_t stuck = link->waiting == NEVER ? NEVER : link->waiting + LINK_STUCK;

	return link->stream ? earlier(stuck, link->idle_at) : NEVER;
}

uint64_t dns_proxy_links_deadline(const struct dns_proxy *p)
{
	uint64_t deadline = NEVER;

	for (size_t i = 0; i < DNS_UPSTREAMS_MAX; i++)
		deadline = earlier(deadline, link_deadline(&p->links[i]));
	return deadline;
}

void dns_proxy_links_on_deadline(struct dns_proxy *p, uint64_t now)
{
	for (uint8_t i = 0; i < DNS_UPSTREAMS_MAX; i++) {
		struct dns_link *link = &p->links[i];

		if (link_deadline(link) > now)
			continue;
		if (link->idle_at <= now) {
			link_close(p, link);
			continue;
		}
		link->answered = false; /* it may have, but not lately */
		link_lost(p, i, now);
	}
}

void dns_proxy_send(struct dns_proxy *p, const struct dns_send *send, uint64_t now)
{
	dns_proxy_close_udp(p, send->attempt);
	if (send->stream)
		send_stream(p, send, now);
	else
		send_udp(p, send, now);
}
