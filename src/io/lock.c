/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 50 /* between two looks at a lock that is held */

static int make_folder(const char *path)
{
	char folder[sizeof(((struct lock *)NULL)->path)];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static void read_holder(int fd, char holder[static LOCK_HOLDER_MAX])
{
	ssize_t n = pread(fd, holder, LOCK_HOLDER_MAX - 1, 0);

	holder[n > 0 ? n : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
}

/*
 * The lock is on the inode.  A holder removes the file before it gives the lock up, so what was
 * locked may be nobody's any more.
 */
static bool is_current(int fd, const char *path)
{
	struct stat mine;
	struct stat current;

	return fstat(fd, &mine) == 0 && stat(path, &current) == 0 &&
	       mine.st_ino == current.st_ino && mine.st_dev == current.st_dev;
}

static int try_once(const char *path, struct lock *ret, char ret_before[static LOCK_HOLDER_MAX])
{
	for (;;) {
		/* 0600: to lock it takes no more than to open it, and this is not for everybody. */
		int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd < 0)
			return -errno;
		read_holder(fd, ret_before);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			int r = errno == EWOULDBLOCK ? -EBUSY : -errno;

			close(fd);
			return r;
		}
		if (is_current(fd, path)) {
			snprintf(ret->path, sizeof(ret->path), "%s", path);
			ret->fd = fd;
			return 0;
		}
		close(fd);
	}
}

int lock_take(const char *path, int wait_ms, struct lock *ret,
	      char ret_before[static LOCK_HOLDER_MAX])
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	int r;

	ret_before[0] = '\0';
	ret->fd = -1;
	if (strlen(path) >= sizeof(ret->path))
		return -ENAMETOOLONG;
	r = make_folder(path);
	if (r == 0)
		r = try_once(path, ret, ret_before);
	for (int waited = 0; r == -EBUSY && waited < wait_ms; waited += STEP_MS) {
		nanosleep(&step, NULL);
		r = try_once(path, ret, ret_before);
	}
	return r;
}

int lock_write(const struct lock *lock, const char *holder)
{
	char line[LOCK_HOLDER_MAX + 1];
	int len = snprintf(line, sizeof(line), "%.*s\n", LOCK_HOLDER_MAX - 1, holder);

	if (ftruncate(lock->fd, 0) < 0 || pwrite(lock->fd, line, (size_t)len, 0) != len)
		return -errno;
	return 0;
}

void lock_give(struct lock *lock)
{
	if (lock->fd < 0)
		return;
	unlink(lock->path);
	lock_leave(lock);
}

void lock_leave(struct lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}
