/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two adapters, each in a namespace of its own as a command would have it, are joined by the
 * test, which passes what it reads from one to the other, header and all:
 *
 *   [a] 10.66.77.2, fd00::2  ---- this test ----  10.66.77.3, fd00::3 [b]
 */
#include "io/enclosure_adapter.h"

#include "io_netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "io/vnet.h"

#define ETHERNET 14
#define FRAME    (10 + ETHERNET + 65600)
#define PORT     7

struct side {
	int netns;
	struct enclosure_adapter adapter;
	uint32_t longest; /* packet that came from it, bytes */
	unsigned int udp_trains;
};

static struct side a, b;

static int open_adapter(struct side *s, bool veth, const char *ip4, const char *ip6)
{
	struct prefix addresses[2];
	struct enclosure_params params = {
		.name = "culvert0", .addresses = addresses, .n_addresses = ip6 ? 2 : 1, .mtu = 1420
	};
	bool none = false;
	int r;

	assert_true(prefix_parse(ip4, &addresses[0]));
	assert_true(!ip6 || prefix_parse(ip6, &addresses[1]));
	*s = (struct side){ .netns = netns_new(), .adapter = { .fd = -1 } };
	r = veth ? enclosure_veth_open(&params, &s->adapter)
		 : enclosure_adapter_open(&params, &s->adapter, &none);
	assert_true(r < 0 || !none);
	return r;
}

static void close_adapter(struct side *s)
{
	close(s->adapter.fd);
	close(s->netns);
}

static uint32_t l2_of(const struct side *s)
{
	return s->adapter.kind == TUN_VETH ? ETHERNET : 0;
}

/* One frame from @from to @to.  Return: whether there was one. */
static bool pass_one(struct side *from, struct side *to)
{
	static uint8_t frame[FRAME];
	static uint8_t out[FRAME];
	uint32_t from_l2 = l2_of(from), to_l2 = l2_of(to);
	struct vnet_header h;
	ssize_t n = read(from->adapter.fd, frame, sizeof(frame));
	uint8_t *packet = frame + sizeof(h) + from_l2;
	size_t len;

	if (n < (ssize_t)(sizeof(h) + from_l2 + 20))
		return n > 0;
	len = (size_t)n - sizeof(h) - from_l2;
	memcpy(&h, frame, sizeof(h));
	if (len > from->longest)
		from->longest = (uint32_t)len;
	from->udp_trains += h.gso_type == 5;
	if (h.flags & 1)
		h.csum_start = (uint16_t)(h.csum_start + to_l2 - from_l2);
	if (h.gso_type)
		h.header_len = (uint16_t)(h.header_len + to_l2 - from_l2);
	memcpy(out, &h, sizeof(h));
	if (to_l2) {
		memcpy(out + sizeof(h), to->adapter.mac, 6);
		memcpy(out + sizeof(h) + 6, "\2\0\0\0\0\1", 6);
		memcpy(out + sizeof(h) + 12, packet[0] >> 4 == 4 ? "\x08\0" : "\x86\xdd", 2);
	}
	memcpy(out + sizeof(h) + to_l2, packet, len);
	assert_int_equal(write(to->adapter.fd, out, sizeof(h) + to_l2 + len),
			 sizeof(h) + to_l2 + len);
	return true;
}

static void pass_all(void)
{
	for (bool more = true; more;) {
		more = pass_one(&a, &b);
		more = pass_one(&b, &a) || more;
	}
}

/* Until one of the sockets @fd is ready for @events. */
static bool pass_until(int fd, short events)
{
	for (int i = 0; i < 100; i++) {
		struct pollfd fds[] = { { .fd = fd, .events = events },
					{ .fd = a.adapter.fd, .events = POLLIN },
					{ .fd = b.adapter.fd, .events = POLLIN } };

		pass_all();
		(void)poll(fds, 3, 20);
		if (fds[0].revents)
			return true;
	}
	return false;
}

static int open_socket(const struct side *s, int family, int type)
{
	int fd;

	netns_enter(s->netns);
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	return fd;
}

static socklen_t address_of(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(PORT);
		return sizeof(*in);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(PORT);
	return sizeof(*in6);
}

