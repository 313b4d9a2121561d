/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * [gateway] eth0 192.0.2.1/24 ------- eth0 192.0.2.2/24 [net]
 *
 * Our external address is 192.0.2.77, which the gateway's kernel does not own: so nothing but
 * us can answer for it.
 */
#include "io/external.h"

#include "io_netns.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/wire.h"
#include "io/loop.h"
#include "io/tun.h"
#include "packet/checksum.h"

#define OURS    0xc000024du
#define NET     0xc0000202u
#define WORKERS 3

static int gateway, net;
static struct external *group[WORKERS];
static unsigned int n_workers;
static struct uplink uplink;
static uint64_t drops[N_VERDICTS];

static void read_uplink(void)
{
	struct uplink_watch *watch;

	assert_int_equal(uplink_watch_new("eth0", NULL, &watch), 0);
	uplink = *uplink_get(watch);
	uplink.address = OURS;
	uplink_watch_free(watch);
}

static void set_up(unsigned int workers)
{
	netns_pair(&gateway, &net);
	netns_run("echo 0 > /proc/sys/net/ipv4/ip_forward");
	netns_run("ip route add default via 192.0.2.2");
	netns_run("ping -c 1 -W 2 192.0.2.2 >/dev/null");
	read_uplink();
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

static void tear_down(void)
{
	for (unsigned int i = 0; i < n_workers; i++)
		group[i] = external_free(group[i]);
	close(gateway);
	close(net);
}

static void lease(const struct external_ports *ports)
{
	assert_int_equal(external_set_ports(group, n_workers, ports), 0);
}

static void lease_all(void)
{
	struct external_ports ports;

	memset(&ports, 0xff, sizeof(ports));
	lease(&ports);
}

/* Return: the worker at which something arrived, or -1; its trains in @t. */
static int receive(struct train *t, size_t *n, int ms)
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
static int net_socket(int type, int protocol, uint16_t port)
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

static void net_send(int fd, uint16_t port, const void *data, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(OURS) };

	assert_int_equal(sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

/* An echo reply, or an error about an echo request or a datagram of ours. */
static void net_send_icmp(int raw, uint8_t type, uint8_t proto, uint16_t port, uint32_t src)
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

/* A datagram from us to [net], its checksum complete. */
static void make_datagram(uint8_t *p, uint32_t dst, uint16_t port, uint32_t payload)
{
	uint16_t len = (uint16_t)(8 + payload);

	memset(p, 0, 28);
	p[0] = 0x45;
	p[6] = 0x40; /* DF */
	p[8] = 64;
	p[9] = IPPROTO_UDP;
	store_be16(p + 2, (uint16_t)(20 + len));
	store_be32(p + 12, OURS);
	store_be32(p + 16, dst);
	store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, 20)));
	store_be16(p + 20, 2000);
	store_be16(p + 22, port);
	store_be16(p + 24, len);
	store_be16(p + 26, (uint16_t)~checksum_fold(checksum_add(
				   checksum_pseudo(OURS, dst, IPPROTO_UDP, len), p + 20, len)));
}

