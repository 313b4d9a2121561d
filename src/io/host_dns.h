/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_dns.h - whom the host's programs ask for names
 *
 * Two places, and each is seen to where it exists:
 *
 *	systemd-resolved	settings of the adapter, by resolvectl(1): all names are asked
 *				there ("~.").  They vanish with the adapter.
 *	/etc/resolv.conf	unless it leads to systemd-resolved's stub: replaced.  The original,
 *				file or symbolic link, stands beside it until it is put back.
 *
 * A file that is a mount point, as in containers, can't be replaced and is rewritten in place.  A file
 * that somebody else has written meanwhile is theirs: it is left alone.
 */
#ifndef CULVERT_IO_HOST_DNS_H
#define CULVERT_IO_HOST_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

#define HOST_DNS_FILE   "/etc/resolv.conf"
#define HOST_DNS_SUFFIX ".before-culvert" /* of the original */

struct host_dns {
	const char *adapter;
	const struct addr *servers;
	size_t n_servers;
	const char *search; /* domains, blanks between them; may be empty */
};

/** host_dns_text() - a resolv.conf(5).  Return: malloc'd, NULL without memory. */
char *host_dns_text(const struct host_dns *dns);

/** host_dns_is_ours(), host_dns_is_stub() - whether a resolv.conf was written here; whether
 *  it asks systemd-resolved's stub alone */
bool host_dns_is_ours(const char *text);
bool host_dns_is_stub(const char *text);

/**
 * host_dns_file_set() - puts ours in the place of @path
 * Return: 0; -EEXIST: an original is kept already; -EROFS and so on: nothing has changed.
 */
int host_dns_file_set(const char *path, const char *text);

enum host_dns_restored {
	HOST_DNS_NOTHING,  /* no original is kept */
	HOST_DNS_RESTORED, /* it is in its place again */
	HOST_DNS_THEIRS, /* somebody else has written the file since: it stays, the original is gone */
};

/** host_dns_file_restore() - Return: enum host_dns_restored, or -errno: the original is still kept */
int host_dns_file_restore(const char *path);

/** host_dns_file_kept() - whether an original stands beside @path */
bool host_dns_file_kept(const char *path);

/**
 * host_dns_outside() - the name servers of the network outside the tunnel, port 53
 * @path: HOST_DNS_FILE; its original is read where one is kept, and systemd-resolved's own list where
 * it leads to the stub
 * @inside: those of the tunnel, which are left out
 *
 * Return: how many.
 */
size_t host_dns_outside(const char *path, const struct addr *inside, size_t n_inside,
			struct endpoint *ret, size_t max);

/** host_dns_resolved() - whether systemd-resolved runs here */
bool host_dns_resolved(void);

/**
 * host_dns_resolved_set() - the adapter's settings in systemd-resolved
 * @timeout_ms: for all of it
 * @complaint: 512 bytes; on failure what is wrong and its cure
 */
int host_dns_resolved_set(const struct host_dns *dns, int timeout_ms, char *complaint);

/** host_dns_resolved_revert() - of an adapter that stays; failure doesn't matter: they go with it */
void host_dns_resolved_revert(const char *adapter, int timeout_ms);

#endif
