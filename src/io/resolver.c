/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/resolver.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ANSWER_MAX 4096
#define TRY_S      1 /* the first time; the second one waits longer */
#define TRIES      2

/* The first address of @type in an answer; those that CNAMEs lead to stand in it too. */
static int take(const uint8_t *answer, int len, ns_type type, struct addr *ret)
{
	bool ip4 = type == ns_t_a;
	size_t size = ip4 ? 4 : 16;
	ns_msg message;

	if (ns_initparse(answer, len, &message) < 0)
		return -EAGAIN;
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		ns_rr record;

		if (ns_parserr(&message, ns_s_an, i, &record) < 0)
			return -EAGAIN;
		if (ns_rr_type(record) != type || ns_rr_rdlen(record) != size)
			continue;
		*ret = (struct addr){ .family = ip4 ? ADDR_IP4 : ADDR_IP6 };
		memcpy(ret->bytes, ns_rr_rdata(record), size);
		return 0;
	}
	return -ENODATA;
}

static int ask(struct __res_state *state, const char *host, ns_type type, struct addr *ret)
{
	uint8_t answer[ANSWER_MAX];
	int len = res_nquery(state, host, ns_c_in, (int)type, answer, sizeof(answer));

	if (len > (int)sizeof(answer))
		len = (int)sizeof(answer);
	if (len >= 0)
		return take(answer, len, type, ret);
	if (state->res_h_errno == HOST_NOT_FOUND)
		return -ENOENT;
	return state->res_h_errno == NO_DATA ? -ENODATA : -EAGAIN;
}

static int name_servers(struct __res_state *state, const struct endpoint *servers, size_t n)
{
	state->nscount = 0;
	for (size_t i = 0; i < n && state->nscount < MAXNS; i++) {
		struct sockaddr_in *to = &state->nsaddr_list[state->nscount];

		if (servers[i].addr.family != ADDR_IP4)
			continue;
		*to = (struct sockaddr_in){ .sin_family = AF_INET,
					    .sin_port = htons(NAMESERVER_PORT) };
		memcpy(&to->sin_addr, servers[i].addr.bytes, 4);
		state->nscount++;
	}
	return state->nscount > 0 ? 0 : -EAFNOSUPPORT;
}

int resolver_ask(const char *host, const struct endpoint *servers, size_t n, struct addr *ret)
{
	struct __res_state state = { 0 };
	int r;

	if (res_ninit(&state) < 0)
		return -EAGAIN;
	state.retrans = TRY_S;
	state.retry = TRIES;
	r = name_servers(&state, servers, n);
	if (r == 0)
		r = ask(&state, host, ns_t_a, ret);
	if (r == -ENODATA)
		r = ask(&state, host, ns_t_aaaa, ret);
	res_nclose(&state);
	return r == -ENODATA ? -ENOENT : r;
}