static void only_leased_ports_are_heard_and_nothing_before_they_are_set(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	struct external_ports ports = { 0 };
	int udp, raw;
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	set_up(1);
	udp = net_socket(SOCK_DGRAM, 0, 53);
	raw = net_socket(SOCK_RAW, IPPROTO_ICMP, 0);
	net_send(udp, 2000, "early", 5);
	assert_int_equal(receive(t, &n, 50), -1);
	ports.blocks[1][0] = UINT64_C(1) << (2000 / 64);
	ports.blocks[2][0] = UINT64_C(1) << (3000 / 64);
	lease(&ports);

	net_send(udp, 2000 - 64, "no", 2);
	net_send(udp, 3000, "no", 2);
	net_send_icmp(raw, 0, 0, 2000, 0);
	net_send_icmp(raw, 3, IPPROTO_UDP, 3000, OURS);
	net_send_icmp(raw, 3, IPPROTO_UDP, 2000, NET);
	net_send_icmp(raw, 3, IPPROTO_TCP, 2000, OURS);
	net_send_icmp(raw, 8, 0, 2000, 0);
	assert_int_equal(receive(t, &n, 50), -1);

	net_send(udp, 2000, "hello", 5);
	assert_int_equal(receive(t, &n, 1000), 0);
	assert_int_equal(n, 1);
	assert_int_equal(t[0].src, NET);
	assert_int_equal(t[0].dst, OURS);
	assert_int_equal(t[0].sport, 53);
	assert_int_equal(t[0].dport, 2000);
	assert_int_equal(t[0].len, 33);
	assert_memory_equal(t[0].pieces[0].data, "hello", 5);
	net_send_icmp(raw, 0, 0, 3000, 0);
	assert_int_equal(receive(t, &n, 1000), 0);
	assert_int_equal(t[0].proto, IPPROTO_ICMP);
	net_send_icmp(raw, 11, IPPROTO_UDP, 2000, OURS);
	assert_int_equal(receive(t, &n, 1000), 0);
	net_send_icmp(raw, 3, IPPROTO_ICMP, 3000, OURS);
	assert_int_equal(receive(t, &n, 1000), 0);
	for (int v = 0; v < N_VERDICTS; v++)
		assert_int_equal(drops[v], 0);
	close(udp);
	close(raw);
	tear_down();
}

static void frames_for_another_machine_are_not_heard(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	size_t n;
	int udp;

	(void)state;
	NETNS_OR_SKIP();
	set_up(1);
	lease_all();
	netns_run("ip link set eth0 promisc on");
	netns_enter(net);
	netns_run("ip neigh replace 192.0.2.77 nud permanent dev eth0 lladdr 02:11:11:11:11:11");
	netns_enter(gateway);
	udp = net_socket(SOCK_DGRAM, 0, 53);
	net_send(udp, 2000, "not yours", 9);
	assert_int_equal(receive(t, &n, 50), -1);
	close(udp);
	tear_down();
}

static void check_steering(int udp, int raw)
{
	static struct train t[EXTERNAL_RX_BATCH];
	size_t n;

	for (uint32_t port = 1; port < 65536; port += 64 * 5) {
		int want = (int)external_worker((uint16_t)port, WORKERS);

		net_send(udp, (uint16_t)port, "x", 1);
		assert_int_equal(receive(t, &n, 1000), want);
		net_send_icmp(raw, 0, 0, (uint16_t)port, 0);
		assert_int_equal(receive(t, &n, 1000), want);
		net_send_icmp(raw, 3, IPPROTO_UDP, (uint16_t)port, OURS);
		assert_int_equal(receive(t, &n, 1000), want);
		net_send_icmp(raw, 3, IPPROTO_ICMP, (uint16_t)port, OURS);
		assert_int_equal(receive(t, &n, 1000), want);
	}
}

static void every_kind_of_packet_reaches_its_ports_worker(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	int udp, raw;

	(void)state;
	NETNS_OR_SKIP();
	set_up(WORKERS);
	lease_all();
	udp = net_socket(SOCK_DGRAM, 0, 53);
	raw = net_socket(SOCK_RAW, IPPROTO_ICMP, 0);
	check_steering(udp, raw);
	/* A link that goes down takes its sockets out of the fanout; the order must come back. */
	netns_run("ip link set eth0 down && ip link set eth0 up");
	for (unsigned int i = 0; i < WORKERS; i++)
		(void)external_recv(group[i], t, EXTERNAL_RX_BATCH, drops); /* clears ENETDOWN */
	check_steering(udp, raw);
	close(udp);
	close(raw);
	tear_down();
}

static void fragments_arrive_reassembled_at_the_ports_worker(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	static uint8_t data[4000];
	size_t n;
	int udp;

	(void)state;
	NETNS_OR_SKIP();
	set_up(WORKERS);
	lease_all();
	udp = net_socket(SOCK_DGRAM, 0, 53);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3);
	net_send(udp, 2000, data, sizeof(data));
	assert_int_equal(receive(t, &n, 1000), external_worker(2000, WORKERS));
	assert_int_equal(n, 1);
	assert_int_equal(t[0].len, 4028);
	assert_false(train_is_fragment(&t[0]));
	assert_int_equal(train_verify(&t[0]), PASS);
	assert_memory_equal(t[0].pieces[0].data, data, sizeof(data));
	assert_int_equal(receive(t, &n, 50), -1);
	close(udp);
	tear_down();
}

