/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/status_line.h"

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

static int master;

/* What has been written to the terminal since the last call. */
static const char *written(void)
{
	static char text[4096];
	ssize_t n;

	fflush(stderr);
	n = read(master, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void only_a_terminal_that_can_move_has_one(void **state)
{
	(void)state;
	setenv("TERM", "xterm", 1);
	assert_true(status_line_possible());
	setenv("TERM", "dumb", 1);
	assert_false(status_line_possible());
	unsetenv("TERM");
	assert_false(status_line_possible());
}

static void a_line_replaces_the_one_before(void **state)
{
	(void)state;
	status_line_show("connecting");
	assert_string_equal(written(), "\r\x1b[Kconnecting");
	status_line_show("up");
	assert_string_equal(written(), "\r\x1b[Kup");
	status_line_show("up");
	assert_string_equal(written(), "");
}

static void it_is_cut_where_the_terminal_ends(void **state)
{
	struct winsize size = { .ws_row = 24, .ws_col = 11 };

	(void)state;
	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
	status_line_show("0123456789abcdef");
	assert_string_equal(written(), "\r\x1b[K0123456789");
}

static void other_lines_come_in_its_place(void **state)
{
	(void)state;
	status_line_show("up");
	(void)written();
	status_line_hide();
	assert_string_equal(written(), "\r\x1b[K");
	status_line_hide();
	assert_string_equal(written(), "");
	status_line_show("up");
	assert_string_equal(written(), "\r\x1b[Kup");
	status_line_end();
	assert_string_equal(written(), "\r\n"); /* as the terminal makes it */
	status_line_end();
	assert_string_equal(written(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_terminal_that_can_move_has_one),
		cmocka_unit_test(a_line_replaces_the_one_before),
		cmocka_unit_test(it_is_cut_where_the_terminal_ends),
		cmocka_unit_test(other_lines_come_in_its_place),
	};
	int slave;

	if (openpty(&master, &slave, NULL, NULL, NULL) < 0 ||
	    fcntl(master, F_SETFL, O_NONBLOCK) < 0 || dup2(slave, STDERR_FILENO) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
