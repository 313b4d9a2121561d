/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wireguard_seeds.c - writes the corpus of both WireGuard fuzz targets
 *
 * usage: wireguard_seeds CORPUS-DIRECTORY
 *
 * Genuine messages of every type, which no mutation of noise would ever find.  Run it
 * again when the fixture changes.
 */
#include <stdio.h>

#include "wireguard_fixture.h"

struct input {
	uint8_t bytes[8192];
	size_t len;
};

static void add(struct input *in, uint8_t flags, const uint8_t *message, size_t len)
{
	uint8_t *p = in->bytes + in->len;

	p[0] = flags;
	store_be16(p + 1, (uint16_t)(len << 8 | len >> 8));
	memcpy(p + 3, message, len);
	in->len += 3 + len;
}

static void save(struct input *in, const char *directory, const char *target, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, target, name);
	f = fopen(path, "wb");
	if (!f || fwrite(in->bytes, 1, in->len, f) != in->len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
	in->len = 0;
}

static void handshake_seeds(const char *directory)
{
	struct fixture us, them; /* the target's side, and its peer's */
	struct wg_output ours, theirs, out;
	struct input in = { .len = 0 };

	fixture_start(&us, 1, 2);
	fixture_start(&them, 2, 1);
	fixture_initiate(&us, &them.at, &ours);
	fixture_initiate(&them, &us.at, &theirs);

	add(&in, 0, theirs.message, theirs.len);
	save(&in, directory, "wireguard_handshake", "initiation");
	add(&in, FLAG_LOAD, theirs.message, theirs.len);
	save(&in, directory, "wireguard_handshake", "initiation-under-load");
	add(&in, FLAG_MAC1, theirs.message, theirs.len);
	add(&in, FLAG_MAC1 | FLAG_LATER, theirs.message, theirs.len);
	save(&in, directory, "wireguard_handshake", "initiation-twice");

	(void)wg_handshaker_receive(them.h, ours.message, ours.len, &us.at, &them.at.addr, true,
				    FIXTURE_NOW, &out);
	add(&in, 0, out.message, out.len);
	add(&in, FLAG_LATER, out.message, out.len);
	save(&in, directory, "wireguard_handshake", "cookie-reply");

	(void)wg_handshaker_receive(them.h, ours.message, ours.len, &us.at, &them.at.addr, false,
				    FIXTURE_NOW, &out);
	add(&in, 0, out.message, out.len);
	save(&in, directory, "wireguard_handshake", "response");
	add(&in, FLAG_MAC1 | FLAG_FROM_NEW, out.message, out.len);
	add(&in, FLAG_MAC1, theirs.message, theirs.len);
	save(&in, directory, "wireguard_handshake", "response-and-initiation");
	wg_handshaker_free(us.h);
	wg_handshaker_free(them.h);
}

static void seal(struct wg_tunnel *t, struct input *in, uint8_t flags, uint32_t len)
{
	uint8_t message[2048] = { 0 };
	struct wg_tx tx = { .message = message, .plain_len = len };

	if (wg_tunnel_seal(t, FIXTURE_PEER, &tx, 1, 1420, FIXTURE_NOW) != PASS)
		abort();
	add(in, flags, message, tx.len);
}

static void data_seeds(const char *directory)
{
	struct rng rng = rng_seeded(1);
	struct input in = { .len = 0 };
	struct wg_tunnel *t;
	struct wg_keys keys;

	if (wg_tunnel_new(16, &rng, &t) < 0)
		abort();
	wg_tunnel_peer_add(t, FIXTURE_PEER, 0, FIXTURE_NOW);
	keys = fixture_session(false, 1, true);
	if (wg_tunnel_install(t, &keys, FIXTURE_NOW) < 0)
		abort();
	seal(t, &in, 0, 0);
	save(&in, directory, "wireguard_data", "keepalive");
	seal(t, &in, 0, 60);
	seal(t, &in, FLAG_FROM_NEW, 60);
	add(&in, 0, in.bytes + 3, 96); /* the first one once more */
	seal(t, &in, 0, 300);
	save(&in, directory, "wireguard_data", "roaming-and-replay");
	seal(t, &in, 0, 20);
	keys = fixture_session(false, 2, true);
	if (wg_tunnel_install(t, &keys, FIXTURE_NOW) < 0)
		abort();
	seal(t, &in, 0, 20);
	seal(t, &in, 0, 0);
	save(&in, directory, "wireguard_data", "confirms-the-next-session");
	wg_tunnel_free(t);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	handshake_seeds(argv[1]);
	data_seeds(argv[1]);
	return 0;
}
