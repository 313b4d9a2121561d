/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.h - small files read whole, made once, and rewritten so that nothing can be lost
 *
 * A rewrite is: lock, read, write a temporary file beside it, fsync, rename, fsync of the
 * directory.  Whoever reads meanwhile sees the old text or the new one; when anything fails the
 * old file is untouched.  Symbolic links are followed: the file they lead to is rewritten.
 *
 * Contents may be keys, so what is read is wiped when it is given up.
 */
#ifndef CULVERT_IO_FILE_H
#define CULVERT_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FILE_READ_MAX (64u << 20) /* bytes; a larger file is refused */

/**
 * file_read() - a regular file's whole contents
 * @ret: malloc'd, a NUL behind its *ret_len bytes; file_text_free() wipes
 *
 * Return: 0; -EINVAL: not a regular file; -EFBIG; -ENOENT and so on.
 */
int file_read(const char *path, char **ret, size_t *ret_len);

/** file_is_exposed() - whether everybody on the host may read or write @path */
bool file_is_exposed(const char *path);

/** file_changed() - when its contents were changed last, ns since 1970; 0 if there is none */
uint64_t file_changed(const char *path);

/** file_text_free() - wipes @len bytes and frees.  Return: NULL. */
char *file_text_free(char *text, size_t len);

/**
 * file_create() - a new file that appears complete or not at all; never replaces one
 * Return: 0; -EEXIST; and so on.
 */
int file_create(const char *path, const char *text, size_t len, mode_t mode);

/**
 * file_replace() - a file of this process's own, mode 0600, in place of what is there
 *
 * Waits for no lock, and follows no link: the name itself is given to the new file.  One writer
 * at a time.
 * Return: 0; -EISDIR, -ENOSPC and so on: what was there is whole.
 */
int file_replace(const char *path, const char *text, size_t len);

/** A file that is locked for being rewritten. */
struct file_edit {
	char *path; /* real path */
	int fd;     /* holds the lock */
	char *text; /* its contents, a NUL behind them */
	size_t len;
};

/**
 * file_edit_begin() - locks and reads; waits for another writer to finish
 * Return: 0, and file_edit_done() is due; or as file_read().
 */
int file_edit_begin(const char *path, struct file_edit *ret);

/**
 * file_edit_commit() - replaces the contents; mode and owner stay
 * Return: 0; -EPERM when the owner can't be kept; -ENOSPC and so on: the old file is whole.
 */
int file_edit_commit(const struct file_edit *edit, const char *text, size_t len);

/** file_edit_done() - unlocks, wipes and frees */
void file_edit_done(struct file_edit *edit);

#endif
