/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guardian.h - the child process that changes a client's host, and undoes it however the client ends
 *
 * The client itself never changes anything but its own adapter.  What --route-all and --kill-switch
 * need is done by a child that is forked first: as one transaction, step by step, each step
 * with its undoing noted before it is done.  The child hangs on a socket; when that ends, because
 * the client left or was killed, it undoes all in reverse and leaves.  It ignores the signals that
 * a terminal or a service manager sends to a whole group.
 *
 * What a death of both leaves (power cut, kill -9 of the group) is found by the next start and by
 * `culvert disconnect`: rules and routes bear GUARDIAN_PROTOCOL, resolv.conf's original stands beside it,
 * the kill switch is an nftables table named culvert_NAME.
 *
 * The kill switch stays on purpose when the client dies or is stopped; guardian_disconnect() lifts it.
 *
 * One client at a time routes all of a host's traffic; a second one is refused.  See
 * guardian_plan.h for the rules, io/kill_switch.h for what passes it, io/host_dns.h for DNS.
 * Senders by AF_PACKET are beyond both.
 */
#ifndef CULVERT_ENGINE_GUARDIAN_H
#define CULVERT_ENGINE_GUARDIAN_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define GUARDIAN_PROTOCOL      67 /* rtm_protocol and FRA_PROTOCOL of what is ours */
#define GUARDIAN_TABLE         51866
#define GUARDIAN_RULES_AT      5187 /* priority of the first of our rules */
#define GUARDIAN_ENDPOINTS_MAX 16
#define GUARDIAN_EXCLUDES_MAX  64
#define GUARDIAN_DNS_MAX       8

/* One way by which the tunnel's own packets leave: never into the tunnel, never blocked. */
struct guardian_endpoint {
	struct addr addr;
	uint16_t port;
	bool tcp; /* a stream; else UDP */
};

/* What shall be in force.  A whole: applied or not. */
struct guardian_plan {
	char adapter[IFNAMSIZ];
	bool route_all; /* rules and routes for both families, and DNS */
	bool kill_switch; /* implies that what is not the tunnel's is blocked from before the adapter is up */
	struct guardian_endpoint endpoints[GUARDIAN_ENDPOINTS_MAX];
	size_t n_endpoints;
	struct prefix excludes[GUARDIAN_EXCLUDES_MAX];
	size_t n_excludes;
	struct addr dns[GUARDIAN_DNS_MAX]; /* none: name servers stay as they are */
	size_t n_dns;
	char search[256]; /* domains, blanks between them; may be empty */
};

struct guardian;

/**
 * guardian_new() - forks the child; undoes first what an earlier one left
 * @complaint: 512 bytes; one sentence on failure
 * Context: before any other thread exists.
 */
int guardian_new(struct guardian **ret, char *complaint);

/**
 * guardian_block() - the kill switch, before the adapter exists
 * guardian_apply() - the rest of @plan, after the adapter is up; if a step fails, all before it are undone
 *   (the kill switch too, unless it stood before) and @complaint says which failed and why.  May be
 *   repeated with another plan for the same adapter.
 * guardian_endpoints() - the tunnel's endpoints have changed: rules and kill switch follow
 *
 * Return: 0 or -errno.  Context: any one thread; each waits for the child's answer, 5 s at most.
 */
int guardian_block(struct guardian *g, const struct guardian_plan *plan, char *complaint);
int guardian_apply(struct guardian *g, const struct guardian_plan *plan, char *complaint);
int guardian_endpoints(struct guardian *g, const struct guardian_plan *plan, char *complaint);

/** guardian_unblock() - takes guardian_block() back, unless the kill switch stood before it: when the
 *  client can't go on for a reason of its own, before it was ever connected */
int guardian_unblock(struct guardian *g, char *complaint);

/** guardian_free() - has the child undo everything but the kill switch, and waits for it
 *  What went wrong, or was left because somebody else has written it, is said to the log. */
struct guardian *guardian_free(struct guardian *g);

/**
 * guardian_disconnect() - undoes what a dead client left, and lifts kill switches
 * @adapter: of one connection, or NULL for all
 * @ret_found: how many things were undone
 * Context: end living clients first; for one that ends just now this waits, 2 s at most.
 * Return: 0; -EBUSY: all is routed by a client that lives; -errno.  @complaint is written.
 */
int guardian_disconnect(const char *adapter, unsigned int *ret_found, char *complaint);

/** guardian_blocked_endpoints() - the endpoints that a standing kill switch of @adapter lets through:
 *  with DNS blocked, they are what a client that starts knows.  Return: how many. */
size_t guardian_blocked_endpoints(const char *adapter,
				  struct guardian_endpoint ret[static GUARDIAN_ENDPOINTS_MAX]);

#endif
