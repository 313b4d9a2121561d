/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * [host] eth0 192.0.2.1/24 ------- eth0 192.0.2.2/24 [peer]
 *
 * The guards are opened by a thread that has only what the gateway has in production: uid
 * 65534 and CAP_NET_RAW.  The peer sends, and listens for any answer.
 */
#include "io/ports.h"

#include "io_netns.h"

#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/wire.h"
#include "io/external.h"
#include "io/loop.h"
#include "packet/checksum.h"

#define HOST 0xc0000201u
#define PEER 0xc0000202u

static int host, peer;
static struct rng rng;
static struct ports *ports;
static uint16_t tcp_first, udp_first;

static void *lease_unprivileged(void *arg)
{
	uint64_t start;

	(void)arg;
	netns_drop_privileges(true);
	assert_int_equal(ports_new(HOST, (int)if_nametoindex("eth0"), 51820, &rng, &ports), 0);
	start = loop_now();
	assert_int_equal(ports_lease(ports, PORT_TCP, 0, 1, &tcp_first), 0);
	printf("# one TCP block: %u us\n", (unsigned int)((loop_now() - start) / NS_PER_US));
	start = loop_now();
	assert_int_equal(ports_lease(ports, PORT_UDP, 0, 1, &udp_first), 0);
	printf("# one UDP block: %u us\n", (unsigned int)((loop_now() - start) / NS_PER_US));
	return NULL;
}

static void set_up(void)
{
	rng = rng_seeded(7);
	netns_pair(&host, &peer);
	/* Both learn each other's link address, so that no packet waits for it. */
	netns_run("ping -c 1 -W 2 192.0.2.2 >/dev/null");
}

static int open_tap(void)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));

	assert_true(fd >= 0);
	return fd;
}

/* Return: IPv4 packets from the host that reach the peer within @ms of silence. */
static unsigned int count_answers(int tap, int ms)
{
	struct pollfd fd = { .fd = tap, .events = POLLIN };
	unsigned int n = 0;

	while (poll(&fd, 1, ms) > 0) {
		uint8_t packet[2048];
		ssize_t len = recv(tap, packet, sizeof(packet), 0);

		if (len >= 20 && load_be32(packet + 12) == HOST)
			n++;
	}
	return n;
}

