/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standard.h - the descriptors 0, 1 and 2 are nothing else's
 *
 * Whoever starts a program may have closed them.  Then whatever it opens first gets their numbers, and what is
 * meant for people is written there: into a tunnel, or a socket whose other side waits for a word.
 */
#ifndef CULVERT_IO_STANDARD_H
#define CULVERT_IO_STANDARD_H

/**
 * standard_hold() - puts something in the places that are free
 *
 * Reading it finds the end, writing it fails, as it would have; programs that are started find them
 * closed.
 *
 * Return: 0 or -errno.
 */
int standard_hold(void);

#endif
