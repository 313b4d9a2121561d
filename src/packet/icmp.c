/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/icmp.h"

#include <string.h>

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/ip6.h"

#define IP4_LEN  20
#define ICMP_LEN 8
#define OUR_TTL  64

#define TOS_INTERNETWORK_CONTROL 0xc0 /* RFC 1812 section 4.3.2.5: precedence 6 */

#define ICMP6_REDIRECT  137
#define ICMP6_ABOUT     (IP6_LEN + ICMP_LEN) /* where the quoted packet begins */
#define ICMP6_QUOTE_MAX (ICMP6_ERROR_MAX - ICMP6_ABOUT)

/* RFC 1122 section 3.2.2: an error message never causes another. */
static bool is_icmp_error(const struct train *t)
{
	const uint8_t *icmp = train_l4(t);

	if (t->proto != IPPROTO_NUM_ICMP)
		return false;
	switch (icmp[0]) {
	case ICMP_ECHO_REPLY:
	case ICMP_ECHO:
	case 9: /* router advertisement and solicitation, timestamp, information, mask */
	case 10:
	case 13:
	case 14:
	case 15:
	case 16:
	case 17:
	case 18:
		return false;
	default: /* errors, and what nobody has defined */
		return true;
	}
}

/* An address that one host can have and be sent an answer to. */
static bool is_host(uint32_t a)
{
	return a >> 24 != 0 && a >> 24 != 127 && a < 0xe0000000;
}

static bool may_answer(const struct train *about)
{
	return about->frag_offset == 0 && is_host(about->src) && is_host(about->dst) &&
	       !is_icmp_error(about);
}

/* A plain IPv4 header with its checksum; identification 0, as nothing fragments it (RFC 6864). */
static void write_ip4(uint8_t *out, uint8_t tos, uint16_t len, uint32_t src, uint32_t dst)
{
	memset(out, 0, IP4_LEN);
	out[0] = 0x45;
	out[1] = tos;
	store_be16(out + 2, len);
	out[6] = 0x40; /* DF */
	out[8] = OUR_TTL;
	out[9] = IPPROTO_NUM_ICMP;
	store_be32(out + 12, src);
	store_be32(out + 16, dst);
	store_be16(out + 10, (uint16_t)~checksum_fold(checksum_add(0, out, IP4_LEN)));
}

/* The first @room bytes of the first segment.  Return: bytes written. */
static size_t quote(const struct train *t, uint8_t *out, size_t room)
{
	uint8_t segment[TRAIN_LEN_MAX];
	struct cut cut;
	size_t n;

	cut_start(&cut, t);
	n = cut_next(&cut, segment, sizeof(segment));
	if (n > room)
		n = room;
	memcpy(out, segment, n);
	return n;
}

size_t icmp_error(const struct train *about, uint8_t type, uint8_t code, uint16_t mtu,
		  uint32_t from, uint8_t *out)
{
	uint8_t *icmp = out + IP4_LEN;
	size_t len;

	if (!may_answer(about))
		return 0;
	len = ICMP_LEN + quote(about, icmp + ICMP_LEN, ICMP_ERROR_MAX - IP4_LEN - ICMP_LEN);
	memset(icmp, 0, ICMP_LEN);
	icmp[0] = type;
	icmp[1] = code;
	store_be16(icmp + 6, mtu);
	store_be16(icmp + 2, (uint16_t)~checksum_fold(checksum_add(0, icmp, len)));
	write_ip4(out, TOS_INTERNETWORK_CONTROL, (uint16_t)(IP4_LEN + len), from, about->src);
	return IP4_LEN + len;
}

enum verdict icmp_echo_reply(struct train *t)
{
	uint8_t *icmp = train_l4(t);
	uint32_t asked = t->dst;

	if (t->proto != IPPROTO_NUM_ICMP || train_is_fragment(t) || icmp[0] != ICMP_ECHO ||
	    !is_host(t->src) || !is_host(t->dst))
		return DROP_NAT_ICMP_TYPE;
	if (train_verify(t) != PASS)
		return DROP_L4_CHECKSUM;
	icmp[0] = ICMP_ECHO_REPLY;
	store_be16(icmp + 2, checksum_adjust16(load_be16(icmp + 2), ICMP_ECHO << 8, 0));
	train_set_dst(t, t->src);
	train_set_src(t, asked);
	train_set_ttl(t, OUR_TTL);
	return PASS;
}

/* An address that one other host can have: not multicast, unspecified or loopback. */
static bool ip6_is_host(const uint8_t *a)
{
	static const uint8_t zero[15];

	return a[0] != 0xff && (memcmp(a, zero, 15) != 0 || a[15] > 1);
}

/* RFC 4443 section 2.4(e): what no error may be sent about. */
static bool ip6_may_answer(const uint8_t *packet, size_t len)
{
	size_t offset;
	int upper;

	if (!ip6_is_host(packet + 8) || !ip6_is_host(packet + 24))
		return false;
	upper = ip6_upper_layer(packet, len, &offset);
	if (upper == IPPROTO_NUM_ICMP6) /* informational messages have the high bit */
		return offset < len && packet[offset] & 0x80 && packet[offset] != ICMP6_REDIRECT;
	return upper >= 0;
}

/* The headers of an error before the @quoted bytes that stand in their place already. */
static size_t finish_icmp6(uint8_t *out, uint8_t type, uint8_t code, uint32_t mtu, size_t quoted)
{
	uint8_t *icmp = out + IP6_LEN;
	const uint8_t *about = icmp + ICMP_LEN;
	uint32_t len = (uint32_t)(ICMP_LEN + quoted);
	uint64_t sum;

	memset(out, 0, IP6_LEN + ICMP_LEN);
	out[0] = 0x60;
	store_be16(out + IP6_PAYLOAD_LEN, (uint16_t)len);
	out[IP6_NEXT] = IPPROTO_NUM_ICMP6;
	out[IP6_HOP_LIMIT] = OUR_TTL;
	memcpy(out + IP6_SRC, about + IP6_DST, 16);
	memcpy(out + IP6_DST, about + IP6_SRC, 16);
	icmp[0] = type;
	icmp[1] = code;
	store_be32(icmp + 4, mtu);
	sum = checksum_pseudo_ip6(out + IP6_SRC, IPPROTO_NUM_ICMP6, len);
	store_be16(icmp + 2, (uint16_t)~checksum_fold(checksum_add(sum, icmp, len)));
	return IP6_LEN + len;
}

size_t icmp6_error(const struct train *about, uint8_t type, uint8_t code, uint32_t mtu,
		   uint8_t *out)
{
	if (!about->ip6 || !ip6_may_answer(about->head, about->head_len))
		return 0;
	return finish_icmp6(out, type, code, mtu, quote(about, out + ICMP6_ABOUT, ICMP6_QUOTE_MAX));
}

size_t icmp6_refusal(const uint8_t *packet, size_t len, uint8_t *out)
{
	size_t quoted;

	if (len < IP6_LEN || packet[0] >> 4 != 6)
		return 0;
	/* What exceeds the payload length is padding of the tunnel. */
	quoted = IP6_LEN + load_be16(packet + IP6_PAYLOAD_LEN);
	if (quoted > len || !ip6_may_answer(packet, quoted))
		return 0;
	if (quoted > ICMP6_QUOTE_MAX)
		quoted = ICMP6_QUOTE_MAX;
	memcpy(out + ICMP6_ABOUT, packet, quoted);
	return finish_icmp6(out, ICMP6_UNREACHABLE, ICMP6_ADMIN_PROHIBITED, 0, quoted);
}
