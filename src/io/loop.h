/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h - what a thread waits for
 *
 * One epoll per thread.  A caller registers descriptors with a small number of its own
 * and switches on that number: no callbacks.  The loop is the only reader of clocks.
 */
#ifndef CULVERT_IO_LOOP_H
#define CULVERT_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

int loop_new(struct loop **ret);
struct loop *loop_free(struct loop *loop);

enum loop_interest {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
};

/** loop_add() - @what comes back in loop_event; @interest: or-ed.  Return: 0 or -errno. */
int loop_add(struct loop *loop, int fd, unsigned int interest, uint64_t what);
int loop_change(struct loop *loop, int fd, unsigned int interest, uint64_t what);
void loop_remove(struct loop *loop, int fd);

struct loop_event {
	uint64_t what;
	bool readable; /* or at end, or in error: read to find out */
	bool writable;
};

/**
 * loop_wait() - until something is ready or @deadline (ns, monotonic; NEVER: no limit)
 *
 * Return: the number of events; 0 at the deadline.  Interruptions are absorbed.
 */
size_t loop_wait(struct loop *loop, uint64_t deadline, struct loop_event *events, size_t n);

/** loop_now() - CLOCK_MONOTONIC, ns;  loop_wall() - CLOCK_REALTIME, ns since 1970 */
uint64_t loop_now(void);
uint64_t loop_wall(void);

/* One thread wakes another: an eventfd. */
int waker_new(void);      /* Return: descriptor or -errno */
void waker_wake(int fd);  /* Context: any thread */
void waker_clear(int fd); /* Context: the woken thread */

#endif
