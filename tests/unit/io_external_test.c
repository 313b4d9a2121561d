/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/external.h"

#include "io_external_world.h"

#include <errno.h>
#include <netinet/udp.h>

#include "io/ports.h"

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

/*
 * The guard of a leased UDP port asks for GRO, and so the kernel joins datagrams before they
 * reach the packet socket: without it QUIC would arrive packet by packet.
 */
static void a_udp_guard_makes_the_kernel_join_datagrams(void **state)
{
	static struct train t[EXTERNAL_RX_BATCH];
	static uint8_t data[20 * 1200];
	struct rng rng = rng_seeded(1);
	uint32_t trains = 0, segments = 0;
	int udp, segment = 1200;
	struct ports *ports;
	uint16_t first;
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	if (system("ethtool --version >/dev/null 2>&1") != 0) {
		printf("# skipped: no ethtool\n");
		skip();
	}
	set_up(1);
	lease_all();
	netns_run("ip addr add 192.0.2.77/32 dev eth0 && ethtool -K eth0 gro on");
	assert_int_equal(ports_new(OURS, uplink.ifindex, 0, &rng, &ports), 0);
	assert_int_equal(ports_lease(ports, PORT_UDP, 0, 1, &first), 0);
	netns_enter(net);
	netns_run("ethtool -K eth0 tx-udp-segmentation off tso off gso off");
	netns_enter(gateway);
	udp = net_socket(SOCK_DGRAM, 0, 53);
	assert_int_equal(setsockopt(udp, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
	for (int i = 0; i < 10; i++)
		net_send(udp, first, data, sizeof(data));
	while (receive(t, &n, 100) >= 0) {
		for (size_t i = 0; i < n; i++) {
			segments += train_segments(&t[i]);
			trains++;
		}
	}
	printf("# %u datagrams in %u trains\n", segments, trains);
	assert_int_equal(segments, 200);
	assert_true(trains <= 100);
	ports_free(ports);
	close(udp);
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
		cmocka_unit_test(a_udp_guard_makes_the_kernel_join_datagrams),
		cmocka_unit_test(cap_net_raw_is_enough_and_less_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
