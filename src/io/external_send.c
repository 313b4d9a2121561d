/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * external_send.c - one train leaves by the packet socket, or cut by the raw one
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "io/external.h"
#include "io/external_end.h"
#include "io/loop.h"
#include "io/vnet.h"

/* How often a stale neighbour is given a packet by the way that makes the kernel ask for it. */
#define REFRESH_INTERVAL NS_PER_S

static int send_frame(const struct external *ext, const struct train *t)
{
	struct vnet_header header = vnet_describe(t, ext->l2);
	struct iovec iov[2 + 1 + TRAIN_PIECES_MAX];
	struct msghdr msg = { .msg_iov = iov };

	iov[0] = (struct iovec){ &header, sizeof(header) };
	iov[1] = (struct iovec){ (void *)(uintptr_t)ext->frame_header, ext->l2 };
	msg.msg_iovlen = 2 + vnet_gather(t, iov + 2);
	return sendmsg(ext->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_raw(const struct external *ext, const struct train *t)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(t->dst) };
	struct iovec iov[1 + TRAIN_PIECES_MAX];
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov };

	msg.msg_iovlen = vnet_gather(t, iov);
	return sendmsg(ext->raw, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A pending error of the link (it went down and up again) is not about this packet. */
static int send_again(const struct external *ext, const struct train *t,
		      int (*send_once)(const struct external *, const struct train *))
{
	int r = send_once(ext, t);

	if (r == -ENETDOWN || r == -EINTR || r == -ENXIO)
		r = send_once(ext, t);
	return r;
}

/* Every segment as a packet of its own, with its checksums complete. */
static enum verdict send_cut(struct external *ext, const struct train *t,
			     int (*send_once)(const struct external *, const struct train *))
{
	enum verdict v = PASS;
	struct cut cut;
	size_t len;

	cut_start(&cut, t);
	while ((len = cut_next(&cut, ext->segment, sizeof(ext->segment))) > 0) {
		struct train one = { .head = ext->segment,
				     .head_len = (uint32_t)len,
				     .len = (uint32_t)len,
				     .dst = t->dst,
				     .csum = CSUM_VERIFIED };

		if (send_again(ext, &one, send_once) < 0)
			v = DROP_EXTERNAL_SEND;
	}
	return v;
}

static bool is_on_link(const struct uplink *up, uint32_t dst)
{
	struct prefix net = { .addr = addr_ip4(up->address), .len = up->prefix_len };

	return dst != up->next_hop && prefix_contains_ip4(&net, dst);
}

/* Whether the kernel must find this packet's way over the link. */
static bool needs_raw(struct external *ext, const struct train *t)
{
	const struct uplink *up = &ext->uplink;
	uint64_t now;

	if (!up->ethernet)
		return false;
	if (!up->next_hop_known || is_on_link(up, t->dst))
		return true;
	if (!up->next_hop_stale)
		return false;
	/* What a packet socket sends never refreshes an entry: one packet a second goes by hand. */
	now = loop_now();
	if (ext->refreshed != 0 && now - ext->refreshed < REFRESH_INTERVAL)
		return false;
	ext->refreshed = now;
	return true;
}

static enum train_support *support_of(struct external *ext, const struct train *t)
{
	return t->proto == IPPROTO_NUM_TCP ? &ext->tcp_trains : &ext->udp_trains;
}

enum verdict external_send(struct external *ext, const struct train *t)
{
	bool train = vnet_is_train(t);
	enum train_support *support = support_of(ext, t);
	int r;

	if (!ext->uplink.up)
		return DROP_EXTERNAL_DOWN;
	if (needs_raw(ext, t))
		return send_cut(ext, t, send_raw);
	/* What exceeds the device's gso_max_size the kernel cuts, in a third of the time we would take. */
	if (!ext->offload || (train && (*support == TRAINS_REFUSED || t->csum != CSUM_PARTIAL)))
		return send_cut(ext, t, send_frame);
	r = send_again(ext, t, send_frame);
	if (!train || (r < 0 && r != -EINVAL))
		return r < 0 ? DROP_EXTERNAL_SEND : PASS;
	if (r == 0) {
		*support = TRAINS_TAKEN;
		return PASS;
	}
	/* One odd train that a client made must not end the offload for everybody. */
	if (*support == TRAINS_UNTRIED)
		*support = TRAINS_REFUSED;
	return send_cut(ext, t, send_frame);
}

void external_set_offload(struct external *ext, bool on)
{
	ext->offload = on;
}

const char *external_offload(const struct external *ext)
{
	return ext->offload && ext->tcp_trains != TRAINS_REFUSED ? "trains" : "packets";
}
