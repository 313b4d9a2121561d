/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - plays scenarios: send, expect, wait 180 s, expect
 *
 * usage: replay FILE.scn ...      prints TAP, a line a scenario
 *
 *	set KEY N                              first lines: see struct world_settings
 *	client NAME ADDRESS [keepalive S] [psk]   a peer of the gateway
 *	stranger NAME ADDRESS                  one that it does not know
 *	NAME sends PACKET                      into its tunnel (a handshake is made if need be)
 *	NAME gets [N fragments] PACKET | nothing   the oldest packet that it received
 *	NAME bursts N PACKET                   the same, N times at once
 *	NAME moves A.B.C.D:PORT                its datagrams come from there now
 *	NAME loses N                           its next N datagrams vanish
 *	NAME sleeps  |  NAME wakes             hears and says nothing
 *	NAME reborn                            forgets its sessions
 *	NAME removed
 *	NAME replays [from A.B.C.D:PORT]       its last data datagram arrives once more
 *	NAME corrupts data|index|counter       the same, with a wrong byte there
 *	NAME rehandshakes [mac]                its last initiation once more, as it was or damaged
 *	NAME lies                              the same with another key and a right MAC1
 *	NAME floods N                          its last initiation from N places
 *	NAME marks TOS                         the outer TOS of its datagrams
 *	NAME tos TOS                           the outer TOS of the last datagram it got
 *	NAME takes stream N | udp              its messages go that way now; the stream is opened
 *	NAME repeats OTHER                     OTHER's last data message, by NAME's stream
 *	NAME hangs up N                        closes its stream N
 *	NAME came N COUNT                      data messages that it got by stream N since it was asked
 *	NAME congests N  |  NAME drains N      its stream N takes nothing
 *	NAME handshakes N                      it has made N sessions so far
 *	outside gets [N fragments] PACKET | nothing    the oldest packet that left the gateway
 *	outside sends PACKET
 *	host gets PACKET | nothing             by the adapter
 *	host sends PACKET
 *	noise HEX                              a datagram from nobody to the tunnel's port
 *	wait N{ms,s,m}
 *	restart [remembering]                  the gateway, without memory or with its state file
 *	reload N                               N times in a row
 *	address A.B.C.D                        the external address changes
 *	uplink up|down
 *	interface N                            the same address on interface number N
 *	deny PREFIX  |  allow PREFIX           [Policy]
 *	dns full|free                          the proxy, which answers with the question
 *	only workers N                         with another number the scenario ends here
 *	other-link PREFIX                      the host has a route by another interface
 *	tunnel|external|host fails N           the next N sends there
 *	mappings N
 *	streams N                              connections that the gateway has
 *	drops REASON N  |  drops N             of that reason; of all
 *	repeat N STEP ; STEP ...               with % as 000, 001, ...
 *
 * PACKET is described in packets.h.  After every step the sum of all counters must hold.  The
 * environment's REPLAY_WORKERS stands above what a scenario says of workers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "packets.h"
#include "world.h"

#define WORDS_MAX 48
#define LINE_SIZE 512

struct play {
	const char *file;
	unsigned int line;
	struct world_settings settings;
	struct world *world;
	struct variables variables;
	char complaint[COMPLAINT_SIZE];
};

#define FAIL(play, ...)                                                              \
	do {                                                                         \
		snprintf((play)->complaint, sizeof((play)->complaint), __VA_ARGS__); \
		return false;                                                        \
	} while (0)

static bool is(const char *word, const char *text)
{
	return strcmp(word, text) == 0;
}

