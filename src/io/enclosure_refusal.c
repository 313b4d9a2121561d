/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/enclosure_refusal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_line(const char *proc, const char *path, char *ret, size_t room)
{
	char whole[256];
	bool found;
	FILE *f;

	snprintf(whole, sizeof(whole), "%s/%s", proc, path);
	f = fopen(whole, "re");
	if (!f)
		return false;
	found = fgets(ret, (int)room, f) != NULL;
	fclose(f);
	if (found)
		ret[strcspn(ret, "\n")] = '\0';
	return found;
}

static long read_number(const char *proc, const char *path)
{
	char line[32];

	return read_line(proc, path, line, sizeof(line)) ? strtol(line, NULL, 10) : -1;
}

static long read_seccomp(const char *proc)
{
	char whole[256], line[128];
	long mode = -1;
	FILE *f;

	snprintf(whole, sizeof(whole), "%s/self/status", proc);
	f = fopen(whole, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Seccomp:", 8) == 0)
			mode = strtol(line + 8, NULL, 10);
	}
	if (f)
		fclose(f);
	return mode;
}

void enclosure_facts(const char *proc, struct enclosure_facts *ret)
{
	char profile[64] = "";

	*ret = (struct enclosure_facts){
		.userns_clone = read_number(proc, "sys/kernel/unprivileged_userns_clone"),
		.max_user_namespaces = read_number(proc, "sys/user/max_user_namespaces"),
		.max_net_namespaces = read_number(proc, "sys/user/max_net_namespaces"),
		.max_mnt_namespaces = read_number(proc, "sys/user/max_mnt_namespaces"),
		.apparmor_restricts =
			read_number(proc, "sys/kernel/apparmor_restrict_unprivileged_userns"),
		.seccomp = read_seccomp(proc),
		.root = geteuid() == 0,
	};
	/* "docker-default (enforce)", or "unconfined".  Another security module has its say in the older file. */
	if (!read_line(proc, "self/attr/apparmor/current", profile, sizeof(profile)))
		return;
	if (strncmp(profile, "unconfined", 10) == 0 || strstr(profile, "(unconfined)"))
		return;
	profile[strcspn(profile, " ")] = '\0';
	memcpy(ret->apparmor, profile, sizeof(profile));
}

static bool is_refusal(int error)
{
	return error == -EPERM || error == -EACCES;
}

/* Ubuntu's restriction lets unshare(2) pass, and refuses what is done inside. */
static bool is_ubuntu(int error, const struct enclosure_facts *facts)
{
	return is_refusal(error) && facts->apparmor_restricts > 0;
}

static const char ubuntu[] =
	"AppArmor keeps user namespaces from ordinary users here, run this as root, or run "
	"`cp " CULVERT_DATADIR "/culvert.apparmor /etc/apparmor.d/culvert && apparmor_parser -r "
	"/etc/apparmor.d/culvert` as root once";

/* Limits of 0 are how a hardened host switches namespaces off. */
static const char *exhausted(const struct enclosure_facts *facts)
{
	if (facts->max_user_namespaces == 0)
		return "user.max_user_namespaces";
	if (facts->max_net_namespaces == 0)
		return "user.max_net_namespaces";
	return facts->max_mnt_namespaces == 0 ? "user.max_mnt_namespaces" : NULL;
}