/* 8 MiB by TCP from b to a, each byte looked at. */
static void transfer(const char *to)
{
	static uint8_t data[1 << 16], got[1 << 16];
	struct sockaddr_storage at;
	socklen_t len = address_of(to, &at);
	int listener = open_socket(&a, at.ss_family, SOCK_STREAM);
	int client = open_socket(&b, at.ss_family, SOCK_STREAM);
	size_t sent = 0, received = 0, total = 8 << 20;
	int server;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&at, len), -1);
	assert_int_equal(errno, EINPROGRESS);
	assert_true(pass_until(listener, POLLIN));
	server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(server >= 0);
	while (received < total) {
		size_t at_byte = sent % sizeof(data);
		size_t want = sizeof(data) - received % sizeof(data);
		ssize_t n =
			sent < total ? write(client, data + at_byte, sizeof(data) - at_byte) : 0;

		sent += n > 0 ? (size_t)n : 0;
		pass_all();
		if (!pass_until(server, POLLIN))
			fail_msg("stalls after %zu bytes", received);
		n = read(server, got, want);
		assert_true(n > 0);
		assert_memory_equal(got, data + received % sizeof(data), (size_t)n);
		received += (size_t)n;
	}
	close(server);
	close(client);
	close(listener);
}

/* 20 datagrams of 1000 bytes with one call. */
static void send_udp_train(const char *to)
{
	static uint8_t data[20 * 1000], got[2000];
	struct sockaddr_storage at;
	socklen_t len = address_of(to, &at);
	int server = open_socket(&a, at.ss_family, SOCK_DGRAM);
	int client = open_socket(&b, at.ss_family, SOCK_DGRAM);
	int segment = 1000;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i + i / 256);
	assert_int_equal(bind(server, (struct sockaddr *)&at, len), 0);
	assert_int_equal(setsockopt(client, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)),
			 0);
	assert_int_equal(sendto(client, data, sizeof(data), 0, (struct sockaddr *)&at, len),
			 sizeof(data));
	for (size_t i = 0; i < 20; i++) {
		assert_true(pass_until(server, POLLIN));
		assert_int_equal(read(server, got, sizeof(got)), 1000);
		assert_memory_equal(got, data + i * 1000, 1000);
	}
	close(client);
	close(server);
}

static void open_both(bool veth_a, bool veth_b)
{
	assert_int_equal(open_adapter(&a, veth_a, "10.66.77.2/24", "fd00::2/64"), 0);
	assert_int_equal(open_adapter(&b, veth_b, "10.66.77.3/24", "fd00::3/64"), 0);
}

static bool has_tun(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		printf("# skipped: no /dev/net/tun\n");
	else
		close(fd);
	return fd >= 0;
}

static void trains_of_both_families_cross(bool veth_a, bool veth_b)
{
	open_both(veth_a, veth_b);
	transfer("10.66.77.2");
	assert_true(b.longest > 20000);
	b.longest = 0;
	transfer("fd00::2");
	assert_true(b.longest > 20000);
	send_udp_train("10.66.77.2");
	send_udp_train("fd00::2");
	printf("# %u trains of UDP\n", b.udp_trains); /* none before Linux 6.2 */
	close_adapter(&a);
	close_adapter(&b);
}

static void trains_cross_between_two_tuns(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	if (!has_tun())
		skip();
	trains_of_both_families_cross(false, false);
}

static void trains_cross_between_two_veth_pairs(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	trains_of_both_families_cross(true, true);
}

static void trains_cross_from_a_veth_pair_to_a_tun_and_back(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	if (!has_tun())
		skip();
	trains_of_both_families_cross(false, true);
	trains_of_both_families_cross(true, false);
}

static void udp_trains_are_cut_where_the_kernel_could_not_describe_them(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	open_both(true, true);
	netns_enter(b.netns);
	assert_int_equal(enclosure_refuse_udp_trains("culvert0"), 0);
	send_udp_train("10.66.77.2");
	assert_int_equal(b.udp_trains, 0);
	assert_int_equal(b.longest, 1028);
	transfer("10.66.77.2");
	assert_true(b.longest > 20000);
	close_adapter(&a);
	close_adapter(&b);
}

/* Seen by nobody but this test, from here on. */
static void hide_tun(void)
{
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	(void)mount("none", "/dev/net", "tmpfs", 0, NULL);
}

static bool vanishes(void)
{
	for (int i = 0; i < 200 && if_nametoindex("culvert0") != 0; i++)
		usleep(10000);
	return if_nametoindex("culvert0") == 0;
}

static void the_adapter_has_addresses_routes_and_mtu_and_vanishes_with_its_descriptor(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	for (int hidden = 0; hidden < 2; hidden++) {
		if (!hidden && !has_tun())
			continue;
		if (hidden)
			hide_tun();
		assert_int_equal(open_adapter(&a, false, "10.66.77.2/32", "fd00::2/128"), 0);
		assert_int_equal(a.adapter.kind, hidden ? TUN_VETH : TUN_ADAPTER);
		netns_run("ip -4 addr show dev culvert0 | grep -q 'inet 10.66.77.2/32'");
		netns_run("ip -6 addr show dev culvert0 | grep -q 'inet6 fd00::2/128'");
		netns_run("! ip -6 addr show dev culvert0 | grep tentative");
		netns_run("ip link show dev culvert0 | grep -q 'mtu 1420'");
		netns_run("ip -4 route show default | grep -q 'dev culvert0'");
		netns_run("ip -6 route show default | grep -q 'dev culvert0'");
		netns_run("ping -c 1 -W 1 127.0.0.1 >/dev/null");
		close(a.adapter.fd);
		assert_true(vanishes());
		close(a.netns);
	}
}

