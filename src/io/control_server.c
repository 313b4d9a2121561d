/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/claim.h"

#define PATIENCE     (CONTROL_PATIENCE_MS * NS_PER_MS)
#define ACCEPT_PAUSE (100 * NS_PER_MS) /* when the process has no descriptor left */
#define BUFFER_FIRST 4096
#define LISTENER     UINT64_MAX /* epoll data; connections have their slot */
#define GROUPS_MAX   1024

static const char stranger[] = "error: not permitted: ask as root, as the gateway's user or as a "
			       "member of the configuration file's group\n";

enum connection_state {
	CONNECTION_FREE,
	CONNECTION_READING,
	CONNECTION_COMPLETE, /* a request waits to be taken */
	CONNECTION_TAKEN,    /* its answer is being made, however long that takes */
	CONNECTION_WRITING,
};

struct connection {
	enum connection_state state;
	int fd;
	uint64_t id;
	uint64_t deadline;
	char *in; /* in_size bytes, in_len of them read; request_len with its end once complete */
	size_t in_size;
	size_t in_len;
	size_t request_len;
	char *out;
	size_t out_len;
	size_t out_sent;
	bool reader;
	bool owner;
	pid_t pid;
};

struct control_server {
	struct claim claim;
	int epoll_fd;
	bool uapi;
	const char *made_dir; /* the socket's folder, if it was not there before */
	char config_path[PATH_MAX];
	uid_t file_uid; /* of the configuration file */
	gid_t file_gid;
	uint64_t accept_again; /* NEVER unless accepting pauses */
	uint64_t last_id;
	unsigned int next_slot; /* fairness of control_server_next() */
	struct connection connections[CONTROL_CONNECTIONS];
};

static void wipe_free(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

static void connection_close(struct connection *c)
{
	close(c->fd); /* leaves the epoll by itself: nobody else has the descriptor */
	wipe_free(c->in, c->in_size);
	wipe_free(c->out, c->out_len);
	*c = (struct connection){ .state = CONNECTION_FREE, .fd = -1, .deadline = NEVER };
}

/* The only place that changes a live connection's state, its events and its deadline with it. */
static void connection_enter(struct control_server *s, struct connection *c,
			     enum connection_state to, uint64_t now)
{
	struct epoll_event event = { .data.u64 = (uint64_t)(c - s->connections) };

	switch (to) {
	case CONNECTION_READING:
		event.events = EPOLLIN;
		c->deadline = now + PATIENCE;
		break;
	case CONNECTION_COMPLETE:
	case CONNECTION_TAKEN:
		/* Hang-ups are still told; what else the client sends waits in the kernel. */
		c->deadline = NEVER;
		break;
	case CONNECTION_WRITING:
		event.events = EPOLLOUT;
		c->deadline = now + PATIENCE;
		break;
	case CONNECTION_FREE:
		connection_close(c);
		return;
	}
	c->state = to;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static size_t request_max(const struct control_server *s)
{
	return s->uapi ? UAPI_REQUEST_MAX : CONTROL_REQUEST_MAX;
}

/* Length of the first request in the buffer with its end, or 0; bytes before @from are known. */
static size_t request_end(const struct control_server *s, const struct connection *c, size_t from)
{
	const char *end;

	if (!s->uapi) {
		end = memchr(c->in + from, '\n', c->in_len - from);
		return end ? (size_t)(end + 1 - c->in) : 0;
	}
	from -= from > 0; /* the first newline of the pair may be known already */
	end = memmem(c->in + from, c->in_len - from, "\n\n", 2);
	return end ? (size_t)(end + 2 - c->in) : 0;
}

/* Makes room for at least one more byte; realloc() would leave a copy of keys behind. */
static bool input_grow(struct control_server *s, struct connection *c)
{
	size_t size = c->in_size ? c->in_size * 2 : BUFFER_FIRST;
	char *larger;

	if (c->in_len < c->in_size)
		return true;
	if (c->in_size >= request_max(s))
		return false;
	larger = malloc(size);
	if (!larger)
		return false;
	if (c->in_len > 0)
		memcpy(larger, c->in, c->in_len);
	wipe_free(c->in, c->in_size);
	c->in = larger;
	c->in_size = size;
	return true;
}

static void connection_read(struct control_server *s, struct connection *c, uint64_t now)
{
	for (;;) {
		ssize_t n;

		if (!input_grow(s, c)) {
			connection_close(c);
			return;
		}
		n = recv(c->fd, c->in + c->in_len, c->in_size - c->in_len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			connection_close(c);
			return;
		}
		c->in_len += (size_t)n;
		c->request_len = request_end(s, c, c->in_len - (size_t)n);
		if (c->request_len > 0) {
			connection_enter(s, c, CONNECTION_COMPLETE, now);
			return;
		}
	}
}

/* A UAPI connection goes on with what it may have sent already. */
static void connection_next_request(struct control_server *s, struct connection *c, uint64_t now)
{
	size_t rest = c->in_len - c->request_len;

	memmove(c->in, c->in + c->request_len, rest);
	explicit_bzero(c->in + rest, c->in_len - rest);
	c->in_len = rest;
	c->request_len = request_end(s, c, 0);
	connection_enter(s, c, c->request_len > 0 ? CONNECTION_COMPLETE : CONNECTION_READING, now);
}

static void connection_write(struct control_server *s, struct connection *c, uint64_t now)
{
	while (c->out_sent < c->out_len) {
		ssize_t n =
			send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			connection_close(c);
			return;
		}
		c->out_sent += (size_t)n;
	}
	if (!s->uapi) {
		connection_close(c);
		return;
	}
	wipe_free(c->out, c->out_len);
	c->out = NULL;
	c->out_len = 0;
	connection_next_request(s, c, now);
}

static bool in_groups(int fd, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false; /* too many of them, or a kernel before 4.13 */
	for (size_t i = 0; i < len / sizeof(gid_t); i++) {
		if (groups[i] == wanted)
			return true;
	}
	return false;
}

/* Who is there, as of its connect(). */
static void connection_identify(const struct control_server *s, struct connection *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return;
	c->pid = cred.pid;
	c->owner = cred.uid == 0 || cred.uid == geteuid();
	c->reader = c->owner;
	if (!s->uapi && !c->reader)
		c->reader = cred.uid == s->file_uid || cred.gid == s->file_gid ||
			    in_groups(c->fd, s->file_gid);
}

static struct connection *free_slot(struct control_server *s)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		if (s->connections[i].state == CONNECTION_FREE)
			return &s->connections[i];
	}
	return NULL;
}

