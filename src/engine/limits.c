/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/limits.h"

#include "base/clock.h"

#define ICMP_PER_SECOND 500u
#define ICMP_BURST      100u
#define LOAD_PER_SECOND 500u

bool icmp_limit_take(struct icmp_limit *l, uint64_t now)
{
	uint64_t earned = (now - l->refilled) / (NS_PER_S / ICMP_PER_SECOND);

	if (earned > 0) {
		l->tokens =
			earned > ICMP_BURST - l->tokens ? ICMP_BURST : l->tokens + (uint32_t)earned;
		l->refilled = now;
	}
	if (l->tokens == 0)
		return false;
	l->tokens--;
	return true;
}

bool handshake_load_note(struct handshake_load *l, uint64_t now)
{
	uint64_t second = now / NS_PER_S;

	if (second != l->second) {
		l->second = second;
		l->in_second = 0;
	}
	if (++l->in_second > LOAD_PER_SECOND)
		l->until = now + NS_PER_S;
	return now < l->until;
}
