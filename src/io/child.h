/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child.h - a helper process that hangs on a socket, and programs that are run for their effect
 *
 * A helper outlives its parent only until it has read the end of the socket; no signal for a whole
 * terminal or service ends it before.  A program that is run gets a bounded time and hands back
 * what it said, so that a complaint can quote it.
 */
#ifndef CULVERT_IO_CHILD_H
#define CULVERT_IO_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * child_fork() - a helper process in a session of its own
 * @name: the process's, at most 15 characters
 * @ret_fd: each side's end of a SOCK_SEQPACKET pair, close-on-exec
 *
 * The child ignores SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGPIPE, blocks no signal, works in /,
 * leaves no core file, and has no descriptor but the socket and standard error (input and output
 * are /dev/null): what the parent had open ends with the parent.  It has a copy of the parent's
 * memory, so it is best made before keys are read.
 *
 * Context: before any other thread exists.
 * Return: in the parent the child's process id, in the child 0; or -errno.
 */
pid_t child_fork(const char *name, int *ret_fd);

/** child_send() - one message, whole.  Return: false if the other side is gone. */
bool child_send(int fd, const void *message, size_t len);

/** child_receive() - one message of exactly @len bytes
 *  @timeout_ms: -1: as long as it takes
 *  Return: 0; -EPIPE: the other side has ended, or sent something else; -ETIMEDOUT */
int child_receive(int fd, void *message, size_t len, int timeout_ms);

/** child_end() - the helper reads the end of the socket; it may still be received from */
void child_end(int fd);

/** child_gone() - closes the socket; @wait: takes note of the helper's exit, which has come */
void child_gone(pid_t pid, int fd, bool wait);

#define CHILD_OUTPUT_MAX (1u << 20) /* bytes that a program may write; it is killed at the limit */

struct child_run {
	const char *const *argv; /* NULL-terminated; found by PATH, then in the system's folders */
	const char *input;       /* its standard input; NULL: none */
	int timeout_ms;          /* then it is killed */
	char *output;            /* out: standard output, malloc'd; NULL if it can't be had */
	char error[160];         /* out: the first line of standard error; "" */
};

/**
 * child_run() - runs a program and waits for its end
 *
 * No shell, and LC_ALL=C.  run->output is the caller's to free, whatever is returned.
 * Return: 0 if it succeeded; -ENOENT: there is no such program; -ETIMEDOUT; -EIO: it failed, and
 * run->error says why; or -errno.
 */
int child_run(struct child_run *run);

#endif
