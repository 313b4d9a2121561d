/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proxy's thread between a worker, which is this program, and upstreams on loopback,
 * which this program plays too.
 */
#include "engine/dns_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns_build.h"
#include "io/loop.h"

#define GATEWAY      0x0a424d01
#define LOOPBACK     0x7f000001
#define SIZE_MAX_UDP 1392

struct rig {
	struct dns_proxy *proxy;
	struct config *config;
	int waker;
	int upstream[2]; /* UDP sockets */
	char resolv_conf[32];
};

/* What an upstream received. */
struct received {
	struct built message;
	struct sockaddr_in from;
};

static int open_upstream(struct endpoint *ret)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*ret = (struct endpoint){ .addr = addr_ip4(LOOPBACK), .port = ntohs(in.sin_port) };
	return fd;
}

static int start(struct rig *rig, char *complaint)
{
	struct dns_proxy_params params = {
		.config = rig->config,
		.gateway = GATEWAY,
		.workers = 1,
		.worker_wakers = &rig->waker,
		.resolv_conf = rig->resolv_conf,
	};

	prefix_parse("10.66.77.0/24", &params.tunnel);
	return dns_proxy_new(&params, &rig->proxy, complaint);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char complaint[256];

	rig->config = calloc(1, sizeof(*rig->config));
	rig->config->dns_cache = 100;
	rig->config->n_upstreams = 2;
	for (int i = 0; i < 2; i++)
		rig->upstream[i] = open_upstream(&rig->config->upstreams[i].endpoint);
	strcpy(rig->resolv_conf, "/tmp/dns-proxy-test-XXXXXX");
	close(mkstemp(rig->resolv_conf));
	rig->waker = waker_new();
	assert_int_equal(start(rig, complaint), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	dns_proxy_free(rig->proxy);
	for (int i = 0; i < 2; i++)
		close(rig->upstream[i]);
	close(rig->waker);
	unlink(rig->resolv_conf);
	free(rig->config);
	free(rig);
	return 0;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void ask(struct rig *rig, const struct built *query)
{
	const struct dns_client client = {
		.peer = 5, .src = 0x0a424d02, .dst = GATEWAY, .port = 999, .size_max = SIZE_MAX_UDP
	};

	assert_true(dns_proxy_ask(rig->proxy, 0, &client, query->bytes, query->len));
}

static void ask_name(struct rig *rig, uint16_t id, const char *name)
{
	struct built query = build(id, 0x0100, name, BUILD_A);

	ask(rig, &query);
}

static struct received receive(int upstream)
{
	struct received r = { 0 };
	socklen_t len = sizeof(r.from);
	ssize_t n;

	assert_true(readable(upstream, 2000));
	n = recvfrom(upstream, r.message.bytes, sizeof(r.message.bytes), 0,
		     (struct sockaddr *)&r.from, &len);
	assert_true(n >= 12);
	r.message.len = (size_t)n;
	return r;
}

static struct built answer_to(const struct received *r, const char *name)
{
	struct built b = build(load_be16(r->message.bytes), 0x8180, name, BUILD_A);

	build_record(&b, 0, BUILD_A, 60, "\xc0\0\2\1", 4);
	return b;
}

static void send_answer(int upstream, const struct received *to, const struct built *b)
{
	assert_int_equal(sendto(upstream, b->bytes, b->len, 0, (const struct sockaddr *)&to->from,
				sizeof(to->from)),
			 b->len);
}

static bool answer_waits(struct rig *rig, struct built *ret, struct dns_client *client, int ms)
{
	uint64_t until = loop_now() + (uint64_t)ms * NS_PER_MS;
	const uint8_t *bytes;
	size_t len;

	while (!(bytes = dns_proxy_answer(rig->proxy, 0, client, &len))) {
		if (loop_now() >= until || !readable(rig->waker, ms))
			return false;
		waker_clear(rig->waker);
	}
	assert_true(len <= sizeof(ret->bytes));
	ret->len = len;
	memcpy(ret->bytes, bytes, len);
	dns_proxy_answer_done(rig->proxy, 0);
	return true;
}

static struct built await(struct rig *rig)
{
	struct dns_client client;
	struct built b;

	assert_true(answer_waits(rig, &b, &client, 7000));
	assert_int_equal(client.peer, 5);
	assert_int_equal(client.src, 0x0a424d02);
	assert_int_equal(client.dst, GATEWAY);
	assert_int_equal(client.port, 999);
	assert_int_equal(client.size_max, SIZE_MAX_UDP);
	return b;
}

static int rcode(const struct built *b)
{
	return b->bytes[3] & 15;
}

static void a_query_goes_out_and_its_answer_comes_back_and_is_kept(void **state)
{
	struct rig *rig = *state;
	struct status_upstream upstreams[CONFIG_UPSTREAMS_MAX];
	struct status status = { 0 };
	char complaint[256];
	struct received r;
	struct built b;

	ask_name(rig, 0x1111, "a.example");
	r = receive(rig->upstream[0]);
	b = answer_to(&r, "a.example");
	send_answer(rig->upstream[0], &r, &b);
	store_be16(b.bytes, 0x1111);
	assert_memory_equal(await(rig).bytes, b.bytes, b.len);
	ask_name(rig, 0x2222, "a.example");
	b = await(rig);
	assert_int_equal(load_be16(b.bytes), 0x2222);
	assert_false(readable(rig->upstream[0], 20));
	/* A reload that changes nothing forgets nothing. */
	assert_int_equal(dns_proxy_reload(rig->proxy, rig->config, complaint), 0);
	usleep(20000); /* counters are published after the answer */
	dns_proxy_status(rig->proxy, &status, upstreams);
	assert_int_equal(status.dns_queries, 2);
	assert_int_equal(status.dns_cached, 1);
	assert_int_equal(status.dns_cache_entries, 1);
	assert_int_equal(status.n_upstreams, 2);
	assert_true(upstreams[0].alive);
	assert_int_equal(upstreams[0].queries, 1);
	assert_true(upstreams[0].rtt > 0);
}

/* Scenario 5. */
static void spoofed_replies_are_ignored_and_the_right_one_taken(void **state)
{
	struct rig *rig = *state;
	int attacker = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct dns_client client;
	struct received r;
	struct built right;
	struct built wrong;

	ask_name(rig, 0x1111, "a.example");
	r = receive(rig->upstream[0]);
	right = answer_to(&r, "a.example");
	wrong = right;
	wrong.bytes[wrong.len - 1] = 66;
	send_answer(attacker, &r, &wrong); /* another source */
	store_be16(wrong.bytes, (uint16_t)(load_be16(right.bytes) ^ 1));
	send_answer(rig->upstream[0], &r, &wrong); /* another id */
	wrong = answer_to(&r, "b.example");
	send_answer(rig->upstream[0], &r, &wrong); /* another question */
	assert_false(answer_waits(rig, &wrong, &client, 100));
	send_answer(rig->upstream[0], &r, &right);
	store_be16(right.bytes, 0x1111);
	assert_memory_equal(await(rig).bytes, right.bytes, right.len);
	close(attacker);
}

static void each_query_has_a_port_and_an_id_of_its_own(void **state)
{
	struct rig *rig = *state;
	uint16_t ports[8];
	uint16_t ids[8];
	int ascending = 0;

	for (int i = 0; i < 8; i++) {
		char name[16];
		struct received r;

		snprintf(name, sizeof(name), "n%d.example", i);
		ask_name(rig, 1, name);
		r = receive(rig->upstream[0]);
		ports[i] = ntohs(r.from.sin_port);
		ids[i] = load_be16(r.message.bytes);
		for (int k = 0; k < i; k++) {
			assert_int_not_equal(ports[i], ports[k]);
			assert_int_not_equal(ids[i], ids[k]);
		}
		ascending += i > 0 && ports[i] > ports[i - 1];
	}
	assert_in_range(ascending, 1, 6); /* in order in one run of 20,000 */
}

static void a_silent_upstream_is_passed_by(void **state)
{
	struct rig *rig = *state;
	uint64_t began = loop_now();
	struct received r;
	struct built b;

	ask_name(rig, 1, "a.example");
	(void)receive(rig->upstream[0]);
	r = receive(rig->upstream[1]);
	assert_in_range(loop_now() - began, 290 * NS_PER_MS, 600 * NS_PER_MS);
	b = answer_to(&r, "a.example");
	send_answer(rig->upstream[1], &r, &b);
	assert_int_equal(load_be16(await(rig).bytes), 1);
}

/* 300 names that nobody answers: 256 wait, the others get SERVFAIL, and the next client is served. */
static void a_client_that_asks_too_much_harms_nobody_else(void **state)
{
	struct rig *rig = *state;
	const struct dns_client hog = { .src = 0x0a424d63, .size_max = 512 };
	struct dns_client client;
	struct received r;
	struct built b;

	for (int i = 0; i < 300; i++) {
		char name[16];

		snprintf(name, sizeof(name), "h%d.example", i);
		b = build(1, 0x0100, name, BUILD_A);
		while (!dns_proxy_ask(rig->proxy, 0, &hog, b.bytes, b.len))
			usleep(1000);
	}
	for (int i = 0; i < 44; i++) {
		assert_true(answer_waits(rig, &b, &client, 250));
		assert_int_equal(client.src, hog.src);
		assert_int_equal(rcode(&b), 2);
	}
	ask_name(rig, 1, "g.example");
	do
		r = receive(rig->upstream[0]);
	while (r.message.bytes[12] != 1); /* the length of "g" */
	b = answer_to(&r, "g.example");
	send_answer(rig->upstream[0], &r, &b);
	b = await(rig);
	assert_int_equal(rcode(&b), 0);
}

static void what_is_no_good_query_is_answered_here(void **state)
{
	struct rig *rig = *state;
	struct built query = build(7, 0x0100, "a.example", BUILD_A);
	struct dns_client client;
	struct built b;

	query.len -= 2;
	ask(rig, &query);
	b = await(rig);
	assert_int_equal(rcode(&b), 1);
	query = build(8, 0x2800, "a.example", BUILD_SOA);
	ask(rig, &query);
	b = await(rig);
	assert_int_equal(rcode(&b), 4);
	query = build(9, 0x8180, "a.example", BUILD_A);
	ask(rig, &query);
	assert_false(answer_waits(rig, &b, &client, 50));
	assert_false(readable(rig->upstream[0], 0));
}

static void an_answer_that_points_inside_is_refused_until_allowed(void **state)
{
	struct rig *rig = *state;
	char complaint[256];
	struct received r;
	struct built b;

	/* Each time the upstream is asked: no cached answer outlives the change. */
	for (int i = 0; i < 3; i++) {
		ask_name(rig, 1, "evil.example");
		r = receive(rig->upstream[0]);
		b = answer_to(&r, "evil.example");
		memcpy(b.bytes + b.len - 4, "\x0a\x42\x4d\x05", 4);
		send_answer(rig->upstream[0], &r, &b);
		b = await(rig);
		assert_int_equal(rcode(&b), i == 1 ? 0 : 5);
		rig->config->dns_private_answers = i == 0;
		assert_int_equal(dns_proxy_reload(rig->proxy, rig->config, complaint), 0);
	}
}

static void resolv_conf_is_followed_when_it_changes(void **state)
{
	struct rig *rig = *state;
	char complaint[256];
	struct built b;
	FILE *f;

	/* No upstream is configured and the file is empty: nobody to ask. */
	rig->config->n_upstreams = 0;
	assert_int_equal(dns_proxy_reload(rig->proxy, rig->config, complaint), 0);
	ask_name(rig, 1, "a.example");
	b = await(rig);
	assert_int_equal(rcode(&b), 2);
	f = fopen(rig->resolv_conf, "w");
	fprintf(f, "nameserver 10.66.77.1\nnameserver 127.94.0.1\n"); /* ourselves is left out */
	fclose(f);
	usleep(2100000);
	ask_name(rig, 2, "b.invalid");
	b = await(rig); /* from whatever has port 53 there, or that nothing has */
	assert_int_equal(load_be16(b.bytes), 2);
	struct status_upstream upstreams[CONFIG_UPSTREAMS_MAX];
	struct status status = { 0 };
	dns_proxy_status(rig->proxy, &status, upstreams);
	assert_int_equal(status.n_upstreams, 1);
	assert_string_equal(upstreams[0].text, "udp://127.94.0.1:53");
}

static void an_upstream_that_is_the_gateway_is_refused_with_the_cure(void **state)
{
	struct rig *rig = *state;
	char complaint[256] = "";

	rig->config->upstreams[0].endpoint = (struct endpoint){ addr_ip4(GATEWAY), 53, 0 };
	assert_true(dns_proxy_reload(rig->proxy, rig->config, complaint) < 0);
	assert_non_null(strstr(complaint, "udp://10.66.77.1:53"));
	assert_non_null(strstr(complaint, "name another resolver"));
}

/* ---------------------------------------------------------------- by TCP */

static int connect_to(int port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static int listen_for(struct rig *rig, const char *from)
{
	struct prefix prefix;
	int port;

	assert_true(prefix_parse(from, &prefix));
	port = dns_proxy_listen(rig->proxy, LOOPBACK, &prefix);
	assert_true(port > 0);
	return port;
}

static void put_tcp(int fd, uint16_t id, const char *name)
{
	struct built query = build(id, 0x0100, name, BUILD_A);
	uint8_t head[2];

	store_be16(head, (uint16_t)query.len);
	assert_int_equal(write(fd, head, 2), 2);
	assert_int_equal(write(fd, query.bytes, query.len), query.len);
}

static struct built get_tcp(int fd)
{
	struct built b = { 0 };
	uint8_t head[2];

	assert_true(readable(fd, 2000));
	assert_int_equal(recv(fd, head, 2, MSG_WAITALL), 2);
	b.len = load_be16(head);
	assert_int_equal(recv(fd, b.bytes, b.len, MSG_WAITALL), b.len);
	return b;
}

static void queries_on_one_connection_are_answered_as_answers_come(void **state)
{
	struct rig *rig = *state;
	int fd = connect_to(listen_for(rig, "127.0.0.0/8"));
	struct received first;
	struct received second;
	struct built b;

	put_tcp(fd, 1, "a.example");
	put_tcp(fd, 2, "b.example");
	first = receive(rig->upstream[0]);
	second = receive(rig->upstream[0]);
	b = answer_to(&second, "b.example");
	send_answer(rig->upstream[0], &second, &b);
	assert_int_equal(load_be16(get_tcp(fd).bytes), 2);
	/* Half closed: what was asked is answered, then the connection ends. */
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	b = answer_to(&first, "a.example");
	send_answer(rig->upstream[0], &first, &b);
	assert_int_equal(load_be16(get_tcp(fd).bytes), 1);
	assert_true(readable(fd, 1000));
	assert_int_equal(recv(fd, b.bytes, 1, 0), 0);
	close(fd);
}

static void strangers_are_turned_away(void **state)
{
	struct rig *rig = *state;
	int fd = connect_to(listen_for(rig, "10.66.77.0/24"));
	uint8_t byte;

	assert_true(readable(fd, 1000));
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
}

static void one_address_has_16_connections_and_no_more(void **state)
{
	struct rig *rig = *state;
	int port = listen_for(rig, "127.0.0.0/8");
	uint8_t byte;
	int fds[17];

	for (int i = 0; i < 17; i++)
		fds[i] = connect_to(port);
	assert_true(readable(fds[16], 1000));
	assert_true(recv(fds[16], &byte, 1, 0) <= 0);
	assert_false(readable(fds[15], 0));
	for (int i = 0; i < 17; i++)
		close(fds[i]);
}

static void behind_a_translator_the_oldest_idle_connection_gives_way(void **state)
{
	struct rig *rig = *state;
	int port = listen_for(rig, "127.0.0.1/32");
	uint8_t byte;
	int fds[257];

	for (int i = 0; i < 256; i++) {
		fds[i] = connect_to(port);
		if (i == 0)
			usleep(20000); /* so that it is the oldest, all others being of one moment */
	}
	put_tcp(fds[255], 1, "a.example");
	(void)receive(rig->upstream[0]); /* all have been accepted */
	assert_false(readable(fds[0], 0));
	fds[256] = connect_to(port);
	assert_true(readable(fds[0], 1000));
	assert_true(recv(fds[0], &byte, 1, 0) <= 0);
	put_tcp(fds[256], 2, "b.example");
	(void)receive(rig->upstream[0]);
	assert_false(readable(fds[255], 0));
	for (int i = 0; i < 257; i++)
		close(fds[i]);
}

static void what_is_no_query_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	int fd = connect_to(listen_for(rig, "127.0.0.1/32"));
	uint8_t byte;

	assert_int_equal(write(fd, "\0\4GET ", 6), 6);
	assert_true(readable(fd, 1000));
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_query_goes_out_and_its_answer_comes_back_and_is_kept),
		T(spoofed_replies_are_ignored_and_the_right_one_taken),
		T(each_query_has_a_port_and_an_id_of_its_own),
		T(a_silent_upstream_is_passed_by),
		T(a_client_that_asks_too_much_harms_nobody_else),
		T(what_is_no_good_query_is_answered_here),
		T(an_answer_that_points_inside_is_refused_until_allowed),
		T(resolv_conf_is_followed_when_it_changes),
		T(an_upstream_that_is_the_gateway_is_refused_with_the_cure),
		T(queries_on_one_connection_are_answered_as_answers_come),
		T(strangers_are_turned_away),
		T(one_address_has_16_connections_and_no_more),
		T(behind_a_translator_the_oldest_idle_connection_gives_way),
		T(what_is_no_query_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
