/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.h - a process that goes to the background once it is of use
 *
 * Whoever started it waits for the first process; so that one stays until the second says that it is
 * ready, or ends with the status of its failure.
 */
#ifndef CULVERT_IO_DAEMON_H
#define CULVERT_IO_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

/**
 * daemon_fork() - makes the process that stays
 * @kept: @n descriptors that it needs; others above standard error are closed in it, for whoever
 *	reads from their other ends would wait for it
 * @ret_status: in the first process the exit status to leave with
 *
 * The second one leads a session of its own, without a terminal.
 *
 * Context: before there are other threads, and before anything is open that only one may have.
 * Return: a descriptor for daemon_ready() in the second process; -ECHILD in the first one, at
 * the end of its waiting; another -errno if there is no second one.
 */
int daemon_fork(const int *kept, size_t n, int *ret_status);

/**
 * daemon_ready() - lets the first process leave with 0
 * @fd: takes
 * @keep_output: standard output and error stay what they are; else they lead nowhere from now on
 */
void daemon_ready(int fd, bool keep_output);

#endif