static void udp_trains_come_in_whole(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	static uint8_t data[30 * 1000];
	int segment = 1000;
	size_t n;
	int udp;

	(void)state;
	NETNS_OR_SKIP();
	set_up(1);
	lease_all();
	udp = net_socket(SOCK_DGRAM, 0, 53);
	assert_int_equal(setsockopt(udp, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
	net_send(udp, 2000, data, sizeof(data));
	assert_int_equal(receive(t, &n, 1000), 0);
	assert_int_equal(t[0].gso_size, 1000);
	assert_int_equal(t[0].len, 28 + sizeof(data));
	assert_int_equal(t[0].csum, CSUM_PARTIAL);
	close(udp);
	tear_down();
}

/* Joins 20 datagrams of 1000 bytes into one train, as the engine does. */
static struct train *make_udp_train(uint16_t port)
{
	static uint8_t packets[20][1028];
	static struct train t[20];

	for (size_t i = 0; i < 20; i++) {
		for (size_t j = 0; j < 1000; j++)
			packets[i][28 + j] = (uint8_t)(i * 7 + j);
		make_datagram(packets[i], NET, port, 1000);
		assert_int_equal(train_parse(&t[i], packets[i], 1028, CSUM_UNCHECKED), PASS);
	}
	assert_int_equal(trains_join(t, 20), 1);
	assert_int_equal(t[0].n_pieces, 20);
	return t;
}

static void expect_20_datagrams(int udp)
{
	struct pollfd fd = { .fd = udp, .events = POLLIN };
	uint8_t out[2000];

	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(poll(&fd, 1, 1000), 1);
		assert_int_equal(recv(udp, out, sizeof(out), 0), 1000);
		for (size_t j = 0; j < 1000; j++)
			assert_int_equal(out[j], (uint8_t)(i * 7 + j));
	}
	assert_int_equal(recv(udp, out, sizeof(out), MSG_DONTWAIT), -1);
}

static void udp_trains_go_out_whole_cut_and_by_the_slow_path(void **state)
{
	int udp;

	(void)state;
	NETNS_OR_SKIP();
	set_up(1);
	udp = net_socket(SOCK_DGRAM, 0, 5000);
	assert_string_equal(external_offload(group[0]), "trains");
	assert_int_equal(external_send(group[0], make_udp_train(5000)), PASS);
	expect_20_datagrams(udp);
	external_set_offload(group[0], false);
	assert_string_equal(external_offload(group[0]), "packets");
	assert_int_equal(external_send(group[0], make_udp_train(5000)), PASS);
	expect_20_datagrams(udp);
	external_set_offload(group[0], true);
	uplink.gso_max_size = 8000;
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], make_udp_train(5000)), PASS);
	expect_20_datagrams(udp);
	uplink.next_hop_known = false;
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], make_udp_train(5000)), PASS);
	expect_20_datagrams(udp);
	uplink.up = false;
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], make_udp_train(5000)), DROP_EXTERNAL_DOWN);
	close(udp);
	tear_down();
}

static bool neighbour_is(const char *state)
{
	char command[128];

	snprintf(command, sizeof(command), "ip neigh show 192.0.2.2 dev eth0 | grep -q '%s'",
		 state);
	return system(command) == 0;
}

