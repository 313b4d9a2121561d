/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "config/parse.h"

static struct config_messages messages;
static struct parser parser;

static int start(void **state)
{
	(void)state;
	messages = (struct config_messages){ .items = NULL };
	parser = (struct parser){ .messages = &messages };
	return 0;
}

static int stop(void **state)
{
	(void)state;
	config_messages_done(&messages);
	return messages.items || messages.n || messages.n_errors;
}

static void messages_stand_in_the_order_of_the_file(void **state)
{
	static const char want[] = "zmabAc";
	char got[7] = { 0 };

	(void)state;
	parser_error(&parser, 2, "a");
	parser_note(&parser, 9, "c");
	parser_note(&parser, 2, "b");
	parser_error(&parser, 0, "z"); /* the file as a whole comes first */
	parser_error(&parser, 5, "A");
	parser_note(&parser, 1, "m");
	assert_int_equal(messages.n, 6);
	assert_int_equal(messages.n_errors, 3);
	for (size_t i = 0; i < 6; i++)
		got[i] = messages.items[i].text[0];
	assert_string_equal(got, want);
	assert_true(messages.items[0].error);
	assert_false(messages.items[1].error);
}

static void a_flood_of_notes_hides_no_error(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 500; i++)
		parser_note(&parser, i, "note");
	assert_int_equal(messages.n, 100);
	for (unsigned int i = 1; i <= 500; i++)
		parser_error(&parser, i, "error %u", i);
	assert_int_equal(messages.n, 200);
	assert_int_equal(messages.n_errors, 100);
	parser_note(&parser, 1, "one more");
	assert_int_equal(messages.n, 200);
}

static void a_long_message_is_cut(void **state)
{
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	parser_error(&parser, 3, "%s", text);
	assert_int_equal(strlen(messages.items[0].text), sizeof(messages.items[0].text) - 1);
}

static void what_is_quoted_is_printable_and_short(void **state)
{
	char out[QUOTE_MAX], text[100];

	(void)state;
	assert_string_equal(quote("", out), "");
	assert_string_equal(quote("a b~", out), "a b~");
	assert_string_equal(quote("\x1b[31m\x7f\xc3\xa9\n", out), "?[31m????");
	memset(text, 'y', sizeof(text));
	text[QUOTE_MAX - 4] = '\0';
	assert_ptr_equal(quote(text, out), out);
	assert_string_equal(out, text); /* just fits */
	text[QUOTE_MAX - 4] = 'y';
	text[QUOTE_MAX - 3] = '\0';
	quote(text, out);
	assert_int_equal(strlen(out), QUOTE_MAX - 1);
	assert_string_equal(out + QUOTE_MAX - 5, "y...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_stand_in_the_order_of_the_file, start,
						stop),
		cmocka_unit_test_setup_teardown(a_flood_of_notes_hides_no_error, start, stop),
		cmocka_unit_test_setup_teardown(a_long_message_is_cut, start, stop),
		cmocka_unit_test(what_is_quoted_is_printable_and_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