/* Puts @n fragments of one packet together. */
static bool reassemble(struct play *p, struct wire_packet *got, int n, bool (*next)(void *),
		       void *ctx)
{
	struct wire_packet whole = *got;
	size_t total = 0;

	for (int i = 0; i < n; i++) {
		size_t offset = (size_t)((got->data[6] & 0x1f) << 8 | got->data[7]) * 8;

		if (i > 0 && !next(ctx))
			FAIL(p, "got %d fragments", i);
		offset = (size_t)((got->data[6] & 0x1f) << 8 | got->data[7]) * 8;
		if (20 + offset + got->len - 20 > sizeof(whole.data))
			FAIL(p, "got a fragment that is too long");
		if (((got->data[6] & 0x20) != 0) != (i < n - 1))
			FAIL(p, "fragment %d has a wrong MF", i);
		memcpy(whole.data + 20 + offset, got->data + 20, got->len - 20);
		total += got->len - 20;
	}
	whole.len = 20 + total;
	whole.data[2] = (uint8_t)(whole.len >> 8);
	whole.data[3] = (uint8_t)whole.len;
	whole.data[6] = whole.data[7] = 0;
	whole.data[10] = whole.data[11] = 0;
	*got = whole;
	return true;
}

struct source {
	struct play *play;
	int client; /* -1: outside; -2: the host */
	struct wire_packet got;
};

static bool take(void *ctx)
{
	struct source *s = ctx;

	if (s->client >= 0)
		return world_client_take(s->play->world, s->client, &s->got);
	return wire_take(s->client == -1 ? &wire_external_out : &wire_host_out, &s->got);
}