static void a_family_without_an_address_fails_at_once(void **state)
{
	struct sockaddr_storage at;
	socklen_t len = address_of("2001:db8::1", &at);
	int fd;

	(void)state;
	NETNS_OR_SKIP();
	assert_int_equal(open_adapter(&a, false, "10.66.77.2/24", NULL), 0);
	fd = open_socket(&a, AF_INET6, SOCK_STREAM);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, len), -1);
	assert_int_equal(errno, ENETUNREACH);
	close(fd);
	close_adapter(&a);
}

static void nothing_is_said_unasked(void **state)
{
	struct pollfd fds[1];

	(void)state;
	NETNS_OR_SKIP();
	assert_int_equal(open_adapter(&a, true, "10.66.77.2/24", "fd00::2/64"), 0);
	fds[0] = (struct pollfd){ .fd = a.adapter.fd, .events = POLLIN };
	assert_int_equal(poll(fds, 1, 1500), 0);
	close_adapter(&a);
}

static void bad_values_are_told_from_no_adapter(void **state)
{
	struct prefix address;
	struct enclosure_params params = {
		.name = "culvert0", .addresses = &address, .n_addresses = 1, .mtu = 20
	};
	struct enclosure_adapter adapter;
	bool none = true;

	(void)state;
	NETNS_OR_SKIP();
	prefix_parse("10.66.77.2/24", &address);
	close(netns_new());
	assert_int_equal(enclosure_adapter_open(&params, &adapter, &none), -EINVAL);
	assert_false(none);
	none = true;
	hide_tun();
	assert_int_equal(enclosure_adapter_open(&params, &adapter, &none), -EINVAL);
	assert_false(none);
	assert_true(vanishes());
}

static void *without_ip6(void *argument)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	(void)argument;
	/* How io/route.h finds out. */
	seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(access), 0);
	seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(faccessat), 0);
	seccomp_load(filter);
	seccomp_release(filter);
	(void)open_adapter(&a, false, "10.66.77.2/24", "fd00::2/64");
	return NULL;
}

static void a_kernel_without_ip6_has_the_other_family(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	a.netns = -1;
	netns_in_thread(without_ip6, NULL);
	assert_true(a.adapter.fd >= 0);
	netns_enter(a.netns);
	netns_run("ip -4 addr show dev culvert0 | grep -q 'inet 10.66.77.2/24'");
	netns_run("! ip -6 addr show dev culvert0 | grep fd00::2");
	netns_run("[ -z \"$(ip -6 route show default)\" ]");
	close_adapter(&a);
}

static void *without_rights(void *ret)
{
	struct prefix address;
	struct enclosure_params params = {
		.name = "culvert0", .addresses = &address, .n_addresses = 1, .mtu = 1420
	};
	struct enclosure_adapter adapter;
	bool none = false;

	prefix_parse("10.66.77.2/24", &address);
	netns_drop_privileges(false);
	*(bool *)ret = enclosure_adapter_open(&params, &adapter, &none) == -EPERM && none;
	return NULL;
}

static void without_rights_there_is_none(void **state)
{
	bool refused = false;

	(void)state;
	NETNS_OR_SKIP();
	close(netns_new());
	netns_in_thread(without_rights, &refused);
	assert_true(refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trains_cross_between_two_tuns),
		cmocka_unit_test(trains_cross_between_two_veth_pairs),
		cmocka_unit_test(trains_cross_from_a_veth_pair_to_a_tun_and_back),
		cmocka_unit_test(udp_trains_are_cut_where_the_kernel_could_not_describe_them),
		cmocka_unit_test(a_family_without_an_address_fails_at_once),
		cmocka_unit_test(nothing_is_said_unasked),
		cmocka_unit_test(a_kernel_without_ip6_has_the_other_family),
		cmocka_unit_test(without_rights_there_is_none),
		cmocka_unit_test(
			the_adapter_has_addresses_routes_and_mtu_and_vanishes_with_its_descriptor),
		/* Hides the TUN for good, so it is the last. */
		cmocka_unit_test(bad_values_are_told_from_no_adapter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
