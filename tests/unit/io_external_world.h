/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_external_world.h - where the tests of both halves of the external interface run
 *
 * [gateway] eth0 192.0.2.1/24 ------- eth0 192.0.2.2/24 [net]
 *
 * Our external address is 192.0.2.77, which the gateway's kernel does not own: so nothing but
 * us can answer for it.
 */
#ifndef CULVERT_TESTS_IO_EXTERNAL_WORLD_H
#define CULVERT_TESTS_IO_EXTERNAL_WORLD_H

#include "io_netns.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/wire.h"
#include "io/external.h"
#include "packet/checksum.h"

#define OURS    0xc000024du
#define NET     0xc0000202u
#define WORKERS 3

static int gateway, net;
static struct external *group[WORKERS];
static unsigned int n_workers;
static struct uplink uplink;
static uint64_t drops[N_VERDICTS];

static inline void read_uplink(const char *interface)
{
	struct uplink_watch *watch;

	assert_int_equal(uplink_watch_new(interface, NULL, &watch), 0);
	uplink = *uplink_get(watch);
	uplink.address = OURS;
	uplink_watch_free(watch);
}

static inline void set_up(unsigned int workers)
{
	netns_pair(&gateway, &net);
	netns_run("echo 0 > /proc/sys/net/ipv4/ip_forward");
	netns_run("ip route add default via 192.0.2.2");
	netns_run("ping -c 1 -W 2 192.0.2.2 >/dev/null");
	read_uplink("eth0");
	assert_true(uplink.up);
	assert_true(uplink.next_hop_known);
	n_workers = workers;
	assert_int_equal(external_open_group(&uplink, workers, group), 0);
	netns_enter(net);
	netns_run("ip neigh replace 192.0.2.77 nud permanent dev eth0 lladdr "
		  "%02x:%02x:%02x:%02x:%02x:%02x",
		  uplink.mac[0], uplink.mac[1], uplink.mac[2], uplink.mac[3], uplink.mac[4],
		  uplink.mac[5]);
	netns_enter(gateway);
}

static inline void tear_down(void)
{
	for (unsigned int i = 0; i < n_workers; i++)
		group[i] = external_free(group[i]);
	close(gateway);
	close(net);
}

static inline void lease(struct external_ports *ports)
{
	ports->address = uplink.address;
	assert_int_equal(external_set_ports(group, n_workers, ports), 0);
}

static inline void lease_all(void)
{
	struct external_ports ports;

	memset(&ports, 0xff, sizeof(ports));
	lease(&ports);
}

/* Return: the worker at which something arrived, or -1; its trains in @t. */
static inline int receive(struct train *t, size_t *n, int ms)
{
	struct pollfd fds[WORKERS];

	for (unsigned int i = 0; i < n_workers; i++)
		fds[i] = (struct pollfd){ .fd = external_fd(group[i]), .events = POLLIN };
	if (poll(fds, n_workers, ms) <= 0)
		return -1;
	for (unsigned int i = 0; i < n_workers; i++) {
		if (fds[i].revents) {
			*n = external_recv(group[i], t, EXTERNAL_RX_BATCH, drops);
			return (int)i;
		}
	}
	return -1;
}

/* A socket in [net], bound to its address. */
static inline int net_socket(int type, int protocol, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(NET) };
	int fd;

	netns_enter(net);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
	netns_enter(gateway);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static inline void net_send(int fd, uint16_t port, const void *data, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(OURS) };

	assert_int_equal(sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

/* An echo reply, or an error about an echo request or a datagram of ours. */
static inline void net_send_icmp(int raw, uint8_t type, uint8_t proto, uint16_t port, uint32_t src)
{
	uint8_t icmp[36] = { type };

	if (type == 0) {
		store_be16(icmp + 4, port);
	} else {
		icmp[8] = 0x45;
		icmp[17] = proto;
		store_be32(icmp + 20, src);
		store_be32(icmp + 24, NET);
		icmp[28] = proto == IPPROTO_ICMP ? 8 : 0;
		store_be16(icmp + (proto == IPPROTO_ICMP ? 32 : 28), port);
	}
	store_be16(icmp + 2, (uint16_t)~checksum_fold(checksum_add(0, icmp, sizeof(icmp))));
	net_send(raw, 0, icmp, sizeof(icmp));
}

#endif
