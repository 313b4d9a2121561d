/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/tun.h"

#include "io_netns.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define NAME "culvert0"

static struct tun *tun;
static struct train trains[TUN_RX_BATCH];
static uint64_t drops[N_VERDICTS];

/* Opens NAME with the addresses in @list, which is ended by NULL. */
static int open_with(const char *const *list, bool ip6, bool up)
{
	struct prefix addresses[4];
	struct tun_params params = {
		.name = NAME, .addresses = addresses, .mtu = 1420, .ip6 = ip6, .up = up
	};

	while (list[params.n_addresses]) {
		assert_true(prefix_parse(list[params.n_addresses], &addresses[params.n_addresses]));
		params.n_addresses++;
	}
	return tun_open(&params, &tun);
}

static const char *const ip4_alone[] = { "10.66.77.1/24", NULL };
static const char *const both[] = { "10.66.77.1/24", "fd66:77::1/64", "192.0.2.9", NULL };

/* Skips where containers have no /dev/net/tun. */
#define TUN_OR_SKIP(addresses, ip6, up)                         \
	do {                                                    \
		int error_;                                     \
		NETNS_OR_SKIP();                                \
		netns_new();                                    \
		error_ = open_with(addresses, ip6, up);         \
		if (error_ == -ENOENT || error_ == -EPERM) {    \
			printf("# skipped: no /dev/net/tun\n"); \
			skip();                                 \
		}                                               \
		assert_int_equal(error_, 0);                    \
	} while (0)

static void the_adapter_has_its_address_and_mtu_no_ip6_and_vanishes_with_us(void **state)
{
	struct tun *first;

	(void)state;
	TUN_OR_SKIP(ip4_alone, false, true);
	assert_string_equal(tun_name(tun), NAME);
	assert_int_equal(tun_mtu(tun), 1420);
	netns_run("ip -4 addr show dev " NAME " | grep -q 'inet 10.66.77.1/24'");
	netns_run("ip link show dev " NAME " | grep -q 'mtu 1420'");
	netns_run("ip route | grep -q '^10.66.77.0/24 dev " NAME "'");
	netns_run("! ip -6 addr show dev " NAME " | grep inet6");
	first = tun;
	assert_int_equal(open_with(ip4_alone, false, true), -EBUSY);
	tun = tun_free(first);
	assert_int_equal(if_nametoindex(NAME), 0);
}

static void several_addresses_of_both_families_are_usable_at_once(void **state)
{
	(void)state;
	TUN_OR_SKIP(both, true, true);
	netns_run("ip -4 addr show dev " NAME " | grep -q 'inet 10.66.77.1/24'");
	netns_run("ip -4 addr show dev " NAME " | grep -q 'inet 192.0.2.9/32'");
	netns_run("ip -6 addr show dev " NAME " | grep -q 'inet6 fd66:77::1/64'");
	netns_run("! ip -6 addr show dev " NAME " | grep -E 'fe80|tentative'");
	netns_run("ip -6 route | grep -q '^fd66:77::/64 dev " NAME "'");
	tun = tun_free(tun);
}

static void an_adapter_that_was_not_to_be_up_is_down_but_configured(void **state)
{
	(void)state;
	TUN_OR_SKIP(both, true, false);
	netns_run("! ip link show dev " NAME " | grep -q '[<,]UP[,>]'");
	netns_run("ip link show dev " NAME " | grep -q 'mtu 1420'");
	netns_run("ip addr show dev " NAME " | grep -q 'inet6 fd66:77::1/64'");
	netns_run("ip link set " NAME " up && ip -6 route | grep -q '^fd66:77::/64 dev " NAME "'");
	netns_run("! ip -6 addr show dev " NAME " | grep fe80");
	tun = tun_free(tun);
}

static void an_address_listed_twice_is_set_once(void **state)
{
	static const char *const twice[] = { "10.66.77.1/24", "10.66.77.1/24", NULL };

	(void)state;
	TUN_OR_SKIP(twice, false, true);
	tun = tun_free(tun);
}

