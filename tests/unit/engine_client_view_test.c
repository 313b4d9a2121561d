/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/client_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S NS_PER_S

static struct config_peer file_peers[2] = {
	{ .name = "gw",
	  .public_key = { 1 },
	  .endpoint_host = "vpn.example.com",
	  .endpoint_port = 51820,
	  .stream_host = "vpn.example.com",
	  .stream_port = 443 },
	{ .name = "office", .public_key = { 2 }, .endpoint_host = "192.0.2.9" },
};
static const struct config file = { .peers = file_peers, .n_peers = 2 };

static struct device_peer_status peer(uint8_t key)
{
	struct device_peer_status p = { .public_key = { key } };

	assert_true(endpoint_parse("203.0.113.1:51820", &p.udp));
	p.endpoint = p.udp;
	return p;
}

/* Looks, and returns the one event; "" if there was none, and the test ends if there were two. */
static const char *look(struct view *v, const struct device_peer_status *p, size_t n, uint64_t now)
{
	static struct view_event event;
	struct view_event more;

	view_look(v, p, n, now);
	if (!view_event(v, &event))
		return "";
	assert_false(view_event(v, &more));
	return event.text;
}

static void a_first_answer_is_told_once(void **state)
{
	struct view *v = view_new(&file, "home");
	struct device_peer_status p = peer(1);

	(void)state;
	p.unanswered_since = 10 * S;
	assert_string_equal(look(v, &p, 1, 10 * S), "");
	assert_false(view_up(v));
	assert_int_equal(view_unanswered(v), 10 * S);
	p.unanswered_since = 0;
	p.last_handshake = 11 * S;
	assert_string_equal(look(v, &p, 1, 11 * S), "home: connected to 203.0.113.1:51820 by UDP");
	assert_true(view_up(v));
	assert_string_equal(look(v, &p, 1, 12 * S), "");
	assert_int_equal(view_next_deadline(v), NEVER);
	assert_int_equal(view_unanswered(v), NEVER);
	view_free(v);
}

static void silence_names_the_ports_within_ten_seconds(void **state)
{
	struct view *v = view_new(&file, "home");
	struct device_peer_status p = peer(1);
	const char *text;

	(void)state;
	p.unanswered_since = 10 * S;
	strcpy(p.stream_error, "connection refused");
	assert_string_equal(look(v, &p, 1, 10 * S), "");
	assert_true(view_next_deadline(v) <= 20 * S);
	text = look(v, &p, 1, view_next_deadline(v));
	assert_non_null(strstr(text, "no answer from 203.0.113.1 by UDP port 51820"));
	assert_non_null(strstr(text, "vpn.example.com by TCP port 443 (connection refused)"));
	assert_string_equal(view_trouble(v), text);
	assert_string_equal(look(v, &p, 1, 30 * S), ""); /* once is enough */
	assert_int_equal(view_next_deadline(v), NEVER);
	/* It gives up for now: that is no answer. */
	p.unanswered_since = 0;
	assert_string_equal(look(v, &p, 1, 100 * S), "");
	assert_false(view_up(v));
	p.last_handshake = 110 * S;
	assert_non_null(strstr(look(v, &p, 1, 110 * S), "connected to"));
	assert_string_equal(view_trouble(v), "");
	view_free(v);
}

static void a_move_to_the_stream_and_back_is_told_with_its_cause(void **state)
{
	struct view *v = view_new(&file, "home");
	struct device_peer_status p = peer(1);

	(void)state;
	p.last_handshake = 1 * S;
	(void)look(v, &p, 1, 1 * S);
	p.endpoint.port = 443;
	p.endpoint.stream = 1;
	assert_string_equal(look(v, &p, 1, 2 * S),
			    "home: UDP port 51820 of 203.0.113.1 is not answered: connected by TCP "
			    "to 203.0.113.1:443");
	p.endpoint.stream = 3; /* another lane is the same */
	assert_string_equal(look(v, &p, 1, 3 * S), "");
	p.endpoint = p.udp;
	assert_string_equal(look(v, &p, 1, 4 * S), "home: back to UDP, 203.0.113.1:51820");
	view_free(v);
}

static void loss_and_return_are_told(void **state)
{
	struct view *v = view_new(&file, "home");
	struct device_peer_status p = peer(1);

	(void)state;
	p.last_handshake = 1 * S;
	(void)look(v, &p, 1, 1 * S);
	p.unanswered_since = 130 * S;
	assert_string_equal(look(v, &p, 1, 131 * S), "");
	assert_true(view_up(v)); /* the old session may still do */
	assert_non_null(strstr(look(v, &p, 1, 140 * S), "home: lost, no answer from"));
	assert_false(view_up(v));
	p.unanswered_since = 0;
	p.last_handshake = 150 * S;
	assert_string_equal(look(v, &p, 1, 150 * S),
			    "home: connected again to 203.0.113.1:51820 by UDP");
	view_free(v);
}