static void the_slow_path_finds_and_refreshes_the_next_hop(void **state)
{
	uint8_t packet[128] = { 0 };
	struct train t;
	int udp;

	(void)state;
	NETNS_OR_SKIP();
	set_up(1);
	udp = net_socket(SOCK_DGRAM, 0, 5000);
	make_datagram(packet, 0xcb007101, 5000, 50);
	assert_int_equal(train_parse(&t, packet, 78, CSUM_UNCHECKED), PASS);
	netns_run("ip neigh flush dev eth0");
	read_uplink();
	assert_false(uplink.next_hop_known);
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], &t), PASS);
	for (int i = 0; i < 100 && !neighbour_is("REACHABLE"); i++)
		usleep(10000);
	read_uplink();
	assert_true(uplink.next_hop_known);
	assert_false(uplink.next_hop_stale);

	netns_run("ip neigh change 192.0.2.2 dev eth0 nud stale");
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], &t), PASS);
	assert_true(neighbour_is("STALE")); /* the fast path did not touch it */
	read_uplink();
	assert_true(uplink.next_hop_stale);
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], &t), PASS);
	assert_false(neighbour_is("STALE"));
	netns_run("ip neigh change 192.0.2.2 dev eth0 nud stale");
	assert_int_equal(external_send(group[0], &t), PASS);
	assert_true(neighbour_is("STALE")); /* once a second, not each packet */
	close(udp);
	tear_down();
}

static void a_neighbour_on_the_link_is_found_by_the_kernel(void **state)
{
	struct pollfd fd = { .events = POLLIN };
	uint8_t packet[128] = { 0 }, out[100];
	struct train t;

	(void)state;
	NETNS_OR_SKIP();
	set_up(1);
	netns_enter(net);
	netns_run("ip addr add 192.0.2.3/24 dev eth0");
	fd.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netns_enter(gateway);
	assert_int_equal(bind(fd.fd,
			      (struct sockaddr *)&(struct sockaddr_in){ .sin_family = AF_INET,
									.sin_port = htons(5000) },
			      sizeof(struct sockaddr_in)),
			 0);
	make_datagram(packet, 0xc0000203, 5000, 50);
	assert_int_equal(train_parse(&t, packet, 78, CSUM_UNCHECKED), PASS);
	assert_int_equal(external_send(group[0], &t), PASS);
	assert_int_equal(poll(&fd, 1, 2000), 1);
	assert_int_equal(recv(fd.fd, out, sizeof(out), 0), 50);
	netns_run("ip neigh show 192.0.2.3 dev eth0 | grep -q lladdr");
	close(fd.fd);
	tear_down();
}

/*
 * [inside] culvert0 192.0.2.77/24 == relay == eth0 [gateway] ------- eth0 192.0.2.2/24 [net]
 *
 * The kernels at both ends speak TCP; what is between them is only us.
 */
struct relay {
	struct tun *tun;
	volatile bool stop;
	uint64_t trains_out, trains_in; /* of more than one segment */
};

static void relay_out(struct relay *r)
{
	static struct train t[TUN_RX_BATCH];
	size_t n = tun_recv(r->tun, t, TUN_RX_BATCH, drops);

	for (size_t i = 0; i < n; i++) {
		r->trains_out += train_segments(&t[i]) > 1;
		assert_int_equal(external_send(group[0], &t[i]), PASS);
	}
}

static void relay_in(struct relay *r)
{
	static struct train t[EXTERNAL_RX_BATCH];
	size_t n = external_recv(group[0], t, EXTERNAL_RX_BATCH, drops);

	for (size_t i = 0; i < n; i++) {
		r->trains_in += train_segments(&t[i]) > 1;
		assert_int_equal(tun_send(r->tun, &t[i]), PASS);
	}
}

static void *relay_run(void *arg)
{
	struct relay *r = arg;
	struct pollfd fds[2] = { { .fd = tun_fd(r->tun), .events = POLLIN },
				 { .fd = external_fd(group[0]), .events = POLLIN } };

	while (!r->stop) {
		(void)poll(fds, 2, 20);
		relay_out(r);
		relay_in(r);
	}
	return NULL;
}

/* Moves @total bytes and checks every one of them. */
static void transfer(int from, int to, size_t total)
{
	static uint8_t out[65536], in[65536];
	struct pollfd fds[2] = { { .fd = from, .events = POLLOUT },
				 { .fd = to, .events = POLLIN } };
	uint64_t give_up = loop_now() + 20 * NS_PER_S;
	size_t sent = 0, received = 0;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i ^ i >> 8);
	while (received < total) {
		ssize_t n;

		assert_true(loop_now() < give_up);
		fds[0].events = sent < total ? POLLOUT : 0;
		(void)poll(fds, 2, 100);
		if (sent < total) {
			n = send(from, out + sent % 65536, 65536 - sent % 65536, MSG_DONTWAIT);
			sent += n > 0 ? (size_t)n : 0;
		}
		n = recv(to, in, 65536 - received % 65536, MSG_DONTWAIT);
		if (n > 0) {
			assert_memory_equal(in, out + received % 65536, (size_t)n);
			received += (size_t)n;
		}
	}
}

