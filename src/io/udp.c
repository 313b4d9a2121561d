/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/udp.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"
#include "io/sockaddr.h"

#define RX_LEN       65536     /* no UDP train is longer */
#define RX_STRIDE    67648     /* 33 cache lines more: short ones do not share cache sets */
#define SOCKET_QUEUE (4 << 20) /* bytes, doubled by the kernel: external.c says why no more */

/*
 * Answers to handshakes with forged senders in a network of our own wait for ARP, up to 208 KiB
 * for each address.  The kernel doubles this: room for 254 addresses, so that a genuine client
 * still gets its cookie.
 */
#define ANSWERS_QUEUE (32 << 20)
#define SEGMENTS_MAX  64 /* the kernel's own limit on Linux 6.1; later 128 */
#define RECV_TRIES    4  /* pending ICMP errors that one udp_recv() reads past */

/* Room for every control message that we ask for, in both families at once. */
#define RX_CONTROL                                                             \
	(CMSG_SPACE(sizeof(int)) * 3 + CMSG_SPACE(sizeof(struct in_pktinfo)) + \
	 CMSG_SPACE(sizeof(struct in6_pktinfo)))
#define TX_CONTROL (CMSG_SPACE(sizeof(int)) * 2 + CMSG_SPACE(sizeof(struct in6_pktinfo)))

/* Where one reception goes, besides its buffer. */
struct rx_slot {
	union sockaddr_any from;
	struct iovec iov;
	_Alignas(struct cmsghdr) char control[RX_CONTROL];
};

struct udp {
	int fd;
	bool dual; /* an IPv6 socket that carries IPv4 too; else IPv4 only */
	bool gso;  /* UDP_SEGMENT has not been refused yet */
	uint16_t port;
	uint8_t *buffers;                  /* UDP_RX_BATCH, RX_STRIDE apart */
	struct mmsghdr msgs[UDP_RX_BATCH]; /* ready for recvmmsg() between calls */
	struct rx_slot slots[UDP_RX_BATCH];
};

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* As much as the host allows: the privileged way first, then up to its limit. */
static void set_queue(int fd, int force, int option, int bytes)
{
	if (set_int(fd, SOL_SOCKET, force, bytes) < 0)
		(void)set_int(fd, SOL_SOCKET, option, bytes);
}

static int set_options_ip6(int fd)
{
	int r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);

	if (r == 0)
		r = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	if (r == 0)
		r = set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (r == 0)
		r = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
	return r;
}

