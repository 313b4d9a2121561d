/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guardian_host.h - the steps by which a plan is put in force on this host, and each one's undoing
 *
 * What the guardian's child does between two messages, and `culvert disconnect` in its own
 * process.  An undoing is noted before its step is begun, may be done any number of times, and
 * goes on past failures.  Complaints have 512 bytes and say: the step, the reason, the cure.
 */
#ifndef CULVERT_ENGINE_GUARDIAN_HOST_H
#define CULVERT_ENGINE_GUARDIAN_HOST_H

#include <stdbool.h>

#include "engine/guardian.h"

struct guardian_host;

/** guardian_host_new() - Context: the process that stays.  Return: 0 or -errno. */
int guardian_host_new(struct guardian_host **ret);
struct guardian_host *guardian_host_free(struct guardian_host *h); /* undoes nothing */

/** guardian_host_tidy() - what a dead one left of routing and DNS; the kill switch stays.  Nothing,
 *  if somebody living has routed all.  Return: 0 or -errno and @complaint. */
int guardian_host_tidy(struct guardian_host *h, char *complaint);

/** guardian_host_block(), _unblock(), _apply(), _endpoints() - see guardian.h; a failed step of
 *  _apply() has undone all */
int guardian_host_block(struct guardian_host *h, const struct guardian_plan *plan, char *complaint);
int guardian_host_unblock(struct guardian_host *h, char *complaint);
int guardian_host_apply(struct guardian_host *h, const struct guardian_plan *plan, char *complaint);
int guardian_host_endpoints(struct guardian_host *h, const struct guardian_plan *plan,
			    char *complaint);

/** guardian_host_undo() - everything but the kill switch.  Return: 0; 1: @complaint has something
 *  to tell, though all went well; -errno of the first failure. */
int guardian_host_undo(struct guardian_host *h, char *complaint);

/** guardian_host_disconnect() - see guardian.h */
int guardian_host_disconnect(struct guardian_host *h, const char *adapter, unsigned int *ret_found,
			     char *complaint);

#endif
