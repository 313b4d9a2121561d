/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/control.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define CONTROL_DIR "/run/culvert"
#define WAIT_END    (10 * NS_PER_S)
#define ANSWER_MAX  (64u << 20) /* 65,536 peers in JSON are some 30 MB */

/* How an answer begins that means "ask the next socket"; control/protocol.h says the same. */
#define OTHER_GATEWAY "error: this gateway runs "

static uint64_t monotonic_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

size_t control_paths(const char *config_path, char ret[static CONTROL_PATHS][CONTROL_PATH_MAX])
{
	const char *slash = strrchr(config_path, '/');
	const char *base = slash ? slash + 1 : config_path;
	int dir = slash ? (int)(slash + 1 - config_path) : 0;
	size_t len = strlen(base);
	size_t n = 0;
	int r;

	if (len > 5 && strcmp(base + len - 5, ".conf") == 0)
		len -= 5;
	r = snprintf(ret[n], CONTROL_PATH_MAX, "/run/culvert/%.*s.sock", (int)len, base);
	if (r > 0 && r < CONTROL_PATH_MAX)
		n++;
	r = snprintf(ret[n], CONTROL_PATH_MAX, "%.*s.%.*s.sock", dir, config_path, (int)len, base);
	if (r > 0 && r < CONTROL_PATH_MAX)
		n++;
	return n;
}

/* Waits until @fd is ready.  Return: 0, -ETIMEDOUT or -errno. */
static int wait_ready(int fd, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = monotonic_now();
		int r;

		if (now >= deadline)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

/* Return: a connected descriptor or -errno. */
static int connect_to(const char *path, uint64_t deadline)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	strcpy(addr.sun_path, path);
	for (;;) {
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
			return fd;
		r = -errno;
		/* A full backlog is EAGAIN, and no event tells when there is room. */
		if (r != -EAGAIN && r != -EINTR)
			break;
		r = -ETIMEDOUT;
		if (monotonic_now() >= deadline)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	close(fd);
	return r;
}

static int send_all(int fd, const char *text, size_t len, uint64_t deadline)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		int r;

		if (n > 0) {
			text += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EPIPE)
			return 0; /* the server has spoken already: a refusal waits to be read */
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_ready(fd, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Reads to the end of the connection. */
static int receive_all(int fd, char **ret, uint64_t deadline)
{
	size_t size = 16384;
	size_t len = 0;
	char *text = malloc(size);
	int r = 0;

	while (text) {
		ssize_t n;

		if (len + 1 == size) {
			char *larger = size < ANSWER_MAX ? realloc(text, size * 2) : NULL;

			if (!larger)
				break;
			text = larger;
			size *= 2;
		}
		n = recv(fd, text + len, size - len - 1, 0);
		if (n > 0) {
			len += (size_t)n;
			continue;
		}
		/* A server that refuses early closes with our request unread: that is a reset. */
		if (n == 0 || errno == ECONNRESET) {
			text[len] = '\0';
			if (len > 0) {
				*ret = text;
				return 0;
			}
			r = -EPROTO;
			break;
		}
		if (errno == EAGAIN)
			r = wait_ready(fd, POLLIN, deadline);
		else if (errno != EINTR)
			r = -errno;
		if (r < 0)
			break;
	}
	free(text);
	return r < 0 ? r : -ENOMEM;
}

static int ask(const char *path, const char *line, char **ret_answer)
{
	uint64_t deadline = monotonic_now() + CONTROL_PATIENCE_MS * NS_PER_MS;
	int fd = connect_to(path, deadline);
	int r;

	if (fd < 0)
		return fd;
	r = send_all(fd, line, strlen(line), deadline);
	if (r == 0)
		r = receive_all(fd, ret_answer, deadline);
	close(fd);
	return r;
}

int control_request(const char *config_path, const char *request, char **ret_answer)
{
	char paths[CONTROL_PATHS][CONTROL_PATH_MAX];
	char line[CONTROL_REQUEST_MAX + 1];
	char real[PATH_MAX];
	int result = -ECONNREFUSED;
	size_t n;

	if (!realpath(config_path, real))
		return -errno;
	if (snprintf(line, sizeof(line), "%s %s\n", request, real) >= (int)sizeof(line))
		return -ENAMETOOLONG;
	n = control_paths(real, paths);
	for (size_t i = 0; i < n; i++) {
		char *answer;
		int r = ask(paths[i], line, &answer);

		if (r == 0 && strncmp(answer, OTHER_GATEWAY, strlen(OTHER_GATEWAY)) != 0) {
			*ret_answer = answer;
			return 0;
		}
		if (r == 0)
			free(answer);
		else if (r != -ENOENT && r != -ECONNREFUSED && r != -ENOTDIR)
			result = r;
	}
	return result;
}

/* Appends @path to the list.  Return: 0 or -ENOMEM. */
static int list_add(char **list, size_t *len, const char *path)
{
	size_t n = strlen(path) + 1;
	char *longer = realloc(*list, *len + n + 1);

	if (!longer)
		return -ENOMEM;
	memcpy(longer + *len, path, n);
	*len += n;
	longer[*len] = '\0';
	*list = longer;
	return 0;
}

/* Whoever is asked about no configuration of its own says which one that is. */
static int list_socket(const char *name, char **list, size_t *len)
{
	char path[CONTROL_PATH_MAX];
	char *answer;
	int r;

	if (snprintf(path, sizeof(path), CONTROL_DIR "/%s", name) >= (int)sizeof(path) ||
	    ask(path, "status /\n", &answer) < 0)
		return 0;
	answer[strcspn(answer, "\n")] = '\0';
	r = strncmp(answer, OTHER_GATEWAY, strlen(OTHER_GATEWAY)) == 0
		    ? list_add(list, len, answer + strlen(OTHER_GATEWAY))
		    : 0;
	free(answer);
	return r;
}

int control_running(char **ret)
{
	char *list = calloc(1, 1);
	DIR *dir = opendir(CONTROL_DIR);
	const struct dirent *entry;
	size_t len = 0;
	int r = list ? 0 : -ENOMEM;

	while (dir && r == 0 && (entry = readdir(dir)) != NULL) {
		size_t n = strlen(entry->d_name);

		if (n > 5 && strcmp(entry->d_name + n - 5, ".sock") == 0)
			r = list_socket(entry->d_name, &list, &len);
	}
	if (dir)
		closedir(dir);
	if (r == 0)
		*ret = list;
	else
		free(list);
	return r;
}

int control_wait_end(const char *config_path)
{
	uint64_t deadline = monotonic_now() + WAIT_END;

	while (monotonic_now() < deadline) {
		char *answer;
		int r = control_request(config_path, "status", &answer);

		if (r == 0)
			free(answer);
		else if (r != -EPROTO && r != -ETIMEDOUT)
			return 0;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return -ETIMEDOUT;
}
