/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enclosure_refusal.h - why this host lets no enclosure be made, and the cure
 *
 * An ordinary user's namespaces are switched off in many ways: by the kernel's settings, by a
 * container's filter of system calls, by AppArmor as Ubuntu has it.  All of them answer EPERM.
 */
#ifndef CULVERT_IO_ENCLOSURE_REFUSAL_H
#define CULVERT_IO_ENCLOSURE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#define ENCLOSURE_COMPLAINT_MAX 512

/* What failed. */
enum enclosure_step {
	ENCLOSURE_PROCESS,    /* fork, descriptors, memory */
	ENCLOSURE_NAMESPACES, /* unshare(2) */
	ENCLOSURE_USERS,      /* the map of users */
	ENCLOSURE_FILES,      /* a mount */
	ENCLOSURE_ADAPTER,    /* lo, or the adapter's addresses and routes */
	ENCLOSURE_NO_ADAPTER, /* neither a TUN nor a veth pair */
};

/* What a host says about it; -1: nothing. */
struct enclosure_facts {
	long userns_clone;        /* kernel.unprivileged_userns_clone: Debian, Arch */
	long max_user_namespaces; /* user.max_user_namespaces */
	long max_net_namespaces;
	long max_mnt_namespaces;
	long apparmor_restricts; /* kernel.apparmor_restrict_unprivileged_userns: Ubuntu */
	long seccomp;            /* of this process: 2 if filtered */
	bool root;               /* whether this process is, by name */
	char apparmor[64];       /* the profile that this process is confined by; empty: none */
};

/** enclosure_facts() - reads them below @proc, "/proc" */
void enclosure_facts(const char *proc, struct enclosure_facts *ret);

/**
 * enclosure_refusal() - one sentence with cause and cure
 * @where: what could not be mounted, or why there is no adapter; NULL: nothing to say
 */
void enclosure_refusal(enum enclosure_step step, int error, const char *where,
		       const struct enclosure_facts *facts,
		       char ret[static ENCLOSURE_COMPLAINT_MAX]);

#endif
