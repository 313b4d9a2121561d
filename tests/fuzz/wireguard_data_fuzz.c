/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wireguard_data_fuzz.c - hostile datagrams, in one batch, into a tunnel with a confirmed and
 * an unconfirmed session
 */
#include "wireguard_fixture.h"

#define BATCH 80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void start(struct wg_tunnel *t)
{
	struct wg_keys current = fixture_session(true, 1, true);
	struct wg_keys next = fixture_session(true, 2, false);

	wg_tunnel_peer_add(t, FIXTURE_PEER, 25, FIXTURE_NOW);
	if (wg_tunnel_install(t, &current, FIXTURE_NOW) < 0 ||
	    wg_tunnel_install(t, &next, FIXTURE_NOW) < 0)
		abort();
}

static void check(const struct wg_rx *rx, const uint8_t *buffer, size_t n)
{
	if (rx->verdict != PASS)
		return;
	if (rx->peer != FIXTURE_PEER || rx->data != buffer + WG_DATA_HEADER_LEN ||
	    rx->len + WG_DATA_OVERHEAD != n)
		abort();
}

/* Whatever came, the peer can still be sent to and time goes on. */
static void afterwards(struct wg_tunnel *t)
{
	uint8_t message[WG_DATA_OVERHEAD + 16] = { 0 };
	struct wg_tx tx = { .message = message, .plain_len = 1 };
	struct wg_event event;

	if (wg_tunnel_seal(t, FIXTURE_PEER, &tx, 1, 1420, FIXTURE_NOW) != PASS)
		abort();
	while (wg_tunnel_next_event(t, &event))
		;
	for (uint64_t s = 0; s < 600; s += 20)
		wg_tunnel_on_deadline(t, FIXTURE_NOW + s * NS_PER_S);
	while (wg_tunnel_next_event(t, &event))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct endpoint from[2] = { { .addr = addr_ip4(1), .port = 1 },
					  { .addr = addr_ip4(2), .port = 2 } };
	struct rng rng = rng_seeded(1);
	uint8_t *buffers[BATCH];
	struct wg_rx rx[BATCH];
	struct wg_tunnel *t;
	size_t lens[BATCH];
	uint8_t flags;
	size_t n = 0;

	if (wg_tunnel_new(16, &rng, &t) < 0)
		abort();
	start(t);
	while (n < BATCH) {
		const uint8_t *record = fixture_record(&data, &len, &flags, &lens[n]);

		if (!record)
			break;
		buffers[n] = malloc(lens[n] ? lens[n] : 1);
		if (!buffers[n])
			abort();
		memcpy(buffers[n], record, lens[n]);
		rx[n] = (struct wg_rx){ .data = buffers[n],
					.len = (uint32_t)lens[n],
					.from = &from[flags & FLAG_FROM_NEW ? 1 : 0],
					.to = &from[0].addr };
		n++;
	}
	wg_tunnel_open(t, rx, n, FIXTURE_NOW);
	for (size_t i = 0; i < n; i++) {
		check(&rx[i], buffers[i], lens[i]);
		free(buffers[i]);
	}
	afterwards(t);
	wg_tunnel_free(t);
	return 0;
}
