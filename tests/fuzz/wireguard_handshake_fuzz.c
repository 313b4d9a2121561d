/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wireguard_handshake_fuzz.c - hostile handshake messages into a handshaker that has one
 * peer and an initiation under way
 */
#include "crypto/blake2s.h"
#include "wireguard_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A heap copy of exactly its length, with the right MAC1 if wanted. */
static uint8_t *copy_of(const uint8_t *record, size_t n, uint8_t flags,
			const uint8_t public_key[static WG_KEY_LEN])
{
	uint8_t *copy = malloc(n ? n : 1);
	uint8_t key[WG_KEY_LEN];

	if (!copy)
		abort();
	memcpy(copy, record, n);
	if (flags & FLAG_MAC1 && n >= WG_RESPONSE_LEN) {
		blake2s_hash(key, "mac1----", 8, public_key, WG_KEY_LEN);
		blake2s_mac(copy + n - 2 * MAC_LEN, key, sizeof(key), copy, n - 2 * MAC_LEN);
	}
	return copy;
}

static void check(enum verdict v, const struct wg_output *out)
{
	if (out->kind == WG_SESSION && (v != PASS || out->peer != FIXTURE_PEER))
		abort();
	if (out->kind == WG_SEND && v != DROP_WG_COOKIE)
		abort();
	if (out->len > sizeof(out->message) || (out->kind == WG_NOTHING && out->len != 0))
		abort();
}

static void time_passes(struct fixture *f, uint64_t *now)
{
	struct wg_output out;

	*now += 60 * NS_PER_S;
	do
		wg_handshaker_on_deadline(f->h, *now, FIXTURE_WALL + *now, &out);
	while (out.kind != WG_NOTHING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct endpoint from = { .addr = addr_ip4(0x0a000002), .port = 51820 };
	uint64_t now = FIXTURE_NOW;
	struct wg_output out;
	const uint8_t *record;
	struct fixture f;
	uint8_t flags;
	size_t n;

	fixture_start(&f, 1, 2);
	fixture_initiate(&f, &from, &out);
	while ((record = fixture_record(&data, &len, &flags, &n))) {
		uint8_t *copy = copy_of(record, n, flags, f.public_key);

		if (flags & FLAG_LATER)
			time_passes(&f, &now);
		if (flags & FLAG_FROM_NEW)
			from.port++;
		check(wg_handshaker_receive(f.h, copy, n, &from, &f.at.addr, flags & FLAG_LOAD, now,
					    &out),
		      &out);
		free(copy);
	}
	wg_handshaker_free(f.h);
	return 0;
}
