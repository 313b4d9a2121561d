/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claim.h - a unix socket path that one living process has at a time
 *
 * A bound socket file outlives a killed process, and connecting to find out whether it is stale
 * races with another starter.  So whoever binds PATH.sock holds flock(2) on PATH.lock first; the
 * kernel gives the lock up however the process ends, and the file names its holder.
 */
#ifndef CULVERT_IO_CLAIM_H
#define CULVERT_IO_CLAIM_H

#include <sys/types.h>

#define CLAIM_PATH_MAX 108 /* sizeof(sun_path) */

struct claim {
	int lock_fd;
	int listen_fd; /* non-blocking, listening */
	char path[CLAIM_PATH_MAX];
};

/**
 * claim_take() - locks, replaces a stale socket, binds and listens
 * @path: ends in ".sock"
 * @identity: what is served there, one line; equal for two processes that must not both run
 * @mode: of the socket file
 * @ret_pid: on -EADDRINUSE who has it, 0 if unknown
 *
 * Return: 0; -EADDRINUSE: a living process with the same identity has it; -EBUSY: one with
 * another identity has it; or the -errno of the file system.
 */
int claim_take(const char *path, const char *identity, mode_t mode, struct claim *ret,
	       pid_t *ret_pid);

/** claim_probe() - Return: -EADDRINUSE as above if @path is held, else 0 */
int claim_probe(const char *path, const char *identity, pid_t *ret_pid);

/** claim_done() - closes and removes both files */
void claim_done(struct claim *claim);

#endif
