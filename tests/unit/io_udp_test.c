/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/udp.h"

#include "io_netns.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/socket.h>

#include "base/wire.h"

#define WORKERS 3

static struct udp *group[1 + WORKERS];

static void open_group(void)
{
	struct udp_params params = { .workers = WORKERS };

	assert_int_equal(udp_open_group(&params, group), 0);
}

static void close_group(void)
{
	for (int i = 0; i <= WORKERS; i++)
		group[i] = udp_free(group[i]);
}

/* Waits for something at any socket of the group; Return: which, or -1. */
static int receive(struct udp_rx *rx, size_t room, size_t *n)
{
	struct pollfd fds[1 + WORKERS];

	for (int i = 0; i <= WORKERS; i++)
		fds[i] = (struct pollfd){ .fd = udp_fd(group[i]), .events = POLLIN };
	if (poll(fds, 1 + WORKERS, 2000) <= 0)
		return -1;
	for (int i = 0; i <= WORKERS; i++) {
		if (fds[i].revents) {
			*n = udp_recv(group[i], rx, room);
			return i;
		}
	}
	return -1;
}

static struct endpoint group_at(const char *address)
{
	struct endpoint e = { .port = udp_port(group[0]) };

	assert_true(addr_parse(address, &e.addr));
	return e;
}

static int send_to_group(struct udp *from, const uint8_t *data, uint32_t len, uint32_t segment)
{
	struct endpoint to = group_at("127.0.0.1");
	struct udp_tx tx = { .data = data, .len = len, .segment = segment, .to = &to };

	return udp_send(from, &tx);
}

static void open_client(struct udp *client[2])
{
	struct udp_params params = { .workers = 1 };

	assert_int_equal(udp_open_group(&params, client), 0);
}

static void close_client(struct udp *client[2])
{
	udp_free(client[0]);
	udp_free(client[1]);
}

static void handshakes_and_noise_reach_socket_0_and_data_its_slots_worker(void **state)
{
	struct udp *client[2];
	struct udp_rx rx[UDP_RX_BATCH];
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	open_group();
	open_client(client);
	for (unsigned int type = 0; type < 7; type++) {
		for (unsigned int slot = 0; slot < 256; slot += 5) {
			uint8_t data[32] = { (uint8_t)type, 0, 0, 0, (uint8_t)slot, 1, 2, 3 };
			int want = type == 4 ? 1 + (int)slot % WORKERS : 0;

			assert_int_equal(send_to_group(client[0], data, 32, 32), 0);
			assert_int_equal(receive(rx, UDP_RX_BATCH, &n), want);
			assert_int_equal(n, 1);
			assert_memory_equal(rx[0].data, data, 32);
		}
	}
	for (uint32_t len = 1; len < 9; len++) {
		uint8_t data[32] = { 4, 0, 0, 0, 1 };
		int want = len > 4 ? 1 + 1 % WORKERS : 0;

		assert_int_equal(send_to_group(client[0], data, len, len), 0);
		assert_int_equal(receive(rx, UDP_RX_BATCH, &n), want);
		data[2] = 1; /* reserved bytes must be zero */
		assert_int_equal(send_to_group(client[0], data, 32, 32), 0);
		assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 0);
	}
	close_client(client);
	close_group();
}

static void a_train_arrives_as_the_train_that_was_sent(void **state)
{
	static uint8_t data[64 * 1000];
	struct udp *client[2];
	struct udp_rx rx[UDP_RX_BATCH];
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	open_group();
	open_client(client);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 1000);
	/* The worker is chosen by the first datagram, whatever follows. */
	memcpy(data, "\4\0\0\0\2", 5);
	assert_int_equal(send_to_group(client[0], data, 63 * 1000 + 17, 1000), 0);
	assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 1 + 2 % WORKERS);
	assert_int_equal(n, 1);
	assert_int_equal(rx[0].len, 63 * 1000 + 17);
	assert_int_equal(rx[0].segment, 1000);
	assert_memory_equal(rx[0].data, data, rx[0].len);
	close_client(client);
	close_group();
}

