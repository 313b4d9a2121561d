/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/guardian.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/guardian_host.h"
#include "engine/guardian_plan.h"
#include "io/child.h"
#include "io/kill_switch.h"

#define NAME          "culvert-guard"
#define COMPLAINT_MAX 512
#define ANSWER_MS     5000
#define READ_MS       1000 /* for nft(8), in the client itself */

enum operation {
	GUARDIAN_BLOCK,
	GUARDIAN_UNBLOCK,
	GUARDIAN_APPLY,
	GUARDIAN_ENDPOINTS,
};

struct request {
	uint32_t number;
	enum operation operation;
	struct guardian_plan plan;
};

/* Number 0 says that the child is ready, the number after the last request that all is undone. */
struct answer {
	uint32_t number;
	int result; /* 1: went well, and there is something to tell */
	char complaint[COMPLAINT_MAX];
};

struct guardian {
	int fd;
	pid_t pid;
	uint32_t number; /* of the last request */
};

/* --- the child ------------------------------------------------------------------------------------ */

static int carry_out(struct guardian_host *h, const struct request *request, char *complaint)
{
	switch (request->operation) {
	case GUARDIAN_BLOCK:
		return guardian_host_block(h, &request->plan, complaint);
	case GUARDIAN_UNBLOCK:
		return guardian_host_unblock(h, complaint);
	case GUARDIAN_APPLY:
		return guardian_host_apply(h, &request->plan, complaint);
	case GUARDIAN_ENDPOINTS:
		return guardian_host_endpoints(h, &request->plan, complaint);
	}
	return -EINVAL;
}

/* To a client that is no more nobody can report: then to standard error, which is the journal. */
static void report_undone(int fd, const struct guardian_plan *plan, const struct answer *last)
{
	if (child_send(fd, last, sizeof(*last)))
		return;
	if (plan->route_all)
		log_notice("the client of %s has ended without a word: this host's routing and DNS "
			   "are as they were",
			   plan->adapter);
	if (plan->kill_switch)
		log_warning("the kill switch of %s stands: culvert disconnect %s lifts it",
			    plan->adapter, plan->adapter);
	if (last->result != 0)
		log_warning("%s", last->complaint);
}

/* Until the end of the socket, however that came. */
static void serve(struct guardian_host *h, int fd)
{
	struct guardian_plan plan = { 0 };
	struct request request;
	struct answer out = { 0 };

	out.result = guardian_host_tidy(h, out.complaint);
	(void)child_send(fd, &out, sizeof(out));
	while (child_receive(fd, &request, sizeof(request), -1) == 0) {
		out = (struct answer){ .number = request.number };
		out.result = carry_out(h, &request, out.complaint);
		if (out.result == 0)
			plan = request.plan;
		(void)child_send(fd, &out, sizeof(out));
	}
	out = (struct answer){ .number = out.number + 1 };
	out.result = guardian_host_undo(h, out.complaint);
	report_undone(fd, &plan, &out);
}

static _Noreturn void be_the_child(int fd)
{
	struct guardian_host *h;
	struct answer out = { 0 };

	out.result = guardian_host_new(&h);
	if (out.result < 0) {
		snprintf(out.complaint, sizeof(out.complaint), "netlink: %s",
			 strerror(-out.result));
		(void)child_send(fd, &out, sizeof(out));
		_Exit(EXIT_FAILURE);
	}
	serve(h, fd);
	guardian_host_free(h);
	_Exit(EXIT_SUCCESS);
}

/* --- the client's side ------------------------------------------------------------------------------ */

/* The answer of @number; what comes too late for an earlier request is passed over. */
static int await(struct guardian *g, uint32_t number, char *complaint)
{
	struct answer in;
	int r;

	do {
		r = child_receive(g->fd, &in, sizeof(in), ANSWER_MS);
	} while (r == 0 && in.number != number);
	if (r == -ETIMEDOUT)
		snprintf(complaint, COMPLAINT_MAX,
			 "the guardian process (%s, %d) does not answer: try again", NAME,
			 (int)g->pid);
	else if (r < 0)
		snprintf(complaint, COMPLAINT_MAX,
			 "the guardian process was killed: run culvert disconnect, which undoes "
			 "what it has done, and connect again");
	else if (in.result != 0)
		snprintf(complaint, COMPLAINT_MAX, "%s", in.complaint);
	return r < 0 ? r : in.result;
}

