/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/enclosure.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/enclosure_adapter.h"
#include "io/enclosure_child.h"

struct enclosure {
	pid_t command;  /* 0: waited for */
	pid_t keeper;   /* 0: none */
	int command_fd; /* pidfd */
	int channel;    /* its end ends the keeper, and the command if that hasn't started */
	bool started;
	struct tun *tun; /* until it is taken */
};

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int fork_child(struct enclosure *e, const struct enclosure_params *params)
{
	int ends[2];

	/* Whoever has started us may have said that nobody waits for children. */
	signal(SIGCHLD, SIG_DFL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	e->channel = ends[0];
	e->command = fork();
	if (e->command == 0) {
		close(ends[0]);
		enclosure_child(params, ends[1]);
	}
	close(ends[1]);
	if (e->command < 0) {
		e->command = 0;
		return -errno;
	}
	e->command_fd = pidfd_open(e->command, 0);
	return e->command_fd < 0 ? -errno : 0;
}

static int adapter_in(struct msghdr *msg)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* Return: 0; -ECHILD: the child ended without a word. */
static int receive(struct enclosure *e, struct enclosure_report *report, int *ret_adapter)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { report, sizeof(*report) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct pollfd fds[] = { { .fd = e->channel, .events = POLLIN },
				{ .fd = e->command_fd, .events = POLLIN } };

	/* The keeper holds the channel open too, so its end isn't enough to go by. */
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (recvmsg(e->channel, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != (ssize_t)sizeof(*report))
		return -ECHILD;
	*ret_adapter = adapter_in(&msg);
	return 0;
}

static int adopt(struct enclosure *e, const struct enclosure_params *params,
		 const struct enclosure_report *report, int adapter)
{
	const uint8_t *mac = report->kind == TUN_VETH ? report->mac : NULL;
	int r = adapter < 0 ? -EBADF
			    : tun_adopt(adapter, report->kind, mac, params->mtu,
					enclosure_has_ip6(params), &e->tun);

	return r;
}

static int make(struct enclosure *e, const struct enclosure_params *params, char *complaint)
{
	struct enclosure_report report;
	int adapter = -1;
	int r = fork_child(e, params);

	if (r == 0)
		r = receive(e, &report, &adapter);
	if (r == 0 && report.error < 0) {
		memcpy(complaint, report.complaint, sizeof(report.complaint));
		return report.error;
	}
	if (r == 0) {
		e->keeper = report.keeper;
		r = adopt(e, params, &report, adapter);
	}
	if (r < 0)
		enclosure_refusal(ENCLOSURE_PROCESS, r, NULL, &(struct enclosure_facts){ 0 },
				  complaint);
	return r;
}

int enclosure_new(const struct enclosure_params *params, struct enclosure **ret, char *complaint)
{
	struct enclosure *e = calloc(1, sizeof(*e));
	int r = e ? 0 : -ENOMEM;

	if (r < 0) {
		enclosure_refusal(ENCLOSURE_PROCESS, r, NULL, &(struct enclosure_facts){ 0 },
				  complaint);
		return r;
	}
	e->command_fd = -1;
	e->channel = -1;
	r = make(e, params, complaint);
	if (r < 0) {
		enclosure_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

struct tun *enclosure_take_tun(struct enclosure *e)
{
	struct tun *tun = e->tun;

	e->tun = NULL;
	return tun;
}

int enclosure_start(struct enclosure *e)
{
	/* A terminal sends these to the command too, and it is the command that they are for. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (send(e->channel, "", 1, MSG_NOSIGNAL) < 0)
		return -errno;
	e->started = true;
	return 0;
}

int enclosure_fd(const struct enclosure *e)
{
	return e->command_fd;
}

void enclosure_signal(const struct enclosure *e, int signal_number)
{
	if (e->command > 0 && signal_number != SIGINT && signal_number != SIGQUIT)
		(void)kill(e->command, signal_number);
}

int enclosure_wait(struct enclosure *e)
{
	int status = wait_for(e->command);

	e->command = 0;
	return status;
}

struct enclosure *enclosure_free(struct enclosure *e)
{
	if (!e)
		return NULL;
	if (e->channel >= 0)
		close(e->channel);
	if (e->command > 0 && !e->started)
		wait_for(e->command);
	if (e->keeper > 0)
		wait_for(e->keeper);
	if (e->command_fd >= 0)
		close(e->command_fd);
	tun_free(e->tun);
	free(e);
	return NULL;
}
