/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host makes of ICMP errors (packet/icmp.h) that come out of its own adapter: with a strict
 * reverse path filter, and for the very sockets whose packets went in.
 */
#include "io/tun.h"

#include "io_netns.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include "packet/icmp.h"

static struct tun *tun;
static uint64_t drops[N_VERDICTS];

/* Skips where containers have no /dev/net/tun. */
static void open_or_skip(void)
{
	struct prefix addresses[2];
	struct tun_params params = {
		.name = "culvert0", .addresses = addresses, .n_addresses = 2, .mtu = 1420
	};
	int r;

	if (!netns_permitted())
		skip();
	netns_new();
	params.ip6 = params.up = true;
	assert_true(prefix_parse("10.66.77.1/24", &addresses[0]));
	assert_true(prefix_parse("fd66:77::1/64", &addresses[1]));
	netns_write("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
	r = tun_open(&params, &tun);
	if (r == -ENOENT || r == -EPERM) {
		printf("# skipped: no /dev/net/tun\n");
		skip();
	}
	assert_int_equal(r, 0);
	netns_run("ip route add default dev culvert0 && ip -6 route add default dev culvert0");
}

/* A socket connected to 198.51.100.7 or 2001:db8::7, which is somewhere behind the adapter. */
static int open_socket(int type, bool ip6)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(7),
				  .sin_addr.s_addr = htonl(0xc6336407) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(7) };
	int fd = socket(ip6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	memcpy(&in6.sin6_addr, "\x20\x01\x0d\xb8", 4);
	in6.sin6_addr.s6_addr[15] = 7;
	r = ip6 ? connect(fd, (struct sockaddr *)&in6, sizeof(in6))
		: connect(fd, (struct sockaddr *)&in, sizeof(in));
	if (r < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

struct error {
	uint8_t type;
	uint8_t code;
	uint32_t mtu;
};

static const struct error unreachable[] = { { ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0 },
					    { ICMP6_UNREACHABLE, ICMP6_ADDRESS_UNREACHABLE, 0 } };
static const struct error too_big[] = { { ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, 1300 },
					{ ICMP6_PACKET_TOO_BIG, 0, 1300 } };

/* Answers the next packet with a port with the error of its family.  Return: its segments. */
static uint32_t answer(const struct error *errors)
{
	static struct train t[TUN_RX_BATCH];
	static uint8_t out[ICMP6_ERROR_MAX];

	for (;;) {
		struct pollfd fd = { .fd = tun_fd(tun), .events = POLLIN };
		size_t len;

		assert_true(poll(&fd, 1, 2000) > 0);
		if (tun_recv(tun, t, 1, drops) == 0 || !train_has_ports(t))
			continue;
		if (t->ip6)
			len = icmp6_error(t, errors[1].type, errors[1].code, errors[1].mtu, out);
		else
			len = icmp_error(t, errors[0].type, errors[0].code, (uint16_t)errors[0].mtu,
					 t->dst, out);
		assert_true(len > 0);
		assert_int_equal(tun_send_raw(tun, out, len), PASS);
		return train_segments(t);
	}
}

/* The error that is pending on @fd, and that a program would be told next. */
static int pending(int fd)
{
	int error;
	socklen_t len = sizeof(error);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	return error;
}

static void a_connection_to_the_unreachable_fails_at_once(void **state)
{
	(void)state;
	open_or_skip();
	for (int ip6 = 0; ip6 < 2; ip6++) {
		int fd = open_socket(SOCK_STREAM, ip6);
		struct pollfd writable = { .fd = fd, .events = POLLOUT };

		answer(unreachable);
		assert_int_equal(poll(&writable, 1, 500), 1);
		assert_int_equal(pending(fd), EHOSTUNREACH);
		close(fd);
	}
	tun = tun_free(tun);
}

static void a_datagram_to_the_unreachable_is_an_error_to_who_asks(void **state)
{
	static const int levels[] = { IPPROTO_IP, IPPROTO_IPV6 };
	static const int options[] = { IP_RECVERR, IPV6_RECVERR };
	int on = 1;

	(void)state;
	open_or_skip();
	for (int ip6 = 0; ip6 < 2; ip6++) {
		int fd = open_socket(SOCK_DGRAM, ip6);

		assert_int_equal(setsockopt(fd, levels[ip6], options[ip6], &on, sizeof(on)), 0);
		assert_int_equal(send(fd, "x", 1, 0), 1);
		answer(unreachable);
		assert_int_equal(pending(fd), EHOSTUNREACH);
		close(fd);
	}
	tun = tun_free(tun);
}

static void an_administrative_refusal_of_ip6_needs_no_asking(void **state)
{
	static const struct error refusal[] = { { 0, 0, 0 },
						{ ICMP6_UNREACHABLE, ICMP6_ADMIN_PROHIBITED, 0 } };
	int fd;

	(void)state;
	open_or_skip();
	fd = open_socket(SOCK_DGRAM, true);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	answer(refusal);
	assert_int_equal(pending(fd), EACCES);
	close(fd);
	tun = tun_free(tun);
}

/* A lone datagram, and a train whose first segment is what is quoted. */
static void a_narrower_path_is_believed(void **state)
{
	static const int levels[] = { IPPROTO_IP, IPPROTO_IPV6 };
	static const int options[] = { IP_MTU, IPV6_MTU };
	static const uint8_t data[13500];

	(void)state;
	for (int i = 0; i < 4; i++) {
		bool ip6 = i % 2, train = i / 2;
		int segment = 1350, mtu, fd;
		size_t len = train ? sizeof(data) : 1350;
		socklen_t size = sizeof(mtu);

		open_or_skip();
		fd = open_socket(SOCK_DGRAM, ip6);
		if (train)
			assert_int_equal(
				setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)),
				0);
		assert_int_equal(send(fd, data, len, 0), len);
		printf("# %u segments\n", answer(too_big)); /* one before Linux 6.2 */
		assert_int_equal(pending(fd), EMSGSIZE);
		assert_int_equal(getsockopt(fd, levels[ip6], options[ip6], &mtu, &size), 0);
		assert_int_equal(mtu, 1300);
		close(fd);
		tun = tun_free(tun);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_to_the_unreachable_fails_at_once),
		cmocka_unit_test(a_datagram_to_the_unreachable_is_an_error_to_who_asks),
		cmocka_unit_test(an_administrative_refusal_of_ip6_needs_no_asking),
		cmocka_unit_test(a_narrower_path_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
