/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/peer_mtu.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "wireguard/wireguard.h"

#define KEEP (600 * NS_PER_S)
/* What fits Linux's smallest path, 552 bytes (net.ipv4.route.min_pmtu): less is never believed. */
#define INSIDE_LEAST 480u
#define UDP_HEADER   8u
#define IP4_HEADER   20u
#define IP6_HEADER   40u

struct learnt {
	uint32_t inside; /* bytes; 0: nothing */
	uint64_t until;  /* ns */
};

struct peer_mtu {
	uint32_t inside;
	struct learnt *peers;
};

int peer_mtu_new(uint32_t peers_max, uint32_t inside, struct peer_mtu **ret)
{
	struct peer_mtu *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->inside = inside;
	m->peers = calloc(peers_max, sizeof(*m->peers));
	if (!m->peers) {
		free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

struct peer_mtu *peer_mtu_free(struct peer_mtu *m)
{
	if (m)
		free(m->peers);
	free(m);
	return NULL;
}

void peer_mtu_set_inside(struct peer_mtu *m, uint32_t inside)
{
	m->inside = inside;
}

uint32_t peer_mtu_get(const struct peer_mtu *m, uint32_t peer, uint64_t now)
{
	const struct learnt *l = &m->peers[peer];

	return l->inside != 0 && l->inside < m->inside && now < l->until ? l->inside : m->inside;
}

void peer_mtu_learn(struct peer_mtu *m, uint32_t peer, const struct endpoint *to, uint32_t path,
		    uint64_t now)
{
	uint32_t headers = (to->addr.family == ADDR_IP6 ? IP6_HEADER : IP4_HEADER) + UDP_HEADER +
			   WG_DATA_OVERHEAD;
	uint32_t inside = path > headers + INSIDE_LEAST ? path - headers : INSIDE_LEAST;

	if (path == 0 || inside >= m->inside)
		return;
	m->peers[peer] = (struct learnt){ inside, now + KEEP };
}

void peer_mtu_forget(struct peer_mtu *m, uint32_t peer)
{
	m->peers[peer].inside = 0;
}