/* Strangers are told so at once, without a slot: they can't keep anybody else out. */
static void connection_open(struct control_server *s, int fd, uint64_t now)
{
	struct connection candidate = { .fd = fd };
	struct connection *c = free_slot(s);
	struct epoll_event event = { .events = EPOLLIN };

	connection_identify(s, &candidate);
	if (!candidate.reader)
		(void)!send(fd, stranger, sizeof(stranger) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	event.data.u64 = c ? (uint64_t)(c - s->connections) : 0;
	if (!candidate.reader || !c || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		close(fd);
		return;
	}
	*c = candidate;
	c->id = ++s->last_id * CONTROL_CONNECTIONS + (uint64_t)(c - s->connections);
	connection_enter(s, c, CONNECTION_READING, now);
}

static void listener_watch(struct control_server *s, bool on)
{
	struct epoll_event event = { .events = on ? EPOLLIN : 0, .data.u64 = LISTENER };

	epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->claim.listen_fd, &event);
}

/* A bounded number per call: a storm of connections must not hold up the thread. */
static void accept_some(struct control_server *s, uint64_t now)
{
	for (int i = 0; i < 2 * CONTROL_CONNECTIONS; i++) {
		int fd = accept4(s->claim.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			connection_open(s, fd, now);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			/* The listener stays readable: without a pause it would spin. */
			s->accept_again = now + ACCEPT_PAUSE;
			listener_watch(s, false);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void connection_event(struct control_server *s, struct connection *c, uint32_t events,
			     uint64_t now)
{
	switch (c->state) {
	case CONNECTION_FREE:
		break;
	case CONNECTION_READING:
		connection_read(s, c, now);
		break;
	case CONNECTION_COMPLETE:
	case CONNECTION_TAKEN:
		if (events & (EPOLLHUP | EPOLLERR))
			connection_close(c);
		break;
	case CONNECTION_WRITING:
		connection_write(s, c, now);
		break;
	}
}

void control_server_run(struct control_server *s, uint64_t now)
{
	struct epoll_event events[CONTROL_CONNECTIONS + 1];
	int n = epoll_wait(s->epoll_fd, events, CONTROL_CONNECTIONS + 1, 0);
	bool knock = false;

	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == LISTENER)
			knock = true;
		else
			connection_event(s, &s->connections[events[i].data.u64], events[i].events,
					 now);
	}
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		if (s->connections[i].state != CONNECTION_FREE && s->connections[i].deadline <= now)
			connection_close(&s->connections[i]);
	}
	if (s->accept_again <= now) {
		s->accept_again = NEVER;
		listener_watch(s, true);
	}
	/* Last, so that the slots freed above are there, and no event above is of a new connection. */
	if (knock)
		accept_some(s, now);
}

bool control_server_next(struct control_server *s, struct control_call *ret)
{
	for (unsigned int i = 0; i < CONTROL_CONNECTIONS; i++) {
		unsigned int slot = (s->next_slot + i) % CONTROL_CONNECTIONS;
		struct connection *c = &s->connections[slot];

		if (c->state != CONNECTION_COMPLETE)
			continue;
		connection_enter(s, c, CONNECTION_TAKEN, 0);
		s->next_slot = slot + 1;
		*ret = (struct control_call){
			.id = c->id,
			.text = c->in,
			.len = c->request_len - 1, /* without the newline, or the empty line */
			.reader = c->reader,
			.owner = c->owner,
			.pid = c->pid,
		};
		return true;
	}
	return false;
}

