/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.h - a thing of which a host has one at a time, and whose it is
 *
 * A file in /run that its holder has locked (flock(2)): the kernel gives the lock up however the
 * holder ends.  The file says who holds it, or who held it last and was killed.
 */
#ifndef CULVERT_IO_LOCK_H
#define CULVERT_IO_LOCK_H

#define LOCK_HOLDER_MAX 64

struct lock {
	int fd; /* -1: not held */
	char path[108];
};

/**
 * lock_take() - makes the folder too
 * @wait_ms: for a holder to give it up
 * @ret_before: who held it, or holds it (-EBUSY); "": nobody, or not known
 * Return: 0; -EBUSY; -EACCES and so on.
 */
int lock_take(const char *path, int wait_ms, struct lock *ret,
	      char ret_before[static LOCK_HOLDER_MAX]);

/** lock_write() - who holds it, one line */
int lock_write(const struct lock *lock, const char *holder);

/** lock_give() - removes the file and gives the lock up;  lock_leave() - leaves the file as it is */
void lock_give(struct lock *lock);
void lock_leave(struct lock *lock);

#endif
