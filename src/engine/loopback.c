/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/loopback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/external.h"
#include "nat/nat.h"

#define LOOPBACK_IFINDEX 1 /* in every Linux network namespace */
#define LOOPBACK_MTU     65535
#define BLOCKS           4u /* 256 TCP clients of the proxy at once */
#define REAP_BUDGET      16u

struct loopback {
	struct external *external;
	struct ports *ports;
	struct nat *nat;
};

/* No neighbour is known, so that everything goes by the raw socket: it alone reaches the host. */
static struct uplink loopback_link(void)
{
	return (struct uplink){
		.name = "lo",
		.ifindex = LOOPBACK_IFINDEX,
		.up = true,
		.ethernet = true,
		.address = LOOPBACK_SOURCE,
		.prefix_len = 8,
		.mtu = LOOPBACK_MTU,
		.gso_max_size = LOOPBACK_MTU,
	};
}

static int lease(struct loopback *l)
{
	struct external_ports filter = { .address = LOOPBACK_SOURCE };
	int r = 0;

	for (unsigned int i = 0; i < BLOCKS && r >= 0; i++) {
		uint16_t first;

		r = ports_lease(l->ports, PORT_TCP, 0, 1, &first);
		if (r < 0)
			break;
		filter.blocks[NAT_TCP][first / PORT_BLOCK / 64] |= UINT64_C(1)
								   << first / PORT_BLOCK % 64;
		r = nat_lease_add(l->nat, NAT_TCP, first);
	}
	return r < 0 ? r : external_set_ports(&l->external, 1, &filter);
}

int loopback_new(uint32_t clients_max, struct rng *rng, struct loopback **ret)
{
	struct uplink link = loopback_link();
	struct nat_params nat = nat_params_default();
	struct loopback *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	nat.address = LOOPBACK_SOURCE;
	nat.mappings_max = BLOCKS * NAT_BLOCK_PORTS;
	nat.flows_max = nat.mappings_max;
	nat.clients_max = clients_max;
	nat.client_quota[NAT_TCP] = NAT_BLOCK_PORTS;
	r = external_open_group(&link, 1, &l->external);
	if (r >= 0)
		r = ports_new(LOOPBACK_SOURCE, LOOPBACK_IFINDEX, 0, rng, &l->ports);
	if (r >= 0)
		r = nat_new(&nat, rng, &l->nat);
	if (r >= 0)
		r = lease(l);
	if (r < 0) {
		loopback_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct loopback *loopback_free(struct loopback *l)
{
	if (l) {
		nat_free(l->nat);
		ports_free(l->ports);
		external_free(l->external);
	}
	free(l);
	return NULL;
}

int loopback_fd(const struct loopback *l)
{
	return external_fd(l->external);
}

enum verdict loopback_send(struct loopback *l, struct train *t, uint32_t client, uint64_t now)
{
	enum verdict v = nat_outbound(l->nat, t, client, now);

	return v == PASS ? external_send(l->external, t) : v;
}

size_t loopback_recv(struct loopback *l, struct train *t, size_t n, uint64_t *drops, uint64_t now)
{
	size_t got = external_recv(l->external, t, n, drops);
	size_t kept = 0;

	for (size_t i = 0; i < got; i++) {
		enum verdict v = nat_inbound(l->nat, &t[i], now);

		if (v != PASS)
			drops[v] += train_segments(&t[i]);
		else if (kept++ != i)
			t[kept - 1] = t[i];
	}
	return kept;
}

uint64_t loopback_next_deadline(const struct loopback *l)
{
	return nat_next_deadline(l->nat);
}

void loopback_on_deadline(struct loopback *l, uint64_t now)
{
	nat_on_deadline(l->nat, now, REAP_BUDGET);
}
