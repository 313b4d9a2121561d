/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_FOUND \
	127 /* the exit status by which a shell says so, and our own after a failed exec */

/* A superuser's PATH may lack the folders where these programs are. */
#define SYSTEM_PATH "/usr/sbin:/usr/bin:/sbin:/bin"

static void set_signal(int signal, void (*handler)(int))
{
	const struct sigaction action = { .sa_handler = handler };

	(void)sigaction(signal, &action, NULL);
}

/* Standard error stays: it is where a helper may still say something once its parent is gone. */
static int keep_only(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0))
		return -errno;
	if (fd > STDERR_FILENO + 1 && close_range(STDERR_FILENO + 1, (unsigned int)fd - 1, 0) < 0)
		return -errno;
	return close_range((unsigned int)fd + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int become_helper(const char *name, int fd)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		set_signal(ignored[i], SIG_IGN);
	/* An ignored SIGCHLD would be inherited, and nothing could be waited for. */
	set_signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, name);
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (chdir("/") < 0)
		return -errno;
	return keep_only(fd);
}

pid_t child_fork(const char *name, int *ret_fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* Above the standard three, which may have been closed. */
	for (int i = 0; i < 2; i++) {
		int high = fcntl(pair[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		if (high < 0) {
			int r = -errno;

			close(pair[0]);
			close(pair[1]);
			return r;
		}
		close(pair[i]);
		pair[i] = high;
	}
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(pair[0]);
		close(pair[1]);
		return r;
	}
	if (pid == 0 && become_helper(name, pair[1]) < 0)
		_exit(EXIT_FAILURE);
	if (pid > 0)
		close(pair[1]);
	*ret_fd = pair[pid > 0 ? 0 : 1];
	return pid;
}

bool child_send(int fd, const void *message, size_t len)
{
	return send(fd, message, len, MSG_NOSIGNAL) == (ssize_t)len;
}

int child_receive(int fd, void *message, size_t len, int timeout_ms)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int r;

	do {
		r = poll(&readable, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	do {
		n = recv(fd, message, len, 0);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)len ? 0 : -EPIPE;
}

void child_end(int fd)
{
	(void)shutdown(fd, SHUT_WR);
}

void child_gone(pid_t pid, int fd, bool wait)
{
	close(fd);
	while (wait && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Return: the exit status, 128 + signal; -ETIMEDOUT: it still runs; -errno */
static int wait_for(pid_t pid, int timeout_ms)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int status;
	int r;

	if (ended.fd < 0)
		return -errno;
	do {
		r = poll(&ended, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	close(ended.fd);
	if (r == 0)
		return -ETIMEDOUT;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In the child: for good. */
static void run_program(const struct child_run *run, const int fds[static 3])
{
	const struct rlimit output = { .rlim_cur = CHILD_OUTPUT_MAX, .rlim_max = CHILD_OUTPUT_MAX };
	const char *path = getenv("PATH");
	char whole_path[PATH_MAX];
	sigset_t none;

	for (int signal = 1; signal < NSIG; signal++)
		set_signal(signal, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++) {
		if (dup2(fds[i], i) < 0)
			_exit(NOT_FOUND);
	}
	snprintf(whole_path, sizeof(whole_path), "%s%s%s", path ? path : "", path ? ":" : "",
		 SYSTEM_PATH);
	setenv("PATH", whole_path, 1);
	setenv("LC_ALL", "C", 1);
	(void)setrlimit(RLIMIT_FSIZE, &output);
	execvp(run->argv[0], (char *const *)run->argv);
	_exit(NOT_FOUND);
}

/* All of a memory file, as text.  Return: malloc'd, or NULL. */
static char *read_text(int fd)
{
	char *text = malloc(CHILD_OUTPUT_MAX + 1);
	ssize_t n;

	if (!text)
		return NULL;
	n = pread(fd, text, CHILD_OUTPUT_MAX, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void read_first_line(int fd, char *line, size_t size)
{
	ssize_t n = pread(fd, line, size - 1, 0);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
}

/*
 * Three files in memory, which no amount of output can block on.  Each is above the standard
 * three, so that no dup2() of the child's overwrites another's source.
 */
static int open_files(const struct child_run *run, int fds[static 3])
{
	for (int i = 0; i < 3; i++) {
		int fd = memfd_create("run", MFD_CLOEXEC);

		fds[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (fd >= 0)
			close(fd);
		if (fds[i] < 0)
			return -errno;
	}
	if (run->input) {
		size_t len = strlen(run->input);

		if (pwrite(fds[0], run->input, len, 0) != (ssize_t)len)
			return -ENOMEM;
	}
	return 0;
}

static int run_and_wait(struct child_run *run, const int fds[static 3])
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_program(run, fds);
	status = wait_for(pid, run->timeout_ms);
	if (status == -ETIMEDOUT) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (status < 0)
		return status;
	run->output = read_text(fds[1]);
	read_first_line(fds[2], run->error, sizeof(run->error));
	if (status == NOT_FOUND)
		return -ENOENT;
	return status == 0 ? 0 : -EIO;
}

int child_run(struct child_run *run)
{
	int fds[3] = { -1, -1, -1 };
	int r;

	run->output = NULL;
	run->error[0] = '\0';
	r = open_files(run, fds);
	if (r == 0)
		r = run_and_wait(run, fds);
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return r;
}
