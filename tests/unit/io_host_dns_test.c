/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/host_dns.h"

#include "io_netns.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char dir[] = "/tmp/host-dns-XXXXXX";
static char path[64];
static char kept[80];
static char ours[512];

static int make_dir(void **state)
{
	struct addr servers[2];
	const struct host_dns dns = {
		.adapter = "home", .servers = servers, .n_servers = 2, .search = "example.com"
	};
	char *text;

	(void)state;
	addr_parse("10.66.77.1", &servers[0]);
	addr_parse("fd00::1", &servers[1]);
	text = host_dns_text(&dns);
	if (!text || !mkdtemp(dir))
		return -1;
	snprintf(ours, sizeof(ours), "%s", text);
	free(text);
	snprintf(path, sizeof(path), "%s/resolv.conf", dir);
	snprintf(kept, sizeof(kept), "%s" HOST_DNS_SUFFIX, path);
	return 0;
}

/* Fails if anything was left but the file itself. */
static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void write_file(const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void assert_file(const char *text)
{
	char have[512];
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	have[fread(have, 1, sizeof(have) - 1, in)] = '\0';
	fclose(in);
	assert_string_equal(have, text);
}

static void the_text_names_the_servers_and_is_known_as_ours(void **state)
{
	(void)state;
	assert_true(host_dns_is_ours(ours));
	assert_false(host_dns_is_ours("nameserver 10.66.77.1\n"));
	assert_non_null(
		strstr(ours, "\nnameserver 10.66.77.1\nnameserver fd00::1\nsearch example.com\n"));
}

static void the_stub_is_known_by_its_address_alone(void **state)
{
	(void)state;
	assert_true(host_dns_is_stub("# x\nnameserver 127.0.0.53\noptions edns0\nsearch .\n"));
	assert_true(host_dns_is_stub("nameserver\t127.0.0.54"));
	assert_false(host_dns_is_stub("nameserver 127.0.0.53\nnameserver 192.0.2.1\n"));
	assert_false(host_dns_is_stub("nameserver 127.0.0.1\n"));
	assert_false(host_dns_is_stub("# nameserver 127.0.0.53\n"));
	assert_false(host_dns_is_stub(""));
}

static void a_file_comes_back_with_its_mode_and_inode(void **state)
{
	struct stat before;
	struct stat after;

	(void)state;
	write_file("nameserver 192.0.2.1\n");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_false(host_dns_file_kept(path));
	assert_int_equal(host_dns_file_set(path, ours), 0);
	assert_true(host_dns_file_kept(path));
	assert_file(ours);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_mode & 07777, 0644);
	assert_int_equal(host_dns_file_set(path, ours), -EEXIST);
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_RESTORED);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_ino == before.st_ino && after.st_mode == before.st_mode);
	assert_file("nameserver 192.0.2.1\n");
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_NOTHING);
	assert_false(host_dns_file_kept(path));
}

static void a_symbolic_link_comes_back_as_one(void **state)
{
	char target[64] = "";

	(void)state;
	unlink(path);
	assert_int_equal(symlink("../run/nowhere", path), 0);
	assert_int_equal(host_dns_file_set(path, ours), 0);
	assert_file(ours);
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_RESTORED);
	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "../run/nowhere");
}

static void the_servers_outside_are_the_originals_but_for_the_tunnels(void **state)
{
	struct addr inside = addr_ip4(0x0a424d01);
	struct endpoint found[3];

	(void)state;
	write_file("nameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver 10.66.77.1\n"
		   "nameserver 192.0.2.2\n");
	/* A forwarder of the host asks in the tunnel, and systemd-resolved's list is not here. */
	assert_int_equal(host_dns_outside(path, &inside, 1, found, 3), 0);
	write_file("nameserver 192.0.2.1\nnameserver 10.66.77.1\nnameserver 192.0.2.2\n");
	assert_int_equal(host_dns_file_set(path, ours), 0);
	assert_int_equal(host_dns_outside(path, &inside, 1, found, 3), 2);
	assert_int_equal(addr_to_ip4(&found[0].addr), 0xc0000201);
	assert_int_equal(addr_to_ip4(&found[1].addr), 0xc0000202);
	assert_int_equal(found[1].port, 53);
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_RESTORED);
	/* One that is written by somebody else since is read as it is. */
	write_file("nameserver 192.0.2.3\n");
	assert_int_equal(host_dns_outside(path, &inside, 1, found, 3), 1);
	assert_int_equal(addr_to_ip4(&found[0].addr), 0xc0000203);
	assert_int_equal(host_dns_outside("/nowhere/resolv.conf", &inside, 1, found, 3), 0);
}

static void where_there_was_no_file_there_is_none_again(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(host_dns_file_set(path, ours), 0);
	assert_file(ours);
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_RESTORED);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(kept, F_OK), -1);
}

