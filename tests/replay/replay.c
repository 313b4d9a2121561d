/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - plays scenarios: send, expect, wait 180 s, expect
 *
 * usage: replay FILE.scn ...      prints TAP, a line a scenario
 *
 *	workers N                              first line, if not 2
 *	client NAME ADDRESS [keepalive S]      a peer of the gateway
 *	NAME sends PACKET                      into its tunnel (a handshake is made if need be)
 *	NAME gets PACKET | nothing             the oldest packet that it received
 *	NAME moves A.B.C.D:PORT                its datagrams come from there now
 *	NAME loses N                           its next N datagrams vanish
 *	NAME removed
 *	NAME replays [from A.B.C.D:PORT]       its last data datagram arrives once more
 *	NAME handshakes N                      it has made N sessions so far
 *	outside gets PACKET | nothing          the oldest packet that left the gateway
 *	outside sends PACKET
 *	wait N{ms,s,m}
 *	restart                                the gateway, without memory
 *	address A.B.C.D                        the external address changes
 *	mappings N
 *	drops REASON N
 *
 * PACKET is
 *	udp SRC:PORT DST:PORT TEXT
 *	tcp SRC:PORT DST:PORT FLAGS            FLAGS of S A F R P, e.g. SA
 *	ping SRC DST ID  |  pong SRC DST ID
 *	unreachable SRC DST CODE udp SRC:PORT DST:PORT       ICMP type 3 about a datagram
 * In "gets" a port or ID written as $name is learnt the first time, and known afterwards.
 *
 * At the end of each scenario the sum of all counters must hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/train.h"
#include "world.h"

#define WORDS_MAX     16
#define VARIABLES_MAX 32

struct variable {
	char name[32];
	uint16_t value;
};

struct play {
	const char *file;
	unsigned int line;
	struct world *world;
	struct variable variables[VARIABLES_MAX];
	size_t n_variables;
	char complaint[512];
};

#define FAIL(play, ...)                                                              \
	do {                                                                         \
		snprintf((play)->complaint, sizeof((play)->complaint), __VA_ARGS__); \
		return false;                                                        \
	} while (0)

static struct variable *variable(struct play *p, const char *name)
{
	for (size_t i = 0; i < p->n_variables; i++)
		if (strcmp(p->variables[i].name, name) == 0)
			return &p->variables[i];
	return NULL;
}

/* A number, a known $name, or (0) a $name still to be learnt. */
static uint16_t number(struct play *p, const char *word)
{
	struct variable *v;

	if (word[0] != '$')
		return (uint16_t)atoi(word);
	v = variable(p, word);
	return v ? v->value : 0;
}

static void learn(struct play *p, const char *word, uint16_t value)
{
	struct variable *v = &p->variables[p->n_variables];

	if (word[0] != '$' || variable(p, word) || p->n_variables == VARIABLES_MAX)
		return;
	snprintf(v->name, sizeof(v->name), "%s", word);
	v->value = value;
	p->n_variables++;
}

/* "1.2.3.4:port" or "1.2.3.4"; *port is the word behind the colon. */
static bool address(const char *word, uint32_t *ret, const char **port)
{
	char text[64];
	struct addr a;
	char *colon;

	snprintf(text, sizeof(text), "%s", word);
	colon = strchr(text, ':');
	if (colon)
		*colon = '\0';
	*port = colon ? strchr(word, ':') + 1 : "";
	if (!addr_parse(text, &a))
		return false;
	*ret = addr_to_ip4(&a);
	return true;
}

static uint8_t tcp_flags(const char *text)
{
	uint8_t flags = 0;

	for (; *text; text++)
		flags |= *text == 'S'   ? TCP_SYN
			 : *text == 'A' ? TCP_ACK
			 : *text == 'F' ? TCP_FIN
			 : *text == 'R' ? TCP_RST
			 : *text == 'P' ? TCP_PSH
					: 0;
	return flags;
}

