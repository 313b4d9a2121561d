/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_parse_fuzz.c - parse, rewrite, verify and linearize hostile packets of both families
 *
 * Input: a control byte (bits: mend the sums, treat the checksum as partial), then the packet.
 */
#include "packet_mend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require_same(const struct train *t, const struct train *fresh)
{
	REQUIRE(fresh->len == t->len && fresh->head_len == t->head_len && fresh->l4 == t->l4);
	struct addr src = train_src(t), dst = train_dst(t);
	struct addr fresh_src = train_src(fresh), fresh_dst = train_dst(fresh);

	REQUIRE(addr_equal(&src, &fresh_src) && addr_equal(&dst, &fresh_dst));
	REQUIRE(fresh->src == t->src && fresh->dst == t->dst && fresh->proto == t->proto);
	REQUIRE(fresh->sport == t->sport && fresh->dport == t->dport);
	REQUIRE(fresh->ttl == t->ttl && fresh->tos == t->tos);
}

static void rewrite(struct train *t)
{
	train_set_tos(t, (uint8_t)~t->tos);
	train_clamp_mss(t, 1380);
	if (t->ip6)
		return;
	train_set_src(t, t->dst);
	train_set_dst(t, 0x0a424d02);
	train_set_sport(t, 65535);
	train_set_dport(t, 0);
	if (t->proto == IPPROTO_NUM_ICMP && t->sport > 0)
		train_set_icmp_id(t, 4711);
	train_set_ttl(t, (uint8_t)(t->ttl - 1));
}

static void walk(struct train *t)
{
	static uint8_t out[TRAIN_LEN_MAX];
	enum verdict before = train_verify(t);
	struct train fresh;

	REQUIRE(t->head_len <= t->len && t->l4 <= t->head_len);
	REQUIRE(train_segments(t) == 1 && train_segment_len(t) == t->len);
	rewrite(t);
	REQUIRE(train_linearize(t, out, t->len - 1) == 0);
	REQUIRE(train_linearize(t, out, sizeof(out)) == t->len);
	REQUIRE(train_parse_any(&fresh, out, t->len,
				t->csum == CSUM_VERIFIED ? CSUM_UNCHECKED : t->csum) == PASS);
	require_same(t, &fresh);
	/* Rewriting makes no checksum right or wrong. */
	REQUIRE(train_verify(&fresh) == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct train t;
	uint8_t *packet;
	enum csum_state csum;
	bool mend;

	if (len < 1)
		return 0;
	mend = data[0] & 1;
	csum = data[0] & 2 ? CSUM_PARTIAL : CSUM_UNCHECKED;
	packet = mend_copy(data + 1, len - 1);
	if (mend)
		mend_ip4(packet, len - 1);
	if (train_parse_any(&t, packet, len - 1, csum) == PASS) {
		if (mend)
			mend_l4(&t);
		walk(&t);
	}
	free(packet);
	return 0;
}