static void what_somebody_else_wrote_stays(void **state)
{
	char elsewhere[80];

	(void)state;
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", dir);
	write_file("nameserver 192.0.2.1\n");
	assert_int_equal(host_dns_file_set(path, ours), 0);
	write_file("nameserver 192.0.2.2\n");
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_THEIRS);
	assert_file("nameserver 192.0.2.2\n");
	assert_false(host_dns_file_kept(path));
	/* A link is theirs even if it leads to a file of ours. */
	assert_int_equal(host_dns_file_set(path, ours), 0);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_THEIRS);
	unlink(elsewhere);
}

static void a_deleted_file_comes_back(void **state)
{
	(void)state;
	unlink(path);
	write_file("nameserver 192.0.2.1\n");
	assert_int_equal(host_dns_file_set(path, ours), 0);
	unlink(path);
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_RESTORED);
	assert_file("nameserver 192.0.2.1\n");
}

static void a_death_between_the_two_steps_loses_nothing(void **state)
{
	(void)state;
	write_file("nameserver 192.0.2.1\n");
	assert_int_equal(link(path, kept), 0);
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_THEIRS);
	assert_file("nameserver 192.0.2.1\n");
	assert_false(host_dns_file_kept(path));
}

static void a_mount_point_is_rewritten_in_place(void **state)
{
	char source[80];
	FILE *out;

	(void)state;
	NETNS_OR_SKIP();
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip();
	snprintf(source, sizeof(source), "%s.source", path);
	write_file("");
	out = fopen(source, "w");
	assert_non_null(out);
	fputs("nameserver 192.0.2.1\n", out);
	fclose(out);
	assert_int_equal(mount(source, path, NULL, MS_BIND, NULL), 0);
	assert_int_equal(host_dns_file_set(path, ours), 0);
	assert_file(ours);
	assert_int_equal(host_dns_file_restore(path), HOST_DNS_RESTORED);
	assert_file("nameserver 192.0.2.1\n");
	assert_false(host_dns_file_kept(path));
	/* The same on a file system that can't be written. */
	assert_int_equal(mount(dir, dir, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	assert_int_equal(host_dns_file_set(path, ours), -EROFS);
	assert_int_equal(umount(dir), 0);
	assert_int_equal(umount(path), 0);
	unlink(source);
}

/* What resolvectl was asked for, a line each. */
static void resolvectl_is_told_servers_domains_and_that_it_is_the_way(void **state)
{
	struct addr servers[2];
	const struct host_dns dns = { .adapter = "home",
				      .servers = servers,
				      .n_servers = 2,
				      .search = "example.com  example.net" };
	char *before = strdup(getenv("PATH"));
	char complaint[512] = "";
	char program[80];
	FILE *out;

	(void)state;
	addr_parse("10.66.77.1", &servers[0]);
	addr_parse("fd00::1", &servers[1]);
	snprintf(program, sizeof(program), "%s/resolvectl", dir);
	out = fopen(program, "w");
	assert_non_null(out);
	fprintf(out, "#!/bin/sh\necho \"$@\" >>%s\n", path);
	fclose(out);
	assert_int_equal(chmod(program, 0755), 0);
	unlink(path);
	setenv("PATH", dir, 1);
	assert_int_equal(host_dns_resolved_set(&dns, 5000, complaint), 0);
	host_dns_resolved_revert("home", 5000);
	assert_file("dns home 10.66.77.1 fd00::1\ndomain home ~. example.com example.net\n"
		    "default-route home yes\nrevert home\n");
	out = fopen(program, "w");
	assert_non_null(out);
	fputs("#!/bin/sh\necho 'Failed to set DNS configuration: Unknown interface' >&2\nexit 1\n",
	      out);
	fclose(out);
	assert_int_equal(host_dns_resolved_set(&dns, 5000, complaint), -EIO);
	assert_string_equal(complaint,
			    "resolvectl dns: Failed to set DNS configuration: Unknown interface");
	out = fopen(program, "w");
	assert_non_null(out);
	fputs("#!/bin/sh\nexec /bin/sleep 60\n", out);
	fclose(out);
	assert_int_equal(host_dns_resolved_set(&dns, 50, complaint), -ETIMEDOUT);
	unlink(program);
	setenv("PATH", before, 1);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_names_the_servers_and_is_known_as_ours),
		cmocka_unit_test(the_stub_is_known_by_its_address_alone),
		cmocka_unit_test(a_file_comes_back_with_its_mode_and_inode),
		cmocka_unit_test(the_servers_outside_are_the_originals_but_for_the_tunnels),
		cmocka_unit_test(a_symbolic_link_comes_back_as_one),
		cmocka_unit_test(where_there_was_no_file_there_is_none_again),
		cmocka_unit_test(what_somebody_else_wrote_stays),
		cmocka_unit_test(a_deleted_file_comes_back),
		cmocka_unit_test(a_death_between_the_two_steps_loses_nothing),
		cmocka_unit_test(resolvectl_is_told_servers_domains_and_that_it_is_the_way),
		cmocka_unit_test(a_mount_point_is_rewritten_in_place),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