static size_t ip_header(uint8_t *out, uint32_t src, uint32_t dst, uint8_t proto, size_t payload)
{
	memset(out, 0, 20);
	out[0] = 0x45;
	store_be16(out + 2, (uint16_t)(20 + payload));
	store_be16(out + 6, 0x4000);
	out[8] = 64;
	out[9] = proto;
	store_be32(out + 12, src);
	store_be32(out + 16, dst);
	store_be16(out + 10, (uint16_t)~checksum_fold(checksum_add(0, out, 20)));
	return 20 + payload;
}

static void finish_checksum(uint8_t *l4, size_t len, size_t at, uint64_t pseudo)
{
	uint16_t sum;

	store_be16(l4 + at, 0);
	sum = (uint16_t)~checksum_fold(checksum_add(pseudo, l4, len));
	store_be16(l4 + at, sum ? sum : 0xffff);
}

/* The packet that words[0..n) describe; ports still to be learnt are 0. */
static size_t build(struct play *p, char **words, size_t n, uint8_t *out)
{
	uint32_t src, dst;
	const char *sport, *dport;
	uint8_t *l4 = out + 20;
	size_t len;

	if (n < 4 || !address(words[1], &src, &sport) || !address(words[2], &dst, &dport))
		return 0;
	if (strcmp(words[0], "udp") == 0) {
		len = 8 + strlen(words[3]);
		store_be16(l4, number(p, sport));
		store_be16(l4 + 2, number(p, dport));
		store_be16(l4 + 4, (uint16_t)len);
		memcpy(l4 + 8, words[3], len - 8);
		finish_checksum(l4, len, 6,
				checksum_pseudo(src, dst, IPPROTO_NUM_UDP, (uint16_t)len));
		return ip_header(out, src, dst, IPPROTO_NUM_UDP, len);
	}
	if (strcmp(words[0], "tcp") == 0) {
		memset(l4, 0, 20);
		store_be16(l4, number(p, sport));
		store_be16(l4 + 2, number(p, dport));
		l4[12] = 0x50;
		l4[13] = tcp_flags(words[3]);
		finish_checksum(l4, 20, 16, checksum_pseudo(src, dst, IPPROTO_NUM_TCP, 20));
		return ip_header(out, src, dst, IPPROTO_NUM_TCP, 20);
	}
	if (strcmp(words[0], "ping") == 0 || strcmp(words[0], "pong") == 0) {
		memset(l4, 0, 16);
		l4[0] = words[0][1] == 'i' ? 8 : 0;
		store_be16(l4 + 4, number(p, words[3]));
		store_be16(l4 + 6, 1);
		finish_checksum(l4, 16, 2, 0);
		return ip_header(out, src, dst, IPPROTO_NUM_ICMP, 16);
	}
	if (strcmp(words[0], "unreachable") == 0 && n >= 7) {
		char *about[] = { words[4], words[5], words[6], (char *)"x" };
		uint8_t inner[64];

		size_t quoted = build(p, about, 4, inner);

		if (quoted == 0)
			return 0;
		memset(l4, 0, 8);
		l4[0] = 3;
		l4[1] = (uint8_t)atoi(words[3]);
		memcpy(l4 + 8, inner, quoted);
		finish_checksum(l4, 8 + quoted, 2, 0);
		return ip_header(out, src, dst, IPPROTO_NUM_ICMP, 8 + quoted);
	}
	return 0;
}

static void describe(const uint8_t *packet, size_t len, char *out, size_t size)
{
	uint8_t copy[2048];
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
	struct addr a, b;
	struct train t;

	memcpy(copy, packet, len);
	if (train_parse(&t, copy, len, CSUM_UNCHECKED) != PASS) {
		snprintf(out, size, "%zu bytes that are no packet", len);
		return;
	}
	a = addr_ip4(t.src);
	b = addr_ip4(t.dst);
	snprintf(out, size, "protocol %u, %s:%u to %s:%u, %s", t.proto, addr_format(&a, src),
		 t.sport, addr_format(&b, dst), t.dport,
		 train_verify(&t) == PASS ? "checksum right" : "checksum wrong");
}

