/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/ports.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A client's own held ports are used again in nearly the order of their release;
 * choosing among this many makes the order hard to foretell (RFC 6888 REQ-15).
 */
#define HELD_CHOICE 16

int nat_ports_init(struct ports *p, uint64_t hold, struct ports_client *clients)
{
	*p = (struct ports){ .hold = hold, .clients = clients };
	p->mapping = calloc(PORTS_N, sizeof(*p->mapping));
	p->free[0] = calloc(PORTS_N / 2, sizeof(*p->free[0]));
	p->free[1] = calloc(PORTS_N / 2, sizeof(*p->free[1]));
	p->place = calloc(PORTS_N, sizeof(*p->place));
	p->held = calloc(PORTS_N, sizeof(*p->held));
	if (!p->mapping || !p->free[0] || !p->free[1] || !p->place || !p->held) {
		nat_ports_done(p);
		return -ENOMEM;
	}
	return 0;
}

void nat_ports_done(struct ports *p)
{
	free(p->mapping);
	free(p->free[0]);
	free(p->free[1]);
	free(p->place);
	free(p->held);
	*p = (struct ports){ 0 };
}

static void free_add(struct ports *p, uint16_t port)
{
	uint32_t *n = &p->n_free[port & 1];

	p->place[port] = (uint16_t)*n;
	p->free[port & 1][(*n)++] = port;
}

static void free_remove(struct ports *p, uint16_t port)
{
	uint16_t *set = p->free[port & 1];
	uint16_t last = set[--p->n_free[port & 1]];

	set[p->place[port]] = last;
	p->place[last] = p->place[port];
}

static void block_busy(struct ports *p, uint16_t port)
{
	if (p->busy[port / NAT_BLOCK_PORTS]++ == 0)
		p->n_idle--;
}

static void block_rest(struct ports *p, uint16_t port)
{
	if (--p->busy[port / NAT_BLOCK_PORTS] == 0)
		p->n_idle++;
}

int nat_ports_lease(struct ports *p, uint16_t first)
{
	uint16_t block = first / NAT_BLOCK_PORTS;

	if (first % NAT_BLOCK_PORTS != 0)
		return -EINVAL;
	if (p->leased[block])
		return -EEXIST;
	p->leased[block] = true;
	p->n_idle++;
	for (uint16_t i = first ? 0 : 1; i < NAT_BLOCK_PORTS; i++) {
		free_add(p, (uint16_t)(first + i));
		p->n_leased++;
	}
	return 0;
}

static void lease_end(struct ports *p, uint16_t first)
{
	p->leased[first / NAT_BLOCK_PORTS] = false;
	p->n_idle--;
	for (uint16_t i = first ? 0 : 1; i < NAT_BLOCK_PORTS; i++) {
		free_remove(p, (uint16_t)(first + i));
		p->n_leased--;
	}
}

int nat_ports_idle(struct ports *p, uint32_t keep, uint64_t now)
{
	uint16_t block = 0;

	nat_ports_release(p, now);
	if (p->n_idle <= keep)
		return -1;
	while (!p->leased[block] || p->busy[block] > 0)
		block++; /* n_idle says that there is one */
	lease_end(p, (uint16_t)(block * NAT_BLOCK_PORTS));
	return block * NAT_BLOCK_PORTS;
}

static void client_unlink(struct ports *p, uint16_t port)
{
	struct held *h = &p->held[port];
	struct ports_client *c;

	if (h->client == PORTS_NOBODY)
		return;
	c = &p->clients[h->client];
	if (h->client_prev)
		p->held[h->client_prev].client_next = h->client_next;
	else
		c->first = h->client_next;
	if (h->client_next)
		p->held[h->client_next].client_prev = h->client_prev;
	else
		c->last = h->client_prev;
	c->n_held--;
}

static void held_remove(struct ports *p, uint16_t port)
{
	struct held *h = &p->held[port];

	client_unlink(p, port);
	if (h->prev)
		p->held[h->prev].next = h->next;
	else
		p->held_first = h->next;
	if (h->next)
		p->held[h->next].prev = h->prev;
	else
		p->held_last = h->prev;
	*h = (struct held){ 0 };
}