static void an_address_of_another_interface_is_refused(void **state)
{
	static const char *const link_local[] = { "fe80::7/64", NULL };

	(void)state;
	TUN_OR_SKIP(ip4_alone, false, true);
	tun = tun_free(tun);
	netns_run("ip addr add 10.66.77.1/32 dev lo");
	assert_int_equal(open_with(ip4_alone, false, true), -EADDRINUSE);
	assert_int_equal(if_nametoindex(NAME), 0);
	netns_run("ip addr del 10.66.77.1/32 dev lo");
	netns_run("ip addr add fd66:77::1/128 dev lo && ip addr add fe80::7/64 dev lo");
	assert_int_equal(open_with(ip4_alone, false, true), 0);
	tun = tun_free(tun);
	assert_int_equal(open_with(both, true, true), -EADDRINUSE);
	/* Link-local ones may be on every link. */
	assert_int_equal(open_with(link_local, true, true), 0);
	tun = tun_free(tun);
}

static void where_ip6_is_off_its_addresses_are_refused_by_name(void **state)
{
	(void)state;
	TUN_OR_SKIP(ip4_alone, true, true);
	tun = tun_free(tun);
	if (netns_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1") < 0) {
		printf("# skipped: IPv6 can't be switched off here\n");
		skip();
	}
	assert_int_equal(open_with(both, true, true), -EAFNOSUPPORT);
	assert_int_equal(open_with(ip4_alone, true, true), 0);
	tun = tun_free(tun);
}

static void the_mtu_follows_the_adapter_but_not_its_namesake(void **state)
{
	int elsewhere;

	(void)state;
	NETNS_OR_SKIP();
	elsewhere = netns_new();
	TUN_OR_SKIP(ip4_alone, false, true);
	netns_run("ip link set " NAME " mtu 1300");
	assert_int_equal(tun_mtu(tun), 1300);
	netns_run("ip link set " NAME " down && ip link set " NAME " name other mtu 1290");
	assert_int_equal(tun_mtu(tun), 1290);
	netns_run("ip link set other netns /proc/%d/fd/%d", getpid(), elsewhere);
	netns_run("ip link add other mtu 1234 type veth peer name end");
	assert_int_equal(tun_mtu(tun), 1290);
	assert_false(tun_gone(tun));
	tun = tun_free(tun);
	close(elsewhere);
}

static void a_deleted_adapter_is_gone(void **state)
{
	(void)state;
	TUN_OR_SKIP(ip4_alone, false, true);
	assert_false(tun_gone(tun));
	netns_run("ip link set " NAME " down");
	assert_false(tun_gone(tun));
	netns_run("ip link del " NAME);
	assert_true(tun_gone(tun));
	assert_int_equal(tun_recv(tun, trains, TUN_RX_BATCH, drops), 0);
	assert_int_equal(tun_mtu(tun), 1420);
	tun = tun_free(tun);
}

/* A TUN as another program makes it. */
static int foreign_tun(short flags)
{
	struct ifreq ifr = { .ifr_name = NAME, .ifr_flags = flags };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("# skipped: no /dev/net/tun\n");
		skip();
	}
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

static size_t receive(void)
{
	struct pollfd fd = { .fd = tun_fd(tun), .events = POLLIN };

	return poll(&fd, 1, 2000) > 0 ? tun_recv(tun, trains, TUN_RX_BATCH, drops) : 0;
}

