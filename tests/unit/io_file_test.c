/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/culvert-file-XXXXXX";

static int enter_directory(void **state)
{
	(void)state;
	return !mkdtemp(dir) || chdir(dir) < 0;
}

static int leave_directory(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") < 0 || system(command) != 0;
}

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void assert_holds(const char *path, const char *text)
{
	size_t len;
	char *got;

	assert_int_equal(file_read(path, &got, &len), 0);
	assert_string_equal(got, text);
	assert_int_equal(len, strlen(text));
	file_text_free(got, len);
}

static int rewrite(const char *path, const char *text)
{
	struct file_edit edit;
	int r = file_edit_begin(path, &edit);

	if (r < 0)
		return r;
	r = file_edit_commit(&edit, text, strlen(text));
	file_edit_done(&edit);
	return r;
}

static unsigned int entries(const char *path)
{
	char command[128];
	unsigned int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", path);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void only_regular_files_are_read(void **state)
{
	size_t len;
	char *text;

	(void)state;
	assert_int_equal(file_read("missing", &text, &len), -ENOENT);
	assert_int_equal(file_read(".", &text, &len), -EISDIR);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(file_read("fifo", &text, &len), -EINVAL);
	put("large", "x", 0600);
	assert_int_equal(truncate("large", (off_t)FILE_READ_MAX + 1), 0);
	assert_int_equal(file_read("large", &text, &len), -EFBIG);
	unlink("large");
}

static void a_file_is_exposed_if_everybody_may_read_or_write_it(void **state)
{
	(void)state;
	put("exposed", "a", 0600);
	assert_false(file_is_exposed("exposed"));
	chmod("exposed", 0660);
	assert_false(file_is_exposed("exposed"));
	chmod("exposed", 0604);
	assert_true(file_is_exposed("exposed"));
	chmod("exposed", 0602);
	assert_true(file_is_exposed("exposed"));
	unlink("exposed");
	assert_false(file_is_exposed("exposed"));
}

static void a_file_is_created_once_and_never_replaced(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_create("new", "one", 3, 0640), 0);
	assert_int_equal(stat("new", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(file_create("new", "two", 3, 0600), -EEXIST);
	assert_holds("new", "one");
	assert_int_equal(file_create("no/new", "x", 1, 0600), -ENOENT);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(file_create("dangling", "x", 1, 0600), -EEXIST);
}

static void a_replacement_waits_for_no_lock_and_follows_no_link(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	put("precious", "precious", 0644);
	assert_int_equal(mkdir("own", 0700), 0);
	assert_int_equal(symlink("../precious", "own/state"), 0);
	fd = open("precious", O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(file_replace("own/state", "one", 3), 0);
	close(fd);
	assert_holds("precious", "precious");
	assert_holds("own/state", "one");
	assert_int_equal(lstat("own/state", &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(chmod("own/state", 0644), 0);
	assert_int_equal(file_replace("own/state", "two", 3), 0);
	assert_int_equal(stat("own/state", &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(entries("own"), 1);
	assert_int_equal(file_replace("own", "x", 1), -EISDIR);
	assert_int_equal(file_replace("no/state", "x", 1), -ENOENT);
}

static void a_rewrite_keeps_mode_and_owner_and_leaves_nothing_else(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("keep", 0700), 0);
	put("keep/file", "old", 0640);
	if (geteuid() == 0)
		assert_int_equal(chown("keep/file", 1234, 4321), 0);
	put("keep/.file.new", "left by a crash", 0600);
	assert_int_equal(rewrite("keep/file", "new text"), 0);
	assert_holds("keep/file", "new text");
	assert_int_equal(stat("keep/file", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_uid, geteuid() == 0 ? 1234 : geteuid());
	assert_int_equal(st.st_gid, geteuid() == 0 ? 4321 : getegid());
	assert_int_equal(entries("keep"), 1);
}

static void a_rewrite_follows_links_and_keeps_them(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("target", 0700), 0);
	put("target/file", "old", 0600);
	assert_int_equal(symlink("target/file", "link"), 0);
	assert_int_equal(rewrite("link", "new"), 0);
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat("target/file", &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_holds("target/file", "new");
}

/* Each writer appends its own mark: under the lock none is lost. */
static void writers_at_the_same_time_lose_nothing(void **state)
{
	enum { WRITERS = 6, ROUNDS = 25 };
	size_t len;
	char *text;
	int status;

	(void)state;
	put("shared", "", 0600);
	for (int w = 0; w < WRITERS; w++) {
		if (fork() > 0)
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			char next[1024];
			struct file_edit edit;

			if (file_edit_begin("shared", &edit) < 0)
				_exit(1);
			snprintf(next, sizeof(next), "%s%c", edit.text, 'a' + w);
			if (file_edit_commit(&edit, next, strlen(next)) < 0)
				_exit(2);
			file_edit_done(&edit);
		}
		_exit(0);
	}
	for (int w = 0; w < WRITERS; w++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(file_read("shared", &text, &len), 0);
	assert_int_equal(len, WRITERS * ROUNDS);
	for (int w = 0; w < WRITERS; w++) {
		int n = 0;

		for (size_t i = 0; i < len; i++)
			n += text[i] == 'a' + w;
		assert_int_equal(n, ROUNDS);
	}
	file_text_free(text, len);
}

static void a_full_disk_leaves_the_old_file_whole(void **state)
{
	static char big[256 << 10];
	int status;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(mkdir("small", 0700), 0);
	if (fork() == 0) {
		/* A mount of our own, gone with this process. */
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", "small", "tmpfs", 0, "size=64k") < 0)
			_exit(77);
		put("small/file", "old", 0600);
		if (rewrite("small/file", big) != -ENOSPC)
			_exit(1);
		assert_holds("small/file", "old");
		if (file_create("small/other", big, sizeof(big) - 1, 0600) != -ENOSPC)
			_exit(2);
		if (entries("small") != 1)
			_exit(3);
		if (mount(NULL, "small", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 ||
		    rewrite("small/file", "new") != -EROFS)
			_exit(4);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* needs CAP_SYS_ADMIN */
	assert_int_equal(status, 0);
}

static void who_may_not_write_the_directory_changes_nothing(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0)
		skip(); /* becomes another user */
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(mkdir("closed", 0755), 0);
	put("closed/file", "old", 0644);
	if (fork() == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		if (rewrite("closed/file", "new") != -EACCES)
			_exit(2);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_holds("closed/file", "old");
	assert_int_equal(entries("closed"), 1);
}

static void an_owner_that_cannot_be_kept_refuses_the_rewrite(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0)
		skip(); /* becomes another user */
	assert_int_equal(mkdir("open", 0777), 0);
	assert_int_equal(chmod("open", 0777), 0);
	put("open/file", "root's", 0644);
	if (fork() == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		_exit(rewrite("open/file", "new") == -EPERM ? 0 : 2);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_holds("open/file", "root's");
	assert_int_equal(entries("open"), 1);
}

static void a_change_has_its_time(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_changed("/nothing/there"), 0);
	assert_int_equal(stat(".", &st), 0);
	assert_int_equal(file_changed(".") / 1000000000, st.st_mtime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_regular_files_are_read),
		cmocka_unit_test(a_change_has_its_time),
		cmocka_unit_test(a_file_is_exposed_if_everybody_may_read_or_write_it),
		cmocka_unit_test(a_file_is_created_once_and_never_replaced),
		cmocka_unit_test(a_replacement_waits_for_no_lock_and_follows_no_link),
		cmocka_unit_test(a_rewrite_keeps_mode_and_owner_and_leaves_nothing_else),
		cmocka_unit_test(a_rewrite_follows_links_and_keeps_them),
		cmocka_unit_test(writers_at_the_same_time_lose_nothing),
		cmocka_unit_test(a_full_disk_leaves_the_old_file_whole),
		cmocka_unit_test(who_may_not_write_the_directory_changes_nothing),
		cmocka_unit_test(an_owner_that_cannot_be_kept_refuses_the_rewrite),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
