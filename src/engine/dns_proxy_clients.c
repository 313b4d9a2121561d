/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_proxy_clients.c - clients that ask by TCP
 *
 * Queries on one connection may overlap and are answered as their answers come (RFC 7766
 * section 6.2.1.1).  A connection lives as long as it asks; one that reads too slowly, or
 * sends a byte now and then, is closed.  How much one client may ask at a time is limited by
 * the relay, whichever way it comes.
 */
#include <errno.h>

#include "engine/dns_proxy_parts.h"

#define CLIENT_IDLE    (10 * NS_PER_S) /* since the last whole query or answer */
#define ACCEPT_BATCH   16
#define LISTENER_PAUSE NS_PER_S /* after descriptors have run out */

void dns_proxy_listener_add(struct dns_proxy *p, int fd, const struct prefix *from)
{
	struct dns_listener *l = &p->listeners[p->n_listeners];

	if (p->n_listeners == DNS_LISTENERS_MAX ||
	    loop_add(p->loop, fd, LOOP_READ, DNS_EVENT(DNS_EVENT_LISTENER, p->n_listeners)) < 0) {
		dns_socket_close(fd);
		return;
	}
	*l = (struct dns_listener){ .fd = fd, .from = *from, .translator = from->len == 32 };
	prefix_mask(&l->from);
	p->n_listeners++;
}

static uint32_t connections_of(const struct dns_proxy *p, uint32_t src, uint32_t *ret_free)
{
	uint32_t n = 0;

	*ret_free = UINT32_MAX;
	for (uint32_t i = 0; i < DNS_CLIENTS_MAX; i++) {
		if (!p->clients[i].stream)
			*ret_free = i;
		else
			n += p->clients[i].src == src;
	}
	return n;
}

static void client_close(struct dns_proxy *p, uint32_t i)
{
	struct dns_tcp_client *c = &p->clients[i];

	loop_remove(p->loop, dns_stream_fd(c->stream));
	c->stream = dns_stream_free(c->stream);
	deadlines_set(p->client_deadlines, i, NEVER);
}

/* Closes the connection that has asked nothing for longest.  Return: its place, or UINT32_MAX. */
static uint32_t evict_idle(struct dns_proxy *p)
{
	uint32_t idle = UINT32_MAX;
	uint64_t soonest = NEVER;

	for (uint32_t i = 0; i < DNS_CLIENTS_MAX; i++) {
		uint64_t when = deadlines_get(p->client_deadlines, i);

		if (p->clients[i].in_flight > 0 || when >= soonest)
			continue;
		soonest = when;
		idle = i;
	}
	if (idle != UINT32_MAX)
		client_close(p, idle);
	return idle;
}

static void client_new(struct dns_proxy *p, const struct dns_listener *l, int fd, uint32_t src,
		       uint64_t now)
{
	struct dns_stream *stream;
	uint32_t i;
	uint32_t n = connections_of(p, src, &i);

	if (n < DNS_CLIENTS_EACH && i == UINT32_MAX)
		i = evict_idle(p);
	if (n >= DNS_CLIENTS_EACH || i == UINT32_MAX) {
		dns_socket_close(fd);
		counter_add(&p->overload, 1);
		return;
	}
	if (dns_stream_accepted(fd, &stream) < 0)
		return;
	if (loop_add(p->loop, fd, LOOP_READ, DNS_EVENT(DNS_EVENT_CLIENT, i)) < 0) {
		dns_stream_free(stream);
		return;
	}
	p->clients[i] = (struct dns_tcp_client){
		.stream = stream,
		.interest = LOOP_READ,
		.src = l->translator ? i : src, /* 0.0.0.i is nobody's address */
		.serial = ++p->serial,
	};
	deadlines_set(p->client_deadlines, i, now + CLIENT_IDLE);
}

/* A listener that is always ready and never accepts would keep the thread spinning. */
static void pause_listener(struct dns_proxy *p, struct dns_listener *l, uint64_t now)
{
	l->paused = true;
	loop_remove(p->loop, l->fd);
	p->listeners_resume_at = now + LISTENER_PAUSE;
}

