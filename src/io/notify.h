/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.h - tells the service manager how we are: the sd_notify(3) protocol, without its library
 *
 * Datagrams to the unix socket that $NOTIFY_SOCKET names, a path or an abstract one ("@...").
 * Without that variable nothing happens and nothing fails.
 */
#ifndef CULVERT_IO_NOTIFY_H
#define CULVERT_IO_NOTIFY_H

#include <stdint.h>

struct notify;

/**
 * notify_new() - reads $NOTIFY_SOCKET and $WATCHDOG_USEC, and unsets them for children
 *
 * The socket is opened now, so that a sandbox that comes later doesn't matter.
 *
 * Context: before there are other threads.
 * Return: 0; -ENOMEM; another -errno when there is a service manager but it can't be reached:
 * *ret is written all the same and says nothing to anybody.
 */
int notify_new(struct notify **ret);
struct notify *notify_free(struct notify *notify);

/** notify_ready() - READY=1 with a status line: started, or reloaded */
void notify_ready(struct notify *notify, const char *status);

/** notify_reloading() - RELOADING=1; @now: CLOCK_MONOTONIC, ns; notify_ready() ends it */
void notify_reloading(struct notify *notify, uint64_t now);

/** notify_stopping() - STOPPING=1 */
void notify_stopping(struct notify *notify);

/** notify_status() - the line that `systemctl status` shows; newlines in it become blanks */
void notify_status(struct notify *notify, const char *status);

/**
 * notify_watchdog_interval() - how often notify_watchdog() is wanted, ns: a third of what the
 * service manager waits, so that one late sign is no death; NEVER when it waits for none
 */
uint64_t notify_watchdog_interval(const struct notify *notify);
void notify_watchdog(struct notify *notify);

#endif
