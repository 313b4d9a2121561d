/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/link_watch.h"

#include <poll.h>

#include "base/clock.h"
#include "io_netns.h"

#define OURS 67

/* Runs @command, and says whether the watch calls that a change; @now moves on by a second. */
static bool changed_by(struct link_watch *w, const char *command, uint64_t *now)
{
	struct pollfd p = { .fd = link_watch_fd(w), .events = POLLIN };

	assert_int_equal(system(command), 0);
	if (poll(&p, 1, 200) == 0)
		return false;
	link_watch_read(w, *now);
	assert_true(link_watch_next_deadline(w) <= *now + NS_PER_S / 2);
	assert_false(link_watch_changed(w, *now)); /* it waits for quiet */
	*now += NS_PER_S;
	return link_watch_changed(w, *now);
}

static struct link_watch *watch(void)
{
	struct link_watch *w;

	(void)netns_new();
	assert_int_equal(system("sysctl -q -w net.ipv6.conf.default.accept_dad=0 2>/dev/null; "
				"ip link add va type veth peer name vb && ip link set va up && "
				"ip link set vb up && ip addr add 192.0.2.1/24 dev va && "
				"ip tuntap add tun0 mode tun && ip link set tun0 up"),
			 0);
	assert_int_equal(link_watch_new("tun0", OURS, &w), 0);
	return w;
}

static void addresses_routes_and_links_are_changes(void **state)
{
	struct link_watch *w;
	uint64_t now = NS_PER_S;

	(void)state;
	NETNS_OR_SKIP();
	w = watch();
	assert_int_equal(link_watch_next_deadline(w), NEVER);
	assert_true(changed_by(w, "ip addr add 198.51.100.1/24 dev va", &now));
	assert_true(changed_by(w, "ip -6 addr add 2001:db8::1/64 dev va nodad", &now));
	assert_true(changed_by(w, "ip route add default via 192.0.2.2", &now));
	assert_true(changed_by(w, "ip route replace default via 192.0.2.3", &now));
	assert_true(changed_by(w, "ip link set vb down", &now));
	assert_true(changed_by(w, "ip addr del 198.51.100.1/24 dev va", &now));
	assert_int_equal(link_watch_next_deadline(w), NEVER);
	assert_null(link_watch_free(w));
}

static void what_comes_back_in_time_is_no_change(void **state)
{
	struct link_watch *w;
	uint64_t now = NS_PER_S;

	(void)state;
	NETNS_OR_SKIP();
	w = watch();
	assert_false(changed_by(w,
				"ip addr add 198.51.100.1/24 dev va; "
				"ip addr del 198.51.100.1/24 dev va",
				&now));
	/* A lifetime is notified each time that a router prolongs it. */
	assert_int_equal(system("ip -6 addr add 2001:db8::9/64 dev va nodad valid_lft 900 "
				"preferred_lft 900"),
			 0);
	(void)changed_by(w, "true", &now);
	assert_false(changed_by(w,
				"ip -6 addr change 2001:db8::9/64 dev va nodad valid_lft 990 "
				"preferred_lft 990",
				&now));
	link_watch_free(w);
}

static void our_own_doing_is_no_change(void **state)
{
	struct link_watch *w;
	uint64_t now = NS_PER_S;

	(void)state;
	NETNS_OR_SKIP();
	w = watch();
	assert_false(changed_by(w, "ip addr add 10.9.9.9/24 dev tun0", &now));
	assert_false(changed_by(w, "ip route add 203.0.113.0/24 dev tun0", &now));
	assert_false(changed_by(w, "ip route add 203.0.113.0/24 via 192.0.2.9 table 51866 proto 67",
				&now));
	assert_false(changed_by(w, "ip link set tun0 down", &now));
	assert_true(changed_by(w, "ip route add 203.0.113.0/24 via 192.0.2.9", &now));
	link_watch_free(w);
}

static void restlessness_does_not_postpone_it_for_ever(void **state)
{
	struct link_watch *w;
	uint64_t now = NS_PER_S;

	(void)state;
	NETNS_OR_SKIP();
	w = watch();
	for (int i = 0; i < 20; i++) {
		assert_int_equal(system(i % 2 ? "ip addr del 198.51.100.1/24 dev va"
					      : "ip addr add 198.51.100.1/24 dev va"),
				 0);
		link_watch_read(w, now + (uint64_t)i * 50 * NS_PER_MS);
	}
	assert_true(link_watch_next_deadline(w) <= now + NS_PER_S / 2);
	link_watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_routes_and_links_are_changes),
		cmocka_unit_test(what_comes_back_in_time_is_no_change),
		cmocka_unit_test(our_own_doing_is_no_change),
		cmocka_unit_test(restlessness_does_not_postpone_it_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