static void another_place_is_told(void **state)
{
	struct view *v = view_new(&file, "home");
	struct device_peer_status p = peer(1);

	(void)state;
	p.last_handshake = 1 * S;
	(void)look(v, &p, 1, 1 * S);
	assert_true(endpoint_parse("198.51.100.1:7", &p.endpoint));
	assert_string_equal(look(v, &p, 1, 2 * S), "home: the peer is at 198.51.100.1:7 now");
	view_free(v);
}

static void several_peers_are_told_apart(void **state)
{
	struct view *v = view_new(&file, "home");
	struct device_peer_status p[2] = { peer(1), peer(2) };
	char line[VIEW_LINE_MAX];

	(void)state;
	p[1].last_handshake = 1 * S;
	assert_non_null(strstr(look(v, p, 2, 1 * S), "home: peer office: connected"));
	(void)view_line(v, 1 * S, line);
	assert_non_null(strstr(line, "home: 1 of 2 peers up"));
	/* One goes, and the other is still known. */
	assert_string_equal(look(v, &p[1], 1, 2 * S), "");
	assert_true(view_up(v));
	assert_string_equal(look(v, NULL, 0, 3 * S), "");
	assert_false(view_up(v));
	view_free(v);
}

static void the_line_has_rates_while_there_are_any(void **state)
{
	struct view *v = view_new(&file, "home");
	struct device_peer_status p = peer(1);
	char line[VIEW_LINE_MAX];

	(void)state;
	p.unanswered_since = 1 * S;
	(void)look(v, &p, 1, 1 * S);
	assert_false(view_line(v, 1 * S, line));
	assert_string_equal(line, "home: connecting to 203.0.113.1:51820 by UDP ...");
	p.unanswered_since = 0;
	p.last_handshake = 2 * S;
	p.rx_bytes = 1537500;
	p.tx_bytes = 5000;
	(void)look(v, &p, 1, 2 * S);
	assert_true(view_line(v, 14 * S, line));
	assert_string_equal(line, "home: up by UDP 203.0.113.1:51820, down 12.3 Mbit/s, up 40 "
				  "kbit/s, handshake 12 s ago");
	assert_int_equal(view_rate(v, p.public_key).rx, 1537500);
	(void)look(v, &p, 1, 3 * S);
	assert_false(view_line(v, 15 * S, line));
	assert_string_equal(line, "home: up by UDP 203.0.113.1:51820, idle");
	view_free(v);
}

static void a_storm_of_events_loses_none(void **state)
{
	struct view *v = view_new(NULL, "wg0");
	struct device_peer_status p[20];
	struct view_event event;
	size_t told = 0;

	(void)state;
	for (uint8_t i = 0; i < 20; i++) {
		p[i] = peer((uint8_t)(i + 1));
		p[i].last_handshake = 1 * S;
	}
	for (int round = 0; round < 4; round++) {
		view_look(v, p, 20, 2 * S);
		while (view_event(v, &event))
			told++;
	}
	assert_int_equal(told, 20);
	view_free(v);
	assert_null(view_free(NULL));
}

static void what_was_tried_is_a_phrase(void **state)
{
	struct view *v = view_new(&file, "home");
	struct device_peer_status p = peer(1);
	char text[VIEW_SENTENCE_MAX];

	(void)state;
	view_tried(v, text);
	assert_string_equal(text, "no peer at all");
	p.udp.addr.family = ADDR_NONE;
	(void)look(v, &p, 1, 1 * S);
	view_tried(v, text);
	assert_non_null(strstr(text, "vpn.example.com, whose address is not known"));
	view_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_answer_is_told_once),
		cmocka_unit_test(silence_names_the_ports_within_ten_seconds),
		cmocka_unit_test(a_move_to_the_stream_and_back_is_told_with_its_cause),
		cmocka_unit_test(loss_and_return_are_told),
		cmocka_unit_test(another_place_is_told),
		cmocka_unit_test(several_peers_are_told_apart),
		cmocka_unit_test(the_line_has_rates_while_there_are_any),
		cmocka_unit_test(a_storm_of_events_loses_none),
		cmocka_unit_test(what_was_tried_is_a_phrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