static void an_adapter_of_this_namespace_is_adopted_with_its_name(void **state)
{
	int fd;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	fd = foreign_tun(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	assert_int_equal(tun_adopt(fd, TUN_ADAPTER, NULL, 1400, true, &tun), 0);
	assert_string_equal(tun_name(tun), NAME);
	assert_int_equal(tun_mtu(tun), 1500);
	assert_int_equal(tun_recv(tun, trains, TUN_RX_BATCH, drops), 0); /* and doesn't block */
	netns_run("ip link set " NAME " mtu 1400 up");
	assert_int_equal(tun_mtu(tun), 1400);
	tun = tun_free(tun);
	assert_int_equal(if_nametoindex(NAME), 0);
}

static void an_adapter_of_another_namespace_tells_its_mtu_by_what_it_carries(void **state)
{
	int here, there, fd;

	(void)state;
	NETNS_OR_SKIP();
	here = netns_new();
	there = netns_new();
	fd = foreign_tun(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	netns_run("ip addr add 10.66.77.1/24 dev " NAME " && ip link set " NAME " mtu 9000 up");
	netns_enter(here);
	netns_run("ip link add " NAME " mtu 1234 type veth peer name end");
	assert_int_equal(tun_adopt(fd, TUN_ADAPTER, NULL, 1420, false, &tun), 0);
	assert_string_equal(tun_name(tun), "");
	assert_int_equal(tun_mtu(tun), 1420);
	netns_enter(there);
	(void)!system("ping -c 1 -W 1 -s 2000 10.66.77.2 >/dev/null");
	netns_enter(here);
	while (tun_mtu(tun) == 1420)
		assert_true(receive() > 0);
	assert_int_equal(tun_mtu(tun), 2028);
	tun = tun_free(tun);
	close(here);
	close(there);
}

static void what_is_no_adapter_of_ours_is_not_adopted(void **state)
{
	static const short wrong[] = { IFF_TUN | IFF_NO_PI, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd;

	(void)state;
	NETNS_OR_SKIP();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		netns_new();
		fd = foreign_tun(wrong[i]);
		assert_int_equal(tun_adopt(fd, TUN_ADAPTER, NULL, 1420, false, &tun), -EINVAL);
		assert_int_equal(if_nametoindex(NAME), 0); /* closed, and so it ended */
	}
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(tun_adopt(fd, TUN_ADAPTER, NULL, 1420, false, &tun), -EINVAL);
	fd = foreign_tun(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	netns_run("ip link del " NAME);
	assert_int_equal(tun_adopt(fd, TUN_ADAPTER, NULL, 1420, false, &tun), -ENODEV);
}

/* A packet socket on "outer", whose peer is "inner"; @mac is the inner one's address. */
static int open_veth(uint8_t mac[static ETH_ALEN])
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct ifreq ifr = { .ifr_name = "inner" };
	int fd, on = 1;

	netns_run("ip link add inner type veth peer name outer");
	netns_run("ip link set inner arp off up && ip link set outer arp off up");
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &ifr), 0);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	at.sll_ifindex = (int)if_nametoindex("outer");
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void from_a_veth_end_only_what_the_other_end_sends_is_read(void **state)
{
	uint8_t mac[ETH_ALEN];
	int fd;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	netns_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"); /* for silence */
	netns_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	fd = open_veth(mac);
	assert_int_equal(tun_adopt(fd, TUN_VETH, mac, 1420, true, &tun), 0);
	assert_string_equal(tun_name(tun), "");
	assert_int_equal(tun_mtu(tun), 1420);
	netns_run("ip addr add 192.0.2.1/24 dev outer && ip addr add 198.51.100.1/24 dev inner");
	(void)!system("ping -c 1 -W 1 192.0.2.2 >/dev/null");
	assert_int_equal(tun_recv(tun, trains, TUN_RX_BATCH, drops), 0);
	(void)!system("ping -c 1 -W 1 198.51.100.2 >/dev/null");
	assert_int_equal(receive(), 1);
	assert_int_equal(trains[0].dst, 0xc6336402);
	assert_false(tun_gone(tun));
	netns_run("ip link set outer down");
	(void)tun_recv(tun, trains, TUN_RX_BATCH, drops);
	assert_false(tun_gone(tun));
	netns_run("ip link del outer");
	assert_true(tun_gone(tun));
	tun = tun_free(tun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_adapter_has_its_address_and_mtu_no_ip6_and_vanishes_with_us),
		cmocka_unit_test(several_addresses_of_both_families_are_usable_at_once),
		cmocka_unit_test(an_adapter_that_was_not_to_be_up_is_down_but_configured),
		cmocka_unit_test(an_address_listed_twice_is_set_once),
		cmocka_unit_test(an_address_of_another_interface_is_refused),
		cmocka_unit_test(where_ip6_is_off_its_addresses_are_refused_by_name),
		cmocka_unit_test(the_mtu_follows_the_adapter_but_not_its_namesake),
		cmocka_unit_test(a_deleted_adapter_is_gone),
		cmocka_unit_test(an_adapter_of_this_namespace_is_adopted_with_its_name),
		cmocka_unit_test(an_adapter_of_another_namespace_tells_its_mtu_by_what_it_carries),
		cmocka_unit_test(what_is_no_adapter_of_ours_is_not_adopted),
		cmocka_unit_test(from_a_veth_end_only_what_the_other_end_sends_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
