/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/resolver.h"

#include "io_netns.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/wire.h"

#define HEADER 12
#define SERVER 0x7f000035u /* 127.0.0.53 */

static int server;

static void set_up(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(53) };

	netns_new();
	here.sin_addr.s_addr = htonl(SERVER);
	server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (void *)&here, sizeof(here)), 0);
}

/* One record that the name at offset 12 of the question is a pointer to. */
static size_t put_record(uint8_t *out, uint16_t type, const void *data, uint16_t len)
{
	static const uint8_t start[] = { 0xc0, HEADER, 0, 0, 0, 1, 0, 0, 0, 60 };

	memcpy(out, start, sizeof(start));
	store_be16(out + 2, type);
	store_be16(out + 10, len);
	memcpy(out + 12, data, len);
	return 12u + len;
}

/* "four.example" has an IPv4 address behind a CNAME, "six.example" an IPv6 one, others don't exist. */
static size_t answer(uint8_t *m, size_t len)
{
	static const uint8_t alias[] = { 1, 'x', 0xc0, HEADER };
	static const uint8_t ip4[4] = { 192, 0, 2, 7 };
	static const uint8_t ip6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };
	uint16_t type = load_be16(m + len - 4);
	bool four = m[HEADER] == 4;
	bool six = m[HEADER] == 3;

	m[2] |= 0x80; /* an answer, of one who asks others: RA */
	m[3] |= 0x80;
	if (!four && !six)
		m[3] |= 3; /* NXDOMAIN, RFC 1035 section 4.1.1 */
	if (four && type == 1) {
		len += put_record(m + len, 5, alias, sizeof(alias));
		len += put_record(m + len, 1, ip4, sizeof(ip4));
		store_be16(m + 6, 2);
	} else if (six && type == 28) {
		len += put_record(m + len, 28, ip6, sizeof(ip6));
		store_be16(m + 6, 1);
	}
	return len;
}

static void *serve(void *arg)
{
	uint8_t message[512 + 128];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n;

	(void)arg;
	while ((n = recvfrom(server, message, 512, 0, (void *)&from, &size)) > HEADER + 4) {
		size_t len = answer(message, (size_t)n);

		(void)sendto(server, message, len, 0, (void *)&from, size);
	}
	return NULL;
}

static int ask(const char *host, struct addr *ret)
{
	/* The first is passed over, for it has no IPv4 address. */
	struct endpoint servers[2] = { { .addr = { .family = ADDR_IP6 }, .port = 53 },
				       { .addr = addr_ip4(SERVER), .port = 53 } };

	return resolver_ask(host, servers, 2, ret);
}

static void a_name_is_asked_of_the_servers_that_are_given(void **state)
{
	struct addr found;
	pthread_t thread;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	assert_int_equal(ask("four.example", &found), 0);
	assert_int_equal(addr_to_ip4(&found), 0xc0000207);
	assert_int_equal(ask("six.example", &found), 0);
	assert_int_equal(found.family, ADDR_IP6);
	assert_int_equal(found.bytes[15], 9);
	assert_int_equal(ask("nobody.example", &found), -ENOENT);
	shutdown(server, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(server);
}

static void without_an_answer_nothing_is_said_of_the_name(void **state)
{
	struct endpoint ip6 = { .addr = { .family = ADDR_IP6 }, .port = 53 };
	struct addr found;

	(void)state;
	NETNS_OR_SKIP();
	set_up();
	assert_int_equal(ask("four.example", &found), -EAGAIN); /* it hears, and is silent */
	close(server);
	assert_int_equal(ask("four.example", &found), -EAGAIN);
	assert_int_equal(resolver_ask("four.example", &ip6, 1, &found), -EAFNOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_asked_of_the_servers_that_are_given),
		cmocka_unit_test(without_an_answer_nothing_is_said_of_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
