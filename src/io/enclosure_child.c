/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/enclosure_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cap-ng.h>

#include "io/enclosure_adapter.h"
#include "io/enclosure_files.h"

#define KEEPER_STACK 65536 /* bytes */

struct child {
	const struct enclosure_params *params;
	int channel;
	struct enclosure_files files;
	struct enclosure_adapter adapter;
	/* Of a failure. */
	enum enclosure_step step;
	const char *where;
};

/* The parent may read its own signals from a descriptor, for which it blocks them. */
static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	r = n < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* root, and not one whom a container has left nothing but the name. */
static bool is_whole_root(void)
{
	return geteuid() == 0 && capng_get_caps_process() == 0 &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) == 1 &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) == 1;
}

/* The same user and group inside as outside, so that files are owned as usual. */
static int map_user(uid_t uid, gid_t gid)
{
	char map[64];
	int r;

	/* A user may map the own group only who can't drop others by it any more. */
	r = write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	if (r == 0)
		r = write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	return r == 0 ? write_text("/proc/self/gid_map", map) : r;
}

static int enter_namespaces(struct child *c)
{
	const int common = CLONE_NEWNET | CLONE_NEWNS;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	c->step = ENCLOSURE_NAMESPACES;
	if (is_whole_root()) {
		if (unshare(common) < 0)
			return -errno;
		/* What is mounted in here stays in here; what the host mounts later is seen. */
		c->step = ENCLOSURE_FILES;
		c->where = "/";
		return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
	}
	/* The files in /proc of a program that has capabilities from its own file are root's. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (unshare(CLONE_NEWUSER | common) < 0)
		return -errno;
	c->step = ENCLOSURE_USERS;
	return map_user(uid, gid);
}

/*
 * A new network namespace lets nobody ping without a right to raw sockets, which is how ping works
 * on hosts whose ping has no file capabilities.  The echo sockets of in here reach the tunnel only.
 */
static void allow_ping(void)
{
	char range[64];

	snprintf(range, sizeof(range), "%u %u", getegid(), getegid());
	if (write_text("/proc/sys/net/ipv4/ping_group_range", "0 2147483647") < 0)
		(void)write_text("/proc/sys/net/ipv4/ping_group_range", range);
}

static int set_up(struct child *c)
{
	bool none = false;
	int r = enter_namespaces(c);

	if (r < 0)
		return r;
	c->step = ENCLOSURE_FILES;
	r = enclosure_files_put(&c->files, c->params->resolv_conf, &c->where);
	if (r < 0)
		return r;
	r = enclosure_adapter_open(c->params, &c->adapter, &none);
	c->step = none ? ENCLOSURE_NO_ADAPTER : ENCLOSURE_ADAPTER;
	if (r == 0)
		allow_ping();
	return r;
}

/* The other process that lives in here; it ends with the channel, whatever ends the parent. */
static int keep(void *argument)
{
	struct child *c = argument;

	/* Its parent's memory, key and all, is in it: nothing of that is for a core file. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	close(c->adapter.fd);
	enclosure_files_keep(&c->files, c->channel);
	return 0;
}

/* A child of our parent, not of the command, which would wonder about it. */
static pid_t start_keeper(struct child *c)
{
	static char stack[KEEPER_STACK] __attribute__((aligned(16)));
	pid_t pid = clone(keep, stack + sizeof(stack), CLONE_PARENT | SIGCHLD, c);

	/* Without one all is well until the host writes its files anew. */
	return pid < 0 ? 0 : pid;
}

static void report(const struct child *c, struct enclosure_report *text)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { text, sizeof(*text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (text->error == 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &c->adapter.fd, sizeof(int));
	}
	(void)sendmsg(c->channel, &msg, MSG_NOSIGNAL);
}

static _Noreturn void fail(const struct child *c, int error)
{
	struct enclosure_report text = { .error = error };
	struct enclosure_facts facts;

	enclosure_facts("/proc", &facts);
	enclosure_refusal(c->step, error, c->where, &facts, text.complaint);
	report(c, &text);
	_exit(ENCLOSURE_FAILED);
}

/* A directory of PATH that this user may not look into makes execvp() say EACCES of any name. */
static bool is_in_path(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	if (strchr(name, '/') || !path)
		return true;
	while (*path) {
		size_t len = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name);

		if (n > 0 && (size_t)n < sizeof(file) && access(file, F_OK) == 0)
			return true;
		path += len;
		path += *path == ':';
	}
	return false;
}

/* execve() takes all capabilities from whoever isn't root in here. */
static _Noreturn void become(char *const *command)
{
	int error;

	execvp(command[0], command);
	error = errno;
	if (error == ENOENT || error == ENOTDIR || !is_in_path(command[0])) {
		dprintf(STDERR_FILENO,
			"culvert: %s: command not found, name one of PATH or the path of one\n",
			command[0]);
		_exit(ENCLOSURE_NOT_FOUND);
	}
	dprintf(STDERR_FILENO, "culvert: %s: %s, name a program that this user may run\n",
		command[0], strerror(error));
	_exit(ENCLOSURE_NOT_EXECUTABLE);
}

_Noreturn void enclosure_child(const struct enclosure_params *params, int channel)
{
	struct child c = { .params = params, .channel = channel };
	struct enclosure_report text = { 0 };
	char word;
	int r;

	reset_signals();
	r = set_up(&c);
	if (r < 0)
		fail(&c, r);
	text.kind = c.adapter.kind;
	memcpy(text.mac, c.adapter.mac, sizeof(text.mac));
	text.keeper = start_keeper(&c);
	report(&c, &text);
	enclosure_files_done(&c.files);
	close(c.adapter.fd);
	while ((r = (int)recv(channel, &word, 1, 0)) < 0 && errno == EINTR)
		;
	if (r <= 0)
		_exit(ENCLOSURE_FAILED);
	become(params->command);
}
