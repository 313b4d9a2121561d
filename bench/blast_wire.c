/* SPDX-License-Identifier: BSD-2-Clause */
#include "blast.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/vnet.h"

static int open_interface(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		blast_fail("packet socket");
	return fd;
}

/* Waits for the connection's SYN, as the gateway has translated it.  @frame: its link header. */
static struct train wait_for_syn(int fd, uint8_t frame[static ETH_HLEN])
{
	static uint8_t bytes[65600];
	struct vnet_header header;
	struct iovec iov[] = {
		{ &header, sizeof(header) },
		{ frame, ETH_HLEN },
		{ bytes, sizeof(bytes) },
	};
	struct train t;

	for (;;) {
		ssize_t n = readv(fd, iov, 3);
		ssize_t head = (ssize_t)sizeof(header) + ETH_HLEN;

		if (n < 0)
			blast_fail("packet socket");
		if (n > head &&
		    vnet_parse(&t, &header, ETH_HLEN, bytes, (size_t)(n - head)) == PASS &&
		    t.dst == BLAST_SERVER && t.tcp_flags & TCP_SYN)
			return t;
	}
}

/* Return: whether it left; a full queue is no failure but the load that was wanted. */
static bool send_train(int fd, const struct train *t, uint8_t frame[static ETH_HLEN])
{
	struct vnet_header header = vnet_describe(t, ETH_HLEN);
	struct iovec iov[2 + 1 + TRAIN_PIECES_MAX] = {
		{ &header, sizeof(header) },
		{ frame, ETH_HLEN },
	};
	int n = 2 + (int)vnet_gather(t, iov + 2);

	if (writev(fd, iov, n) >= 0)
		return true;
	if (errno != ENOBUFS && errno != EAGAIN)
		blast_fail("send");
	return false;
}

int blast_wire(const char *interface, const char *seconds, const char *mbit)
{
	static struct blast_train b;
	uint8_t frame[ETH_HLEN];
	uint8_t mac[ETH_ALEN];
	struct blast_pace pace;
	int fd = open_interface(interface);
	struct train syn = wait_for_syn(fd, frame);

	/* Back where it came from. */
	memcpy(mac, frame, ETH_ALEN);
	memcpy(frame, frame + ETH_ALEN, ETH_ALEN);
	memcpy(frame + ETH_ALEN, mac, ETH_ALEN);
	blast_train_init(&b, BLAST_SERVER, syn.src, BLAST_PORT, syn.sport, TCP_SYN | TCP_ACK, 0);
	send_train(fd, &b.train, frame);
	blast_train_init(&b, BLAST_SERVER, syn.src, BLAST_PORT, syn.sport, TCP_ACK, BLAST_PAYLOAD);
	pace = blast_pace_start(seconds, mbit);
	do {
		send_train(fd, &b.train, frame);
		blast_train_advance(&b);
	} while (blast_pace_next(&pace, BLAST_PAYLOAD));
	blast_pace_print(&pace);
	return 0;
}
