/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.h - external ports leased from the host, reserved and silent
 *
 * The kernel answers for ports it does not know: a RST for a TCP segment, a
 * port-unreachable for a datagram.  A leased port is bound by a guard socket that
 * reserves it against the host's own programs and swallows whatever arrives:
 *
 *   TCP  a listener with backlog 0, IP_MINTTL 255 and, where the kernel has it, a TCP_MD5SIG_EXT key
 *        for 0.0.0.0/0: every segment is dropped without an answer
 *   UDP  a bound socket with a "return 0" filter, and UDP_GRO so that trains form for our tap
 *
 * Unprivileged for ports >= 1024.  Nothing is left behind: the guards are descriptors.
 * Ports come from outside 0-1023, ip_local_port_range, ip_local_reserved_ports and 30000-32767
 * (Kubernetes node ports), in blocks of 64.  A block is leased whole or not at all.
 *
 * Context: main thread; a block costs some 20-50 ms of system calls at worst, so lease ahead of need.
 */
#ifndef CULVERT_IO_PORTS_H
#define CULVERT_IO_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

enum port_protocol { PORT_TCP, PORT_UDP, N_PORT_PROTOCOLS };

#define PORT_BLOCK 64

struct ports;

/**
 * ports_new() - nothing is leased yet
 * @address: external IPv4 address to bind, host order
 * @ifindex: external interface (0: any), so that the guards do not shadow other interfaces
 * @avoid: the tunnel's own UDP port
 *
 * Raises the soft descriptor limit to the hard one.
 * Return: 0 or -errno.
 */
int ports_new(uint32_t address, int ifindex, uint16_t avoid, struct rng *rng, struct ports **ret);
struct ports *ports_free(struct ports *p);

/**
 * ports_lease() - one more block for @worker of @workers, chosen at random
 *
 * A block of whose ports one is in use by the host, or cannot be made silent, is passed over.
 * Return: 0 and its first port; -ENOSPC: no block is left; -EMFILE: so few descriptors are left
 * (1024, or a quarter of a small limit) that others need them; -EOPNOTSUPP: guards can't be made
 * silent here.
 */
int ports_lease(struct ports *p, enum port_protocol protocol, unsigned int worker,
		unsigned int workers, uint16_t *ret_first);

/** ports_release() - closes the guards of the block that begins at @first */
void ports_release(struct ports *p, enum port_protocol protocol, uint16_t first);

struct ports_counts {
	uint32_t leasable; /* ports that could ever be leased here */
	uint32_t leased;
};

struct ports_counts ports_counts(const struct ports *p, enum port_protocol protocol);

/**
 * ports_guard() - how the guards are silenced, for status
 *
 * "md5"; "filter" where the kernel has no TCP_MD5SIG_EXT, and always for UDP; "minttl" where it
 * lets us have neither: then a TCP segment that arrives with TTL 255 is answered.
 */
const char *ports_guard(const struct ports *p, enum port_protocol protocol);

#endif
