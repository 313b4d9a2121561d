/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static struct line first_line(const char *text)
{
	const char *cursor = text;
	struct line line;

	assert_true(line_next(&cursor, text + strlen(text), &line));
	return line;
}

static void each_line_is_of_one_kind(void **state)
{
	static const struct {
		const char *text;
		enum line_kind kind;
	} rows[] = {
		{ "\n", LINE_BLANK },         { " \t\r\f\v\n", LINE_BLANK },
		{ "   ", LINE_BLANK },        { "# x\n", LINE_COMMENT },
		{ "\t#", LINE_COMMENT },      { "[Peer]\n", LINE_SECTION },
		{ "  [", LINE_SECTION },      { "a = b # [c]\n", LINE_KEY },
		{ "\x01\xff\n", LINE_KEY },   { "]", LINE_KEY },
		{ "\r\n[Peer]", LINE_BLANK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(first_line(rows[i].text).kind, rows[i].kind);
}

static void the_lines_together_are_the_text(void **state)
{
	static const char letters[] = "\n\n\r #[]a=\0";
	struct rng rng = rng_seeded(9);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char text[60];
		size_t len = rng_below(&rng, sizeof(text));
		const char *cursor = text;
		const char *at = text;
		struct line line;

		for (size_t i = 0; i < len; i++)
			text[i] = letters[rng_below(&rng, sizeof(letters) - 1)];
		while (line_next(&cursor, text + len, &line)) {
			assert_ptr_equal(line.text, at);
			assert_true(line.len > 0);
			at += line.len;
			assert_ptr_equal(cursor, at);
			/* Only the last one may be without a newline, and none has two. */
			assert_true(at[-1] == '\n' || at == text + len);
			assert_null(memchr(line.text, '\n', line.len - 1));
		}
		assert_ptr_equal(at, text + len);
	}
}

static void a_section_has_its_name_in_any_case_and_nothing_else(void **state)
{
	static const char *const yes[] = { "[Peer]\n", "[PEER]", " [ peer ] # alice's\r\n",
					   "[peer]#x" };
	static const char *const no[] = { "[Peers]\n",  "[Pee]\n", "[Peer\n", "Peer]\n",
					  "[Peer] x\n", "#[Peer]", "[Peer",   "[",
					  "[]",         "[P eer]", "[Peer]]", "[[Peer]" };

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		struct line line = first_line(yes[i]);

		assert_true(line_is_section(&line, "Peer"));
		assert_false(line_is_section(&line, "Interface"));
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		struct line line = first_line(no[i]);

		assert_false(line_is_section(&line, "Peer"));
	}
}

static void a_section_is_not_read_beyond_its_line(void **state)
{
	static const char text[] = "[Peer]";
	struct line line = { .text = text, .kind = LINE_SECTION };

	(void)state;
	for (line.len = 1; line.len < 6; line.len++)
		assert_false(line_is_section(&line, "Peer"));
	assert_true(line_is_section(&line, "Peer"));
}

static void a_name_stands_in_a_comment_of_its_own(void **state)
{
	static const struct {
		const char *text;
		const char *name; /* NULL: none */
	} rows[] = {
		{ "# Name = alice\n", "alice" },
		{ "#name=alice", "alice" },
		{ "\t#  NAME\t=\talice's laptop \r\n", "alice's laptop" },
		{ "# Name =\n", "" },
		{ "# Name = a = b\n", "a = b" },
		{ "# Names = alice\n", NULL },
		{ "# Name alice\n", NULL },
		{ "# Na\n", NULL },
		{ "# Name\n", NULL },
		{ "Name = alice\n", NULL },
		{ "## Name = alice\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct line line = first_line(rows[i].text);
		char name[LINE_VALUE_MAX] = "untouched";

		assert_int_equal(line_comment_value(&line, "Name", name), rows[i].name != NULL);
		assert_string_equal(name, rows[i].name ? rows[i].name : "untouched");
	}
}

static void a_long_name_is_cut_to_what_fits(void **state)
{
	char text[1000] = "# Name = ";
	char name[LINE_VALUE_MAX];
	struct line line;

	(void)state;
	memset(text + 9, 'x', 900);
	line = first_line(text);
	assert_true(line_comment_value(&line, "Name", name));
	assert_int_equal(strlen(name), LINE_VALUE_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_of_one_kind),
		cmocka_unit_test(the_lines_together_are_the_text),
		cmocka_unit_test(a_section_has_its_name_in_any_case_and_nothing_else),
		cmocka_unit_test(a_section_is_not_read_beyond_its_line),
		cmocka_unit_test(a_name_stands_in_a_comment_of_its_own),
		cmocka_unit_test(a_long_name_is_cut_to_what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