static int ask(struct guardian *g, enum operation operation, const struct guardian_plan *plan,
	       char *complaint)
{
	struct request request = { .operation = operation, .number = ++g->number };

	if (plan)
		request.plan = *plan;
	/* A child that is gone is found out by await(). */
	(void)child_send(g->fd, &request, sizeof(request));
	return await(g, request.number, complaint);
}

static int ask_checked(struct guardian *g, enum operation operation,
		       const struct guardian_plan *plan, char *complaint)
{
	int r = guardian_plan_check(plan, complaint);

	return r < 0 ? r : ask(g, operation, plan, complaint);
}

/* Its side reads the end, undoes, and answers once more.  One that doesn't goes on without us. */
static int end(struct guardian *g, char *complaint)
{
	int r;

	child_end(g->fd);
	r = await(g, g->number + 1, complaint);
	child_gone(g->pid, g->fd, r != -ETIMEDOUT);
	free(g);
	return r;
}

int guardian_new(struct guardian **ret, char *complaint)
{
	struct guardian *g = calloc(1, sizeof(*g));
	char ignored[COMPLAINT_MAX];
	int r;

	if (!g)
		return -ENOMEM;
	g->pid = child_fork(NAME, &g->fd);
	if (g->pid == 0)
		be_the_child(g->fd);
	if (g->pid < 0) {
		r = g->pid;
		snprintf(complaint, COMPLAINT_MAX, "can't start the guardian process: %s",
			 strerror(-r));
		free(g);
		return r;
	}
	r = await(g, 0, complaint);
	if (r < 0) {
		(void)end(g, ignored);
		return r;
	}
	*ret = g;
	return 0;
}

int guardian_block(struct guardian *g, const struct guardian_plan *plan, char *complaint)
{
	return ask_checked(g, GUARDIAN_BLOCK, plan, complaint);
}

int guardian_unblock(struct guardian *g, char *complaint)
{
	return ask(g, GUARDIAN_UNBLOCK, NULL, complaint);
}

int guardian_apply(struct guardian *g, const struct guardian_plan *plan, char *complaint)
{
	return ask_checked(g, GUARDIAN_APPLY, plan, complaint);
}

int guardian_endpoints(struct guardian *g, const struct guardian_plan *plan, char *complaint)
{
	return ask_checked(g, GUARDIAN_ENDPOINTS, plan, complaint);
}

struct guardian *guardian_free(struct guardian *g)
{
	char complaint[COMPLAINT_MAX];

	if (g && end(g, complaint) != 0)
		log_warning("%s", complaint);
	return NULL;
}

/* --- what a dead client left -------------------------------------------------------------------------- */

int guardian_disconnect(const char *adapter, unsigned int *ret_found, char *complaint)
{
	struct guardian_host *h;
	int r;

	*ret_found = 0;
	if (adapter && !kill_switch_adapter_valid(adapter)) {
		snprintf(complaint, COMPLAINT_MAX, "%s can't be an adapter's name", adapter);
		return -EINVAL;
	}
	r = guardian_host_new(&h);
	if (r < 0) {
		snprintf(complaint, COMPLAINT_MAX, "netlink: %s", strerror(-r));
		return r;
	}
	r = guardian_host_disconnect(h, adapter, ret_found, complaint);
	guardian_host_free(h);
	return r;
}

size_t guardian_blocked_endpoints(const char *adapter,
				  struct guardian_endpoint ret[static GUARDIAN_ENDPOINTS_MAX])
{
	struct endpoint found[GUARDIAN_ENDPOINTS_MAX];
	size_t n = kill_switch_adapter_valid(adapter)
			   ? kill_switch_endpoints(adapter, READ_MS, found, GUARDIAN_ENDPOINTS_MAX)
			   : 0;

	for (size_t i = 0; i < n; i++)
		ret[i] = (struct guardian_endpoint){ .addr = found[i].addr,
						     .port = found[i].port,
						     .tcp = found[i].stream != 0 };
	return n;
}
