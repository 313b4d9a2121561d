/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/ports.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "io/external.h"

#define N_BLOCKS (65536 / PORT_BLOCK)
#define KEY_LEN  16

/* Left for streams (1,024), for upstreams of DNS, for control and for files, or a quarter of a
 * small limit: one client with many connections must not take these from the others. */
#define DESCRIPTORS_LEFT 2048

/* The guards of one leased block. */
struct lease {
	int fds[PORT_BLOCK];
};

struct ports {
	uint32_t address;
	int ifindex;
	struct rng *rng;
	bool md5;        /* the kernel has TCP_MD5SIG_EXT */
	bool tcp_filter; /* it has not, but lets us filter a listener */
	bool udp_trains; /* it can describe UDP trains to a packet socket */
	int descriptors; /* guards have lower numbers: the kernel gives out the lowest */
	uint8_t key[KEY_LEN];
	uint16_t candidates[N_BLOCKS]; /* blocks that are not excluded */
	uint32_t n_candidates;
	struct lease *leases[N_PORT_PROTOCOLS][N_BLOCKS];
	uint32_t n_leased[N_PORT_PROTOCOLS];
};

static void exclude(bool *excluded, unsigned int first, unsigned int last)
{
	for (unsigned int port = first; port <= last && port <= UINT16_MAX; port++)
		excluded[port / PORT_BLOCK] = true;
}

static void exclude_local_range(bool *excluded)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int first = 32768, last = 60999;

	if (file) {
		if (fscanf(file, "%u %u", &first, &last) != 2) {
			first = 32768;
			last = 60999;
		}
		fclose(file);
	}
	exclude(excluded, first, last);
}

/* "8080,9000-9100" */
static void exclude_reserved(bool *excluded)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_reserved_ports", "re");
	unsigned int first, last;
	int c;

	if (!file)
		return;
	while (fscanf(file, "%u", &first) == 1) {
		last = first;
		c = getc(file);
		if (c == '-' && fscanf(file, "%u", &last) == 1)
			c = getc(file);
		exclude(excluded, first, last);
		if (c != ',')
			break;
	}
	fclose(file);
}

static void find_candidates(struct ports *p, uint16_t avoid)
{
	bool excluded[N_BLOCKS] = { false };

	exclude(excluded, 0, 1023);
	exclude(excluded, 30000, 32767);
	exclude(excluded, avoid, avoid);
	exclude_local_range(excluded);
	exclude_reserved(excluded);
	for (uint16_t block = 0; block < N_BLOCKS; block++) {
		if (!excluded[block])
			p->candidates[p->n_candidates++] = block;
	}
}

/* Return: how many descriptors may be open when the last guard has been opened. */
static int raise_descriptor_limit(void)
{
	struct rlimit limit;
	rlim_t left;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return INT_MAX;
	if (limit.rlim_cur != limit.rlim_max) {
		rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = before;
	}
	left = limit.rlim_cur / 4 < DESCRIPTORS_LEFT ? limit.rlim_cur / 4 : DESCRIPTORS_LEFT;
	return limit.rlim_cur - left < INT_MAX ? (int)(limit.rlim_cur - left) : INT_MAX;
}

/*
 * UDP_GRO on a guard makes the kernel join datagrams; before Linux 6.2 it can't tell a packet
 * socket about the result, and the whole train would be lost to us.
 */
static bool kernel_describes_udp_trains(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 2);
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int filter_everything(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &nothing };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

/* A key that nobody has, for whoever sends: every segment lacks its signature. */
static int demand_signature(const struct ports *p, int fd)
{
	struct sockaddr_in anybody = { .sin_family = AF_INET };
	struct tcp_md5sig md5 = { .tcpm_flags = TCP_MD5SIG_FLAG_PREFIX, .tcpm_keylen = KEY_LEN };

	memcpy(&md5.tcpm_addr, &anybody, sizeof(anybody));
	memcpy(md5.tcpm_key, p->key, KEY_LEN);
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &md5, sizeof(md5)) < 0 ? -errno : 0;
}

static int silence_tcp(const struct ports *p, int fd)
{
	/* Without this the listener would answer: a port whose silence can't be had is not leased. */
	if (set_int(fd, IPPROTO_IP, IP_MINTTL, 255) < 0)
		return -EOPNOTSUPP;
	if (p->md5)
		return demand_signature(p, fd) < 0 ? -EOPNOTSUPP : 0;
	if (p->tcp_filter)
		return filter_everything(fd) < 0 ? -EOPNOTSUPP : 0;
	return 0;
}

