/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_G "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define KEY_A "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define KEY_B "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="

#define HEAD "# mine\n[Interface]\nPrivateKey = " KEY_G "\nAddress = 10.66.77.1/24\n"

static void add_alice(const char *text, char **ret)
{
	struct prefix allowed[2];
	struct config_peer peer = { .name = "alice", .allowed = allowed, .n_allowed = 2 };

	assert_true(config_key_parse(KEY_A, peer.public_key));
	assert_true(prefix_parse("10.66.77.2/32", &allowed[0]));
	assert_true(prefix_parse("fd00::2/128", &allowed[1]));
	assert_int_equal(config_text_add_peer(text, &peer, ret), 0);
}

#define ALICE                                                                           \
	"\n[Peer]\n# Name = alice\nPublicKey = " KEY_A "\nAllowedIPs = 10.66.77.2/32, " \
	"fd00::2/128\n"

static void a_peer_is_added_at_the_end(void **state)
{
	char *text;

	(void)state;
	add_alice(HEAD, &text);
	assert_string_equal(text, HEAD ALICE);
	free(text);
	add_alice(HEAD "# no newline", &text);
	assert_string_equal(text, HEAD "# no newline\n" ALICE);
	free(text);
}

static void adding_and_removing_restores_every_byte(void **state)
{
	static const char *const texts[] = {
		HEAD,
		HEAD "\n",
		HEAD "\n\n# tail\n",
		HEAD "\r\n[Peer]\r\n\tPublicKey = " KEY_B "\r\n",
		HEAD "[Peer]\n# Name = bob\nPublicKey = " KEY_B "\n\n# the end\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *with;
		char *without;

		add_alice(texts[i], &with);
		assert_int_equal(config_text_remove_peer(with, "alice", &without), 0);
		assert_string_equal(without, texts[i]);
		free(with);
		free(without);
	}
}

struct removal {
	const char *name;
	const char *before;
	const char *after;
};

static void a_removed_section_takes_only_its_own_comments(void **state)
{
	static const struct removal table[] = {
		{ "bob", /* the block above goes, what stands apart stays */
		  HEAD
		  "\n# apart\n\n# bob's\n[Peer]\n# Name = bob\nPublicKey = " KEY_B
		  "\n# glued\n\n# also apart\n\n# alice's\n[Peer]\n#Name=alice\nPublicKey=" KEY_A
		  "\n",
		  HEAD
		  "\n# apart\n\n# also apart\n\n# alice's\n[Peer]\n#Name=alice\nPublicKey=" KEY_A
		  "\n" },
		{ "bob", /* what touches the next section stays with that */
		  HEAD "[Peer]\n#Name=bob\nPublicKey=" KEY_B "\n# alice's\n[Peer]\nPublicKey=" KEY_A
		       "\n",
		  HEAD "# alice's\n[Peer]\nPublicKey=" KEY_A "\n" },
		{ "bob", /* named from above */
		  HEAD "\n# Name = bob\n[Peer]\nPublicKey=" KEY_B "\n\n[Dns]\nCache = 1\n",
		  HEAD "\n[Dns]\nCache = 1\n" },
		{ "TrMvSoP4", /* without a name: the first characters of the key */
		  HEAD "\n[Peer]\npublickey = " KEY_B " # x\n", HEAD },
		{ KEY_A, /* or all of it */
		  HEAD "[Peer]\n#Name=bob\nPublicKey=" KEY_B "\n[Peer]\nPublicKey=" KEY_A "\n",
		  HEAD "[Peer]\n#Name=bob\nPublicKey=" KEY_B "\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *text;

		assert_int_equal(config_text_remove_peer(table[i].before, table[i].name, &text), 0);
		assert_string_equal(text, table[i].after);
		free(text);
	}
}

static void who_is_not_there_is_not_removed(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(config_text_remove_peer(HEAD "# Name = bob\n", "bob", &text), -ENOENT);
	assert_int_equal(config_text_remove_peer(HEAD "[Peer]\n#Name=bobby\n", "bob", &text),
			 -ENOENT);
	assert_int_equal(config_text_remove_peer("", "bob", &text), -ENOENT);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_is_added_at_the_end),
		cmocka_unit_test(adding_and_removing_restores_every_byte),
		cmocka_unit_test(a_removed_section_takes_only_its_own_comments),
		cmocka_unit_test(who_is_not_there_is_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
