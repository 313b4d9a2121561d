/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/enclosure_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

#define RESOLV_CONF   "/etc/resolv.conf"
#define NSSWITCH_CONF "/etc/nsswitch.conf"

/*
 * Where our tmpfs is mounted while it is filled.  Every system has a /dev, and nobody's
 * resolv.conf is in there; no other process sees this mount namespace yet.
 */
#define STAGE "/dev"

/* Each place of the command's view, and what of the stage comes there. */
static const struct place {
	const char *at;
	const char *from;
	bool directory;
} places[ENCLOSURE_PLACES] = {
	/* Its own copies of resolv.conf are what /etc/resolv.conf is a link to, so they come first. */
	{ "/run/systemd/resolve", STAGE "/resolve", true },
	{ "/run/nscd", STAGE "/empty", true },
	{ "/var/run/nscd", STAGE "/empty", true },
	{ "/run/avahi-daemon", STAGE "/empty", true },
	{ NSSWITCH_CONF, STAGE "/nsswitch.conf", false },
	{ RESOLV_CONF, STAGE "/resolv.conf", false },
};

/* Directories in which a place may appear, or be replaced. */
static const char *const parents[] = { "/etc", "/run", "/run/systemd", "/var/run" };

char *enclosure_nsswitch(const char *text)
{
	static const char line[] = "hosts: files dns\n";
	char *out = malloc(strlen(text) + 1 + sizeof(line));
	char *end = out;

	if (!out)
		return NULL;
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (strncmp(text + strspn(text, " \t"), "hosts:", 6) != 0) {
			end = mempcpy(end, text, len);
			*end++ = '\n';
		}
		text += len;
		text += *text == '\n';
	}
	memcpy(end, line, sizeof(line));
	return out;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t len = strlen(text);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		r = -ENOSPC;
	close(fd);
	return r;
}

static int make_directory(const char *path)
{
	return mkdir(path, 0755) < 0 ? -errno : 0;
}

static int write_nsswitch(void)
{
	char *host = NULL;
	char *text;
	size_t len;
	int r;

	/* Without a file there is nothing to be put in its place, and the text is of no matter. */
	if (file_read(NSSWITCH_CONF, &host, &len) < 0)
		return write_file(STAGE "/nsswitch.conf", "");
	text = enclosure_nsswitch(host);
	r = text ? write_file(STAGE "/nsswitch.conf", text) : -ENOMEM;
	free(text);
	free(host);
	return r;
}

static int fill_stage(const char *resolv_conf)
{
	int r = make_directory(STAGE "/empty");

	if (r == 0)
		r = make_directory(STAGE "/resolve");
	if (r == 0)
		r = write_file(STAGE "/resolve/resolv.conf", resolv_conf);
	if (r == 0)
		r = write_file(STAGE "/resolve/stub-resolv.conf", resolv_conf);
	if (r == 0)
		r = write_file(STAGE "/resolv.conf", resolv_conf);
	return r == 0 ? write_nsswitch() : r;
}

/* A mount of @path, not yet anywhere. */
static int clone_mount(const char *path, bool all_below)
{
	return open_tree(AT_FDCWD, path,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (all_below ? AT_RECURSIVE : 0));
}

static int place_mount(int tree, const char *path)
{
	if (tree < 0)
		return -EBADF;
	return move_mount(tree, "", AT_FDCWD, path,
			  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0
		       ? -errno
		       : 0;
}

/* Shows @from and all that is mounted below it at @to as well. */
static int graft(const char *from, const char *to)
{
	int tree = clone_mount(from, true);
	int r = tree < 0 ? -errno : place_mount(tree, to);

	if (tree >= 0)
		close(tree);
	return r;
}

/* Return: 0 when ours is there; -ENOENT when there is nothing that it could cover. */
static int cover(struct enclosure_files *files, size_t i)
{
	const struct place *p = &places[i];
	struct stat st;
	int r;

	if (stat(p->at, &st) < 0)
		return -ENOENT;
	if (st.st_dev == files->ours)
		return 0;
	if (p->directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
		return -ENOENT;
	r = place_mount(files->spares[i], p->at);
	if (r < 0)
		return r;
	close(files->spares[i]);
	files->spares[i] = clone_mount(p->at, false);
	return 0;
}

/*
 * One entry of /etc.  Links are copied, for they may lead upwards, and so may links inside
 * directories, which are therefore mounted; a file is a link to the one beside the copy.
 */
static int mirror_entry(int etc, const char *name)
{
	char text[PATH_MAX], at[PATH_MAX], from[PATH_MAX];
	struct stat st;
	ssize_t n;
	int r;

	if (fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* gone meanwhile */
	snprintf(at, sizeof(at), STAGE "/etc/%s", name);
	if (S_ISDIR(st.st_mode)) {
		snprintf(from, sizeof(from), "/etc/%s", name);
		r = make_directory(at);
		return r == 0 ? graft(from, at) : r;
	}
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(etc, name, text, sizeof(text) - 1);
		if (n < 0)
			return -errno;
		text[n] = '\0';
	} else {
		snprintf(text, sizeof(text), ".host/%s", name);
	}
	return symlink(text, at) < 0 ? -errno : 0;
}

static int mirror_entries(DIR *etc)
{
	const struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(etc))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    strcmp(name, "resolv.conf") != 0)
			r = mirror_entry(dirfd(etc), name);
	}
	return r;
}

