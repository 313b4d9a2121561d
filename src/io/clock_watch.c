/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/clock_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define NOTICED (NS_PER_S / 2)     /* what is less is the clocks' own slewing */
#define FAR     (INT64_C(1) << 40) /* s since 1970: the timer itself never comes */

struct clock_watch {
	int fd;
	struct clock_reading last;
};

static uint64_t read_one(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static struct clock_reading read_all(void)
{
	return (struct clock_reading){ .monotonic = read_one(CLOCK_MONOTONIC),
				       .boot = read_one(CLOCK_BOOTTIME),
				       .wall = read_one(CLOCK_REALTIME) };
}

struct clock_change clock_change_between(const struct clock_reading *before,
					 const struct clock_reading *after)
{
	uint64_t awake = after->monotonic - before->monotonic;
	uint64_t passed = after->boot - before->boot;
	int64_t jumped = (int64_t)(after->wall - before->wall - passed);
	struct clock_change change = { 0 };

	if (passed > awake && passed - awake >= NOTICED)
		change.slept = passed - awake;
	if (jumped >= (int64_t)NOTICED || jumped <= -(int64_t)NOTICED)
		change.jumped = jumped;
	return change;
}

static int arm(const struct clock_watch *w)
{
	struct itimerspec never = { .it_value = { .tv_sec = FAR } };

	return timerfd_settime(w->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0
		       ? -errno
		       : 0;
}

int clock_watch_new(struct clock_watch **ret)
{
	struct clock_watch *w = calloc(1, sizeof(*w));
	int r = 0;

	if (!w)
		return -ENOMEM;
	w->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->fd < 0)
		r = -errno;
	if (r == 0)
		r = arm(w);
	if (r < 0) {
		clock_watch_free(w);
		return r;
	}
	w->last = read_all();
	*ret = w;
	return 0;
}

struct clock_watch *clock_watch_free(struct clock_watch *w)
{
	if (w && w->fd >= 0)
		close(w->fd);
	free(w);
	return NULL;
}

int clock_watch_fd(const struct clock_watch *w)
{
	return w->fd;
}

struct clock_change clock_watch_read(struct clock_watch *w)
{
	struct clock_reading now = read_all();
	struct clock_change change = clock_change_between(&w->last, &now);
	uint64_t expirations;

	/* ECANCELED says that the clock was set; the timer stands as it was. */
	(void)!read(w->fd, &expirations, sizeof(expirations));
	(void)arm(w);
	w->last = now;
	return change;
}