static void run_connection(struct relay *r, int inside, bool offload)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(5001),
				  .sin_addr.s_addr = htonl(NET) };
	int listener = net_socket(SOCK_STREAM, 0, 5001);
	int client, server;
	pthread_t thread;

	*r = (struct relay){ .tun = r->tun };
	external_set_offload(group[0], offload);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, relay_run, r), 0);
	netns_enter(inside);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	netns_enter(gateway);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	transfer(client, server, 8 << 20);
	transfer(server, client, 8 << 20);
	/* Abort, so that the port is free for the next one at once. */
	setsockopt(server, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 },
		   sizeof(struct linger));
	close(server);
	close(client);
	close(listener);
	r->stop = true;
	pthread_join(thread, NULL);
}

static void a_tcp_connection_runs_in_trains_or_cut(void **state)
{
	struct relay r = { 0 };
	struct prefix ours;
	int inside, error;

	(void)state;
	NETNS_OR_SKIP();
	inside = netns_new();
	assert_true(prefix_parse("192.0.2.77/24", &ours));
	error = tun_open("culvert0", &ours, 1500, &r.tun);
	if (error == -ENOENT || error == -EPERM) {
		printf("# skipped: no /dev/net/tun\n");
		skip();
	}
	assert_int_equal(error, 0);
	set_up(1);
	lease_all();
	run_connection(&r, inside, true);
	printf("# trains: %lu out, %lu in\n", (unsigned long)r.trains_out,
	       (unsigned long)r.trains_in);
	assert_true(r.trains_out > 50);
	assert_true(r.trains_in > 50);
	run_connection(&r, inside, false);
	tun_free(r.tun);
	close(inside);
	tear_down();
}

static void *open_with_net_raw(void *result)
{
	netns_drop_privileges(true);
	*(int *)result = external_open_group(&uplink, WORKERS, group);
	return NULL;
}

static void *open_with_nothing(void *result)
{
	struct external *none[WORKERS];

	netns_drop_privileges(false);
	*(int *)result = external_open_group(&uplink, WORKERS, none);
	return NULL;
}

static void cap_net_raw_is_enough_and_less_is_refused(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	size_t n;
	int udp, result = -1;

	(void)state;
	NETNS_OR_SKIP();
	set_up(1);
	group[0] = external_free(group[0]);
	netns_in_thread(open_with_nothing, &result);
	assert_int_equal(result, -EPERM);
	netns_in_thread(open_with_net_raw, &result);
	assert_int_equal(result, 0);
	n_workers = WORKERS;
	lease_all();
	udp = net_socket(SOCK_DGRAM, 0, 53);
	net_send(udp, 3000, "hello", 5);
	assert_int_equal(receive(t, &n, 1000), external_worker(3000, WORKERS));
	assert_int_equal(n, 1);
	close(udp);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_leased_ports_are_heard_and_nothing_before_they_are_set),
		cmocka_unit_test(frames_for_another_machine_are_not_heard),
		cmocka_unit_test(every_kind_of_packet_reaches_its_ports_worker),
		cmocka_unit_test(fragments_arrive_reassembled_at_the_ports_worker),
		cmocka_unit_test(udp_trains_come_in_whole),
		cmocka_unit_test(udp_trains_go_out_whole_cut_and_by_the_slow_path),
		cmocka_unit_test(the_slow_path_finds_and_refreshes_the_next_hop),
		cmocka_unit_test(a_neighbour_on_the_link_is_found_by_the_kernel),
		cmocka_unit_test(cap_net_raw_is_enough_and_less_is_refused),
		cmocka_unit_test(a_tcp_connection_runs_in_trains_or_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