/* The header checksum of what was put together here. */
static void seal_header(uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

static bool expect(struct play *p, int client, char **words, size_t n)
{
	struct source s = { .play = p, .client = client };
	bool have = take(&s);
	char text[256];
	int fragments = n > 2 && is(words[1], "fragments") ? atoi(words[0]) : 1;

	if (n == 1 && is(words[0], "nothing")) {
		if (!have)
			return true;
		packet_describe(s.got.data, s.got.len, text, sizeof(text));
		FAIL(p, "got %s", text);
	}
	if (!have)
		FAIL(p, "got nothing");
	if (fragments > 1) {
		if (!reassemble(p, &s.got, fragments, take, &s))
			return false;
		seal_header(s.got.data);
		words += 2;
		n -= 2;
	}
	return packet_matches(&p->variables, words, n, s.got.data, s.got.len, p->complaint);
}

static bool build(struct play *p, char **words, size_t n, uint8_t *packet, size_t *ret_len)
{
	*ret_len = packet_build(&p->variables, words, n, packet);
	if (*ret_len == 0)
		FAIL(p, "no packet that a scenario can describe");
	return true;
}

static bool elsewhere(struct play *p, char **words, size_t n)
{
	bool outside = is(words[0], "outside");
	uint8_t packet[PACKET_MAX];
	size_t len;

	if (is(words[1], "gets"))
		return expect(p, outside ? -1 : -2, words + 2, n - 2);
	if (!is(words[1], "sends"))
		FAIL(p, "want 'sends' or 'gets'");
	if (!build(p, words + 2, n - 2, packet, &len))
		return false;
	if (outside)
		world_outside_send(p->world, packet, len);
	else
		world_host_send(p->world, packet, len);
	return true;
}

/* A datagram that the client has sent before, as it was or with one byte wrong. */
static bool forge(struct play *p, int c, char **words, size_t n)
{
	bool hello = is(words[1], "rehandshakes");
	struct wire_packet forged = *world_last(p->world, c, hello);
	const char *where = n > 2 ? words[2] : "";

	if (forged.len == 0)
		FAIL(p, "it has sent none yet");
	if (n == 4 && is(where, "from") && !endpoint_parse(words[3], &forged.from))
		FAIL(p, "want from A.B.C.D:PORT");
	if (is(where, "data") || is(where, "mac"))
		forged.data[forged.len - (hello ? 20 : 1)] ^= 1;
	else if (is(where, "index"))
		forged.data[6] ^= 1;
	else if (is(where, "counter"))
		forged.data[9] ^= 1;
	world_datagram(p->world, &forged);
	return true;
}

static void flood(struct play *p, int c, unsigned int n)
{
	struct wire_packet hello = *world_last(p->world, c, true);

	for (unsigned int i = 0; i < n; i++) {
		hello.from.port = (uint16_t)(1024 + i);
		world_datagram(p->world, &hello);
	}
}

static bool client_state(struct play *p, int c, char **words, size_t n)
{
	unsigned int value = n == 3 ? (unsigned int)atoi(words[2]) : 0;
	struct endpoint where;
	const char *verb = words[1];

	if (is(verb, "moves") && n == 3 && endpoint_parse(words[2], &where))
		world_move_client(p->world, c, &where);
	else if (is(verb, "loses") && n == 3)
		world_client_lose(p->world, c, value);
	else if (is(verb, "sleeps") || is(verb, "wakes"))
		world_client_sleep(p->world, c, is(verb, "sleeps"));
	else if (is(verb, "reborn"))
		world_client_reborn(p->world, c);
	else if (is(verb, "lies"))
		world_false_hello(p->world, c);
	else if (is(verb, "removed"))
		world_remove_client(p->world, c);
	else if (is(verb, "floods") && n == 3)
		flood(p, c, value);
	else if (is(verb, "marks") && n == 3)
		world_client_mark(p->world, c, (uint8_t)value);
	else
		FAIL(p, "%s can't do '%s'", words[0], verb);
	return true;
}

/* What a client does with its streams.  *known: whether it was that. */
static bool client_stream(struct play *p, int c, char **words, size_t n, bool *known)
{
	const char *verb = words[1];
	unsigned int lane = n > 2 ? (unsigned int)atoi(words[2]) : 0;
	unsigned int came;

	*known = true;
	if (is(verb, "takes") && n == 4 && is(words[2], "stream")) {
		world_client_stream(p->world, c, atoi(words[3]) % 8);
	} else if (is(verb, "takes") && n == 3 && is(words[2], "udp")) {
		world_client_stream(p->world, c, -1);
	} else if (is(verb, "repeats") && n == 3 && world_client(p->world, words[2]) >= 0) {
		world_client_repeat(p->world, c, world_client(p->world, words[2]));
	} else if (is(verb, "hangs") && n == 4) {
		world_client_hang_up(p->world, c, atoi(words[3]) % 8);
	} else if (is(verb, "congests") || is(verb, "drains")) {
		world_client_congest(p->world, c, (int)(lane % 8), is(verb, "congests"));
	} else if (is(verb, "came") && n == 4) {
		came = world_client_came(p->world, c, (int)(lane % 8));
		if (came != (unsigned int)atoi(words[3]))
			FAIL(p, "%u came", came);
	} else {
		*known = false;
	}
	if (*known)
		world_settle(p->world);
	return true;
}

static bool client(struct play *p, int c, char **words, size_t n)
{
	bool known;
	uint8_t packet[PACKET_MAX];
	const char *verb = words[1];
	size_t len;

	if (is(verb, "sends")) {
		if (!build(p, words + 2, n - 2, packet, &len))
			return false;
		world_client_send(p->world, c, packet, len);
		return true;
	}
	if (is(verb, "bursts") && n > 3) {
		if (!build(p, words + 3, n - 3, packet, &len))
			return false;
		world_client_burst(p->world, c, packet, len, (unsigned int)atoi(words[2]));
		return true;
	}
	if (is(verb, "gets"))
		return expect(p, c, words + 2, n - 2);
	if (is(verb, "replays") || is(verb, "corrupts") || is(verb, "rehandshakes"))
		return forge(p, c, words, n);
	if (is(verb, "handshakes") && n == 3) {
		if (world_handshakes(p->world, c) != (uint64_t)atoi(words[2]))
			FAIL(p, "it has made %llu",
			     (unsigned long long)world_handshakes(p->world, c));
		return true;
	}
	if (is(verb, "tos") && n == 3) {
		if (world_client_tos(p->world, c) != atoi(words[2]))
			FAIL(p, "it was %u", world_client_tos(p->world, c));
		return true;
	}
	if (!client_stream(p, c, words, n, &known))
		return false;
	return known || client_state(p, c, words, n);
}

static bool wait_for(struct play *p, const char *word)
{
	char *unit;
	uint64_t n = strtoull(word, &unit, 10);

	if (is(unit, "ms"))
		world_advance(p->world, n * NS_PER_MS);
	else if (is(unit, "s"))
		world_advance(p->world, n * NS_PER_S);
	else if (is(unit, "m"))
		world_advance(p->world, n * 60 * NS_PER_S);
	else
		FAIL(p, "want wait N{ms,s,m}");
	return true;
}

static void begin(struct play *p)
{
	const char *workers = getenv("REPLAY_WORKERS");
	struct world_settings settings = p->settings;

	if (workers)
		settings.workers = (unsigned int)atoi(workers);
	world_free(p->world);
	p->world = world_new(&settings);
}

static bool set(struct play *p, const char *key, const char *value)
{
	const struct {
		const char *key;
		unsigned int *at;
	} keys[] = {
		{ "dns", &p->settings.dns },           { "workers", &p->settings.workers },
		{ "blocks", &p->settings.blocks },     { "quota", &p->settings.quota },
		{ "mappings", &p->settings.mappings }, { "mtu", &p->settings.mtu },
		{ "isolate", &p->settings.isolate },   { "adapter", &p->settings.adapter },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!is(keys[i].key, key))
			continue;
		*keys[i].at = (unsigned int)atoi(value);
		begin(p);
		return true;
	}
	FAIL(p, "no such setting");
}