static void send_packet(int raw, uint8_t *p, size_t len, uint8_t proto, uint8_t ttl)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(HOST) };
	size_t check_at = proto == IPPROTO_TCP ? 36 : 26;
	uint64_t sum;

	p[0] = 0x45;
	p[8] = ttl;
	p[9] = proto;
	store_be16(p + 2, (uint16_t)len);
	store_be32(p + 12, PEER);
	store_be32(p + 16, HOST);
	sum = checksum_pseudo(PEER, HOST, proto, (uint16_t)(len - 20));
	store_be16(p + check_at, 0);
	store_be16(p + check_at, (uint16_t)~checksum_fold(checksum_add(sum, p + 20, len - 20)));
	assert_int_equal(sendto(raw, p, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

/* All flags from none to SYN|FIN|RST|PSH|ACK, bare, with payload and with a forged signature. */
static void send_segments(int raw, uint16_t port, uint8_t ttl)
{
	for (uint8_t flags = 0; flags < 0x20; flags++) {
		for (unsigned int kind = 0; kind < 3; kind++) {
			uint8_t p[128] = { 0 };
			size_t header = kind == 2 ? 40 : 20;

			store_be16(p + 20, (uint16_t)(20000 + flags));
			store_be16(p + 22, port);
			store_be32(p + 24, 12345);
			store_be32(p + 28, 54321);
			p[32] = (uint8_t)(header / 4 << 4);
			p[33] = flags;
			store_be16(p + 34, 1000);
			if (kind == 2) {
				p[40] = 19; /* TCP MD5 signature, RFC 2385 */
				p[41] = 18;
			}
			send_packet(raw, p, 20 + header + (kind == 1 ? 30 : 0), IPPROTO_TCP, ttl);
		}
	}
}

static void send_datagrams(int raw, uint16_t port, uint8_t ttl)
{
	for (size_t len = 0; len < 50; len += 10) {
		uint8_t p[128] = { 0 };

		store_be16(p + 20, 20000);
		store_be16(p + 22, port);
		store_be16(p + 24, (uint16_t)(8 + len));
		send_packet(raw, p, 28 + len, IPPROTO_UDP, ttl);
	}
}

static void a_leased_port_never_answers_an_unleased_one_does(void **state)
{
	int tap, raw;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_in_thread(lease_unprivileged, NULL);
	printf("# guards: tcp %s, udp %s\n", ports_guard(ports, PORT_TCP),
	       ports_guard(ports, PORT_UDP));
	netns_enter(peer);
	tap = open_tap();
	raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	assert_true(raw >= 0);
	for (uint16_t i = 0; i < PORT_BLOCK; i = (uint16_t)(i + 21)) {
		send_segments(raw, (uint16_t)(tcp_first + i), 64);
		send_datagrams(raw, (uint16_t)(udp_first + i), 64);
		send_datagrams(raw, (uint16_t)(udp_first + i), 255);
		if (strcmp(ports_guard(ports, PORT_TCP), "minttl") != 0)
			send_segments(raw, (uint16_t)(tcp_first + i), 255);
	}
	assert_int_equal(count_answers(tap, 150), 0);
	/* Nor are datagrams kept: whatever arrives costs no memory. */
	netns_enter(host);
	netns_run("awk 'NR > 1 && $5 !~ /:00000000$/ { exit 1 }' /proc/net/udp");
	netns_enter(peer);

	/* The same to ports that are not leased: the kernel answers, so we would have seen it. */
	send_segments(raw, (uint16_t)(tcp_first + PORT_BLOCK), 64);
	assert_true(count_answers(tap, 150) > 0);
	send_datagrams(raw, (uint16_t)(udp_first + PORT_BLOCK), 64);
	assert_true(count_answers(tap, 150) > 0);
	ports_release(ports, PORT_TCP, tcp_first);
	ports_release(ports, PORT_UDP, udp_first);
	send_segments(raw, tcp_first, 64);
	assert_true(count_answers(tap, 150) > 0);
	ports = ports_free(ports);
	close(tap);
	close(raw);
	netns_enter(host);
}

static bool host_can_bind(int type, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	bool can = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	close(fd);
	return can;
}

static void a_lease_reserves_its_ports_and_its_release_gives_them_back(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	set_up();
	netns_in_thread(lease_unprivileged, NULL);
	for (uint16_t i = 0; i < PORT_BLOCK; i++) {
		assert_false(host_can_bind(SOCK_STREAM, (uint16_t)(tcp_first + i)));
		assert_false(host_can_bind(SOCK_DGRAM, (uint16_t)(udp_first + i)));
	}
	assert_int_equal(ports_counts(ports, PORT_TCP).leased, PORT_BLOCK);
	ports_release(ports, PORT_TCP, tcp_first);
	assert_int_equal(ports_counts(ports, PORT_TCP).leased, 0);
	assert_int_equal(ports_counts(ports, PORT_UDP).leased, PORT_BLOCK);
	assert_true(host_can_bind(SOCK_STREAM, tcp_first));
	assert_false(host_can_bind(SOCK_DGRAM, udp_first));
	ports = ports_free(ports);
	assert_true(host_can_bind(SOCK_DGRAM, udp_first));
}

static void what_the_host_keeps_for_itself_is_never_leased(void **state)
{
	bool leased[1024] = { false };
	struct rlimit limit;
	unsigned int n = 0;
	uint16_t first;
	int used, r;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(7680 + 5) };

	(void)state;
	NETNS_OR_SKIP();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 20000) {
		printf("# skipped: at most %lu descriptors\n", (unsigned long)limit.rlim_max);
		skip();
	}
	set_up();
	netns_run("echo 10000 64000 > /proc/sys/net/ipv4/ip_local_port_range");
	netns_run("echo 5000,6400-6600,7 > /proc/sys/net/ipv4/ip_local_reserved_ports");
	used = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(used, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(ports_new(HOST, 0, 4000, &rng, &ports), 0);
	for (unsigned int worker = 0; worker < 3; worker++) {
		while ((r = ports_lease(ports, PORT_UDP, worker, 3, &first)) == 0) {
			assert_int_equal(first % PORT_BLOCK, 0);
			assert_int_equal(external_worker(first, 3), worker);
			assert_false(leased[first / PORT_BLOCK]);
			leased[first / PORT_BLOCK] = true;
			n++;
		}
		assert_int_equal(r, -ENOSPC);
	}
	for (unsigned int block = 0; block < 1024; block++) {
		unsigned int low = block * 64, high = low + 63;
		bool want = low >= 1024 && !(high >= 10000 && low <= 64000) &&
			    !(low <= 4000 && high >= 4000) && !(low <= 5000 && high >= 5000) &&
			    !(high >= 6400 && low <= 6600) && low != 7680;

		assert_int_equal(leased[block], want);
	}
	/* The one in use could be leased another day. */
	assert_int_equal(ports_counts(ports, PORT_UDP).leasable, (n + 1) * PORT_BLOCK);
	assert_int_equal(ports_counts(ports, PORT_UDP).leased, n * PORT_BLOCK);
	close(used);
	assert_int_equal(ports_lease(ports, PORT_UDP, external_worker(7680, 3), 3, &first), 0);
	assert_int_equal(first, 7680);
	ports = ports_free(ports);
}

static void running_out_of_descriptors_leaves_no_half_block(void **state)
{
	struct rlimit before, limit;
	uint16_t first;
	int fd;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	assert_int_equal(ports_new(HOST, 0, 4000, &rng, &ports), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(before.rlim_cur == before.rlim_max);
	fd = dup(0);
	limit = before;
	limit.rlim_cur = (rlim_t)fd + 40;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(ports_lease(ports, PORT_TCP, 0, 1, &first), -EMFILE);
	assert_int_equal(dup(0), fd + 1); /* all were closed again */
	close(fd + 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(ports_lease(ports, PORT_TCP, 0, 1, &first), 0);
	ports = ports_free(ports);
	close(fd);
}

static void some_descriptors_are_left_for_others(void **state)
{
	const struct rlimit limit = { 1000, 1000 };
	uint16_t first;
	int fds[249];
	int status, r;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	if (fork() == 0) { /* which can't raise its limit again */
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0 ||
		    ports_new(HOST, 0, 4000, &rng, &ports) < 0)
			_exit(1);
		while ((r = ports_lease(ports, PORT_UDP, 0, 1, &first)) == 0)
			;
		if (r != -EMFILE)
			_exit(2);
		for (int i = 0; i < 249; i++)
			if ((fds[i] = dup(0)) < 0)
				_exit(3);
		/* TCP gets none of them either, and what is given back can be leased again. */
		if (ports_lease(ports, PORT_TCP, 0, 1, &first) != -EMFILE)
			_exit(4);
		for (int i = 0; i < 249; i++)
			close(fds[i]);
		ports = ports_free(ports);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

static void an_address_that_is_gone_ends_the_search(void **state)
{
	uint16_t first;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	assert_int_equal(ports_new(PEER, 0, 4000, &rng, &ports), 0);
	assert_int_equal(ports_lease(ports, PORT_TCP, 0, 1, &first), -EADDRNOTAVAIL);
	ports = ports_free(ports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leased_port_never_answers_an_unleased_one_does),
		cmocka_unit_test(a_lease_reserves_its_ports_and_its_release_gives_them_back),
		cmocka_unit_test(what_the_host_keeps_for_itself_is_never_leased),
		cmocka_unit_test(running_out_of_descriptors_leaves_no_half_block),
		cmocka_unit_test(some_descriptors_are_left_for_others),
		cmocka_unit_test(an_address_that_is_gone_ends_the_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
