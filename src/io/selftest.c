/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/selftest.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"
#include "io/vnet.h"
#include "packet/checksum.h"
#include "packet/train.h"

#define PATIENCE    500  /* ms for one canary; lo takes microseconds */
#define SEGMENT     1399 /* odd, so that checksums of later pieces begin at odd offsets */
#define SHORT_TRAIN (20 * SEGMENT + 7)
#define MARK_AT     8 /* the frame's source address: 2 bytes 0, then the mark */

struct canary {
	int fd;
	void (*fault)(uint8_t *packet, size_t len);
	uint8_t frame_header[ETH_HLEN];
	uint8_t sent[TRAIN_LEN_MAX + 1];
	uint8_t received[TRAIN_LEN_MAX + 1];
	uint8_t want[TRAIN_LEN_MAX + 1];
	uint8_t got[TRAIN_LEN_MAX + 1];
};

/* Hears only frames with our mark, so that the host's own traffic on lo is no matter. */
static int listen_for_mark(int fd, uint32_t mark)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, MARK_AT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mark, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int open_canary(struct canary *c)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = (int)if_nametoindex("lo") };
	uint32_t mark;
	int on = 1;
	int r;

	if (getrandom(&mark, sizeof(mark), 0) != sizeof(mark))
		return -EIO;
	c->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	r = listen_for_mark(c->fd, mark);
	if (r < 0)
		return r;
	if (setsockopt(c->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    bind(c->fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	/* A locally administered address that no device has: the stack takes it for somebody else's. */
	memcpy(c->frame_header, "\x02\x63\x75\x6c\x76\x74", ETH_ALEN);
	store_be32(c->frame_header + MARK_AT, mark);
	store_be16(c->frame_header + 12, ETH_P_IP);
	return 0;
}

/* A train of @len bytes in all, from and to documentation addresses (RFC 5737). */
static enum verdict make_train(struct canary *c, uint8_t proto, uint32_t len, struct train *t)
{
	uint8_t *p = c->sent;
	uint8_t *l4 = p + 20;
	uint32_t src = 0xc0000201, dst = 0xc6336401;
	enum verdict v;

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 31 + (i >> 7));
	memcpy(p, "\x45\x00\x00\x00\x12\x34\x40\x00\x40\x00\x00\x00", 12);
	store_be16(p + 2, (uint16_t)len);
	p[9] = proto;
	store_be32(p + 12, src);
	store_be32(p + 16, dst);
	store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, 20)));
	if (proto == IPPROTO_NUM_TCP) {
		l4[12] = 0x50;
		l4[13] = TCP_ACK | TCP_PSH;
	} else {
		store_be16(l4 + 4, (uint16_t)(len - 20));
	}
	store_be16(l4 + (proto == IPPROTO_NUM_TCP ? 16 : 6),
		   checksum_fold(checksum_pseudo(src, dst, proto, (uint16_t)(len - 20))));
	v = train_parse(t, p, len, CSUM_PARTIAL);
	if (v != PASS)
		return v;
	/* Two pieces: the data path hardly ever has its payload in one. */
	t->gso_size = SEGMENT;
	t->pieces[1].data = t->pieces[0].data + SEGMENT;
	t->pieces[1].len = t->pieces[0].len - SEGMENT;
	t->pieces[0].len = SEGMENT;
	t->n_pieces = 2;
	return PASS;
}

static int send_canary(const struct canary *c, const struct train *t)
{
	struct vnet_header header = vnet_describe(t, ETH_HLEN);
	struct iovec iov[2 + 1 + TRAIN_PIECES_MAX];
	struct msghdr msg = { .msg_iov = iov };

	iov[0] = (struct iovec){ &header, sizeof(header) };
	iov[1] = (struct iovec){ (void *)(uintptr_t)c->frame_header, ETH_HLEN };
	msg.msg_iovlen = 2 + vnet_gather(t, iov + 2);
	return sendmsg(c->fd, &msg, 0) < 0 ? -errno : 0;
}