/* @answers: a group's socket for handshakes */
static int set_options(const struct udp *udp, uint32_t fwmark, bool answers)
{
	int r = udp->dual ? set_options_ip6(udp->fd) : set_int(udp->fd, IPPROTO_IP, IP_PKTINFO, 1);

	if (r == 0)
		r = set_int(udp->fd, IPPROTO_IP, IP_RECVTOS, 1);
	/*
	 * DO: DF on every datagram, and EMSGSIZE as soon as the kernel knows that the path
	 * is narrower.  PROBE would set DF too, but lose silently what the path can't carry.  The
	 * price: for a socket that is not connected the kernel believes a forged
	 * "fragmentation needed", down to 552 bytes; engine/peer_mtu.h goes as low, so that a
	 * forger makes a tunnel less efficient for ten minutes: TCP goes on in small segments, and
	 * QUIC, which needs 1200 bytes, falls back to it.
	 */
	if (r == 0)
		r = set_int(udp->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	if (r == 0 && fwmark != 0)
		r = set_int(udp->fd, SOL_SOCKET, SO_MARK, (int)fwmark);
	if (r < 0)
		return r;
	/*
	 * GRO looks the receiving socket up by hash, not by our filter: one socket of the group
	 * without UDP_GRO would cost its share of all clients their trains.
	 */
	(void)set_int(udp->fd, IPPROTO_UDP, UDP_GRO, 1);
	set_queue(udp->fd, SO_RCVBUFFORCE, SO_RCVBUF, SOCKET_QUEUE);
	set_queue(udp->fd, SO_SNDBUFFORCE, SO_SNDBUF, answers ? ANSWERS_QUEUE : SOCKET_QUEUE);
	return 0;
}

static int bind_any(struct udp *udp, uint16_t port)
{
	union sockaddr_any any = { 0 };
	socklen_t len = udp->dual ? sizeof(any.in6) : sizeof(any.in);

	if (udp->dual) {
		any.in6.sin6_family = AF_INET6;
		any.in6.sin6_port = htons(port);
	} else {
		any.in.sin_family = AF_INET;
		any.in.sin_port = htons(port);
	}
	if (bind(udp->fd, &any.any, len) < 0 || getsockname(udp->fd, &any.any, &len) < 0)
		return -errno;
	udp->port = ntohs(udp->dual ? any.in6.sin6_port : any.in.sin_port);
	return 0;
}

/* The kernel writes into the header what it used of it. */
static void ready_slot(struct udp *udp, size_t i)
{
	struct rx_slot *slot = &udp->slots[i];

	slot->iov = (struct iovec){ udp->buffers + i * RX_STRIDE, RX_LEN };
	udp->msgs[i].msg_hdr = (struct msghdr){ .msg_name = &slot->from,
						.msg_namelen = sizeof(slot->from),
						.msg_iov = &slot->iov,
						.msg_iovlen = 1,
						.msg_control = slot->control,
						.msg_controllen = sizeof(slot->control) };
}

/*
 * The first socket is bound without SO_REUSEPORT and given it afterwards: so a second
 * gateway of the same user gets EADDRINUSE instead of joining this group unseen.
 */
static int open_one(const struct udp_params *params, bool dual, uint16_t port, bool first,
		    struct udp **ret)
{
	struct udp *udp = calloc(1, sizeof(*udp));
	bool grouped = params->workers > 0;
	int r;

	if (!udp)
		return -ENOMEM;
	udp->dual = dual;
	udp->gso = true;
	udp->buffers = aligned_alloc(64, (size_t)UDP_RX_BATCH * RX_STRIDE);
	udp->fd = socket(dual ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = udp->fd < 0 ? -errno : 0;
	if (r == 0 && !udp->buffers)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < UDP_RX_BATCH; i++)
		ready_slot(udp, i);
	if (r == 0)
		r = set_options(udp, params->fwmark, first && grouped);
	if (r == 0 && !first)
		r = set_int(udp->fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r == 0)
		r = bind_any(udp, port);
	if (r == 0 && first && grouped)
		r = set_int(udp->fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r < 0) {
		udp_free(udp);
		return r;
	}
	*ret = udp;
	return 0;
}

static int open_first(const struct udp_params *params, struct udp **ret)
{
	int r = open_one(params, true, params->port, true, ret);

	/* A kernel without IPv6 refuses the socket, one with it disabled the address. */
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -EPROTONOSUPPORT)
		r = open_one(params, false, params->port, true, ret);
	return r;
}

/*
 * The program sees the datagram at offset 0; a load beyond its end returns 0, the
 * handshake socket.  A result that is no index of the group falls back to the hash.
 */
static int steer(int fd, unsigned int workers)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x04000000, 0, 4), /* type 4, reserved zero */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 4), /* receiver index: its slot */
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_A, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

int udp_open_group(const struct udp_params *params, struct udp **ret)
{
	struct udp **group;
	unsigned int n = 1;
	int r;

	group = calloc(params->workers + 1, sizeof(struct udp *));
	if (!group)
		return -ENOMEM;
	r = open_first(params, &group[0]);
	for (; r == 0 && n <= params->workers; n++)
		r = open_one(params, group[0]->dual, group[0]->port, false, &group[n]);
	if (r == 0 && params->workers > 0)
		r = steer(group[0]->fd, params->workers);
	for (unsigned int i = 0; i < n; i++) {
		if (r == 0)
			ret[i] = group[i];
		else
			udp_free(group[i]);
	}
	free(group);
	return r;
}

struct udp *udp_free(struct udp *udp)
{
	if (!udp)
		return NULL;
	if (udp->fd >= 0)
		close(udp->fd);
	free(udp->buffers);
	free(udp);
	return NULL;
}

int udp_fd(const struct udp *udp)
{
	return udp->fd;
}

