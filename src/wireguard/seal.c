/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/wire.h"
#include "wireguard/message.h"
#include "wireguard/tunnel.h"

/* Writes header and padding; what is left is the AEAD's. */
static struct aead_op prepare(struct session *s, struct wg_tx *tx, uint32_t mtu)
{
	uint8_t *plain = tx->message + WG_DATA_HEADER_LEN;
	uint32_t padded;

	tx->len = wg_message_len(tx->plain_len, mtu);
	padded = tx->len - WG_DATA_OVERHEAD;
	memset(plain + tx->plain_len, 0, padded - tx->plain_len);
	store_le32(tx->message, WG_DATA);
	store_le32(tx->message + DATA_RECEIVER_AT, s->remote_index);
	store_le64(tx->message + DATA_COUNTER_AT, s->send_counter);
	return (struct aead_op){ .data = plain, .len = padded, .counter = s->send_counter++ };
}

/* The paper, 6.2: only the initiator renews by age, so that not both do at once. */
static bool wants_rekey(const struct session *s, uint64_t now)
{
	return s->send_counter >= REKEY_AFTER_MESSAGES ||
	       (s->initiator && now >= s->birth + REKEY_AFTER_TIME);
}

enum verdict wg_tunnel_seal(struct wg_tunnel *t, uint32_t peer, struct wg_tx *tx, size_t n,
			    uint32_t mtu, uint64_t now)
{
	struct tunnel_peer *p = tunnel_peer(t, peer);
	struct aead_op ops[TUNNEL_CHUNK];
	uint64_t bytes = 0;
	bool data = false;
	struct session *s;

	if (!p)
		return DROP_WG_NO_SESSION;
	s = sessions_get(&p->sessions, p->sessions.current);
	if (!s || session_expired(s, now) || s->send_counter + n > REJECT_AFTER_MESSAGES) {
		tunnel_ask(t, peer, now);
		return DROP_WG_NO_SESSION;
	}
	for (size_t done = 0; done < n;) {
		size_t k = 0;

		for (; k < TUNNEL_CHUNK && done < n; k++, done++) {
			ops[k] = prepare(s, &tx[done], mtu);
			bytes += tx[done].len;
			data |= tx[done].plain_len > 0;
		}
		aead_seal(s->send, ops, k);
	}
	counter_add(&p->stats.tx_bytes, bytes);
	timers_sent(&p->timers, data, now, t->rng);
	tunnel_rearm(t, peer);
	if (wants_rekey(s, now))
		tunnel_ask(t, peer, now);
	return PASS;
}
