/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/wire.h"
#include "dns/dns.h"
#include "dns/record.h"

#define SVC_KEY_IP4 4 /* ipv4hint and ipv6hint, RFC 9460 section 14.3.2 */
#define SVC_KEY_IP6 6

/* Which addresses are refused in this answer. */
struct inside {
	const struct prefix *tunnel;
	bool loopback_allowed;
};

static bool ip4_inside(const struct inside *in, const uint8_t *bytes)
{
	if (prefix_contains_ip4(in->tunnel, load_be32(bytes)))
		return true;
	return bytes[0] == 127 && !in->loopback_allowed;
}

static bool ip6_inside(const struct inside *in, const uint8_t *bytes)
{
	static const uint8_t loopback[16] = { [15] = 1 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
		return ip4_inside(in, bytes + 12);
	return memcmp(bytes, loopback, sizeof(loopback)) == 0 && !in->loopback_allowed;
}

static bool hints_inside(const struct inside *in, uint16_t key, const uint8_t *value, size_t len)
{
	size_t size = key == SVC_KEY_IP4 ? 4 : 16;

	if (key != SVC_KEY_IP4 && key != SVC_KEY_IP6)
		return false;
	for (size_t at = 0; len - at >= size; at += size) {
		if (size == 4 ? ip4_inside(in, value + at) : ip6_inside(in, value + at))
			return true;
	}
	return false;
}

/* RFC 9460 section 2.2: priority, target name (never compressed), then key, length, value. */
static bool svcb_inside(const struct inside *in, const uint8_t *data, size_t len)
{
	size_t at = 2;
	uint16_t key;
	uint16_t value_len;

	while (at < len && data[at] != 0)
		at += 1u + data[at];
	if (++at > len)
		return false;
	while (dns_option_next(data, len, &at, &key, &value_len)) {
		if (hints_inside(in, key, data + at - value_len, value_len))
			return true;
	}
	return false;
}

static bool record_inside(const struct inside *in, const uint8_t *reply,
			  const struct dns_record *record)
{
	const uint8_t *data = reply + record->data_at;

	switch (record->type) {
	case DNS_TYPE_A:
		return record->data_len == 4 && ip4_inside(in, data);
	case DNS_TYPE_AAAA:
		return record->data_len == 16 && ip6_inside(in, data);
	case DNS_TYPE_SVCB:
	case DNS_TYPE_HTTPS:
		return svcb_inside(in, data, record->data_len);
	default:
		return false;
	}
}

/* "localhost" itself or a name that ends in it; @end is behind the root's zero. */
static bool name_is_localhost(const uint8_t *reply, size_t end)
{
	static const uint8_t localhost[] = "\011localhost";
	size_t at = DNS_HEADER_LEN;

	while (at < end && end - at > sizeof(localhost))
		at += 1u + reply[at];
	return end - at == sizeof(localhost) &&
	       dns_name_equal(reply + at, localhost, sizeof(localhost));
}

bool dns_reply_points_inside(const uint8_t *reply, size_t len, const struct prefix *tunnel)
{
	size_t end = dns_question_end(reply, len);
	struct inside in = { .tunnel = tunnel };
	struct dns_record record;
	struct dns_walk walk;

	if (end == 0)
		return false;
	in.loopback_allowed = name_is_localhost(reply, end - 4);
	walk = dns_walk_begin(reply, len, end);
	while (dns_walk_next(&walk, &record)) {
		if (record_inside(&in, reply, &record))
			return true;
	}
	return false;
}
