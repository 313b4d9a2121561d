/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/message.h"

#include "base/wire.h"

int wg_message_type(const uint8_t *data, size_t len)
{
	uint32_t type;

	if (len < DATA_RECEIVER_AT + 4)
		return 0;
	type = load_le32(data); /* the reserved bytes must be zero */
	if (type == WG_INITIATION && len == WG_INITIATION_LEN)
		return WG_INITIATION;
	if (type == WG_RESPONSE && len == WG_RESPONSE_LEN)
		return WG_RESPONSE;
	if (type == WG_COOKIE_REPLY && len == WG_COOKIE_REPLY_LEN)
		return WG_COOKIE_REPLY;
	if (type == WG_DATA && len >= WG_DATA_OVERHEAD)
		return WG_DATA;
	return 0;
}

uint32_t wg_receiver_index(const uint8_t *data)
{
	return load_le32(data + (data[0] == WG_RESPONSE ? RESPONSE_RECEIVER_AT : DATA_RECEIVER_AT));
}

uint32_t wg_message_len(uint32_t plain_len, uint32_t mtu)
{
	uint32_t padded = (plain_len + 15) & ~UINT32_C(15);

	if (padded > mtu)
		padded = plain_len > mtu ? plain_len : mtu;
	return padded + WG_DATA_OVERHEAD;
}