static void no_namespaces(int error, const struct enclosure_facts *facts, char *ret)
{
	const size_t room = ENCLOSURE_COMPLAINT_MAX;
	const char *limit = exhausted(facts);

	if (limit)
		snprintf(ret, room,
			 "namespaces are switched off here by %s = 0, raise it with `sysctl -w "
			 "%s=1000` as root",
			 limit, limit);
	else if (error == -ENOSPC || error == -EUSERS)
		snprintf(ret, room,
			 "the limit of namespaces is reached, end programs that use some or raise "
			 "user.max_user_namespaces, user.max_net_namespaces and "
			 "user.max_mnt_namespaces");
	else if (error == -EINVAL || error == -ENOSYS)
		snprintf(ret, room,
			 "this kernel was built without user namespaces (CONFIG_USER_NS), run this "
			 "as root");
	else if (facts->userns_clone == 0)
		snprintf(ret, room,
			 "the kernel refuses user namespaces to ordinary users, allow them with "
			 "`sysctl -w kernel.unprivileged_userns_clone=1` as root, or run this as "
			 "root");
	else if (is_ubuntu(error, facts))
		snprintf(ret, room, "%s", ubuntu);
	else if (is_refusal(error) && facts->seccomp == 2)
		snprintf(ret, room,
			 "the filter of system calls of this container or service refuses "
			 "namespaces, start it with `docker run --security-opt seccomp=unconfined "
			 "--security-opt apparmor=unconfined`, or without systemd's "
			 "RestrictNamespaces=");
	else if (is_refusal(error))
		snprintf(
			ret, room,
			"namespaces are refused here (%s), by a security module or because this is "
			"a chroot: allow them there, or run this as root outside of it",
			strerror(-error));
	else
		snprintf(ret, room, "no namespaces can be made (%s), free memory and repeat",
			 strerror(-error));
}

static void no_user(int error, const struct enclosure_facts *facts, char *ret)
{
	const size_t room = ENCLOSURE_COMPLAINT_MAX;

	/* Since Linux 5.12. */
	if (facts->root && error == -EPERM)
		snprintf(
			ret, room,
			"root without CAP_SETFCAP can't have a user namespace, run this as another "
			"user, or start the container with `docker run --cap-add SETFCAP`");
	else
		snprintf(
			ret, room,
			"the user namespace can't have this user (%s), mount /proc writable or run "
			"this as root",
			strerror(-error));
}

static void no_mount(int error, const char *where, const struct enclosure_facts *facts, char *ret)
{
	const size_t room = ENCLOSURE_COMPLAINT_MAX;

	if (is_ubuntu(error, facts))
		snprintf(ret, room, "%s", ubuntu);
	else if (is_refusal(error) && facts->apparmor[0])
		snprintf(ret, room,
			 "AppArmor's profile %s refuses mounts, in a container start it with "
			 "`docker run --security-opt apparmor=unconfined`",
			 facts->apparmor);
	else if (is_refusal(error) && facts->seccomp == 2)
		snprintf(ret, room,
			 "the filter of system calls of this container or service refuses mounts, "
			 "start it with `docker run --security-opt seccomp=unconfined`");
	else
		snprintf(
			ret, room,
			"%s could not be put in place for the command (%s), make it a regular file "
			"or directory",
			where, strerror(-error));
}

void enclosure_refusal(enum enclosure_step step, int error, const char *where,
		       const struct enclosure_facts *facts,
		       char ret[static ENCLOSURE_COMPLAINT_MAX])
{
	const size_t room = ENCLOSURE_COMPLAINT_MAX;

	/* Of the ways in which namespaces themselves are refused, this is one of several. */
	if (step != ENCLOSURE_NAMESPACES && is_ubuntu(error, facts)) {
		snprintf(ret, room, "%s", ubuntu);
		return;
	}
	switch (step) {
	case ENCLOSURE_PROCESS:
		snprintf(ret, room, "the command's process can't be made (%s), end other programs",
			 strerror(-error));
		break;
	case ENCLOSURE_NAMESPACES:
		no_namespaces(error, facts, ret);
		break;
	case ENCLOSURE_USERS:
		no_user(error, facts, ret);
		break;
	case ENCLOSURE_FILES:
		no_mount(error, where, facts, ret);
		break;
	case ENCLOSURE_ADAPTER:
		snprintf(
			ret, room,
			"the adapter can't have its addresses (%s), correct Address and MTU in the "
			"file",
			strerror(-error));
		break;
	case ENCLOSURE_NO_ADAPTER:
		snprintf(
			ret, room,
			"there is no adapter to be had: no /dev/net/tun, and no veth pair (%s), "
			"run "
			"`modprobe tun` as root, or start the container with --device /dev/net/tun",
			strerror(-error));
		break;
	}
}
