/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

uint64_t file_changed(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || st.st_mtim.tv_sec < 0)
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
}

char *file_text_free(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
	return NULL;
}

static int open_regular(const char *path, int *ret)
{
	/* Not blocking: a FIFO in the file's place must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if (st.st_size > FILE_READ_MAX)
		r = -EFBIG;
	if (r < 0)
		close(fd);
	else
		*ret = fd;
	return r;
}

/* Up to the size that the file had when we began: what grows meanwhile is not ours to chase. */
static int read_whole(int fd, char **ret, size_t *ret_len)
{
	struct stat st;
	size_t len = 0;
	size_t size;
	char *text;

	if (fstat(fd, &st) < 0)
		return -errno;
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	while (len < size) {
		ssize_t n = pread(fd, text + len, size - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			file_text_free(text, len);
			return r;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

int file_read(const char *path, char **ret, size_t *ret_len)
{
	int fd;
	int r;

	r = open_regular(path, &fd);
	if (r < 0)
		return r;
	r = read_whole(fd, ret, ret_len);
	close(fd);
	return r;
}

bool file_is_exposed(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH)) != 0;
}

static int write_whole(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	/* Also where a full disk shows late: delayed allocation, NFS. */
	return fsync(fd) < 0 ? -errno : 0;
}

/* The name of the temporary file: hidden, beside @path.  Return: malloc'd, or NULL. */
static char *beside(const char *path, const char *suffix)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
	char *name;

	if (asprintf(&name, "%.*s.%s.%s", (int)dir, path, path + dir, suffix) < 0)
		return NULL;
	return name;
}

/* The rename survives a crash only once the directory is on the disk too. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd;
	int r = 0;

	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return -errno;
	/* Some file systems can't; the rename is as durable as they make it. */
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close(fd);
	return r;
}

int file_create(const char *path, const char *text, size_t len, mode_t mode)
{
	char *temporary = beside(path, "XXXXXX");
	int fd;
	int r;

	if (!temporary)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		free(temporary);
		return r;
	}
	r = write_whole(fd, text, len);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	/* link(), unlike rename(), never replaces. */
	if (r == 0 && link(temporary, path) < 0)
		r = -errno;
	close(fd);
	unlink(temporary);
	free(temporary);
	return r < 0 ? r : sync_directory(path);
}

/*
 * The lock is on the file's inode, and a rewrite puts another inode in its place: whoever
 * waited for the old one tries again.
 */
static int lock_current(const char *path, int *ret)
{
	struct stat mine;
	struct stat current;
	int fd = -1;
	int r;

	for (;;) {
		r = open_regular(path, &fd);
		if (r < 0)
			return r;
		while ((r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
			;
		if (r < 0 || fstat(fd, &mine) < 0 || stat(path, &current) < 0) {
			r = -errno;
			close(fd);
			return r;
		}
		if (mine.st_ino == current.st_ino && mine.st_dev == current.st_dev) {
			*ret = fd;
			return 0;
		}
		close(fd);
	}
}

int file_edit_begin(const char *path, struct file_edit *ret)
{
	struct file_edit edit = { .path = realpath(path, NULL) };
	int r;

	if (!edit.path)
		return -errno;
	r = lock_current(edit.path, &edit.fd);
	if (r < 0)
		goto err_path;
	r = read_whole(edit.fd, &edit.text, &edit.len);
	if (r < 0)
		goto err_lock;
	*ret = edit;
	return 0;
err_lock:
	close(edit.fd);
err_path:
	free(edit.path);
	return r;
}

static int keep_owner(int fd, const struct stat *old)
{
	struct stat mine;

	if (fstat(fd, &mine) < 0)
		return -errno;
	if ((mine.st_uid != old->st_uid || mine.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) < 0)
		return -errno;
	/* After fchown(), which clears bits of the mode. */
	return fchmod(fd, old->st_mode & 07777) < 0 ? -errno : 0;
}

/* @old: whose mode and owner the new file gets; NULL: it is ours alone. */
static int replace(const char *path, const struct stat *old, const char *text, size_t len)
{
	char *temporary = beside(path, "new");
	int fd;
	int r = 0;

	if (!temporary)
		return -ENOMEM;
	/* One fixed name is safe for a single writer, and a crash leaves at most one file behind. */
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	if (old)
		r = keep_owner(fd, old);
	if (r == 0)
		r = write_whole(fd, text, len);
	close(fd);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	else
		r = sync_directory(path);
out:
	free(temporary);
	return r;
}

int file_edit_commit(const struct file_edit *edit, const char *text, size_t len)
{
	struct stat old;

	return fstat(edit->fd, &old) < 0 ? -errno : replace(edit->path, &old, text, len);
}

int file_replace(const char *path, const char *text, size_t len)
{
	return replace(path, NULL, text, len);
}

void file_edit_done(struct file_edit *edit)
{
	edit->text = file_text_free(edit->text, edit->len);
	close(edit->fd);
	free(edit->path);
	edit->path = NULL;
}
