/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/stream_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/sockaddr.h"
#include "io/stream.h"

#define LISTEN_BACKLOG 1024

/*
 * Bytes that the kernel takes beyond what the window lets it send: they are out of the reach of
 * our queue, so few, but enough to go on until this thread is back.
 */
#define NOT_SENT (16 << 10)

#define UNACKNOWLEDGED  15000 /* ms until a connection with data on its way counts as dead */
#define KEEPALIVE_AFTER 25    /* s of silence: less than the shortest NAT timeouts in use, 30 s */
#define KEEPALIVE_EVERY 5     /* s, until UNACKNOWLEDGED is reached */

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Whether it is in the kernel already: a privileged setsockopt() would load it, and it would stay. */
static bool has_congestion_control(const char *name)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_available_congestion_control", "re");
	char word[16]; /* TCP_CA_NAME_MAX */
	bool found = false;

	if (!f)
		return false;
	while (!found && fscanf(f, "%15s", word) == 1)
		found = strcmp(word, name) == 0;
	fclose(f);
	return found;
}

/*
 * Each of them makes a stream better, and none is needed.  BBR, because each loss on the way is one that the
 * inner sender has not caused and sees twice, as loss and as a stall: with 1 % of loss and 100 ms
 * four streams carried 47 Mbit/s by BBR and 5 by CUBIC, eight connections inside, one run each.
 */
static void set_options(int fd)
{
	static const char control[] = "bbr";

	if (has_congestion_control(control))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control, sizeof(control) - 1);
	(void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	(void)set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT);
	(void)set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED);
	(void)set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	(void)set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_AFTER);
	(void)set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY);
}

int stream_socket_connect(const struct endpoint *to, int *ret_failed)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_put(to, &sa);
	int fd = socket(sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	set_options(fd);
	*ret_failed = 0;
	if (connect(fd, &sa.any, len) < 0 && errno != EINPROGRESS)
		*ret_failed = -errno;
	return fd;
}

int stream_socket_connected(int fd)
{
	union sockaddr_any peer;
	socklen_t peer_len = sizeof(peer);
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	if (error != 0)
		return -error;
	if (getpeername(fd, &peer.any, &peer_len) < 0)
		return errno == ENOTCONN ? -EAGAIN : -errno;
	return 0;
}

static int listen_on(const struct endpoint *at)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_put(at, &sa);
	int fd = socket(sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	set_options(fd); /* accepted sockets inherit them */
	/* A restart must not wait for the connections of the last run to be forgotten. */
	r = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0 && at->addr.family == ADDR_IP6)
		r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (r == 0 && (bind(fd, &sa.any, len) < 0 || listen(fd, LISTEN_BACKLOG) < 0))
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int stream_listen(uint16_t port)
{
	struct endpoint any = { .addr.family = ADDR_IP6, .port = port };
	int fd = listen_on(&any);

	/* A kernel without IPv6 refuses the socket, one with it disabled the address. */
	if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) {
		any.addr.family = ADDR_IP4;
		fd = listen_on(&any);
	}
	return fd;
}

int stream_socket_accept(int listener, struct endpoint *ret_remote)
{
	union sockaddr_any sa = { 0 };
	socklen_t len = sizeof(sa);
	int fd;

	/* A connection that was reset while it waited is none. */
	do
		fd = accept4(listener, &sa.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && (errno == ECONNABORTED || errno == EINTR));
	if (fd < 0)
		return -errno;
	*ret_remote = sockaddr_get(&sa);
	return fd;
}

struct addr stream_socket_local(int fd)
{
	union sockaddr_any sa = { 0 };
	socklen_t len = sizeof(sa);

	if (getsockname(fd, &sa.any, &len) < 0)
		return (struct addr){ .family = ADDR_NONE };
	return sockaddr_get(&sa).addr;
}
