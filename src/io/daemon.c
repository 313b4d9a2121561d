/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEPT_MAX 8

/* One byte says that all is well; without it there will be an exit status to pass on. */
static int wait_for(pid_t child, int fd)
{
	char byte;
	ssize_t n;
	int status;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void close_others(const int *kept, size_t n)
{
	int from = STDERR_FILENO + 1;

	/* From one kept descriptor to the next; few are, so the smallest is searched each time. */
	for (;;) {
		int next = INT_MAX;

		for (size_t i = 0; i < n; i++) {
			if (kept[i] >= from && kept[i] < next)
				next = kept[i];
		}
		if (next > from)
			(void)close_range((unsigned int)from, (unsigned int)next - 1, 0);
		if (next == INT_MAX)
			return;
		from = next + 1;
	}
}

static void become_second(int ready, const int *kept, size_t n)
{
	int all[KEPT_MAX + 1] = { ready };

	memcpy(all + 1, kept, n * sizeof(*kept));
	close_others(all, n + 1);
	(void)setsid(); /* fails for a leader only, which a fresh child is not */
}

int daemon_fork(const int *kept, size_t n, int *ret_status)
{
	int ends[2];
	pid_t child;
	int r;

	if (n > KEPT_MAX)
		return -E2BIG;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0) {
		r = -errno;
		close(ends[0]);
		close(ends[1]);
		return r;
	}
	if (child > 0) {
		close(ends[1]);
		*ret_status = wait_for(child, ends[0]);
		close(ends[0]);
		return -ECHILD;
	}
	become_second(ends[1], kept, n);
	return ends[1];
}

void daemon_ready(int fd, bool keep_output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Without /dev/null closed ones would be given to the next files that are opened. */
	for (int i = STDIN_FILENO; null >= 0 && i <= (keep_output ? STDIN_FILENO : STDERR_FILENO);
	     i++)
		(void)dup2(null, i);
	if (null >= 0)
		close(null);
	/* Who waited may be gone: then nobody misses the word. */
	(void)!write(fd, "", 1);
	close(fd);
}