void control_server_answer(struct control_server *s, uint64_t id, char *text, size_t len,
			   uint64_t now)
{
	struct connection *c = &s->connections[id % CONTROL_CONNECTIONS];

	if (c->state != CONNECTION_TAKEN || c->id != id) {
		wipe_free(text, len);
		return;
	}
	if (!text) {
		connection_close(c);
		return;
	}
	c->out = text;
	c->out_len = len;
	c->out_sent = 0;
	connection_enter(s, c, CONNECTION_WRITING, now);
	connection_write(s, c, now);
}

uint64_t control_server_next_deadline(const struct control_server *s)
{
	uint64_t next = s->accept_again;

	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		next = earlier(next, s->connections[i].deadline);
	return next;
}

int control_server_fd(const struct control_server *s)
{
	return s->epoll_fd;
}

const char *control_server_config_path(const struct control_server *s)
{
	return s->config_path;
}

const char *control_server_path(const struct control_server *s)
{
	return s->claim.path;
}

/* Everything but the claim, which the caller has made in @s already. */
static int server_start(struct control_server *s)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = LISTENER };

	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		s->connections[i] = (struct connection){ .fd = -1, .deadline = NEVER };
	s->accept_again = NEVER;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return -errno;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->claim.listen_fd, &event) < 0) {
		int r = -errno;

		close(s->epoll_fd);
		return r;
	}
	return 0;
}

static void make_dir(struct control_server *s, const char *path)
{
	/* Whether it may be used shows when the socket is bound. */
	if (mkdir(path, 0755) == 0)
		s->made_dir = path;
}

/* Return: as control_server_new(); the claim is made in @s. */
static int claim_control(struct control_server *s, pid_t *ret_pid)
{
	char paths[CONTROL_PATHS][CONTROL_PATH_MAX];
	size_t n = control_paths(s->config_path, paths);
	int r = -ENAMETOOLONG;

	make_dir(s, "/run/culvert");
	/* All are probed first: a gateway that found the best one taken sits on the other. */
	for (size_t i = 0; i < n; i++) {
		if (claim_probe(paths[i], s->config_path, ret_pid) < 0)
			return -EADDRINUSE;
	}
	for (size_t i = 0; i < n; i++) {
		/* Anybody may connect; SO_PEERCRED says who it is. */
		r = claim_take(paths[i], s->config_path, 0666, &s->claim, ret_pid);
		if (r == 0 || r == -EADDRINUSE)
			break;
	}
	return r;
}

int control_server_probe(const char *config_path, pid_t *ret_pid)
{
	char paths[CONTROL_PATHS][CONTROL_PATH_MAX];
	char real[PATH_MAX];
	size_t n = realpath(config_path, real) ? control_paths(real, paths) : 0;

	*ret_pid = 0;
	for (size_t i = 0; i < n; i++) {
		if (claim_probe(paths[i], real, ret_pid) < 0)
			return -EADDRINUSE;
	}
	return 0;
}

/*
 * The end of both kinds' beginning.  @claimed: what claiming the path came to; takes @s,
 * which is freed if that or the rest fails.
 */
static int server_begin(struct control_server *s, int claimed, struct control_server **ret)
{
	int r = claimed;

	if (r == 0) {
		r = server_start(s);
		if (r < 0)
			claim_done(&s->claim);
	}
	if (r < 0)
		free(s);
	else
		*ret = s;
	return r;
}

int control_server_new(const char *config_path, struct control_server **ret, pid_t *ret_pid)
{
	struct control_server *s = calloc(1, sizeof(*s));
	struct stat st;

	if (!s)
		return -ENOMEM;
	*ret_pid = 0;
	if (!realpath(config_path, s->config_path) || stat(s->config_path, &st) < 0)
		return server_begin(s, -errno, ret);
	s->file_uid = st.st_uid;
	s->file_gid = st.st_gid;
	return server_begin(s, claim_control(s, ret_pid), ret);
}

int control_server_new_uapi(const char *interface, struct control_server **ret, pid_t *ret_pid)
{
	struct control_server *s = calloc(1, sizeof(*s));
	char path[CONTROL_PATH_MAX];

	if (!s)
		return -ENOMEM;
	*ret_pid = 0;
	s->uapi = true;
	make_dir(s, "/var/run/wireguard");
	strcpy(path, "/var/run/wireguard/");
	if (strlen(interface) > 64 || strchr(interface, '/'))
		return server_begin(s, -EINVAL, ret);
	strcat(strcat(path, interface), ".sock");
	return server_begin(s, claim_take(path, interface, 0600, &s->claim, ret_pid), ret);
}

int control_server_adopt_uapi(int fd, struct control_server **ret)
{
	struct control_server *s = calloc(1, sizeof(*s));
	int flags = fcntl(fd, F_GETFL);

	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	s->uapi = true;
	s->claim.lock_fd = -1;
	s->claim.listen_fd = fd;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return server_begin(s, -errno, ret);
	return server_begin(s, 0, ret);
}

struct control_server *control_server_free(struct control_server *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		if (s->connections[i].state != CONNECTION_FREE)
			connection_close(&s->connections[i]);
	}
	close(s->epoll_fd);
	claim_done(&s->claim);
	if (s->made_dir)
		rmdir(s->made_dir); /* fails while another gateway uses it */
	free(s);
	return NULL;
}
