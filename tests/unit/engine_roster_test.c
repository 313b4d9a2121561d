/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/roster.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS   3u
#define THREADS   (WORKERS + 1)
#define PEERS_MAX 8u

static struct config config;
static struct config_peer peers[PEERS_MAX];
static struct prefix allowed[PEERS_MAX];
static struct uplink uplink;
static struct uplink_host host;
static struct post *post;
static struct roster *roster;

/* A configuration of the peers whose keys are @keys. */
static void configure(const char *keys)
{
	memset(&config, 0, sizeof(config));
	prefix_parse("10.66.77.1/24", &config.addresses[0]);
	config.n_addresses = 1;
	config.peers = peers;
	for (; *keys; keys++) {
		size_t i = config.n_peers++;

		peers[i] = (struct config_peer){ .name = { *keys } };
		memset(peers[i].public_key, *keys, WG_KEY_LEN);
		allowed[i] = (struct prefix){ addr_ip4(0x0a424d00u + (uint8_t)*keys), 32 };
		peers[i].allowed = &allowed[i];
		peers[i].n_allowed = 1;
	}
}

static int load(const char *keys)
{
	char complaint[256];

	configure(keys);
	return roster_load(roster, &config, complaint);
}

static int setup(void **state)
{
	struct roster_params params = {
		.workers = WORKERS,
		.peers_max = PEERS_MAX,
		.uplink = &uplink,
		.host = &host,
	};

	(void)state;
	assert_int_equal(post_new(WORKERS, &post), 0);
	params.post = post;
	assert_int_equal(roster_new(&params, &roster), 0);
	assert_int_equal(load("ab"), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	roster = roster_free(roster);
	post = post_free(post);
	return 0;
}

static uint32_t number_of(char key)
{
	uint8_t public[WG_KEY_LEN];

	memset(public, key, WG_KEY_LEN);
	return engine_table_find(roster_table(roster), public);
}

/* The tables that @thread was sent since the last time; the newest in *ret. */
static unsigned int received(unsigned int thread, struct post_table *ret)
{
	struct post_message m;
	unsigned int n = 0;

	while (post_receive(post, thread, &m)) {
		if (m.kind != POST_TABLE)
			continue;
		memcpy(ret, m.body, sizeof(*ret));
		n++;
	}
	return n;
}

/* Every thread takes what it was sent and says so.  Returns how many tables there were. */
static unsigned int acknowledge_all(void)
{
	struct post_table got[THREADS];
	unsigned int n = 0;

	for (unsigned int i = 0; i < THREADS; i++) {
		unsigned int k = received(i, &got[i]);

		assert_in_range(k, 0, 1);
		assert_true(i == 0 || k == n);
		n = k;
	}
	for (unsigned int i = 0; i < THREADS && n > 0; i++)
		roster_acknowledged(roster, &got[i]);
	return n;
}

static void a_published_table_goes_to_every_thread_once(void **state)
{
	(void)state;
	assert_int_equal(acknowledge_all(), 0);
	roster_publish(roster); /* nothing new */
	assert_int_equal(acknowledge_all(), 0);
	assert_int_equal(load("abc"), 0);
	assert_int_equal(number_of('c'), WG_NO_PEER);
	roster_publish(roster);
	assert_int_equal(number_of('c'), 2);
	assert_int_equal(acknowledge_all(), 1);
	assert_int_equal(acknowledge_all(), 0);
}

/* The leak checker holds the other half: that each table is freed. */
static void a_storm_of_reloads_has_one_table_under_way_and_ends_with_the_last(void **state)
{
	static const char *const files[] = { "abc", "ab", "d", "abd" };

	(void)state;
	for (int i = 0; i < 103; i++) {
		assert_int_equal(load(files[i % 4]), 0);
		roster_publish(roster);
	}
	assert_int_equal(number_of('c'), 2); /* the first; 102 wait, as one */
	assert_int_equal(acknowledge_all(), 1);
	assert_int_equal(acknowledge_all(), 1);
	assert_int_equal(acknowledge_all(), 0);
	assert_int_not_equal(number_of('d'), WG_NO_PEER);
	assert_int_equal(number_of('a'), WG_NO_PEER);
}

static void a_table_is_kept_until_the_last_thread_has_let_it_go(void **state)
{
	const struct table *old = roster_table(roster);
	struct post_table got;

	(void)state;
	assert_int_equal(load("abc"), 0);
	roster_publish(roster);
	assert_int_equal(load("abcd"), 0);
	roster_publish(roster);
	for (unsigned int i = 0; i + 1 < THREADS; i++) {
		assert_int_equal(received(i, &got), 1);
		roster_acknowledged(roster, &got);
		assert_int_equal(number_of('d'), WG_NO_PEER);
		assert_true(old->peers[0].used); /* read by a thread: the address sanitizer looks */
	}
	/* Late or foreign acknowledgements change nothing. */
	roster_acknowledged(roster, &(struct post_table){ .table = old });
	assert_int_equal(number_of('d'), WG_NO_PEER);
	assert_int_equal(received(THREADS - 1, &got), 1);
	roster_acknowledged(roster, &got);
	assert_int_equal(number_of('d'), 3);
	assert_int_equal(acknowledge_all(), 1);
}

static void an_endpoint_is_forgotten_with_its_peer(void **state)
{
	struct post_peer heard = { .peer = 1 };

	(void)state;
	endpoint_parse("192.0.2.9:1234", &heard.to);
	roster_heard(roster, &heard);
	assert_int_equal(roster_endpoint(roster, 1).port, 1234);
	assert_int_equal(load("a"), 0);
	roster_publish(roster);
	acknowledge_all();
	assert_int_equal(load("ax"), 0);
	roster_publish(roster);
	acknowledge_all();
	assert_int_equal(number_of('x'), 1);
	assert_int_equal(roster_endpoint(roster, 1).addr.family, ADDR_NONE);
	heard.peer = PEERS_MAX;
	roster_heard(roster, &heard);
}

static void too_many_peers_are_refused_and_the_table_in_force_stays(void **state)
{
	(void)state;
	assert_int_equal(load("abcdefgh"), 0);
	roster_publish(roster);
	acknowledge_all();
	assert_int_equal(number_of('h'), 7);
	memset(&peers[0], 0, sizeof(peers[0]));
	struct uapi_peer_set more = { .public_key = { 9 } };
	struct uapi_set set = { .peers = &more, .n_peers = 1 };
	char complaint[256];

	assert_int_equal(roster_set(roster, &set, complaint), -ENOSPC);
	assert_non_null(strstr(complaint, "9 peers"));
	assert_int_equal(number_of('h'), 7);
}

static void what_wg_set_changes_lasts_until_the_file_is_read_again(void **state)
{
	struct prefix moved = { addr_ip4(0x0a424d00u + 'a'), 32 };
	struct uapi_peer_set changes[2] = {
		{ .has_keepalive = true, .keepalive = 25, .allowed = &moved, .n_allowed = 1 },
		{ .remove = true },
	};
	struct uapi_set set = { .peers = changes, .n_peers = 2 };
	char complaint[256];
	const struct table *t;

	(void)state;
	memset(changes[0].public_key, 'n', WG_KEY_LEN);
	memset(changes[1].public_key, 'b', WG_KEY_LEN);
	assert_int_equal(roster_set(roster, &set, complaint), 0);
	roster_publish(roster);
	acknowledge_all();
	t = roster_table(roster);
	assert_int_equal(number_of('b'), WG_NO_PEER);
	assert_true(t->peers[number_of('n')].runtime);
	assert_int_equal(t->peers[number_of('n')].keepalive, 25);
	/* A prefix moves to whoever was given it last. */
	assert_int_equal(allowed_ips_find_ip4(t->allowed, addr_to_ip4(&moved.addr)),
			 number_of('n'));
	assert_int_equal(t->peers[number_of('a')].n_allowed, 0);
	assert_int_equal(load("ab"), 0);
	roster_publish(roster);
	acknowledge_all();
	assert_int_equal(number_of('n'), WG_NO_PEER);
	assert_int_not_equal(number_of('b'), WG_NO_PEER);
}

static uint64_t handshake_of(void *ctx, uint32_t peer)
{
	(void)ctx;
	return peer == 0 ? 1000 : 0;
}

static void the_state_names_who_was_heard_and_restoring_calls_them(void **state)
{
	struct post_peer heard = { .peer = 0 };
	struct post_message m;
	char *text;

	(void)state;
	endpoint_parse("192.0.2.9:1234", &heard.to);
	roster_heard(roster, &heard);
	heard.peer = 1;
	roster_heard(roster, &heard); /* heard, but never a handshake */
	text = roster_state(roster, handshake_of, NULL);
	assert_non_null(text);
	roster_restore(roster, text, strlen(text), 1000 + 600);
	assert_false(post_receive(post, post_handshake(WORKERS), &m)); /* too long ago */
	roster_restore(roster, text, strlen(text), 1000 + 599);
	assert_true(post_receive(post, peer_worker(0, WORKERS), &m));
	assert_int_equal(m.kind, POST_ENDPOINT);
	assert_true(post_receive(post, post_handshake(WORKERS), &m));
	assert_int_equal(m.kind, POST_INITIATE);
	assert_int_equal(((struct post_peer *)(void *)m.body)->to.port, 1234);
	assert_false(post_receive(post, post_handshake(WORKERS), &m));
	free(text);
}

static void who_was_heard_by_a_stream_is_called_by_nobody(void **state)
{
	struct post_peer heard = { .peer = 0 };
	struct post_message m;
	char *text;

	(void)state;
	endpoint_parse("192.0.2.9:1234", &heard.to);
	heard.to.stream = 1025;
	roster_heard(roster, &heard);
	assert_int_equal(roster_endpoint(roster, 0).stream, 1025);
	text = roster_state(roster, handshake_of, NULL);
	assert_non_null(text);
	roster_restore(roster, text, strlen(text), 1000);
	assert_false(post_receive(post, post_handshake(WORKERS), &m));
	free(text);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_published_table_goes_to_every_thread_once),
		TEST(a_storm_of_reloads_has_one_table_under_way_and_ends_with_the_last),
		TEST(a_table_is_kept_until_the_last_thread_has_let_it_go),
		TEST(an_endpoint_is_forgotten_with_its_peer),
		TEST(too_many_peers_are_refused_and_the_table_in_force_stays),
		TEST(what_wg_set_changes_lasts_until_the_file_is_read_again),
		TEST(the_state_names_who_was_heard_and_restoring_calls_them),
		TEST(who_was_heard_by_a_stream_is_called_by_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