static void a_batch_keeps_its_order_and_never_exceeds_the_room(void **state)
{
	struct udp *client[2];
	struct udp_rx rx[UDP_RX_BATCH];
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	open_group();
	open_client(client);
	for (uint8_t i = 0; i < 5; i++) {
		uint8_t data[20] = { 1, 0, 0, 0, i };

		assert_int_equal(send_to_group(client[0], data, 20, 20), 0);
	}
	assert_int_equal(receive(rx, 3, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(rx[2].data[4], 2);
	assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(rx[0].data[4], 3);
	assert_int_equal(udp_recv(group[0], rx, UDP_RX_BATCH), 0);
	close_client(client);
	close_group();
}

static void both_families_tell_addresses_and_tos_and_answer_from_the_address_used(void **state)
{
	static const char *const addresses[][2] = { { "127.0.0.9", "127.0.0.7" },
						    { "fd00::9", "fd00::7" },
						    { "::1", "fd00::7" } };
	struct udp *client[2];
	struct udp_rx rx[UDP_RX_BATCH];
	uint8_t data[20] = { 1 };
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	if (system("ip -6 addr add fd00::9/128 dev lo nodad 2>/dev/null && "
		   "ip -6 addr add fd00::7/128 dev lo nodad") != 0) {
		printf("# skipped: no IPv6\n");
		skip();
	}
	open_group();
	open_client(client);
	for (size_t i = 0; i < 3; i++) {
		struct endpoint to = group_at(addresses[i][0]);
		struct addr from;
		struct udp_tx tx = { .data = data,
				     .len = 20,
				     .segment = 20,
				     .to = &to,
				     .from = &from,
				     .tos = 0x2a };

		assert_true(addr_parse(addresses[i][1], &from));
		assert_int_equal(udp_send(client[0], &tx), 0);
		assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 0);
		assert_int_equal(n, 1);
		assert_true(addr_equal(&rx[0].to, &to.addr));
		assert_true(addr_equal(&rx[0].from.addr, &from));
		assert_int_equal(rx[0].from.port, udp_port(client[0]));
		assert_int_equal(rx[0].tos, 0x2a);

		/* A source that is no longer ours must not silence the tunnel. */
		from.bytes[3] = 0x55;
		assert_int_equal(udp_send(client[0], &tx), 0);
		assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 0);
	}
	close_client(client);
	close_group();
}

static void a_second_gateway_on_the_same_port_is_told_so(void **state)
{
	struct udp_params params = { .workers = 1 };
	struct udp *other[2];

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	open_group();
	params.port = udp_port(group[0]);
	for (int i = 1; i <= WORKERS; i++)
		assert_int_equal(udp_port(group[i]), params.port);
	assert_int_equal(udp_open_group(&params, other), -EADDRINUSE);
	close_group();
	assert_int_equal(udp_open_group(&params, other), 0);
	close_client(other);
}

/* A seccomp filter of this thread alone makes the kernel one without IPv6. */
static void without_workers_one_socket_takes_everything_and_shares_its_port_with_nobody(
	void **state)
{
	struct udp_params params = { .workers = 0 };
	struct udp *one, *other;
	uint8_t data[32] = { 4 };
	uint8_t noise[5] = { 9 };
	struct udp_rx rx[4];
	struct endpoint to;
	struct udp_tx tx = {
		.to = &to, .data = data, .len = sizeof(data), .segment = sizeof(data)
	};

	(void)state;
	assert_int_equal(udp_open_group(&params, &one), 0);
	params.port = udp_port(one);
	assert_int_equal(udp_open_group(&params, &other), -EADDRINUSE);
	params.port = 0;
	assert_int_equal(udp_open_group(&params, &other), 0);
	to = (struct endpoint){ .addr = addr_ip4(0x7f000001), .port = udp_port(one) };
	assert_int_equal(udp_send(other, &tx), 0);
	tx.data = noise;
	tx.len = tx.segment = sizeof(noise);
	assert_int_equal(udp_send(other, &tx), 0);
	usleep(20000);
	assert_int_equal(udp_recv(one, rx, 4), 2);
	udp_free(other);
	udp_free(one);
}

static void a_mark_can_be_set_later(void **state)
{
	struct udp_params params = { .workers = 0 };
	struct udp *udp;
	socklen_t len = sizeof(uint32_t);
	uint32_t mark = 0;
	int r;

	(void)state;
	assert_int_equal(udp_open_group(&params, &udp), 0);
	r = udp_set_fwmark(udp, 0xca6c);
	if (r == 0) {
		assert_int_equal(getsockopt(udp_fd(udp), SOL_SOCKET, SO_MARK, &mark, &len), 0);
		assert_int_equal(mark, 0xca6c);
	} else {
		assert_int_equal(r, -EPERM);
	}
	udp_free(udp);
}