static int silence_udp(const struct ports *p, int fd)
{
	if (filter_everything(fd) < 0)
		return -EOPNOTSUPP;
	if (p->udp_trains)
		(void)set_int(fd, IPPROTO_UDP, UDP_GRO, 1);
	return 0;
}

/* What the kernel has is found out once, on a socket that is never bound. */
static void try_silences(struct ports *p)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	p->md5 = demand_signature(p, fd) == 0;
	p->tcp_filter = !p->md5 && filter_everything(fd) == 0;
	close(fd);
}

/* Return: a descriptor, or -errno.  The guard is silent before it can hear anything. */
static int open_guard(const struct ports *p, enum port_protocol protocol, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(p->address) };
	bool tcp = protocol == PORT_TCP;
	int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = fd >= p->descriptors ? -EMFILE : tcp ? silence_tcp(p, fd) : silence_udp(p, fd);
	/* Unprivileged since Linux 5.7; a guard for all interfaces is as silent. */
	if (r == 0 && p->ifindex != 0)
		(void)set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, p->ifindex);
	if (r == 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		r = -errno;
	if (r == 0 && tcp && listen(fd, 0) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int ports_new(uint32_t address, int ifindex, uint16_t avoid, struct rng *rng, struct ports **ret)
{
	struct ports *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->address = address;
	p->ifindex = ifindex;
	p->rng = rng;
	rng_fill(rng, p->key, sizeof(p->key));
	p->udp_trains = kernel_describes_udp_trains();
	try_silences(p);
	find_candidates(p, avoid);
	p->descriptors = raise_descriptor_limit();
	*ret = p;
	return 0;
}

struct ports *ports_free(struct ports *p)
{
	if (!p)
		return NULL;
	for (unsigned int block = 0; block < N_BLOCKS; block++) {
		ports_release(p, PORT_TCP, (uint16_t)(block * PORT_BLOCK));
		ports_release(p, PORT_UDP, (uint16_t)(block * PORT_BLOCK));
	}
	explicit_bzero(p->key, sizeof(p->key));
	free(p);
	return NULL;
}

/* Return: 0; -EADDRINUSE when the host has one of the ports; another error ends the search. */
static int lease_block(struct ports *p, enum port_protocol protocol, uint16_t block)
{
	struct lease *lease = malloc(sizeof(*lease));
	unsigned int n = 0;
	int r = 0;

	if (!lease)
		return -ENOMEM;
	while (r == 0 && n < PORT_BLOCK) {
		int fd = open_guard(p, protocol, (uint16_t)(block * PORT_BLOCK + n));

		if (fd < 0)
			r = fd;
		else
			lease->fds[n++] = fd;
	}
	if (r == 0) {
		p->leases[protocol][block] = lease;
		p->n_leased[protocol] += PORT_BLOCK;
		return 0;
	}
	while (n > 0)
		close(lease->fds[--n]);
	free(lease);
	/* EACCES: the host keeps the port for the privileged, or a security module does. */
	return r == -EACCES || r == -EPERM ? -EADDRINUSE : r;
}

int ports_lease(struct ports *p, enum port_protocol protocol, unsigned int worker,
		unsigned int workers, uint16_t *ret_first)
{
	uint16_t blocks[N_BLOCKS];
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_candidates; i++) {
		uint16_t block = p->candidates[i];

		if (!p->leases[protocol][block] &&
		    external_worker((uint16_t)(block * PORT_BLOCK), workers) == worker)
			blocks[n++] = block;
	}
	while (n > 0) {
		uint32_t i = rng_below(p->rng, n);
		int r = lease_block(p, protocol, blocks[i]);

		if (r == 0)
			*ret_first = (uint16_t)(blocks[i] * PORT_BLOCK);
		if (r == -ENFILE)
			return -EMFILE;
		if (r != -EADDRINUSE)
			return r;
		blocks[i] = blocks[--n];
	}
	return -ENOSPC;
}

void ports_release(struct ports *p, enum port_protocol protocol, uint16_t first)
{
	struct lease **lease = &p->leases[protocol][first / PORT_BLOCK];

	if (!*lease)
		return;
	for (unsigned int i = 0; i < PORT_BLOCK; i++)
		close((*lease)->fds[i]);
	free(*lease);
	*lease = NULL;
	p->n_leased[protocol] -= PORT_BLOCK;
}

struct ports_counts ports_counts(const struct ports *p, enum port_protocol protocol)
{
	return (struct ports_counts){ .leasable = p->n_candidates * PORT_BLOCK,
				      .leased = p->n_leased[protocol] };
}

const char *ports_guard(const struct ports *p, enum port_protocol protocol)
{
	if (protocol == PORT_TCP && p->md5)
		return "md5";
	return protocol == PORT_UDP || p->tcp_filter ? "filter" : "minttl";
}