static void held_add(struct ports *p, uint16_t port, uint32_t client, uint64_t now)
{
	struct ports_client *c = &p->clients[client];

	p->held[port] = (struct held){
		.until = now + p->hold,
		.client = client,
		.prev = p->held_last,
		.client_prev = c->last,
	};
	if (p->held_last)
		p->held[p->held_last].next = port;
	else
		p->held_first = port;
	p->held_last = port;
	if (c->last)
		p->held[c->last].client_next = port;
	else
		c->first = port;
	c->last = port;
	c->n_held++;
}

void nat_ports_release(struct ports *p, uint64_t now)
{
	while (p->held_first && p->held[p->held_first].until <= now) {
		uint16_t port = p->held_first;

		held_remove(p, port);
		free_add(p, port);
		block_rest(p, port);
	}
}

void nat_ports_forget_client(struct ports *p, uint32_t client)
{
	struct ports_client *c = &p->clients[client];

	while (c->first) {
		uint16_t port = c->first;

		client_unlink(p, port);
		p->held[port].client = PORTS_NOBODY;
		p->held[port].client_prev = 0;
		p->held[port].client_next = 0;
	}
}

void nat_ports_clear(struct ports *p)
{
	while (p->held_first) {
		uint16_t port = p->held_first;

		held_remove(p, port);
		free_add(p, port);
		block_rest(p, port);
	}
	for (uint16_t block = 0; block < PORTS_BLOCKS; block++) {
		assert(p->busy[block] == 0);
		if (p->leased[block])
			lease_end(p, (uint16_t)(block * NAT_BLOCK_PORTS));
	}
}

/* A random free port, of the wished parity if there is one; 0 if none is free. */
static uint16_t take_free(struct ports *p, enum ports_wish wish, struct rng *rng)
{
	uint32_t even = p->n_free[0];
	uint32_t odd = p->n_free[1];
	uint32_t at;
	uint16_t port;

	if (even + odd == 0)
		return 0;
	if (wish == PORTS_EVEN && even > 0)
		at = rng_below(rng, even);
	else if (wish == PORTS_ODD && odd > 0)
		at = even + rng_below(rng, odd);
	else
		at = rng_below(rng, even + odd);
	port = at < even ? p->free[0][at] : p->free[1][at - even];
	free_remove(p, port);
	block_busy(p, port);
	return port;
}

/* One of the client's oldest held ports, of the wished parity if one of those is; 0 if none. */
static uint16_t take_held(struct ports *p, uint32_t client, enum ports_wish wish, struct rng *rng)
{
	const struct ports_client *c = &p->clients[client];
	uint32_t skip = rng_below(rng, HELD_CHOICE);
	uint16_t port = c->first;
	uint16_t found = c->first;

	for (uint32_t i = 0; i < 2 * HELD_CHOICE && port; i++) {
		bool fits = wish == PORTS_ANY || (port & 1) == (wish == PORTS_ODD);

		if (fits)
			found = port;
		if (fits && i >= skip)
			break;
		port = p->held[port].client_next;
	}
	if (found)
		held_remove(p, found);
	return found;
}

uint16_t nat_ports_take(struct ports *p, uint32_t client, uint32_t n_live, uint32_t own,
			enum ports_wish wish, uint32_t mapping, struct rng *rng, uint64_t now)
{
	uint16_t port = 0;

	nat_ports_release(p, now);
	if (n_live + p->clients[client].n_held < own)
		port = take_free(p, wish, rng);
	if (!port)
		port = take_held(p, client, wish, rng);
	if (port)
		p->mapping[port] = mapping;
	return port;
}

void nat_ports_give(struct ports *p, uint16_t port, uint32_t client, uint64_t now)
{
	assert(p->mapping[port] != 0);
	p->mapping[port] = 0;
	if (p->hold > 0) {
		held_add(p, port, client, now);
		return;
	}
	free_add(p, port);
	block_rest(p, port);
}
