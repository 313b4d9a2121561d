/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enclosure_child.h - what the child of enclosure_new() does until it becomes the command
 */
#ifndef CULVERT_IO_ENCLOSURE_CHILD_H
#define CULVERT_IO_ENCLOSURE_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "io/enclosure.h"
#include "io/enclosure_refusal.h"

/* The child's one message.  The adapter's descriptor goes with it when all went well. */
struct enclosure_report {
	int error; /* 0 or -errno */
	enum tun_kind kind;
	uint8_t mac[6];
	pid_t keeper; /* a child of the parent too; 0: none */
	char complaint[ENCLOSURE_COMPLAINT_MAX];
};

/* Exit statuses, as env(1) and a shell have them. */
enum {
	ENCLOSURE_FAILED = 125,
	ENCLOSURE_NOT_EXECUTABLE = 126,
	ENCLOSURE_NOT_FOUND = 127,
};

/**
 * enclosure_child() - makes the namespaces, reports, waits for a byte, and runs the command
 * @channel: SOCK_SEQPACKET to the parent; at its end before that byte the child leaves
 *
 * Context: a process of its own, with one thread.
 */
_Noreturn void enclosure_child(const struct enclosure_params *params, int channel);

#endif