static void *open_without_ip6(void *client)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	assert_int_equal(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
					  SCMP_A0(SCMP_CMP_EQ, AF_INET6)),
			 0);
	assert_int_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
	open_group();
	open_client(client);
	return NULL;
}

static void without_ip6_the_group_is_ip4_alone(void **state)
{
	struct udp *client[2];
	struct udp_rx rx[UDP_RX_BATCH];
	struct endpoint ip6 = { .port = 9, .addr = { .family = ADDR_IP6 } };
	uint8_t data[20] = { 1 };
	struct udp_tx tx = { .data = data, .len = 20, .segment = 20, .to = &ip6 };
	pthread_t thread;
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	assert_int_equal(pthread_create(&thread, NULL, open_without_ip6, client), 0);
	pthread_join(thread, NULL);
	assert_int_equal(send_to_group(client[0], data, 20, 20), 0);
	assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rx[0].from.addr.family, ADDR_IP4);
	assert_int_equal(addr_to_ip4(&rx[0].to), 0x7f000001);
	assert_int_equal(udp_send(client[0], &tx), -EAFNOSUPPORT);
	close_client(client);
	close_group();
}

static void a_narrower_path_is_reported_and_what_fits_is_sent(void **state)
{
	static uint8_t data[5 * 1400];
	int a, b;
	struct udp *client[2];
	struct udp_rx rx[UDP_RX_BATCH];
	struct endpoint to;
	struct udp_tx tx = { .data = data, .segment = 1400, .to = &to };
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	netns_pair(&a, &b);
	netns_run("ip link set eth0 mtu 1300");
	netns_enter(b);
	open_group();
	netns_enter(a);
	open_client(client);
	to = group_at("192.0.2.2");
	data[0] = 1;
	data[4 * 1400] = 2;
	tx.len = 5 * 1400 - 500; /* the last one fits */
	assert_int_equal(udp_send(client[0], &tx), -EMSGSIZE);
	assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rx[0].len, 900);
	assert_int_equal(rx[0].data[0], 2);
	/* It was the size, not UDP_SEGMENT: shorter trains still go out whole. */
	tx.segment = 1000;
	tx.len = 5000;
	assert_int_equal(udp_send(client[0], &tx), 0);
	assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 0);
	assert_int_equal(rx[0].segment, 1000);
	assert_int_equal(rx[0].len, 5000);
	close_client(client);
	close_group();
}

static void port_unreachable_answers_do_not_disturb(void **state)
{
	struct udp *client[2];
	struct udp_rx rx[UDP_RX_BATCH];
	struct endpoint nobody = { .port = 9, .addr = addr_ip4(0x7f000001) };
	uint8_t data[20] = { 1 };
	struct udp_tx tx = { .data = data, .len = 20, .segment = 20, .to = &nobody };
	size_t n;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	open_group();
	open_client(client);
	for (int i = 0; i < 3; i++)
		assert_int_equal(udp_send(group[0], &tx), 0);
	assert_int_equal(udp_recv(group[0], rx, UDP_RX_BATCH), 0);
	assert_int_equal(send_to_group(client[0], data, 20, 20), 0);
	assert_int_equal(receive(rx, UDP_RX_BATCH, &n), 0);
	assert_int_equal(n, 1);
	close_client(client);
	close_group();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshakes_and_noise_reach_socket_0_and_data_its_slots_worker),
		cmocka_unit_test(a_train_arrives_as_the_train_that_was_sent),
		cmocka_unit_test(a_batch_keeps_its_order_and_never_exceeds_the_room),
		cmocka_unit_test(
			both_families_tell_addresses_and_tos_and_answer_from_the_address_used),
		cmocka_unit_test(a_second_gateway_on_the_same_port_is_told_so),
		cmocka_unit_test(
			without_workers_one_socket_takes_everything_and_shares_its_port_with_nobody),
		cmocka_unit_test(a_mark_can_be_set_later),
		cmocka_unit_test(without_ip6_the_group_is_ip4_alone),
		cmocka_unit_test(a_narrower_path_is_reported_and_what_fits_is_sent),
		cmocka_unit_test(port_unreachable_answers_do_not_disturb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
