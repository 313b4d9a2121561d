/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/status_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ECMA-48: to the first column, and erase to the end of the line. */
#define ERASE       "\r\x1b[K"
#define COLUMNS_MAX 512
#define COLUMNS     80 /* where a terminal does not tell */

static char shown[COLUMNS_MAX];

bool status_line_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

/* The last column stays free: some terminals go to the next line there. */
static size_t width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		return COLUMNS - 1;
	return size.ws_col < COLUMNS_MAX ? size.ws_col - 1u : COLUMNS_MAX - 1u;
}

void status_line_show(const char *text)
{
	char line[COLUMNS_MAX];

	snprintf(line, width() + 1, "%s", text);
	if (strcmp(line, shown) == 0)
		return;
	strcpy(shown, line);
	fprintf(stderr, ERASE "%s", line);
	fflush(stderr);
}

void status_line_hide(void)
{
	if (shown[0] == '\0')
		return;
	shown[0] = '\0';
	fputs(ERASE, stderr);
	fflush(stderr);
}

void status_line_end(void)
{
	if (shown[0] == '\0')
		return;
	shown[0] = '\0';
	fputc('\n', stderr);
}
