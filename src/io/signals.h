/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signals.h - the process's signals as a descriptor
 */
#ifndef CULVERT_IO_SIGNALS_H
#define CULVERT_IO_SIGNALS_H

/**
 * signals_open() - SIGINT, SIGTERM and SIGHUP arrive at the descriptor, SIGPIPE nowhere
 *
 * Call before any thread is made: they inherit the mask.
 * Return: descriptor or -errno.
 */
int signals_open(void);

/** signals_read() - Return: the next signal's number, 0 when there is none */
int signals_read(int fd);

#endif