static void resume_listeners(struct dns_proxy *p, uint64_t now)
{
	if (now < p->listeners_resume_at)
		return;
	p->listeners_resume_at = NEVER;
	for (size_t i = 0; i < p->n_listeners; i++) {
		struct dns_listener *l = &p->listeners[i];

		if (!l->paused)
			continue;
		l->paused = false;
		if (loop_add(p->loop, l->fd, LOOP_READ, DNS_EVENT(DNS_EVENT_LISTENER, i)) < 0)
			pause_listener(p, l, now);
	}
}

void dns_proxy_listener_ready(struct dns_proxy *p, uint32_t index, uint64_t now)
{
	struct dns_listener *l = &p->listeners[index];

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		uint32_t src;
		int fd = dns_accept(l->fd, &src);

		if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
			pause_listener(p, l, now);
			return;
		}
		if (fd == -EAGAIN)
			return;
		if (fd < 0)
			continue; /* a connection that ended before it was accepted */
		if (prefix_contains_ip4(&l->from, src))
			client_new(p, l, fd, src, now);
		else
			dns_socket_close(fd);
	}
}

static void client_wait(struct dns_proxy *p, uint32_t i)
{
	struct dns_tcp_client *c = &p->clients[i];
	unsigned int interest = dns_stream_interest(c->stream);

	if (interest == c->interest)
		return;
	c->interest = interest;
	(void)loop_change(p->loop, dns_stream_fd(c->stream), interest,
			  DNS_EVENT(DNS_EVENT_CLIENT, i));
}

static bool client_query(struct dns_proxy *p, uint32_t i, const uint8_t *message, size_t len,
			 uint64_t now)
{
	struct dns_tcp_client *c = &p->clients[i];
	struct dns_asker asker = {
		.origin = DNS_ORIGIN_TCP,
		.peer = i,
		.src = c->src,
		.limit = UINT16_MAX,
		.tag = c->serial,
	};

	c->in_flight++; /* dns_proxy_client_answer() takes it off again, perhaps at once */
	return dns_proxy_query(p, message, len, asker, now);
}

void dns_proxy_client_ready(struct dns_proxy *p, uint32_t i, uint64_t now)
{
	struct dns_tcp_client *c = &p->clients[i];
	const uint8_t *message;
	size_t len;

	if (!c->stream)
		return;
	if (dns_stream_work(c->stream) < 0) {
		client_close(p, i);
		return;
	}
	while ((message = dns_stream_next(c->stream, &len))) {
		deadlines_set(p->client_deadlines, i, now + CLIENT_IDLE);
		if (!client_query(p, i, message, len, now) || c->slow) {
			client_close(p, i);
			return;
		}
	}
	if (dns_stream_ended(c->stream) && c->in_flight == 0 && dns_stream_pending(c->stream) == 0)
		client_close(p, i);
	else
		client_wait(p, i);
}

void dns_proxy_client_answer(struct dns_proxy *p, const struct dns_asker *asker,
			     const uint8_t *reply, size_t len)
{
	struct dns_tcp_client *c = &p->clients[asker->peer];

	if (!c->stream || c->serial != asker->tag)
		return; /* it has gone */
	c->in_flight--;
	if (dns_stream_put(c->stream, asker->id, reply, len) < 0) {
		/* It asks and does not read.  Closed when nobody is in the middle of using it. */
		c->slow = true;
		deadlines_set(p->client_deadlines, asker->peer, 0);
		return;
	}
	c->interest |= LOOP_WRITE;
	(void)loop_change(p->loop, dns_stream_fd(c->stream), c->interest,
			  DNS_EVENT(DNS_EVENT_CLIENT, asker->peer));
}

uint64_t dns_proxy_clients_deadline(const struct dns_proxy *p)
{
	return earlier(deadlines_next(p->client_deadlines), p->listeners_resume_at);
}

void dns_proxy_clients_on_deadline(struct dns_proxy *p, uint64_t now)
{
	uint32_t i;

	while ((i = deadlines_pop(p->client_deadlines, now)) != UINT32_MAX)
		client_close(p, i);
	resume_listeners(p, now);
}

void dns_proxy_clients_close(struct dns_proxy *p)
{
	for (uint32_t i = 0; i < DNS_CLIENTS_MAX; i++) {
		if (p->clients[i].stream)
			client_close(p, i);
	}
	for (size_t i = 0; i < p->n_listeners; i++)
		dns_socket_close(p->listeners[i].fd);
	p->n_listeners = 0;
}
