/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * external.c - opens the group of packet sockets, receives, and keeps its filters
 *
 * external_send.c is the other half.
 */
#include "io/external.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/external_end.h"
#include "io/packet_filter.h"
#include "io/vnet.h"

/*
 * Bytes, of which the kernel makes 8 MiB: some 10 ms of what a worker carries.  A queue that
 * holds more loses no less at overload, and everybody else's packets stand in it.
 */
#define SOCKET_QUEUE (4 << 20)
#define RECV_TRIES   4 /* pending errors that one external_recv() reads past */

#define FANOUT_FLAG_IGNORE_OUTGOING 0x4000 /* linux/if_packet.h, newer than 6.1 */

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static void set_queue(int fd, int force, int option)
{
	if (set_int(fd, SOL_SOCKET, force, SOCKET_QUEUE) < 0)
		(void)set_int(fd, SOL_SOCKET, option, SOCKET_QUEUE);
}

static int attach(int fd, int level, int option, struct packet_filter *f)
{
	struct sock_fprog program = { .len = f->n, .filter = f->code };

	return setsockopt(fd, level, option, &program, sizeof(program)) < 0 ? -errno : 0;
}

static int attach_nothing(int fd)
{
	struct packet_filter nothing = { .code = { BPF_STMT(BPF_RET | BPF_K, 0) }, .n = 1 };

	return attach(fd, SOL_SOCKET, SO_ATTACH_FILTER, &nothing);
}

/*
 * Protocol 0 hears nothing until bind(), and then only what the filter lets pass: there is
 * no moment at which a packet of the whole interface is queued.  ETH_P_IP, not ETH_P_ALL:
 * such a socket comes after the host's own TCX programs, and never sees what is sent.
 */
static int open_packet(const struct uplink *uplink)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = uplink->ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : 0;

	if (r == 0)
		r = attach_nothing(fd);
	if (r == 0)
		r = set_int(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
	if (r == 0) {
		set_queue(fd, SO_RCVBUFFORCE, SO_RCVBUF);
		set_queue(fd, SO_SNDBUFFORCE, SO_SNDBUF);
		r = bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
	}
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* The slow path: the kernel finds the neighbour, and asks for it. */
static int open_raw(const struct uplink *uplink)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, uplink->name,
				 (socklen_t)strnlen(uplink->name, sizeof(uplink->name))) < 0)
		r = -errno;
	/* Without IP_RECVERR a full queue of the interface is a success, and the loss a silent one. */
	if (r == 0)
		r = set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
	if (r == 0) {
		set_queue(fd, SO_SNDBUFFORCE, SO_SNDBUF);
		r = attach_nothing(fd);
	}
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

static void ready_slots(struct external *ext)
{
	for (size_t i = 0; i < EXTERNAL_RX_BATCH; i++) {
		struct external_slot *slot = &ext->slots[i];

		slot->iov[0] = (struct iovec){ &slot->vnet, sizeof(slot->vnet) };
		slot->iov[1] = (struct iovec){ slot->l2, ext->l2 };
		slot->iov[2] =
			(struct iovec){ ext->buffers + i * EXTERNAL_STRIDE, EXTERNAL_BUFFER };
		ext->msgs[i].msg_hdr = (struct msghdr){ .msg_iov = slot->iov, .msg_iovlen = 3 };
	}
}

static int open_end(const struct uplink *uplink, struct external **ret)
{
	struct external *ext = calloc(1, sizeof(*ext));
	int r = 0;

	if (!ext)
		return -ENOMEM;
	ext->raw = -1;
	ext->fd = open_packet(uplink);
	if (ext->fd < 0)
		r = ext->fd;
	if (r == 0) {
		ext->raw = open_raw(uplink);
		r = ext->raw < 0 ? ext->raw : 0;
	}
	ext->l2 = uplink->ethernet ? ETH_HLEN : 0;
	ext->offload = true;
	ext->buffers = aligned_alloc(64, (size_t)EXTERNAL_RX_BATCH * EXTERNAL_STRIDE);
	if (r == 0 && !ext->buffers)
		r = -ENOMEM;
	if (r < 0) {
		external_free(ext);
		return r;
	}
	ready_slots(ext);
	external_set_uplink(ext, uplink);
	*ret = ext;
	return 0;
}

/*
 * One worker has a fanout too: it is what reassembles fragments.  The kernel chooses an id
 * that nobody uses; the others join by it, in order, which is the order of the program's results.
 */
