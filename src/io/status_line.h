/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status_line.h - one line at the bottom of the terminal that standard error is
 *
 * Other lines are written between status_line_hide() and status_line_show(), so that the line stays
 * the last one.  One per process.
 */
#ifndef CULVERT_IO_STATUS_LINE_H
#define CULVERT_IO_STATUS_LINE_H

#include <stdbool.h>

/** status_line_possible() - whether standard error is a terminal that can move its cursor */
bool status_line_possible(void);

/** status_line_show() - in place of the one before, cut at the terminal's width; nothing is written
 *  if it is there already */
void status_line_show(const char *text);

/** status_line_hide() - takes it away; fine when there is none */
void status_line_hide(void);

/** status_line_end() - leaves the line as it is and goes to the next one */
void status_line_end(void);

#endif