uint16_t udp_port(const struct udp *udp)
{
	return udp->port;
}

int udp_set_fwmark(struct udp *udp, uint32_t fwmark)
{
	return set_int(udp->fd, SOL_SOCKET, SO_MARK, (int)fwmark);
}

void udp_set_offload(struct udp *udp, bool on)
{
	udp->gso = on;
	(void)set_int(udp->fd, IPPROTO_UDP, UDP_GRO, on);
}

/* An int or a byte, as the kernel pleases: IP_TOS comes as one, IPV6_TCLASS as the other. */
static uint8_t cmsg_byte(const struct cmsghdr *c)
{
	int value = 0;

	if (c->cmsg_len < CMSG_LEN(sizeof(value)))
		return *CMSG_DATA(c);
	memcpy(&value, CMSG_DATA(c), sizeof(value));
	return (uint8_t)value;
}

static void read_control(struct msghdr *msg, struct udp_rx *rx)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int segment;

			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			if (segment > 0 && (uint32_t)segment < rx->len)
				rx->segment = (uint32_t)segment;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			rx->to = addr_ip4(ntohl(info.ipi_addr.s_addr));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			rx->to = sockaddr_get_in6(&info.ipi6_addr);
		} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) ||
			   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)) {
			rx->tos = cmsg_byte(c);
		}
	}
}

/* Return: how many of @msgs were filled. */
static size_t receive(struct udp *udp, size_t n)
{
	/* Any error but "nothing there" is an echo of something sent, and reading it clears it. */
	for (int i = 0; i < RECV_TRIES; i++) {
		int r = recvmmsg(udp->fd, udp->msgs, (unsigned int)n, MSG_DONTWAIT, NULL);

		if (r >= 0)
			return (size_t)r;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
	}
	return 0;
}

size_t udp_recv(struct udp *udp, struct udp_rx *rx, size_t n)
{
	size_t got = 0;
	size_t r = receive(udp, n < UDP_RX_BATCH ? n : UDP_RX_BATCH);

	for (size_t i = 0; i < r; i++) {
		struct msghdr *msg = &udp->msgs[i].msg_hdr;
		uint32_t len = udp->msgs[i].msg_len;

		if (len > 0 && !(msg->msg_flags & MSG_TRUNC)) {
			rx[got] = (struct udp_rx){ .data = udp->slots[i].iov.iov_base,
						   .len = len,
						   .segment = len,
						   .from = sockaddr_get(&udp->slots[i].from) };
			read_control(msg, &rx[got]);
			got++;
		}
		ready_slot(udp, i);
	}
	return got;
}