static int join_fanout(struct external **group, unsigned int workers)
{
	const unsigned int kind =
		PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_DEFRAG | FANOUT_FLAG_IGNORE_OUTGOING;
	struct packet_filter f;
	unsigned int id = 0;
	socklen_t len = sizeof(id);
	int r = set_int(group[0]->fd, SOL_PACKET, PACKET_FANOUT,
			(int)((kind | PACKET_FANOUT_FLAG_UNIQUEID) << 16));

	if (r == 0 && getsockopt(group[0]->fd, SOL_PACKET, PACKET_FANOUT, &id, &len) < 0)
		r = -errno;
	for (unsigned int i = 1; r == 0 && i < workers; i++)
		r = set_int(group[i]->fd, SOL_PACKET, PACKET_FANOUT,
			    (int)(kind << 16 | (id & 0xffff)));
	packet_filter_steer(&f, workers);
	return r == 0 ? attach(group[0]->fd, SOL_PACKET, PACKET_FANOUT_DATA, &f) : r;
}

int external_open_group(const struct uplink *uplink, unsigned int workers, struct external **ret)
{
	struct external **group;
	unsigned int n = 0;
	int r = 0;

	if (workers == 0 || workers > 256)
		return -EINVAL;
	group = calloc(workers, sizeof(struct external *));
	if (!group)
		return -ENOMEM;
	for (; r == 0 && n < workers; n++)
		r = open_end(uplink, &group[n]);
	if (r == 0)
		r = join_fanout(group, workers);
	for (unsigned int i = 0; i < n; i++) {
		if (r == 0)
			ret[i] = group[i];
		else
			external_free(group[i]);
	}
	free(group);
	return r;
}

struct external *external_free(struct external *ext)
{
	if (!ext)
		return NULL;
	if (ext->fd >= 0)
		close(ext->fd);
	if (ext->raw >= 0)
		close(ext->raw);
	free(ext->buffers);
	free(ext);
	return NULL;
}

int external_fd(const struct external *ext)
{
	return ext->fd;
}

void external_set_uplink(struct external *ext, const struct uplink *uplink)
{
	ext->uplink = *uplink;
	memcpy(ext->frame_header, uplink->next_hop_mac, ETH_ALEN);
	memcpy(ext->frame_header + ETH_ALEN, uplink->mac, ETH_ALEN);
	ext->frame_header[12] = ETH_P_IP >> 8;
	ext->frame_header[13] = ETH_P_IP & 0xff;
}

int external_set_ports(struct external **group, unsigned int workers,
		       const struct external_ports *ports)
{
	struct packet_filter f;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < workers; i++) {
		packet_filter_ports(&f, group[i]->l2, ports->address, ports);
		r = attach(group[i]->fd, SOL_SOCKET, SO_ATTACH_FILTER, &f);
	}
	return r;
}

static int receive(struct external *ext, size_t n, uint64_t *drops)
{
	for (int i = 0; i < RECV_TRIES; i++) {
		int r = recvmmsg(ext->fd, ext->msgs, (unsigned int)n, MSG_DONTWAIT, NULL);

		if (r >= 0)
			return r;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		/* A train of a kind that this kernel's virtio_net header has no name for. */
		if (errno == EINVAL)
			drops[DROP_L4_MALFORMED]++;
		/* Else ENETDOWN and the like, cleared by reading. */
	}
	return 0;
}

size_t external_recv(struct external *ext, struct train *t, size_t n, uint64_t *drops)
{
	size_t skip = sizeof(struct vnet_header) + ext->l2;
	size_t got = 0;
	int r = receive(ext, n < EXTERNAL_RX_BATCH ? n : EXTERNAL_RX_BATCH, drops);

	for (int i = 0; i < r; i++) {
		const struct external_slot *slot = &ext->slots[i];
		enum verdict v = DROP_IP_MALFORMED;

		if (ext->msgs[i].msg_len > skip && !(ext->msgs[i].msg_hdr.msg_flags & MSG_TRUNC))
			v = vnet_parse(&t[got], &slot->vnet, ext->l2, slot->iov[2].iov_base,
				       ext->msgs[i].msg_len - skip);
		if (v == PASS)
			got++;
		else
			drops[v]++;
	}
	return got;
}

uint64_t external_overruns(struct external *ext)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);

	/* Reading clears the kernel's counters. */
	if (getsockopt(ext->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
		return 0;
	return stats.tp_drops;
}
