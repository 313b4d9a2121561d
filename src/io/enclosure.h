/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enclosure.h - a command in namespaces of its own, whose whole network is one adapter
 *
 * The child makes user, network and mount namespaces (network and mount alone for root who may),
 * brings up lo and an adapter with the given addresses and default routes for both families, puts its
 * own resolv.conf and nsswitch.conf in the place of the host's, hides sockets by which names would be
 * resolved outside (nscd, systemd-resolved), hands the adapter over, waits for the word, gives up
 * what rights it has in there, and runs the command.  Nothing of the host is touched, and nothing stays.
 *
 * Where /dev/net/tun can't be opened, the adapter is a veth pair inside, and what is handed over
 * is a packet socket on its other end.
 *
 * Linux: unshare(2), user_namespaces(7).  Unprivileged where the host allows user namespaces.
 */
#ifndef CULVERT_IO_ENCLOSURE_H
#define CULVERT_IO_ENCLOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "io/tun.h"

struct enclosure_params {
	const char *name; /* of the adapter inside */
	const struct prefix *addresses;
	size_t n_addresses;
	uint32_t mtu;
	const char *resolv_conf; /* text of the file that the command sees */
	char *const *command;    /* NULL-terminated; found by PATH */
};

struct enclosure;

/**
 * enclosure_new() - everything but the command
 * @complaint: 512 bytes; on failure one sentence with cause and cure
 *
 * Context: before any other thread exists, for it forks.
 * Return: 0 or -errno.
 */
int enclosure_new(const struct enclosure_params *params, struct enclosure **ret, char *complaint);

/** enclosure_take_tun() - the adapter; the caller's from now on */
struct tun *enclosure_take_tun(struct enclosure *e);

/** enclosure_start() - lets the command run */
int enclosure_start(struct enclosure *e);

/** enclosure_fd() - readable when the command has ended (pidfd) */
int enclosure_fd(const struct enclosure *e);

/**
 * enclosure_signal() - passes a signal that this process got on to the command
 *
 * Not SIGINT and SIGQUIT: a terminal has sent them to the command as well.
 */
void enclosure_signal(const struct enclosure *e, int signal_number);

/**
 * enclosure_wait() - Return: the exit status as a shell has it: the command's, 128 + signal,
 * 126: not executable, 127: not found, 125: something of ours failed (said on standard error)
 */
int enclosure_wait(struct enclosure *e);

/** enclosure_free() - ends a command that still waits for enclosure_start() */
struct enclosure *enclosure_free(struct enclosure *e);

#endif
