/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox.h - gives up what a gateway or a client doesn't need once it runs
 *
 * Both parse packets of the whole internet with keys in their memory.  So, once their sockets
 * are open:
 *
 *	capabilities	all are dropped but those asked for, where they are present
 *	no_new_privs	no program that is started could gain any
 *	not dumpable	no core file and no debugger sees the keys
 *	system calls	a list of what is allowed (sandbox.c, by subsystem): another call fails with
 *			EPERM; one that only an intruder would make (execve, ptrace, mount ...)
 *			ends the process at once
 *
 * Memory can't be made executable any more, so nothing can be loaded: getaddrinfo() does without
 * the plug-ins that nsswitch.conf(5) may name, and threads must end by returning, for
 * pthread_exit() and pthread_cancel() load a library.  New threads may be started, processes not.
 * Without CAP_DAC_OVERRIDE files are read and written only as the process's own user may.
 *
 * A build with a sanitizer drops capabilities and sets no_new_privs only: its runtime needs the rest.
 */
#ifndef CULVERT_IO_SANDBOX_H
#define CULVERT_IO_SANDBOX_H

#include <stdbool.h>

struct sandbox_params {
	bool net_raw;          /* keep CAP_NET_RAW */
	bool net_admin;        /* keep CAP_NET_ADMIN, and the ioctls of the adapter */
	bool net_bind_service; /* keep CAP_NET_BIND_SERVICE: low ports are leased later */
	bool bpf;              /* keep CAP_BPF, and bpf(2) */
	bool children;         /* may signal, and wait for, processes */
};

/**
 * sandbox_enter() - for good
 *
 * Context: before the other threads are started: capabilities belong to a thread, and are
 * inherited by those it starts.  The filter of system calls reaches the running ones as well.
 * Return: 0, or -errno of the first step that failed (steps before it are done): -EINVAL or
 * -ENOSYS from a kernel without seccomp filters.
 */
int sandbox_enter(const struct sandbox_params *params);

#endif