static void put_cmsg(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c =
		(struct cmsghdr *)(void *)((char *)msg->msg_control + msg->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

static void put_source(struct msghdr *msg, const struct udp_tx *tx)
{
	if (tx->from->family == ADDR_IP4) {
		struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(addr_to_ip4(tx->from)) };

		put_cmsg(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_ifindex = tx->to->scope };

		memcpy(&info.ipi6_addr, tx->from->bytes, sizeof(info.ipi6_addr));
		put_cmsg(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static socklen_t sockaddr_to(const struct udp *udp, const struct endpoint *to,
			     union sockaddr_any *sa)
{
	*sa = (union sockaddr_any){ 0 };
	if (!udp->dual) {
		sa->in.sin_family = AF_INET;
		sa->in.sin_port = htons(to->port);
		memcpy(&sa->in.sin_addr, to->addr.bytes, 4);
		return sizeof(sa->in);
	}
	sa->in6.sin6_family = AF_INET6;
	sa->in6.sin6_port = htons(to->port);
	if (to->addr.family == ADDR_IP6) {
		memcpy(&sa->in6.sin6_addr, to->addr.bytes, 16);
		sa->in6.sin6_scope_id = to->scope;
	} else {
		memset(sa->in6.sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(sa->in6.sin6_addr.s6_addr + 12, to->addr.bytes, 4);
	}
	return sizeof(sa->in6);
}

static bool has_source(const struct udp_tx *tx)
{
	return tx->from && tx->from->family != ADDR_NONE && tx->from->family == tx->to->addr.family;
}

static int send_once(const struct udp *udp, const struct udp_tx *tx, bool with_source)
{
	bool ip6 = tx->to->addr.family == ADDR_IP6;
	_Alignas(struct cmsghdr) char control[TX_CONTROL] = { 0 };
	union sockaddr_any to;
	struct iovec iov = { (void *)(uintptr_t)tx->data, tx->len };
	struct msghdr msg = { .msg_name = &to,
			      .msg_namelen = sockaddr_to(udp, tx->to, &to),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control };
	uint16_t segment = (uint16_t)tx->segment;
	int tos = tx->tos;

	if (with_source)
		put_source(&msg, tx);
	if (tos != 0)
		put_cmsg(&msg, ip6 ? IPPROTO_IPV6 : IPPROTO_IP, ip6 ? IPV6_TCLASS : IP_TOS, &tos,
			 sizeof(tos));
	if (tx->segment < tx->len)
		put_cmsg(&msg, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	return sendmsg(udp->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* One sendmsg(), with what a socket may answer that is not about this datagram absorbed. */
static int send_train(const struct udp *udp, const struct udp_tx *tx)
{
	bool with_source = has_source(tx);
	int r = send_once(udp, tx, with_source);

	if (r == -ECONNREFUSED || r == -EINTR)
		r = send_once(udp, tx, with_source); /* a pending error, now cleared */
	/* The address that the peer used is gone (a new DHCP lease): better another than none. */
	if (with_source && (r == -EINVAL || r == -EADDRNOTAVAIL || r == -ENETUNREACH))
		r = send_once(udp, tx, false);
	if (r == -ENOBUFS || r == -ENOMEM || r == -EWOULDBLOCK)
		r = -EAGAIN;
	return r;
}

/* Each datagram for itself.  Return: 0, or the first error; the others are sent all the same. */
static int send_singly(const struct udp *udp, const struct udp_tx *tx)
{
	int result = 0;

	for (uint32_t at = 0; at < tx->len; at += tx->segment) {
		struct udp_tx one = *tx;
		int r;

		one.data = tx->data + at;
		one.len = tx->len - at < tx->segment ? tx->len - at : tx->segment;
		one.segment = one.len;
		r = send_train(udp, &one);
		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

int udp_send(struct udp *udp, const struct udp_tx *tx)
{
	int refused, r;

	if (tx->segment == 0 || (!udp->dual && tx->to->addr.family != ADDR_IP4) ||
	    tx->to->addr.family == ADDR_NONE)
		return -EAFNOSUPPORT;
	if (tx->segment >= tx->len)
		return send_train(udp, tx);
	if (!udp->gso || tx->segment > UINT16_MAX || (tx->len - 1) / tx->segment >= SEGMENTS_MAX)
		return send_singly(udp, tx);
	refused = send_train(udp, tx);
	if (refused != -EIO && refused != -EINVAL && refused != -EOPNOTSUPP && refused != -EMSGSIZE)
		return refused;
	r = send_singly(udp, tx);
	/*
	 * EIO: the route's device computes no checksums.  EINVAL is also what older kernels say
	 * of segments above the route's MTU (newer: EMSGSIZE); only if the very same segments
	 * pass singly was it UDP_SEGMENT that was refused.
	 */
	if (refused == -EIO || refused == -EOPNOTSUPP || (refused == -EINVAL && r == 0))
		udp->gso = false;
	return r;
}

uint32_t udp_path_mtu(const struct endpoint *to)
{
	bool six = to->addr.family == ADDR_IP6;
	struct udp any = { .dual = six };
	union sockaddr_any sa;
	socklen_t len = sockaddr_to(&any, to, &sa);
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(int);
	int mtu = 0;

	if (fd < 0)
		return 0;
	/* Connecting takes the route, with what ICMP has told of it, and sends nothing. */
	if (connect(fd, &sa.any, len) < 0 || getsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
							six ? IPV6_MTU : IP_MTU, &mtu, &size) < 0)
		mtu = 0;
	close(fd);
	return mtu > 0 ? (uint32_t)mtu : 0;
}