static bool fails(struct play *p, char **words)
{
	unsigned int n = (unsigned int)atoi(words[2]);

	if (is(words[0], "tunnel"))
		wire_tunnel_fails = n;
	else if (is(words[0], "external"))
		wire_external_fails = n;
	else if (is(words[0], "host"))
		wire_host_fails = n;
	else
		FAIL(p, "want tunnel, external or host");
	return true;
}

static bool count(struct play *p, uint64_t have, const char *want)
{
	if (have != strtoull(want, NULL, 10))
		FAIL(p, "counted %lld", (long long)have);
	return true;
}

static void noise(struct play *p, const char *hex)
{
	struct wire_packet w = { .len = packet_hex(hex, w.data) };

	endpoint_parse("203.0.113.200:1", &w.from);
	world_datagram(p->world, &w);
}

/* What is neither a packet nor a client's doing.  *known: whether it was one of these. */
static bool event(struct play *p, char **words, size_t n, bool *known)
{
	struct prefix prefix;
	struct addr a;

	*known = true;
	if (is(words[0], "wait") && n == 2)
		return wait_for(p, words[1]);
	if (is(words[0], "restart"))
		world_restart(p->world, n == 2 && is(words[1], "remembering"));
	else if (is(words[0], "reload") && n == 2)
		world_reload(p->world, (unsigned int)atoi(words[1]));
	else if (is(words[0], "address") && n == 2 && addr_parse(words[1], &a))
		world_set_uplink(p->world, addr_to_ip4(&a), true);
	else if (is(words[0], "uplink") && n == 2)
		world_set_uplink(p->world, WORLD_EXTERNAL, is(words[1], "up"));
	else if (is(words[0], "other-link") && n == 2 && prefix_parse(words[1], &prefix))
		world_other_link(p->world, &prefix);
	else if ((is(words[0], "deny") || is(words[0], "allow")) && n == 2 &&
		 prefix_parse(words[1], &prefix))
		world_rule(p->world, &prefix, is(words[0], "allow"));
	else if (is(words[0], "interface") && n == 2)
		world_set_interface(p->world, atoi(words[1]));
	else if (is(words[0], "dns") && n == 2)
		wire_dns_full = is(words[1], "full");
	else if (is(words[0], "noise") && n == 2)
		noise(p, words[1]);
	else if (n == 3 && is(words[1], "fails"))
		return fails(p, words);
	else if (is(words[0], "mappings") && n == 2)
		return count(p, world_mappings(p->world), words[1]);
	else if (is(words[0], "streams") && n == 2)
		return count(p, world_streams(p->world), words[1]);
	else if (is(words[0], "drops") && n == 2)
		return count(p, world_all_drops(p->world), words[1]);
	else if (is(words[0], "drops") && n == 3)
		return count(p, world_drops(p->world, words[1]), words[2]);
	else
		*known = false;
	return true;
}