/* Return: 0; -ETIMEDOUT; -EBADMSG when what has arrived is no train. */
static int receive_canary(struct canary *c, struct train *t)
{
	struct pollfd ready = { .fd = c->fd, .events = POLLIN };
	struct vnet_header header;
	uint8_t l2[ETH_HLEN];
	struct iovec iov[3] = { { &header, sizeof(header) },
				{ l2, sizeof(l2) },
				{ c->received, sizeof(c->received) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	size_t skip = sizeof(header) + sizeof(l2);
	ssize_t n;

	if (poll(&ready, 1, PATIENCE) <= 0)
		return -ETIMEDOUT;
	n = recvmsg(c->fd, &msg, 0);
	if (n <= (ssize_t)skip)
		return -EBADMSG;
	return vnet_parse(t, &header, ETH_HLEN, c->received, (size_t)n - skip) == PASS ? 0
										       : -EBADMSG;
}

/* Cuts what was sent and what has arrived by our own means, and compares packet by packet. */
static int compare(struct canary *c, const struct train *sent)
{
	struct cut want, got;
	struct train received;
	size_t want_len, got_len;
	int r;

	cut_start(&want, sent);
	want_len = cut_next(&want, c->want, sizeof(c->want));
	while (want_len > 0) {
		r = receive_canary(c, &received);
		if (r < 0)
			return r;
		cut_start(&got, &received);
		while ((got_len = cut_next(&got, c->got, sizeof(c->got))) > 0) {
			if (c->fault)
				c->fault(c->got, got_len);
			if (got_len != want_len || memcmp(c->got, c->want, got_len) != 0)
				return -EBADMSG;
			want_len = cut_next(&want, c->want, sizeof(c->want));
		}
	}
	return 0;
}

/* Return: 0; -EBADMSG when it arrived otherwise than it was sent; another error says nothing. */
static int try_external(struct canary *c, uint8_t proto, uint32_t len)
{
	struct train t;
	int r;

	if (make_train(c, proto, len, &t) != PASS)
		return -EINVAL;
	r = send_canary(c, &t);
	return r < 0 ? r : compare(c, &t);
}

static int open_datagram(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd >= 0 && bind(fd, (struct sockaddr *)at, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)at, &len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whole or in its datagrams: either way the same bytes in the same order. */
static int compare_datagrams(struct canary *c, int fd, bool joined)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t done = 0;

	while (done < SHORT_TRAIN) {
		size_t left = SHORT_TRAIN - done;
		ssize_t n;

		if (poll(&ready, 1, PATIENCE) <= 0)
			return -ETIMEDOUT;
		n = recv(fd, c->got, sizeof(c->got), 0);
		if (n <= 0)
			return -ETIMEDOUT;
		if (c->fault)
			c->fault(c->got, (size_t)n);
		if ((size_t)n > left || memcmp(c->got, c->sent + done, (size_t)n) != 0 ||
		    (!joined && (size_t)n != (left < SEGMENT ? left : SEGMENT)))
			return -EBADMSG;
		done += (size_t)n;
	}
	return 0;
}

static int try_tunnel(struct canary *c, bool gro)
{
	struct sockaddr_in from, to;
	int out = open_datagram(&from);
	int in = open_datagram(&to);
	int segment = SEGMENT, on = 1;
	int r = -EIO;

	for (uint32_t i = 0; i < SHORT_TRAIN; i++)
		c->sent[i] = (uint8_t)(i * 13 + (i >> 7));
	if (out >= 0 && in >= 0 &&
	    setsockopt(out, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) == 0 &&
	    (!gro || setsockopt(in, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0) &&
	    sendto(out, c->sent, SHORT_TRAIN, 0, (struct sockaddr *)&to, sizeof(to)) > 0)
		r = compare_datagrams(c, in, gro);
	if (out >= 0)
		close(out);
	if (in >= 0)
		close(in);
	return r;
}

static void judge(int r, bool *verdict, const char *text, struct selftest_result *result)
{
	if (r != -EBADMSG)
		return;
	*verdict = false;
	if (!result->finding)
		result->finding = text;
}

int selftest_offloads(struct selftest_result *ret)
{
	return selftest_offloads_with(NULL, ret);
}

int selftest_offloads_with(void (*fault)(uint8_t *packet, size_t len), struct selftest_result *ret)
{
	struct selftest_result result = { .external = true, .tunnel = true };
	struct canary *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->fault = fault;
	r = open_canary(c);
	/* Frames of 64 KiB and more are beyond what any device takes whole: the kernel cuts them. */
	if (r == 0)
		r = try_external(c, IPPROTO_NUM_TCP, SHORT_TRAIN);
	if (r == 0 || r == -EBADMSG) {
		judge(r, &result.external, "a TCP train was changed on its way", &result);
		judge(try_external(c, IPPROTO_NUM_TCP, TRAIN_LEN_MAX), &result.external,
		      "a TCP train was cut wrongly", &result);
		judge(try_external(c, IPPROTO_NUM_UDP, SHORT_TRAIN), &result.external,
		      "a UDP train was changed on its way", &result);
		judge(try_external(c, IPPROTO_NUM_UDP, TRAIN_LEN_MAX), &result.external,
		      "a UDP train was cut wrongly", &result);
		judge(try_tunnel(c, false), &result.tunnel, "UDP_SEGMENT cut wrongly", &result);
		judge(try_tunnel(c, true), &result.tunnel, "UDP_GRO joined wrongly", &result);
		*ret = result;
		r = 0;
	}
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	return r;
}
