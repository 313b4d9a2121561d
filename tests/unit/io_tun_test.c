/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/tun.h"

#include "io_netns.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/wire.h"
#include "packet/icmp.h"

static struct tun *tun;
static uint64_t drops[N_VERDICTS];

static int open_tun(const char *name)
{
	struct prefix address;

	assert_true(prefix_parse("10.66.77.1/24", &address));
	return tun_open(&(struct tun_params){ name, &address, 1, 1420, false, true }, &tun);
}

/* Skips where containers have no /dev/net/tun. */
#define TUN_OR_SKIP()                                           \
	do {                                                    \
		int error_;                                     \
		NETNS_OR_SKIP();                                \
		netns_new();                                    \
		error_ = open_tun("culvert0");                  \
		if (error_ == -ENOENT || error_ == -EPERM) {    \
			printf("# skipped: no /dev/net/tun\n"); \
			skip();                                 \
		}                                               \
		assert_int_equal(error_, 0);                    \
	} while (0)

static size_t receive(struct train *t, size_t n)
{
	struct pollfd fd = { .fd = tun_fd(tun), .events = POLLIN };

	return poll(&fd, 1, 2000) > 0 ? tun_recv(tun, t, n, drops) : 0;
}

static void the_adapter_has_its_address_and_mtu_no_ip6_and_vanishes_with_us(void **state)
{
	struct tun *first;

	(void)state;
	TUN_OR_SKIP();
	assert_string_equal(tun_name(tun), "culvert0");
	netns_run("ip -4 addr show dev culvert0 | grep -q 'inet 10.66.77.1/24'");
	netns_run("ip link show dev culvert0 | grep -q 'mtu 1420'");
	netns_run("ip route | grep -q '^10.66.77.0/24 dev culvert0'");
	netns_run("! ip -6 addr show dev culvert0 | grep inet6");
	first = tun;
	assert_int_equal(open_tun("culvert0"), -EBUSY);
	assert_int_equal(open_tun("lo"), -EBUSY);
	tun = tun_free(first);
	assert_int_equal(if_nametoindex("culvert0"), 0);
}

static void the_host_pings_through_the_adapter(void **state)
{
	static struct train t[TUN_RX_BATCH];
	FILE *ping;
	int answered = 0;

	(void)state;
	TUN_OR_SKIP();
	ping = popen("ping -c 2 -i 0.2 -W 2 10.66.77.2 >/dev/null", "r");
	while (answered < 2) {
		size_t n = receive(t, TUN_RX_BATCH);

		assert_true(n > 0);
		for (size_t i = 0; i < n; i++) {
			if (t[i].dst != 0x0a424d02 || t[i].proto != IPPROTO_NUM_ICMP)
				continue;
			assert_int_equal(icmp_echo_reply(&t[i]), PASS);
			assert_int_equal(tun_send(tun, &t[i]), PASS);
			answered++;
		}
	}
	assert_int_equal(pclose(ping), 0);
	tun = tun_free(tun);
}

static int udp_socket(struct sockaddr_in *local)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*local);

	*local =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a424d01) };
	assert_int_equal(bind(fd, (struct sockaddr *)local, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)local, &len), 0);
	return fd;
}

/* Turns a train around: what 10.66.77.2 would answer. */
static void turn_around(struct train *t)
{
	uint32_t src = t->src;
	uint16_t sport = t->sport;

	train_set_src(t, t->dst);
	train_set_dst(t, src);
	train_set_sport(t, t->dport);
	train_set_dport(t, sport);
}

/* Takes @total bytes of datagrams from the host and sends them back.  Return: trains among them. */
static unsigned int echo_datagrams(size_t total, enum csum_state csum)
{
	static struct train t[TUN_RX_BATCH];
	unsigned int trains = 0;
	size_t received = 0;

	while (received < total) {
		size_t n = receive(t, TUN_RX_BATCH);

		assert_true(n > 0);
		for (size_t i = 0; i < n; i++) {
			if (t[i].proto != IPPROTO_NUM_UDP)
				continue;
			received += t[i].len - t[i].head_len;
			trains += t[i].gso_size == 1000;
			turn_around(&t[i]);
			if (csum != CSUM_PARTIAL && t[i].gso_size > 0)
				t[i].csum = csum;
			assert_int_equal(tun_send(tun, &t[i]), PASS);
		}
	}
	return trains;
}

static void udp_trains_come_and_go_whole_or_cut(void **state)
{
	/* A train whose checksum is complete is no work for the kernel: it is cut here. */
	static const enum csum_state states[] = { CSUM_PARTIAL, CSUM_VERIFIED };
	static uint8_t data[20 * 1000], out[2000];
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(7),
				  .sin_addr.s_addr = htonl(0x0a424d02) };
	struct sockaddr_in local;
	int segment = 1000, fd;

	(void)state;
	TUN_OR_SKIP();
	fd = udp_socket(&local);
	assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i + i / 256);
	for (size_t round = 0; round < 2; round++) {
		unsigned int trains;

		assert_int_equal(
			sendto(fd, data, sizeof(data), 0, (struct sockaddr *)&to, sizeof(to)),
			sizeof(data));
		trains = echo_datagrams(sizeof(data), states[round]);
		printf("# %u trains\n", trains); /* none before Linux 6.2 */
		for (size_t i = 0; i < 20; i++) {
			assert_int_equal(recv(fd, out, sizeof(out), MSG_DONTWAIT), 1000);
			assert_memory_equal(out, data + i * 1000, 1000);
		}
	}
	close(fd);
	tun = tun_free(tun);
}

static void what_is_not_ip4_is_counted(void **state)
{
	static struct train t[TUN_RX_BATCH];
	static const uint8_t echo6[48] = { 0x60, 0, 0, 0, 0, 8, 58, 64 };

	(void)state;
	TUN_OR_SKIP();
	memset(drops, 0, sizeof(drops));
	assert_int_equal(tun_recv(tun, t, TUN_RX_BATCH, drops), 0);
	if (system("ip -6 addr add fd00::1/64 dev culvert0 nodad 2>/dev/null") == 0) {
		assert_int_equal(system("ping -6 -c 1 -W 1 fd00::2 >/dev/null"), 256);
		while (drops[DROP_IP6_REFUSED] == 0)
			assert_int_equal(receive(t, TUN_RX_BATCH), 0);
	}
	assert_int_equal(tun_send_raw(tun, echo6, sizeof(echo6)), PASS);
	tun = tun_free(tun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_adapter_has_its_address_and_mtu_no_ip6_and_vanishes_with_us),
		cmocka_unit_test(the_host_pings_through_the_adapter),
		cmocka_unit_test(udp_trains_come_and_go_whole_or_cut),
		cmocka_unit_test(what_is_not_ip4_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