static bool new_client(struct play *p, char **words, size_t n)
{
	bool psk = n > 3 && is(words[n - 1], "psk");
	uint16_t keepalive = 0;
	struct addr a;

	if (n < 3 || !addr_parse(words[2], &a))
		FAIL(p, "want NAME ADDRESS");
	if (n > 4 && is(words[3], "keepalive"))
		keepalive = (uint16_t)atoi(words[4]);
	world_add_client(p->world, words[1], addr_to_ip4(&a), keepalive, is(words[0], "client"),
			 psk);
	return true;
}

static bool step(struct play *p, char **words, size_t n)
{
	char sum[128];
	bool known;
	int c;

	if (is(words[0], "set") && n == 3)
		return set(p, words[1], words[2]);
	if (is(words[0], "client") || is(words[0], "stranger"))
		return new_client(p, words, n);
	if (!event(p, words, n, &known))
		return false;
	if (!known && (is(words[0], "outside") || is(words[0], "host")) && n >= 3) {
		if (!elsewhere(p, words, n))
			return false;
	} else if (!known) {
		c = world_client(p->world, words[0]);
		if (c < 0 || n < 2)
			FAIL(p, "not understood");
		if (!client(p, c, words, n))
			return false;
	}
	if (!world_sum_holds(p->world, sum, sizeof(sum)))
		FAIL(p, "the sum does not hold: %s", sum);
	return true;
}

static bool play_words(struct play *p, char *text)
{
	char *words[WORDS_MAX];
	char *save;
	size_t n = 0;

	for (char *w = strtok_r(text, " \t", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " \t", &save))
		words[n++] = w;
	return n == 0 || step(p, words, n);
}

/* One round of a repetition: its steps with % as the round's number. */
static bool play_round(struct play *p, const char *steps, unsigned int round)
{
	char text[2 * LINE_SIZE];
	char *save;
	size_t n = 0;

	for (; *steps && n < sizeof(text) - 16; steps++) {
		if (*steps == '%')
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%03u", round);
		else
			text[n++] = *steps;
	}
	text[n] = '\0';
	for (char *s = strtok_r(text, ";", &save); s; s = strtok_r(NULL, ";", &save)) {
		if (!play_words(p, s))
			return false;
	}
	return true;
}

static bool play_line(struct play *p, char *line)
{
	char *steps;
	unsigned int n;

	line[strcspn(line, "#\n")] = '\0';
	if (strncmp(line, "repeat ", 7) != 0)
		return play_words(p, line);
	n = (unsigned int)strtoul(line + 7, &steps, 10);
	for (unsigned int i = 0; i < n; i++) {
		char complaint[COMPLAINT_SIZE];

		if (play_round(p, steps, i))
			continue;
		memcpy(complaint, p->complaint, sizeof(complaint));
		FAIL(p, "round %u: %.480s", i, complaint);
	}
	return true;
}

static bool play(struct play *p, FILE *f)
{
	char line[LINE_SIZE], original[LINE_SIZE];
	unsigned int only;

	begin(p);
	while (fgets(line, sizeof(line), f)) {
		p->line++;
		strcpy(original, line);
		if (sscanf(line, "only workers %u", &only) == 1 && only != world_workers(p->world))
			return true;
		if (strncmp(line, "only ", 5) == 0 || play_line(p, line))
			continue;
		printf("# %s:%u: %s# %s\n", p->file, p->line, original, p->complaint);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	int failed = 0;

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		struct play p = { .file = argv[i], .world = NULL };
		FILE *f = fopen(argv[i], "r");
		bool ok = f && play(&p, f);

		printf("%s %d - %s\n", ok ? "ok" : "not ok", i, argv[i]);
		failed += !ok;
		if (f)
			fclose(f);
		world_free(p.world);
	}
	return failed ? 1 : 0;
}
