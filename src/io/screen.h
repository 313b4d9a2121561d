/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.h - standard output as a page that is shown again and again
 *
 * On a terminal a page replaces the one before, on the alternate screen, so that the user's own
 * is back afterwards; anywhere else pages follow each other.  One per process.
 */
#ifndef CULVERT_IO_SCREEN_H
#define CULVERT_IO_SCREEN_H

#include <stdbool.h>

/** screen_columns() - width of the terminal; 0: standard output is none, or it has no width */
unsigned int screen_columns(void);

/** screen_begin() - from now on ^C, SIGTERM and SIGHUP end screen_wait() instead of the process */
void screen_begin(void);

/** screen_show() - a text with newlines; on a terminal cut at its last line */
void screen_show(const char *text);

/** screen_wait() - Return: true after @ms milliseconds, false when the user wants to leave */
bool screen_wait(unsigned int ms);

/** screen_end() - gives the terminal back as it was */
void screen_end(void);

#endif
