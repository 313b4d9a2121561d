/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_MAX 64 /* per epoll_wait(); what is left over is still ready the next time */

struct loop {
	int epoll;
	bool has_pwait2; /* Linux 5.11: the time-out in nanoseconds */
};

int loop_new(struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return -ENOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		r = -errno;
		free(loop);
		return r;
	}
	loop->has_pwait2 = true;
	*ret = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (loop)
		close(loop->epoll);
	free(loop);
	return NULL;
}

static int control(struct loop *loop, int op, int fd, unsigned int interest, uint64_t what)
{
	struct epoll_event event = { .data.u64 = what };

	if (interest & LOOP_READ)
		event.events |= EPOLLIN | EPOLLRDHUP;
	if (interest & LOOP_WRITE)
		event.events |= EPOLLOUT;
	return epoll_ctl(loop->epoll, op, fd, &event) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, int fd, unsigned int interest, uint64_t what)
{
	return control(loop, EPOLL_CTL_ADD, fd, interest, what);
}

int loop_change(struct loop *loop, int fd, unsigned int interest, uint64_t what)
{
	return control(loop, EPOLL_CTL_MOD, fd, interest, what);
}

void loop_remove(struct loop *loop, int fd)
{
	(void)control(loop, EPOLL_CTL_DEL, fd, 0, 0);
}

/* The time left, rounded up where milliseconds are all there is: never early, never a spin. */
static int wait_ms(uint64_t deadline, uint64_t now)
{
	uint64_t ms;

	if (deadline == NEVER)
		return -1;
	if (deadline <= now)
		return 0;
	ms = (deadline - now - 1) / NS_PER_MS + 1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static int wait_once(struct loop *loop, uint64_t deadline, struct epoll_event *events, int n)
{
	uint64_t now = deadline == NEVER ? 0 : loop_now();

#ifdef SYS_epoll_pwait2
	if (loop->has_pwait2 && deadline != NEVER && deadline > now) {
		/* The kernel's struct __kernel_timespec: 64 bits each on every architecture. */
		int64_t left[2] = { (int64_t)((deadline - now) / NS_PER_S),
				    (int64_t)((deadline - now) % NS_PER_S) };
		long r = syscall(SYS_epoll_pwait2, loop->epoll, events, n, left, NULL, 0);

		if (r >= 0 || (errno != ENOSYS && errno != EPERM))
			return (int)r;
		loop->has_pwait2 = false;
	}
#endif
	return epoll_wait(loop->epoll, events, n, wait_ms(deadline, now));
}

size_t loop_wait(struct loop *loop, uint64_t deadline, struct loop_event *events, size_t n)
{
	struct epoll_event ready[EVENTS_MAX];
	int r;

	if (n > EVENTS_MAX)
		n = EVENTS_MAX;
	do
		r = wait_once(loop, deadline, ready, (int)n);
	while (r < 0 && errno == EINTR);
	for (int i = 0; i < r; i++) {
		uint32_t got = ready[i].events;

		events[i] = (struct loop_event){
			.what = ready[i].data.u64,
			.readable = got & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR),
			.writable = got & (EPOLLOUT | EPOLLERR),
		};
	}
	return r > 0 ? (size_t)r : 0;
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t loop_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t loop_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

int waker_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void waker_wake(int fd)
{
	/* EAGAIN means 2^64 - 2 wakes are pending: it is awake. */
	while (eventfd_write(fd, 1) < 0 && errno == EINTR)
		;
}

void waker_clear(int fd)
{
	eventfd_t value;

	while (eventfd_read(fd, &value) < 0 && errno == EINTR)
		;
}
