/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enclosure_files.h - what a command in an enclosure sees in the place of the host's files
 *
 *	/etc/resolv.conf		the tunnel's resolvers
 *	/etc/nsswitch.conf		the host's, but that names of hosts come from files and DNS alone
 *	/run/systemd/resolve, /run/nscd, /run/avahi-daemon
 *					without the sockets of services that would ask outside
 *
 * All of it stands on one tmpfs which is mounted in no other namespace and has no name in this
 * one: nothing is written to a file system of the host, and nothing can stay.
 *
 * A mount on a file lasts until somebody outside renames another file to that place, which
 * is how every DHCP client and NetworkManager write resolv.conf.  So there is a keeper, a process that
 * sees such a change by inotify and mounts ours there again.
 *
 * Where /etc/resolv.conf is missing, leads nowhere or isn't a regular file, /etc as a whole is
 * covered by a directory of ours that shows everything in it, and a resolv.conf.
 *
 * Linux: open_tree(2) and move_mount(2), 5.2.
 */
#ifndef CULVERT_IO_ENCLOSURE_FILES_H
#define CULVERT_IO_ENCLOSURE_FILES_H

#include <sys/types.h>

#define ENCLOSURE_PLACES 6

struct enclosure_files {
	dev_t ours;                   /* the tmpfs */
	int spares[ENCLOSURE_PLACES]; /* a mount for each place, not yet anywhere; -1: none */
};

/**
 * enclosure_files_put() - puts all of it in place
 * @resolv_conf: the text
 * @ret_where: on failure, what could not be mounted or read
 *
 * Context: a mount namespace of the caller's own, from which nothing is propagated; CAP_SYS_ADMIN there.
 * Return: 0, and enclosure_files_done() is due; or -errno.
 */
int enclosure_files_put(struct enclosure_files *files, const char *resolv_conf,
			const char **ret_where);

/** enclosure_files_keep() - puts back what the host replaces, until @end is at its end */
void enclosure_files_keep(struct enclosure_files *files, int end);

/** enclosure_files_done() - gives up what keeping needs; what is in place stays */
void enclosure_files_done(struct enclosure_files *files);

/**
 * enclosure_nsswitch() - nsswitch.conf(5) with "files dns" as its line for hosts
 * Return: malloc'd text; NULL without memory.
 */
char *enclosure_nsswitch(const char *text);

#endif
