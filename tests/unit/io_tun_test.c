/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/tun.h"

#include "io_netns.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

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

/*
 * Two hosts whose only link is the test: what one's adapter gives goes into the other's.
 *
 *   [a] 10.66.77.1, fd66:77::1 --- adapter --- pump() --- adapter --- 10.66.77.2, fd66:77::2 [b]
 */
struct side {
	int ns;
	struct tun *tun;
};

/* What becomes of a train on the way. */
enum way {
	WAY_WHOLE,
	WAY_CUT,    /* the kernel checks what the cut has summed */
	WAY_JOINED, /* cut, and joined again, as by a tunnel */
	N_WAYS
};

struct pump {
	struct side sides[2];
	enum way way;
	unsigned int trains[2][2]; /* seen; [TCP, UDP][IPv4, IPv6] */
};

#define BYTES    (4 << 20) /* of each connection */
#define DATAGRAM 1000
#define BURST    20 /* datagrams of one send */
#define BURSTS   3  /* in all what a socket holds */

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i + i / 251);
}

static struct tun *open_adapter(unsigned int host)
{
	char text[2][PREFIX_TEXT_MAX];
	struct prefix addresses[2];
	struct tun_params params = {
		.name = "culvert0", .addresses = addresses, .n_addresses = 2, .mtu = 1420
	};
	struct tun *made;

	params.ip6 = params.up = true;
	snprintf(text[0], sizeof(text[0]), "10.66.77.%u/24", host);
	snprintf(text[1], sizeof(text[1]), "fd66:77::%u/64", host);
	for (size_t i = 0; i < 2; i++)
		assert_true(prefix_parse(text[i], &addresses[i]));
	assert_int_equal(tun_open(&params, &made), 0);
	return made;
}

/* The same of a veth pair, as where there is no /dev/net/tun. */
static struct tun *open_veth(unsigned int host)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct ifreq ifr = { .ifr_name = "culvert0" };
	struct tun *made;
	int fd, on = 1;

	netns_run("ip link add culvert0 mtu 1420 type veth peer name outer mtu 1420 && "
		  "ip link set outer arp off up && ip link set culvert0 arp off up && "
		  "ip addr add 10.66.77.%u/24 dev culvert0 && "
		  "ip addr add fd66:77::%u/64 dev culvert0 nodad",
		  host, host);
	/* The end that came up first has no carrier yet, and loses what is sent until it has. */
	netns_run("until ip link show dev outer | grep -q 'state UP'; do sleep 0.01; done");
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &ifr), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	at.sll_ifindex = (int)if_nametoindex("outer");
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(
		tun_adopt(fd, TUN_VETH, (const uint8_t *)ifr.ifr_hwaddr.sa_data, 1420, true, &made),
		0);
	return made;
}

/* Cuts @n trains into lone ones in @out, in buffers of their own.  Return: how many. */
static size_t cut_all(const struct train *t, size_t n, struct train *out)
{
	static uint8_t buffers[TUN_RX_BATCH * BATCH_MAX][1500];
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		struct cut cut;
		size_t len;

		cut_start(&cut, &t[i]);
		while ((len = cut_next(&cut, buffers[total], sizeof(buffers[0]))) > 0) {
			assert_int_equal(
				train_parse_any(&out[total], buffers[total], len, CSUM_UNCHECKED),
				PASS);
			total++;
			assert_true(total < TUN_RX_BATCH * BATCH_MAX);
		}
	}
	return total;
}

static void carry(struct pump *p, struct tun *from, struct tun *to)
{
	static struct train in[TUN_RX_BATCH], lone[TUN_RX_BATCH * BATCH_MAX];
	struct train *t = in;
	size_t n = tun_recv(from, in, TUN_RX_BATCH, drops);

	for (size_t i = 0; i < n; i++) {
		if (train_has_ports(&in[i]) && train_segments(&in[i]) > 1)
			p->trains[in[i].proto == IPPROTO_NUM_UDP][in[i].ip6]++;
	}
	if (p->way != WAY_WHOLE) {
		n = cut_all(in, n, lone);
		t = lone;
	}
	if (p->way == WAY_JOINED)
		n = trains_join(lone, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tun_send(to, &t[i]), PASS);
}

