/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/screen.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What a child wrote that shows two pages and is told to leave. */
static void two_pages(int out, char *ret, size_t size, int read_from, int unused)
{
	pid_t child = fork();
	size_t len = 0;
	ssize_t n;
	int status;

	if (child == 0) {
		dup2(out, STDOUT_FILENO);
		close(out);
		screen_begin();
		screen_show("one\ntwo\nthree\n");
		if (!screen_wait(1))
			_exit(2);
		screen_show("four\n");
		raise(SIGINT);
		if (screen_wait(5000))
			_exit(3);
		raise(SIGINT);
		screen_end();
		_exit(0);
	}
	close(unused);
	while (len + 1 < size && (n = read(read_from, ret + len, size - len - 1)) > 0)
		len += (size_t)n;
	ret[len] = '\0';
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void without_a_terminal_pages_follow_each_other(void **state)
{
	char text[256];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	two_pages(fds[1], text, sizeof(text), fds[0], fds[1]);
	assert_string_equal(text, "one\ntwo\nthree\n\nfour\n");
	close(fds[0]);
}

static void a_terminal_is_given_back(void **state)
{
	struct winsize size = { .ws_row = 3, .ws_col = 80 };
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char text[512];
	int slave;

	(void)state;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		skip();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
	two_pages(slave, text, sizeof(text), master, slave);
	assert_non_null(strstr(text, "\x1b[?1049h\x1b[?25l\x1b[Hone\x1b[K\r\ntwo\x1b[K\r\n\x1b[J"));
	assert_null(strstr(text, "three")); /* no room: it would scroll the page away */
	assert_string_equal(text + strlen(text) - strlen("\x1b[?25h\x1b[?1049l"),
			    "\x1b[?25h\x1b[?1049l");
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_terminal_pages_follow_each_other),
		cmocka_unit_test(a_terminal_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
