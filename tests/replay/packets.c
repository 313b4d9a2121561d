/* SPDX-License-Identifier: BSD-2-Clause */
#include "packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/train.h"

struct options {
	int ttl, tos, id, df, frag, mf, len, mss, mtu, bad; /* -1: not named */
};

static const struct {
	const char *key;
	size_t at;
} option_keys[] = {
	{ "ttl=", offsetof(struct options, ttl) }, { "tos=", offsetof(struct options, tos) },
	{ "id=", offsetof(struct options, id) },   { "df=", offsetof(struct options, df) },
	{ "mf=", offsetof(struct options, mf) },   { "frag=", offsetof(struct options, frag) },
	{ "len=", offsetof(struct options, len) }, { "mss=", offsetof(struct options, mss) },
	{ "mtu=", offsetof(struct options, mtu) }, { "bad=", offsetof(struct options, bad) },
};

/* Takes KEY=NUMBER off the end.  Returns the number of words left. */
static size_t take_options(char **words, size_t n, struct options *ret)
{
	*ret = (struct options){ -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
	for (; n > 0; n--) {
		bool known = false;

		for (size_t i = 0; i < sizeof(option_keys) / sizeof(option_keys[0]); i++) {
			size_t len = strlen(option_keys[i].key);

			if (strncmp(words[n - 1], option_keys[i].key, len) != 0)
				continue;
			*(int *)(void *)((char *)ret + option_keys[i].at) =
				atoi(words[n - 1] + len);
			known = true;
		}
		if (!known)
			return n;
	}
	return n;
}

static const struct variable *find(const struct variables *known, const char *name)
{
	for (size_t i = 0; i < known->n; i++)
		if (strcmp(known->v[i].name, name) == 0)
			return &known->v[i];
	return NULL;
}

/* A number, a known $name, or (0) a $name still to be learnt. */
static uint16_t number(const struct variables *known, const char *word)
{
	const struct variable *v;

	if (word[0] != '$')
		return (uint16_t)atoi(word);
	v = find(known, word);
	return v ? v->value : 0;
}

static void learn(struct variables *known, const char *word, uint16_t value)
{
	struct variable *v = &known->v[known->n];

	if (word[0] != '$' || find(known, word) || known->n == VARIABLES_MAX)
		return;
	snprintf(v->name, sizeof(v->name), "%s", word);
	v->value = value;
	known->n++;
}

bool packet_address(const char *word, uint32_t *ret, const char **port)
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

size_t packet_hex(const char *text, uint8_t *out)
{
	size_t n = 0;

	for (; text[0] && text[1] && n < PACKET_MAX; text += 2) {
		char digits[3] = { text[0], text[1], '\0' };

		out[n++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

static uint8_t tcp_flags(const char *text)
{
	static const char letters[] = "FSRPA"; /* bits 0 to 4 */
	uint8_t flags = 0;

	for (; *text; text++) {
		const char *at = strchr(letters, *text);

		if (at)
			flags |= (uint8_t)(1 << (at - letters));
	}
	return flags;
}

static size_t ip_header(uint8_t *out, uint32_t src, uint32_t dst, uint8_t proto, size_t payload,
			const struct options *o)
{
	uint16_t fragment = (uint16_t)((o->df == 0 ? 0 : 0x4000) | (o->mf > 0 ? 0x2000 : 0) |
				       (o->frag > 0 ? o->frag / 8 : 0));

	memset(out, 0, 20);
	out[0] = 0x45;
	out[1] = o->tos >= 0 ? (uint8_t)o->tos : 0;
	store_be16(out + 2, (uint16_t)(20 + payload));
	store_be16(out + 4, o->id >= 0 ? (uint16_t)o->id : 0);
	store_be16(out + 6, fragment);
	out[8] = o->ttl >= 0 ? (uint8_t)o->ttl : 64;
	out[9] = proto;
	store_be32(out + 12, src);
	store_be32(out + 16, dst);
	store_be16(out + 10, (uint16_t)~checksum_fold(checksum_add(0, out, 20)));
	if (o->bad == 4)
		out[10] ^= 0x55;
	return 20 + payload;
}

static void finish_checksum(uint8_t *l4, size_t len, size_t at, uint64_t pseudo,
			    const struct options *o)
{
	uint16_t sum;

	store_be16(l4 + at, 0);
	sum = (uint16_t)~checksum_fold(checksum_add(pseudo, l4, len));
	store_be16(l4 + at, sum ? sum : 0xffff);
	if (o->bad == 1)
		l4[at] ^= 0x55;
}

/* Fills up to the length that was asked for.  Returns the payload's length. */
static size_t fill(uint8_t *l4, size_t len, const struct options *o)
{
	while (o->len > 0 && 20 + len < (size_t)o->len && 20 + len < PACKET_MAX)
		l4[len++] = 'x';
	return len;
}

struct ends {
	uint32_t src, dst;
	uint16_t sport, dport;
};

static size_t build_udp(uint8_t *out, const struct ends *e, const char *text,
			const struct options *o)
{
	uint8_t *l4 = out + 20;
	size_t len = 8 + strlen(text);

	memcpy(l4 + 8, text, len - 8);
	len = fill(l4, len, o);
	store_be16(l4, e->sport);
	store_be16(l4 + 2, e->dport);
	store_be16(l4 + 4, (uint16_t)len);
	finish_checksum(l4, len, 6, checksum_pseudo(e->src, e->dst, IPPROTO_NUM_UDP, (uint16_t)len),
			o);
	return ip_header(out, e->src, e->dst, IPPROTO_NUM_UDP, len, o);
}

static size_t build_tcp(uint8_t *out, const struct ends *e, const char *flags,
			const struct options *o)
{
	uint8_t *l4 = out + 20;
	size_t header = o->mss >= 0 ? 24 : 20;
	size_t len;

	memset(l4, 0, header);
	store_be16(l4, e->sport);
	store_be16(l4 + 2, e->dport);
	l4[12] = (uint8_t)(header / 4 << 4);
	l4[13] = tcp_flags(flags);
	if (o->mss >= 0) {
		l4[20] = 2;
		l4[21] = 4;
		store_be16(l4 + 22, (uint16_t)o->mss);
	}
	len = fill(l4, header, o);
	finish_checksum(l4, len, 16,
			checksum_pseudo(e->src, e->dst, IPPROTO_NUM_TCP, (uint16_t)len), o);
	return ip_header(out, e->src, e->dst, IPPROTO_NUM_TCP, len, o);
}

static size_t build_icmp(uint8_t *out, const struct ends *e, uint8_t type, uint16_t id,
			 const struct options *o)
{
	uint8_t *l4 = out + 20;
	size_t len = fill(l4, 16, o);

	memset(l4, 0, 16);
	l4[0] = type;
	store_be16(l4 + 4, id);
	store_be16(l4 + 6, 1);
	finish_checksum(l4, len, 2, 0, o);
	return ip_header(out, e->src, e->dst, IPPROTO_NUM_ICMP, len, o);
}

static size_t build_error(const struct variables *known, uint8_t *out, const struct ends *e,
			  char **words, size_t n, const struct options *o)
{
	char *about[] = { words[4], words[5], words[6], (char *)"A" };
	uint8_t inner[PACKET_MAX];
	uint8_t *l4 = out + 20;
	size_t quoted = n >= 7 ? packet_build(known, about, 4, inner) : 0;

	if (quoted == 0)
		return 0;
	memset(l4, 0, 8);
	l4[0] = words[0][0] == 'u' ? 3 : 11;
	l4[1] = (uint8_t)atoi(words[3]);
	if (o->mtu >= 0)
		store_be16(l4 + 6, (uint16_t)o->mtu);
	memcpy(l4 + 8, inner, quoted);
	finish_checksum(l4, 8 + quoted, 2, 0, o);
	return ip_header(out, e->src, e->dst, IPPROTO_NUM_ICMP, 8 + quoted, o);
}

static size_t build_ip6(char **words, size_t n, uint8_t *out)
{
	struct addr src, dst;
	bool refusal = words[0][0] == 'r';

	if (n != 3 || !addr_parse(words[1], &src) || !addr_parse(words[2], &dst))
		return 0;
	memset(out, 0, 48);
	out[0] = 0x60;
	out[5] = 8;
	out[6] = refusal ? 58 : IPPROTO_NUM_UDP;
	out[7] = 64;
	memcpy(out + 8, src.bytes, 16);
	memcpy(out + 24, dst.bytes, 16);
	out[40] = refusal ? 1 : 0;
	out[41] = refusal ? 1 : 53;
	return 48;
}

size_t packet_build(const struct variables *known, char **words, size_t n,
		    uint8_t out[static PACKET_MAX])
{
	const char *sport, *dport, *what = n > 0 ? words[0] : "";
	struct options o;
	struct ends e;

	n = take_options(words, n, &o);
	if (n == 2 && strcmp(what, "raw") == 0)
		return packet_hex(words[1], out);
	if (strcmp(what, "ip6") == 0 || strcmp(what, "refusal") == 0)
		return build_ip6(words, n, out);
	if (n < 4 || !packet_address(words[1], &e.src, &sport) ||
	    !packet_address(words[2], &e.dst, &dport))
		return 0;
	e.sport = number(known, sport);
	e.dport = number(known, dport);
	if (strcmp(what, "udp") == 0)
		return build_udp(out, &e, words[3], &o);
	if (strcmp(what, "tcp") == 0)
		return build_tcp(out, &e, words[3], &o);
	if (strcmp(what, "ping") == 0 || strcmp(what, "pong") == 0)
		return build_icmp(out, &e, what[1] == 'i' ? 8 : 0, number(known, words[3]), &o);
	if (strcmp(what, "icmp") == 0)
		return build_icmp(out, &e, (uint8_t)atoi(words[3]), 0, &o);
	if (strcmp(what, "unreachable") == 0 || strcmp(what, "exceeded") == 0)
		return build_error(known, out, &e, words, n, &o);
	if (strcmp(what, "ip") == 0) {
		memset(out + 20, 0, 8);
		return ip_header(out, e.src, e.dst, (uint8_t)atoi(words[3]), fill(out + 20, 8, &o),
				 &o);
	}
	return 0;
}

void packet_describe(const uint8_t *packet, size_t len, char *out, size_t size)
{
	uint8_t copy[PACKET_MAX];
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
	snprintf(out, size, "protocol %u, %s:%u to %s:%u, %zu bytes, ttl %u tos %u, %s", t.proto,
		 addr_format(&a, src), t.sport, addr_format(&b, dst), t.dport, len, t.ttl, t.tos,
		 train_verify(&t) == PASS ? "checksum right" : "checksum wrong");
}

/* Takes the ports of the packet that came for names that were not known yet. */
static void learn_from(struct variables *known, char **words, const uint8_t *packet)
{
	uint32_t ip;
	const char *sport, *dport;

	if (!packet_address(words[1], &ip, &sport) || !packet_address(words[2], &ip, &dport))
		return;
	if (strcmp(words[0], "udp") == 0 || strcmp(words[0], "tcp") == 0) {
		learn(known, sport, load_be16(packet + 20));
		learn(known, dport, load_be16(packet + 22));
	} else if (words[0][0] == 'p') {
		learn(known, words[3], load_be16(packet + 24));
	}
}

/* Type, code and MTU, and what is quoted: addresses, ports, a right header checksum. */
static bool same_error(const uint8_t *want, const uint8_t *got, size_t len, const struct options *o)
{
	return len >= 56 && memcmp(want + 20, got + 20, 2) == 0 &&
	       (o->mtu < 0 || memcmp(want + 26, got + 26, 2) == 0) && want[37] == got[37] &&
	       memcmp(want + 40, got + 40, 12) == 0 &&
	       checksum_fold(checksum_add(0, got + 28, 20)) == 0xffff;
}

static bool same(const uint8_t *want, size_t want_len, const uint8_t *got, size_t len,
		 const struct options *o)
{
	uint8_t copy[PACKET_MAX];
	struct train t;
	size_t sum;

	memcpy(copy, got, len);
	if (train_parse(&t, copy, len, CSUM_UNCHECKED) != PASS || train_verify(&t) != PASS ||
	    memcmp(want + 12, got + 12, 8) != 0 || want[9] != got[9] ||
	    (o->ttl >= 0 && want[8] != got[8]) || (o->tos >= 0 && want[1] != got[1]))
		return false;
	if (want[9] == IPPROTO_NUM_ICMP && (want[20] == 3 || want[20] == 11))
		return same_error(want, got, len, o);
	sum = want[9] == IPPROTO_NUM_TCP ? 36 : want[9] == IPPROTO_NUM_UDP ? 26 : 22;
	for (size_t i = 20; i < len && want_len == len; i++)
		if (i != sum && i != sum + 1 && want[i] != got[i])
			return false;
	return want_len == len;
}

bool packet_matches(struct variables *known, char **words, size_t n, const uint8_t *got, size_t len,
		    char *complaint)
{
	uint8_t want[PACKET_MAX];
	char text[256];
	struct options o;
	size_t want_len;
	bool ok;

	take_options(words, n, &o);
	if (len >= 28 && n >= 4)
		learn_from(known, words, got);
	want_len = packet_build(known, words, n, want);
	if (want_len == 0) {
		snprintf(complaint, COMPLAINT_SIZE, "no packet that a scenario can describe");
		return false;
	}
	if (want[0] >> 4 == 6)
		ok = len >= 48 && got[0] >> 4 == 6 && got[6] == want[6] &&
		     memcmp(got + 8, want + 8, 32) == 0 && memcmp(got + 40, want + 40, 2) == 0;
	else
		ok = same(want, want_len, got, len, &o);
	packet_describe(got, len, text, sizeof(text));
	if (!ok)
		snprintf(complaint, COMPLAINT_SIZE, "got %s", text);
	return ok;
}
