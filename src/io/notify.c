/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define STATUS_MAX 512

struct notify {
	int fd; /* connected; -1: nobody listens */
	uint64_t watchdog_interval;
};

/* Return: a connected datagram socket or -errno. */
static int connect_to(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	socklen_t addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	int fd;
	int r;

	if (name[0] != '/' && name[0] != '@')
		return -EAFNOSUPPORT; /* "vsock:" of virtual machines */
	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0'; /* abstract: the length counts, there is no final NUL */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, addr_len) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* $WATCHDOG_USEC counts only if $WATCHDOG_PID is absent or ours. */
static uint64_t watchdog_from_environment(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t v;
	char *end;

	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return NEVER;
	v = strtoull(usec, &end, 10);
	if (*usec < '0' || *usec > '9' || *end != '\0' || v == 0 || v > UINT64_MAX / NS_PER_US)
		return NEVER;
	return v * NS_PER_US / 3;
}

int notify_new(struct notify **ret)
{
	struct notify *n = malloc(sizeof(*n));
	const char *name = getenv("NOTIFY_SOCKET");
	int r = 0;

	if (!n)
		return -ENOMEM;
	*n = (struct notify){ .fd = -1, .watchdog_interval = NEVER };
	if (name && *name) {
		r = connect_to(name);
		n->fd = r < 0 ? -1 : r;
		if (r >= 0)
			n->watchdog_interval = watchdog_from_environment();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	*ret = n;
	return r < 0 ? r : 0;
}

struct notify *notify_free(struct notify *n)
{
	if (n && n->fd >= 0)
		close(n->fd);
	free(n);
	return NULL;
}

/* A service manager that is busy misses a message: we never wait for it. */
static void tell(struct notify *n, const char *text)
{
	if (n->fd >= 0)
		(void)!send(n->fd, text, strlen(text), MSG_NOSIGNAL);
}

/* "PREFIX=status", without what would begin another assignment. */
static void tell_status(struct notify *n, const char *prefix, const char *status)
{
	char text[STATUS_MAX];
	size_t start = (size_t)snprintf(text, sizeof(text), "%sSTATUS=", prefix);

	snprintf(text + start, sizeof(text) - start, "%s", status);
	for (char *p = text + start; *p; p++) {
		if (*p == '\n')
			*p = ' ';
	}
	tell(n, text);
}

void notify_ready(struct notify *n, const char *status)
{
	tell_status(n, "READY=1\n", status);
}

void notify_reloading(struct notify *n, uint64_t now)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now / NS_PER_US);
	tell(n, text);
}

void notify_stopping(struct notify *n)
{
	tell(n, "STOPPING=1");
}

void notify_status(struct notify *n, const char *status)
{
	tell_status(n, "", status);
}

uint64_t notify_watchdog_interval(const struct notify *n)
{
	return n->watchdog_interval;
}

void notify_watchdog(struct notify *n)
{
	tell(n, "WATCHDOG=1");
}
