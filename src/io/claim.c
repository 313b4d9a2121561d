/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HOLDER_MAX 4200 /* "PID IDENTITY\n" */
#define TRIES      20   /* each 5 ms: a holder writes its name within microseconds */

static int lock_path(const char *path, char ret[static CLAIM_PATH_MAX])
{
	size_t len = strlen(path);

	if (len >= CLAIM_PATH_MAX)
		return -ENAMETOOLONG;
	if (len < 5 || strcmp(path + len - 5, ".sock") != 0)
		return -EINVAL;
	memcpy(ret, path, len - 4);
	strcpy(ret + len - 4, "lock");
	return 0;
}

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

/* Whether the descriptor is still what the path names: the last holder may have removed it. */
static bool same_file(int fd, const char *path)
{
	struct stat a;
	struct stat b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/* What the holder of a busy lock wrote: 1 with its pid, or 0 while it has not written yet. */
static int holder_read(int fd, const char *identity, bool *ret_same, pid_t *ret_pid)
{
	char text[HOLDER_MAX];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	char *end;
	long pid;

	if (n <= 0 || text[n - 1] != '\n')
		return 0;
	text[n - 1] = '\0';
	pid = strtol(text, &end, 10);
	if (*end != ' ' || pid <= 0)
		return 0;
	*ret_same = strcmp(end + 1, identity) == 0;
	*ret_pid = (pid_t)pid;
	return 1;
}

static bool process_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

/* Return: 0 when @fd holds the lock, -EAGAIN to open it anew, else as claim_take(). */
static int lock_try(int fd, const char *path, const char *identity, pid_t *ret_pid)
{
	bool same = false;
	pid_t pid = 0;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return same_file(fd, path) ? 0 : -EAGAIN;
	if (errno != EWOULDBLOCK)
		return -errno;
	if (!holder_read(fd, identity, &same, &pid))
		return -EAGAIN;
	if (!same)
		return -EBUSY;
	*ret_pid = pid;
	return -EADDRINUSE;
}

/*
 * @flags: O_CREAT or 0
 * Return: the locked descriptor, or as claim_take().
 */
static int lock_take(const char *path, int flags, const char *identity, pid_t *ret_pid)
{
	int r = -EBUSY;

	for (int i = 0; i < TRIES; i++) {
		/* 0600: whoever can open it could hold the lock and so keep a gateway from starting. */
		int fd = open(path, O_RDWR | flags | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return -errno;
		r = lock_try(fd, path, identity, ret_pid);
		if (r == 0)
			return fd;
		close(fd);
		/* The name of a dead process stands there while its successor starts, or another
		 * starter looks; if it stays, the holder lives in another PID namespace. */
		if (r != -EAGAIN && (r != -EADDRINUSE || !process_gone(*ret_pid)))
			return r;
		pause_briefly();
	}
	return r == -EAGAIN ? -EBUSY : r;
}

static int holder_write(int fd, const char *identity)
{
	char text[HOLDER_MAX];
	int n = snprintf(text, sizeof(text), "%ld %s\n", (long)getpid(), identity);
	ssize_t written;

	if (n < 0 || n >= (int)sizeof(text))
		return -ENAMETOOLONG;
	if (ftruncate(fd, 0) < 0)
		return -errno;
	written = pwrite(fd, text, (size_t)n, 0);
	if (written < 0)
		return -errno;
	return written == n ? 0 : -ENOSPC;
}

/* A listener that never heard of our lock file, another WireGuard for instance. */
static bool someone_listens(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes;

	if (fd < 0)
		return false;
	yes = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN;
	close(fd);
	return yes;
}

static int listen_at(const char *path, mode_t mode)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;
	int r;

	strcpy(addr.sun_path, path);
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		if (someone_listens(&addr))
			return -EBUSY;
		if (unlink(path) < 0)
			return -errno;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* The mode is set before anybody can connect, that is before listen(). */
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || chmod(path, mode) < 0 ||
	    listen(fd, 64) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int claim_take(const char *path, const char *identity, mode_t mode, struct claim *ret,
	       pid_t *ret_pid)
{
	struct claim claim;
	char lock[CLAIM_PATH_MAX];
	int r;

	r = lock_path(path, lock);
	if (r < 0)
		return r;
	claim.lock_fd = lock_take(lock, O_CREAT, identity, ret_pid);
	if (claim.lock_fd < 0)
		return claim.lock_fd;
	r = holder_write(claim.lock_fd, identity);
	if (r < 0)
		goto err_lock;
	claim.listen_fd = listen_at(path, mode);
	r = claim.listen_fd;
	if (r < 0)
		goto err_lock;
	strcpy(claim.path, path);
	*ret = claim;
	return 0;
err_lock:
	unlink(lock);
	close(claim.lock_fd);
	return r;
}

int claim_probe(const char *path, const char *identity, pid_t *ret_pid)
{
	char lock[CLAIM_PATH_MAX];
	int fd;

	if (lock_path(path, lock) < 0)
		return 0;
	fd = lock_take(lock, 0, identity, ret_pid);
	if (fd >= 0)
		close(fd); /* and the lock with it */
	return fd == -EADDRINUSE ? fd : 0;
}

void claim_done(struct claim *claim)
{
	char lock[CLAIM_PATH_MAX];

	close(claim->listen_fd);
	unlink(claim->path);
	if (lock_path(claim->path, lock) == 0)
		unlink(lock);
	close(claim->lock_fd);
}