static int mirror_etc(const char *resolv_conf)
{
	DIR *etc = opendir("/etc");
	int r;

	if (!etc)
		return -errno;
	r = make_directory(STAGE "/etc");
	if (r == 0)
		r = make_directory(STAGE "/etc/.host");
	if (r == 0)
		r = graft("/etc", STAGE "/etc/.host");
	if (r == 0)
		r = mirror_entries(etc);
	closedir(etc);
	if (r == 0)
		r = write_file(STAGE "/etc/resolv.conf", resolv_conf);
	return r == 0 ? graft(STAGE "/etc", "/etc") : r;
}

/* Return: 0 or -errno; @files->ours is set where there is a stage to be taken away again. */
static int make_stage(struct enclosure_files *files, const char *resolv_conf)
{
	struct stat st = { 0 };
	int r;

	if (mount("culvert", STAGE, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=4m") <
	    0)
		return -errno;
	(void)stat(STAGE, &st);
	files->ours = st.st_dev;
	r = fill_stage(resolv_conf);
	for (size_t i = 0; r == 0 && i < ENCLOSURE_PLACES; i++) {
		files->spares[i] = clone_mount(places[i].from, false);
		if (files->spares[i] < 0)
			r = -errno;
	}
	return r;
}

static int put(struct enclosure_files *files, const char *resolv_conf, const char **ret_where)
{
	int r = make_stage(files, resolv_conf);

	*ret_where = "a tmpfs";
	for (size_t i = 0; r == 0 && i < ENCLOSURE_PLACES; i++) {
		*ret_where = places[i].at;
		r = cover(files, i);
		if (r == -ENOENT)
			r = strcmp(places[i].at, RESOLV_CONF) == 0 ? mirror_etc(resolv_conf) : 0;
	}
	return r;
}

int enclosure_files_put(struct enclosure_files *files, const char *resolv_conf,
			const char **ret_where)
{
	mode_t mask = umask(022);
	int r;

	for (size_t i = 0; i < ENCLOSURE_PLACES; i++)
		files->spares[i] = -1;
	files->ours = 0;
	r = put(files, resolv_conf, ret_where);
	if (files->ours != 0)
		(void)umount2(STAGE, MNT_DETACH);
	umask(mask);
	if (r < 0)
		enclosure_files_done(files);
	return r;
}

/* Also the directories to which links lead, as /etc/resolv.conf often is one. */
static void watch_parents(int inotify)
{
	const uint32_t mask = IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++)
		(void)inotify_add_watch(inotify, parents[i], mask);
	for (size_t i = 0; i < ENCLOSURE_PLACES; i++) {
		if (!realpath(places[i].at, path))
			continue;
		*strrchr(path, '/') = '\0';
		(void)inotify_add_watch(inotify, path[0] ? path : "/", mask);
	}
}

void enclosure_files_keep(struct enclosure_files *files, int end)
{
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd fds[] = { { .fd = end }, { .fd = inotify, .events = POLLIN } };
	char events[4096];

	/* A user may have used up the instances; then what the host replaces stays replaced. */
	while (fds[0].revents == 0) {
		if (inotify >= 0)
			watch_parents(inotify);
		/* After the watches, so that nothing comes between. */
		for (size_t i = 0; i < ENCLOSURE_PLACES; i++)
			(void)cover(files, i);
		(void)poll(fds, 2, -1);
		while (inotify >= 0 && read(inotify, events, sizeof(events)) > 0)
			;
	}
	if (inotify >= 0)
		close(inotify);
}

void enclosure_files_done(struct enclosure_files *files)
{
	for (size_t i = 0; i < ENCLOSURE_PLACES; i++) {
		if (files->spares[i] >= 0)
			close(files->spares[i]);
		files->spares[i] = -1;
	}
}