/* Takes the ports of the packet that came for names that were not known yet. */
static void learn_from(struct play *p, char **words, const uint8_t *packet)
{
	uint32_t ip;
	const char *sport, *dport;

	if (!address(words[1], &ip, &sport) || !address(words[2], &ip, &dport))
		return;
	if (strcmp(words[0], "udp") == 0 || strcmp(words[0], "tcp") == 0) {
		learn(p, sport, load_be16(packet + 20));
		learn(p, dport, load_be16(packet + 22));
	} else if (words[0][0] == 'p') {
		learn(p, words[3], load_be16(packet + 24));
	}
}

/*
 * Equal up to what a router may change: TTL, identification, checksums (which must be right),
 * and TCP options, of which these packets have none.
 */
static bool same(struct play *p, const uint8_t *want, size_t want_len, uint8_t *got, size_t got_len,
		 const char *what)
{
	char text[256];
	struct train t;
	bool ok = want_len == got_len && train_parse(&t, got, got_len, CSUM_UNCHECKED) == PASS &&
		  train_verify(&t) == PASS && memcmp(want + 12, got + 12, 8) == 0 &&
		  want[9] == got[9];
	size_t sum = want[9] == IPPROTO_NUM_TCP ? 36 : want[9] == IPPROTO_NUM_UDP ? 26 : 22;
	size_t compare = got_len;

	if (ok && want[9] == IPPROTO_NUM_ICMP && got[20] == 3)
		compare = 22; /* the embedded packet: compared by its ports below */
	for (size_t i = 20; ok && i < compare; i++)
		if (i != sum && i != sum + 1)
			ok = want[i] == got[i];
	if (ok && compare == 22)
		ok = memcmp(want + 28 + 12, got + 28 + 12, 12) == 0;
	if (ok)
		return true;
	describe(got, got_len, text, sizeof(text));
	FAIL(p, "%s got %s", what, text);
}

static bool expect(struct play *p, const char *who, char **words, size_t n, bool have,
		   struct wire_packet *got)
{
	uint8_t want[2048];
	char text[256];
	size_t len;

	if (n == 1 && strcmp(words[0], "nothing") == 0) {
		if (!have)
			return true;
		describe(got->data, got->len, text, sizeof(text));
		FAIL(p, "%s got %s, expected nothing", who, text);
	}
	if (!have)
		FAIL(p, "%s got nothing", who);
	if (got->len >= 28)
		learn_from(p, words, got->data);
	len = build(p, words, n, want);
	if (len == 0)
		FAIL(p, "no packet that a scenario can describe");
	return same(p, want, len, got->data, got->len, who);
}

static bool outside(struct play *p, char **words, size_t n)
{
	struct wire_packet got;
	uint8_t packet[2048];

	if (strcmp(words[1], "gets") == 0) {
		bool have = wire_take(&wire_external_out, &got);

		return expect(p, "outside", words + 2, n - 2, have, &got);
	}
	size_t len = build(p, words + 2, n - 2, packet);

	if (strcmp(words[1], "sends") != 0 || len == 0)
		FAIL(p, "want outside sends PACKET or outside gets PACKET");
	world_outside_send(p->world, packet, len);
	return true;
}

static bool client(struct play *p, int c, char **words, size_t n)
{
	struct wire_packet got;
	struct endpoint where;
	uint8_t packet[2048];
	const char *verb = words[1];

	if (strcmp(verb, "sends") == 0) {
		size_t len = build(p, words + 2, n - 2, packet);

		if (len == 0)
			FAIL(p, "no packet that a scenario can describe");
		world_client_send(p->world, c, packet, len);
	} else if (strcmp(verb, "gets") == 0) {
		bool have = world_client_take(p->world, c, &got);

		return expect(p, words[0], words + 2, n - 2, have, &got);
	} else if (strcmp(verb, "moves") == 0 && n == 3 && endpoint_parse(words[2], &where)) {
		world_move_client(p->world, c, &where);
	} else if (strcmp(verb, "loses") == 0 && n == 3) {
		world_client_lose(p->world, c, (unsigned int)atoi(words[2]));
	} else if (strcmp(verb, "removed") == 0) {
		world_remove_client(p->world, c);
	} else if (strcmp(verb, "replays") == 0) {
		bool from = n == 4 && endpoint_parse(words[3], &where);

		world_replay_last(p->world, c, from ? &where : NULL);
	} else if (strcmp(verb, "handshakes") == 0 && n == 3) {
		uint64_t have = world_handshakes(p->world, c);

		if (have != (uint64_t)atoi(words[2]))
			FAIL(p, "%s has made %llu", words[0], (unsigned long long)have);
	} else {
		FAIL(p, "%s can't do '%s'", words[0], verb);
	}
	return true;
}