/* Carries until both children have ended, each with status 0. */
static void pump_until(struct pump *p, pid_t a, pid_t b)
{
	pid_t children[2] = { a, b };
	time_t until = time(NULL) + 5;
	int left = 2;

	while (left > 0) {
		struct pollfd fds[2] = { { .fd = tun_fd(p->sides[0].tun), .events = POLLIN },
					 { .fd = tun_fd(p->sides[1].tun), .events = POLLIN } };

		(void)poll(fds, 2, 20);
		/* What is never right is sent again and again. */
		if (time(NULL) > until)
			fail_msg("not there after 5 s, way %d", p->way);
		for (int i = 0; i < 2; i++) {
			int status;

			carry(p, p->sides[i].tun, p->sides[!i].tun);
			if (children[i] > 0 && waitpid(children[i], &status, WNOHANG) > 0) {
				children[i] = 0;
				left--;
				assert_int_equal(status, 0);
			}
		}
	}
}

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Port 7 of host 1 or 2. */
static socklen_t address_of(bool ip6, uint8_t host, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!ip6) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(7);
		ret->in.sin_addr.s_addr = htonl(0x0a424d00u + host);
		return sizeof(ret->in);
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons(7);
	memcpy(&ret->in6.sin6_addr, "\xfd\x66\0\x77", 4);
	ret->in6.sin6_addr.s6_addr[15] = host;
	return sizeof(ret->in6);
}

/* Bound to port 7 of host 2, or connected to it.  Exits with 1 where it can't be. */
static int open_socket(int type, bool ip6, bool connected)
{
	union address a;
	socklen_t len = address_of(ip6, 2, &a);
	int fd = socket(ip6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);

	if ((connected ? connect(fd, &a.sa, len) : bind(fd, &a.sa, len)) < 0)
		_exit(1);
	return fd;
}

static void write_all(int fd, int segment)
{
	static uint8_t data[BYTES];
	size_t each = segment ? (size_t)segment * BURST : sizeof(data);

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = pattern(i);
	if (segment && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) < 0)
		_exit(2);
	for (size_t i = 0; i < (segment ? BURSTS : 1); i++) {
		for (size_t at = 0; at < each;) {
			ssize_t n = send(fd, data + i * each + at, each - at, 0);

			if (n < 0)
				_exit(3);
			at += (size_t)n;
		}
	}
	_exit(0);
}

static void read_all(int fd, size_t total, size_t each)
{
	static uint8_t data[1 << 16];
	size_t at = 0;

	while (at < total) {
		ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n <= 0 || (each && (size_t)n != each))
			_exit(4);
		for (size_t i = 0; i < (size_t)n; i++, at++) {
			if (data[i] != pattern(at))
				_exit(5);
		}
	}
	_exit(0);
}

/* Host 1 sends to host 2, which exits with 0 when all is there and right. */
static void transfer(struct pump *p, bool udp, bool ip6)
{
	int type = udp ? SOCK_DGRAM : SOCK_STREAM;
	pid_t sender, receiver;
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	receiver = fork();
	if (receiver == 0) {
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		netns_enter(p->sides[1].ns);
		fd = open_socket(type, ip6, false);
		if (!udp && listen(fd, 1) < 0)
			_exit(6);
		(void)!write(ready[1], "", 1);
		if (udp)
			read_all(fd, (size_t)BURSTS * BURST * DATAGRAM, DATAGRAM);
		read_all(accept(fd, NULL, NULL), BYTES, 0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	sender = fork();
	if (sender == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		netns_enter(p->sides[0].ns);
		write_all(open_socket(type, ip6, true), udp ? DATAGRAM : 0);
	}
	pump_until(p, sender, receiver);
	close(ready[0]);
	close(ready[1]);
}

/* Everything over @p's two adapters, which are closed then. */
static void transfer_everything(struct pump *p)
{
	for (int way = 0; way < N_WAYS; way++) {
		p->way = (enum way)way;
		for (int kind = 0; kind < 4; kind++)
			transfer(p, kind / 2, kind % 2);
	}
	printf("# trains: TCP %u and %u (IPv6), UDP %u and %u\n", p->trains[0][0], p->trains[0][1],
	       p->trains[1][0], p->trains[1][1]);
	assert_true(p->trains[0][0] > 0 && p->trains[0][1] > 0);
	for (int i = 0; i < 2; i++) {
		tun_free(p->sides[i].tun);
		close(p->sides[i].ns);
	}
}

static void two_adapters_carry_both_families_whole_cut_and_joined(void **state)
{
	struct pump p = { .way = WAY_WHOLE };

	(void)state;
	TUN_OR_SKIP();
	tun = tun_free(tun);
	for (unsigned int i = 0; i < 2; i++) {
		p.sides[i].ns = netns_new();
		p.sides[i].tun = open_adapter(i + 1);
	}
	transfer_everything(&p);
}

static void so_do_veth_pairs(void **state)
{
	struct pump p = { .way = WAY_WHOLE };

	(void)state;
	NETNS_OR_SKIP();
	for (unsigned int i = 0; i < 2; i++) {
		p.sides[i].ns = netns_new();
		p.sides[i].tun = open_veth(i + 1);
	}
	transfer_everything(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_pings_through_the_adapter),
		cmocka_unit_test(udp_trains_come_and_go_whole_or_cut),
		cmocka_unit_test(what_is_not_ip4_is_counted),
		cmocka_unit_test(two_adapters_carry_both_families_whole_cut_and_joined),
		cmocka_unit_test(so_do_veth_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
