/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/peer_book.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PEERS 4u

/* Keys are told apart by their last digits; each is one that a peer can have. */
#define KEY(n) "09000000000000000000000000000000000000000000000000000000000000" #n

static struct peer_book *book;

static int setup(void **state)
{
	(void)state;
	return peer_book_new(PEERS, &book);
}

static int teardown(void **state)
{
	(void)state;
	book = peer_book_free(book);
	return 0;
}

static int apply(const char *text, const uint8_t *self)
{
	struct uapi_set set;
	int r;

	assert_int_equal(uapi_parse_set(text, strlen(text), &set), 0);
	r = peer_book_apply(book, &set, self);
	uapi_set_done(&set);
	return r;
}

/* The key KEY(@last); @last in hexadecimal digits as there. */
static const uint8_t *key(uint8_t last)
{
	static uint8_t k[WG_KEY_LEN];

	memset(k, 0, sizeof(k));
	k[0] = 9;
	k[WG_KEY_LEN - 1] = last;
	return k;
}

static void peers_are_added_changed_and_removed(void **state)
{
	uint32_t one, two;

	(void)state;
	assert_int_equal(
		apply("public_key=" KEY(
			      01) "\nallowed_ip=10.0.0.0/8\n"
				  "persistent_keepalive_interval=25\nendpoint=192.0.2.1:7\n"
				  "public_key=" KEY(02) "\n",
		      NULL),
		0);
	one = peer_book_find(book, key(1));
	two = peer_book_find(book, key(2));
	assert_true(one < PEERS && two < PEERS && one != two);
	assert_int_equal(book->n, 2);
	assert_int_equal(book->peers[one].keepalive, 25);
	assert_int_equal(book->peers[one].endpoint.port, 7);
	assert_int_equal(book->peers[two].endpoint.addr.family, ADDR_NONE);
	assert_int_equal(allowed_list_count(book->allowed, one), 1);
	assert_int_equal(
		apply("public_key=" KEY(01) "\nremove=true\n"
					    "public_key=" KEY(
						    07) "\nremove=true\n"
							"public_key=" KEY(
								02) "\nallowed_ip=10.0.0.0/8\n"
								    "allowed_ip=11.0.0.0/"
								    "8\nallowed_ip=-11.0.0.0/8\n",
		      NULL),
		0);
	assert_int_equal(peer_book_find(book, key(1)), WG_NO_PEER);
	assert_int_equal(book->n, 1);
	assert_int_equal(allowed_list_count(book->allowed, one), 0);
}

static void an_unknown_peer_is_not_made_by_an_update(void **state)
{
	(void)state;
	assert_int_equal(
		apply("public_key=" KEY(01) "\nupdate_only=true\nallowed_ip=0.0.0.0/0\n", NULL), 0);
	assert_int_equal(book->n, 0);
}

static void who_is_replaced_is_another_incarnation(void **state)
{
	uint64_t before;

	(void)state;
	assert_int_equal(apply("public_key=" KEY(01) "\nallowed_ip=10.0.0.0/8\n"
						     "public_key=" KEY(02) "\n",
			       NULL),
			 0);
	before = book->peers[peer_book_find(book, key(1))].incarnation;
	assert_int_equal(apply("replace_peers=true\npublic_key=" KEY(01) "\n", NULL), 0);
	assert_int_equal(book->n, 1);
	assert_int_not_equal(book->peers[peer_book_find(book, key(1))].incarnation, before);
	assert_int_equal(allowed_list_count(book->allowed, peer_book_find(book, key(1))), 0);
}

static void the_limit_holds_whatever_was_there_before(void **state)
{
	(void)state;
	assert_int_equal(apply("public_key=" KEY(01) "\npublic_key=" KEY(
				       02) "\n"
					   "public_key=" KEY(03) "\npublic_key=" KEY(04) "\n",
			       NULL),
			 0);
	assert_int_equal(apply("replace_peers=true\n"
			       "public_key=" KEY(05) "\npublic_key=" KEY(
				       06) "\n"
					   "public_key=" KEY(07) "\npublic_key=" KEY(08) "\n",
			       NULL),
			 0);
	assert_int_equal(apply("public_key=" KEY(09) "\n", NULL), -ENOSPC);
}

static void our_own_key_is_no_peer(void **state)
{
	(void)state;
	assert_int_equal(apply("public_key=" KEY(01) "\npublic_key=" KEY(02) "\n", NULL), 0);
	assert_int_equal(apply("public_key=" KEY(03) "\nallowed_ip=0.0.0.0/0\n", key(3)), 0);
	assert_int_equal(peer_book_find(book, key(3)), WG_NO_PEER);
	assert_int_equal(apply("", key(2)), 0);
	assert_int_equal(peer_book_find(book, key(2)), WG_NO_PEER);
	assert_int_equal(book->n, 1);
}

static void a_key_of_low_order_is_refused(void **state)
{
	char text[128];

	(void)state;
	sprintf(text, "public_key=%064d\n", 0);
	assert_int_equal(apply(text, NULL), -EINVAL);
	sprintf(text, "public_key=01%062d\n", 0);
	assert_int_equal(apply(text, NULL), -EINVAL);
}

static void a_copy_has_all_but_the_endpoints_of_the_last_request(void **state)
{
	struct peer_book *copy;
	uint32_t one;

	(void)state;
	assert_int_equal(
		apply("public_key=" KEY(01) "\nendpoint=192.0.2.1:7\n"
					    "preshared_key=" KEY(99) "\nallowed_ip=10.0.0.0/8\n",
		      NULL),
		0);
	assert_int_equal(peer_book_copy(book, &copy), 0);
	one = peer_book_find(copy, key(1));
	assert_int_equal(one, peer_book_find(book, key(1)));
	assert_int_equal(copy->peers[one].incarnation, book->peers[one].incarnation);
	assert_int_equal(copy->peers[one].preshared_key[31], 0x99);
	assert_int_equal(copy->peers[one].endpoint.addr.family, ADDR_NONE);
	assert_int_equal(allowed_list_count(copy->allowed, one), 1);
	peer_book_free(book);
	book = copy;
	assert_int_equal(apply("public_key=" KEY(02) "\n", NULL), 0);
	assert_int_equal(book->n, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(peers_are_added_changed_and_removed),
		TEST(an_unknown_peer_is_not_made_by_an_update),
		TEST(who_is_replaced_is_another_incarnation),
		TEST(the_limit_holds_whatever_was_there_before),
		TEST(our_own_key_is_no_peer),
		TEST(a_key_of_low_order_is_refused),
		TEST(a_copy_has_all_but_the_endpoints_of_the_last_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
