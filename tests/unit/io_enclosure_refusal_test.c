/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/enclosure_refusal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct enclosure_facts nothing = { -1, -1, -1, -1, -1, -1, false, "" };
static char said[ENCLOSURE_COMPLAINT_MAX];

static void says(enum enclosure_step step, int error, const struct enclosure_facts *facts,
		 const char *cause, const char *cure)
{
	memset(said, 'x', sizeof(said));
	enclosure_refusal(step, error, "/etc/resolv.conf", facts, said);
	if (!strstr(said, cause) || !strstr(said, cure))
		fail_msg("\"%s\" lacks \"%s\" or \"%s\"", said, cause, cure);
	assert_true(strlen(said) < sizeof(said) - 1);
	/* One sentence, which somebody else begins and ends. */
	assert_null(strchr(said, '\n'));
	assert_int_not_equal(said[strlen(said) - 1], '.');
}

static void a_kernel_that_refuses_is_told_which_setting_does(void **state)
{
	struct enclosure_facts f = nothing;

	(void)state;
	f.userns_clone = 0;
	says(ENCLOSURE_NAMESPACES, -EPERM, &f, "ordinary users",
	     "sysctl -w kernel.unprivileged_userns_clone=1");
	f = nothing;
	f.max_user_namespaces = 0;
	says(ENCLOSURE_NAMESPACES, -ENOSPC, &f, "user.max_user_namespaces = 0",
	     "sysctl -w user.max_user_namespaces=1000");
	f = nothing;
	f.max_net_namespaces = 0;
	says(ENCLOSURE_NAMESPACES, -ENOSPC, &f, "user.max_net_namespaces = 0", "sysctl -w");
	f = nothing;
	f.max_mnt_namespaces = 0;
	says(ENCLOSURE_NAMESPACES, -ENOSPC, &f, "user.max_mnt_namespaces = 0", "sysctl -w");
	says(ENCLOSURE_NAMESPACES, -ENOSPC, &nothing, "limit", "raise");
	says(ENCLOSURE_NAMESPACES, -EINVAL, &nothing, "CONFIG_USER_NS", "root");
}

static void a_container_is_told_how_to_be_started(void **state)
{
	struct enclosure_facts f = nothing;

	(void)state;
	f.seccomp = 2;
	says(ENCLOSURE_NAMESPACES, -EPERM, &f, "filter of system calls",
	     "docker run --security-opt seccomp=unconfined");
	says(ENCLOSURE_FILES, -EPERM, &f, "refuses mounts", "seccomp=unconfined");
	snprintf(f.apparmor, sizeof(f.apparmor), "docker-default");
	says(ENCLOSURE_FILES, -EACCES, &f, "docker-default", "apparmor=unconfined");
	says(ENCLOSURE_NO_ADAPTER, -EOPNOTSUPP, &f, "/dev/net/tun", "--device /dev/net/tun");
	f.root = true;
	says(ENCLOSURE_USERS, -EPERM, &f, "CAP_SETFCAP", "--cap-add SETFCAP");
	f.root = false;
	/* What no filter refuses is not blamed on one. */
	says(ENCLOSURE_NAMESPACES, -ENOMEM, &f, "memory", "repeat");
	f.seccomp = 0;
	says(ENCLOSURE_NAMESPACES, -EPERM, &f, "chroot", "root");
}

static void ubuntu_is_told_about_the_profile_at_every_step(void **state)
{
	static const enum enclosure_step steps[] = { ENCLOSURE_NAMESPACES, ENCLOSURE_USERS,
						     ENCLOSURE_FILES, ENCLOSURE_ADAPTER,
						     ENCLOSURE_NO_ADAPTER };
	struct enclosure_facts f = nothing;

	(void)state;
	f.apparmor_restricts = 1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		says(steps[i], -EPERM, &f, "AppArmor", "culvert.apparmor");
		says(steps[i], -EACCES, &f, "AppArmor", "apparmor_parser");
	}
	says(ENCLOSURE_FILES, -ENOENT, &f, "/etc/resolv.conf", "regular file");
	f.apparmor_restricts = 0;
	says(ENCLOSURE_NAMESPACES, -EPERM, &f, "chroot", "root");
}

static void the_rest_names_what_failed(void **state)
{
	(void)state;
	says(ENCLOSURE_PROCESS, -EAGAIN, &nothing, strerror(EAGAIN), "end other programs");
	says(ENCLOSURE_USERS, -EROFS, &nothing, strerror(EROFS), "/proc");
	says(ENCLOSURE_ADAPTER, -EINVAL, &nothing, strerror(EINVAL), "Address");
}

static void put(const char *proc, const char *path, const char *text)
{
	char whole[256];
	FILE *f;

	snprintf(whole, sizeof(whole), "mkdir -p $(dirname %s/%s)", proc, path);
	assert_int_equal(system(whole), 0);
	snprintf(whole, sizeof(whole), "%s/%s", proc, path);
	f = fopen(whole, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void facts_are_read_from_proc(void **state)
{
	char proc[] = "/tmp/culvert-facts-XXXXXX";
	struct enclosure_facts f;
	char command[64];

	(void)state;
	assert_non_null(mkdtemp(proc));
	enclosure_facts(proc, &f);
	assert_int_equal(f.root, geteuid() == 0);
	assert_true(f.userns_clone == -1 && f.max_user_namespaces == -1);
	assert_true(f.max_net_namespaces == -1 && f.max_mnt_namespaces == -1);
	assert_true(f.apparmor_restricts == -1 && f.seccomp == -1 && !f.apparmor[0]);
	put(proc, "sys/kernel/unprivileged_userns_clone", "0\n");
	put(proc, "sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
	put(proc, "sys/user/max_user_namespaces", "15000\n");
	put(proc, "sys/user/max_net_namespaces", "7\n");
	put(proc, "sys/user/max_mnt_namespaces", "0\n");
	put(proc, "self/status", "Name:\tculvert\nSeccomp:\t2\nSeccomp_filters:\t1\n");
	put(proc, "self/attr/apparmor/current", "docker-default (enforce)\n");
	enclosure_facts(proc, &f);
	assert_int_equal(f.userns_clone, 0);
	assert_int_equal(f.apparmor_restricts, 1);
	assert_int_equal(f.max_user_namespaces, 15000);
	assert_int_equal(f.max_net_namespaces, 7);
	assert_int_equal(f.max_mnt_namespaces, 0);
	assert_int_equal(f.seccomp, 2);
	assert_string_equal(f.apparmor, "docker-default");
	put(proc, "self/attr/apparmor/current", "unconfined\n");
	enclosure_facts(proc, &f);
	assert_string_equal(f.apparmor, "");
	put(proc, "self/attr/apparmor/current", "culvert (unconfined)\n");
	enclosure_facts(proc, &f);
	assert_string_equal(f.apparmor, "");
	snprintf(command, sizeof(command), "rm -r %s", proc);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_that_refuses_is_told_which_setting_does),
		cmocka_unit_test(a_container_is_told_how_to_be_started),
		cmocka_unit_test(ubuntu_is_told_about_the_profile_at_every_step),
		cmocka_unit_test(the_rest_names_what_failed),
		cmocka_unit_test(facts_are_read_from_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