static bool wait_for(struct play *p, const char *word)
{
	char *unit;
	uint64_t n = strtoull(word, &unit, 10);

	if (strcmp(unit, "ms") == 0)
		world_advance(p->world, n * NS_PER_MS);
	else if (strcmp(unit, "s") == 0)
		world_advance(p->world, n * NS_PER_S);
	else if (strcmp(unit, "m") == 0)
		world_advance(p->world, n * 60 * NS_PER_S);
	else
		FAIL(p, "want wait N{ms,s,m}");
	return true;
}

static bool step(struct play *p, char **words, size_t n)
{
	struct addr a;
	int c;

	if (strcmp(words[0], "workers") == 0 && n == 2) {
		world_free(p->world);
		p->world = world_new((unsigned int)atoi(words[1]));
	} else if (strcmp(words[0], "client") == 0 && n >= 3 && addr_parse(words[2], &a)) {
		world_add_client(p->world, words[1], addr_to_ip4(&a),
				 n == 5 ? (uint16_t)atoi(words[4]) : 0);
	} else if (strcmp(words[0], "outside") == 0 && n >= 3) {
		return outside(p, words, n);
	} else if (strcmp(words[0], "wait") == 0 && n == 2) {
		return wait_for(p, words[1]);
	} else if (strcmp(words[0], "restart") == 0) {
		world_restart(p->world);
	} else if (strcmp(words[0], "address") == 0 && n == 2 && addr_parse(words[1], &a)) {
		world_set_address(p->world, addr_to_ip4(&a));
	} else if (strcmp(words[0], "mappings") == 0 && n == 2) {
		uint64_t have = world_mappings(p->world);

		if (have != (uint64_t)atoi(words[1]))
			FAIL(p, "there are %llu", (unsigned long long)have);
	} else if (strcmp(words[0], "drops") == 0 && n == 3) {
		uint64_t have = world_drops(p->world, words[1]);

		if (have != (uint64_t)atoi(words[2]))
			FAIL(p, "there were %lld", (long long)have);
	} else if ((c = world_client(p->world, words[0])) >= 0 && n >= 2) {
		return client(p, c, words, n);
	} else {
		FAIL(p, "not understood");
	}
	return true;
}

static bool play_line(struct play *p, char *line)
{
	char *words[WORDS_MAX];
	size_t n = 0;

	line[strcspn(line, "#\n")] = '\0';
	for (char *w = strtok(line, " \t"); w && n < WORDS_MAX; w = strtok(NULL, " \t"))
		words[n++] = w;
	return n == 0 || step(p, words, n);
}

static bool play(struct play *p, FILE *f)
{
	char line[512], original[512], sum[128];

	while (fgets(line, sizeof(line), f)) {
		p->line++;
		strcpy(original, line);
		if (play_line(p, line))
			continue;
		printf("# %s:%u: %s# %s\n", p->file, p->line, original, p->complaint);
		return false;
	}
	if (world_sum_holds(p->world, sum, sizeof(sum)))
		return true;
	printf("# %s: the sum does not hold: %s\n", p->file, sum);
	return false;
}

int main(int argc, char **argv)
{
	int failed = 0;

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		struct play p = { .file = argv[i], .world = world_new(2) };
		FILE *f = fopen(argv[i], "r");
		bool ok = f && play(&p, f);

		printf("%s %d - %s\n", ok ? "ok" : "not ok", i, argv[i]);
		failed += !ok;
		if (f)
			fclose(f);
		world_free(p.world);
		memset(&wire_tunnel_out, 0, sizeof(wire_tunnel_out));
		memset(&wire_external_out, 0, sizeof(wire_external_out));
	}
	return failed ? 1 : 0;
}
