/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/screen.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* ECMA-48 and xterm: what every terminal of today does. */
#define ALTERNATE   "\x1b[?1049h"
#define ORIGINAL    "\x1b[?1049l"
#define CURSOR_HIDE "\x1b[?25l"
#define CURSOR_SHOW "\x1b[?25h"
#define HOME        "\x1b[H"
#define REST_LINE   "\x1b[K"
#define REST_SCREEN "\x1b[J"

static bool on_terminal;
static bool shown; /* at least one page */
static sigset_t leave;
static sigset_t before;

static bool window(struct winsize *ret)
{
	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, ret) == 0;
}

unsigned int screen_columns(void)
{
	struct winsize size;

	return window(&size) ? size.ws_col : 0;
}

void screen_begin(void)
{
	/* Blocked and waited for: a signal that comes while a page is made is not lost. */
	sigemptyset(&leave);
	sigaddset(&leave, SIGINT);
	sigaddset(&leave, SIGTERM);
	sigaddset(&leave, SIGHUP);
	sigprocmask(SIG_BLOCK, &leave, &before);
	shown = false;
	on_terminal = screen_columns() > 0;
	if (on_terminal)
		fputs(ALTERNATE CURSOR_HIDE, stdout);
}

/* Line by line over the old page: clearing first would flicker. */
static void show_on_terminal(const char *text)
{
	struct winsize size = { .ws_row = 24 };
	unsigned int row = 1;

	(void)window(&size);
	fputs(HOME, stdout);
	for (; *text && row < size.ws_row; row++) {
		size_t len = strcspn(text, "\n");

		printf("%.*s" REST_LINE "\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
	fputs(REST_SCREEN, stdout);
}

void screen_show(const char *text)
{
	if (on_terminal)
		show_on_terminal(text);
	else
		printf("%s%s", shown ? "\n" : "", text);
	shown = true;
	fflush(stdout);
}

bool screen_wait(unsigned int ms)
{
	struct timespec limit = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	/* A reader that went away (`| head`) is seen at the next write, as SIGPIPE. */
	return sigtimedwait(&leave, NULL, &limit) < 0;
}

void screen_end(void)
{
	if (on_terminal)
		fputs(CURSOR_SHOW ORIGINAL, stdout);
	fflush(stdout);
	/* A second ^C that waits is meant for the same thing. */
	while (sigtimedwait(&leave, NULL, &(struct timespec){ .tv_sec = 0 }) > 0)
		continue;
	sigprocmask(SIG_SETMASK, &before, NULL);
}
