/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/external.h"

#include "io_external_world.h"

#include <errno.h>
#include <pthread.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/tun.h"

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
	netns_run("ip link set eth0 gso_max_size 8000"); /* then the kernel cuts */
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
	read_uplink("eth0");
	assert_false(uplink.next_hop_known);
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], &t), PASS);
	for (int i = 0; i < 100 && !neighbour_is("REACHABLE"); i++)
		usleep(10000);
	read_uplink("eth0");
	assert_true(uplink.next_hop_known);
	assert_false(uplink.next_hop_stale);

	netns_run("ip neigh change 192.0.2.2 dev eth0 nud stale");
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], &t), PASS);
	assert_true(neighbour_is("STALE")); /* the fast path did not touch it */
	read_uplink("eth0");
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

static void a_full_queue_is_a_drop_with_its_reason(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	set_up(1);
	if (system("tc qdisc add dev eth0 root pfifo limit 0 2>/dev/null") != 0) {
		printf("# skipped: no tc\n");
		skip();
	}
	assert_int_equal(external_send(group[0], make_udp_train(5000)), DROP_EXTERNAL_SEND);
	external_set_offload(group[0], false);
	assert_int_equal(external_send(group[0], make_udp_train(5000)), DROP_EXTERNAL_SEND);
	uplink.next_hop_known = false;
	external_set_uplink(group[0], &uplink);
	assert_int_equal(external_send(group[0], make_udp_train(5000)), DROP_EXTERNAL_SEND);
	tear_down();
}

/* A point-to-point link, as ppp has it: what is on the wire we read at the adapter's other end. */
static void a_link_without_headers_carries_trains_too(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	struct prefix address;
	struct tun *wire;
	struct pollfd fd = { .events = POLLIN };
	size_t n = 0;
	int error;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	assert_true(prefix_parse("192.0.2.77/32", &address));
	error = tun_open(&(struct tun_params){ "ppp0", &address, 1, 1492, false, true }, &wire);
	if (error == -ENOENT || error == -EPERM) {
		printf("# skipped: no /dev/net/tun\n");
		skip();
	}
	assert_int_equal(error, 0);
	netns_run("ip route add default dev ppp0");
	read_uplink("ppp0");
	assert_true(uplink.up);
	assert_false(uplink.ethernet);
	assert_int_equal(uplink.next_hop, 0);
	n_workers = 1;
	assert_int_equal(external_open_group(&uplink, 1, group), 0);
	lease_all();
	assert_int_equal(external_send(group[0], make_udp_train(5000)), PASS);
	fd.fd = tun_fd(wire);
	for (int i = 0; i < 10 && n == 0; i++) {
		assert_int_equal(poll(&fd, 1, 1000), 1);
		n = tun_recv(wire, t, 1, drops);
	}
	assert_int_equal(t[0].len, 20028);
	train_set_src(&t[0], NET);
	train_set_dst(&t[0], OURS);
	assert_int_equal(tun_send(wire, &t[0]), PASS);
	assert_int_equal(receive(t, &n, 1000), 0);
	assert_int_equal(n, 1);
	assert_int_equal(t[0].src, NET);
	assert_int_equal(t[0].len, 20028);
	assert_int_equal(t[0].gso_size, 1000);
	group[0] = external_free(group[0]);
	tun_free(wire);
}

/*
 * [inside] culvert0 192.0.2.77/24 == relay == eth0 [gateway] ------- eth0 192.0.2.2/24 [net]
 *
 * The kernels at both ends speak TCP; what is between them is only us.
 */
struct relay {
	struct tun *tun;
	_Atomic bool stop;
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
	error = tun_open(&(struct tun_params){ "culvert0", &ours, 1, 1500, false, true }, &r.tun);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_trains_go_out_whole_cut_and_by_the_slow_path),
		cmocka_unit_test(the_slow_path_finds_and_refreshes_the_next_hop),
		cmocka_unit_test(a_neighbour_on_the_link_is_found_by_the_kernel),
		cmocka_unit_test(a_full_queue_is_a_drop_with_its_reason),
		cmocka_unit_test(a_link_without_headers_carries_trains_too),
		cmocka_unit_test(a_tcp_connection_runs_in_trains_or_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
