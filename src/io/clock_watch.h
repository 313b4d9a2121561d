/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock_watch.h - notices that the host has slept, or that its clock was set
 *
 * Costs nothing while neither happens: the kernel wakes us.  A timer on the wall clock with
 * TFD_TIMER_CANCEL_ON_SET is cancelled when that clock is set, and, since Linux 5.16, when the host
 * resumes; how long it slept is what CLOCK_BOOTTIME gained over CLOCK_MONOTONIC.
 * Linux: timerfd_create(2).
 */
#ifndef CULVERT_IO_CLOCK_WATCH_H
#define CULVERT_IO_CLOCK_WATCH_H

#include <stdint.h>

struct clock_watch;

int clock_watch_new(struct clock_watch **ret);
struct clock_watch *clock_watch_free(struct clock_watch *w);

/** clock_watch_fd() - readable when clock_watch_read() has something to tell */
int clock_watch_fd(const struct clock_watch *w);

struct clock_change {
	uint64_t slept; /* ns; 0: it has not, or for less than half a second */
	int64_t jumped; /* ns that the wall clock was set by, forward or back; sleep not counted */
};

/** clock_watch_read() - what has changed since the last call */
struct clock_change clock_watch_read(struct clock_watch *w);

struct clock_reading {
	uint64_t monotonic; /* ns, all three */
	uint64_t boot;
	uint64_t wall;
};

/** clock_change_between() - the same from two readings.  Pure. */
struct clock_change clock_change_between(const struct clock_reading *before,
					 const struct clock_reading *after);

#endif
