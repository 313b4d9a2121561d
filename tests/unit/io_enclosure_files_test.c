/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host here is a mount namespace of the test's own with an /etc and a /run that are its
 * own too.  A view is another process, in a mount namespace below that one; what
 * it sees is read by way of /proc/PID/root.
 */
#include "io/enclosure_files.h"

#include "io_netns.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OURS "nameserver 10.66.77.1\n"

static void only_the_line_for_hosts_is_another(void **state)
{
	static const char *const cases[][2] = {
		{ "passwd: files systemd\nhosts: files mdns4_minimal [NOTFOUND=return] resolve\n"
		  "netgroup: nis\n",
		  "passwd: files systemd\nnetgroup: nis\nhosts: files dns\n" },
		{ "", "hosts: files dns\n" },
		{ "# hosts: none\n \thosts:\tresolve", "# hosts: none\nhosts: files dns\n" },
		{ "hosts: a\nhosts: b\nx: y", "x: y\nhosts: files dns\n" },
		{ "\n\n", "\n\nhosts: files dns\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = enclosure_nsswitch(cases[i][0]);

		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

/* --- a host, and a view of it --------------------------------------------------------- */

static void shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* A fresh host for each test: one namespace in the other. */
static int new_host(void **state)
{
	(void)state;
	if (!netns_permitted())
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("etc", "/etc", "tmpfs", 0, "mode=755") < 0 ||
	    mount("run", "/run", "tmpfs", 0, "mode=755") < 0)
		return -1;
	return system("echo host >/etc/resolv.conf && printf 'passwd: files\\nhosts: resolve\\n' "
		      ">/etc/nsswitch.conf && echo box >/etc/hostname");
}

struct view {
	pid_t pid;
	int end;
};

static struct view view_open(int expected)
{
	struct view v;
	int ends[2];
	char byte;

	fflush(NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	v.pid = fork();
	if (v.pid == 0) {
		struct enclosure_files files;
		const char *where = NULL;
		mode_t mask = umask(077);
		int r;

		close(ends[0]);
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
			_exit(1);
		r = enclosure_files_put(&files, OURS, &where);
		if (r != expected || umask(mask) != 077)
			_exit(2);
		if (r < 0)
			_exit(0);
		if (write(ends[1], "", 1) != 1)
			_exit(3);
		enclosure_files_keep(&files, ends[1]);
		enclosure_files_done(&files);
		_exit(0);
	}
	close(ends[1]);
	v.end = ends[0];
	if (expected == 0)
		assert_int_equal(read(v.end, &byte, 1), 1);
	return v;
}

/* The keeper ends when its channel does. */
static void view_close(struct view *v)
{
	int status;

	close(v->end);
	assert_int_equal(waitpid(v->pid, &status, 0), v->pid);
	assert_int_equal(status, 0);
}

/* Whether a shell command, in which $V is the view's root, succeeds within two seconds. */
static bool sees(const struct view *v, const char *command)
{
	char root[32];

	snprintf(root, sizeof(root), "/proc/%d/root", v->pid);
	setenv("V", root, 1);
	for (int i = 0; i < 100; i++) {
		if (system(command) == 0)
			return true;
		usleep(20000);
	}
	printf("# not seen: %s\n", command);
	return false;
}

#define SEES_OURS "grep -qx 'nameserver 10.66.77.1' $V/etc/resolv.conf"

static void a_command_sees_the_tunnels_resolvers_and_the_host_its_own(void **state)
{
	struct view v;

	(void)state;
	NETNS_OR_SKIP();
	v = view_open(0);
	assert_true(sees(&v, SEES_OURS));
	assert_true(sees(&v, "grep -qx 'hosts: files dns' $V/etc/nsswitch.conf && "
			     "grep -qx 'passwd: files' $V/etc/nsswitch.conf"));
	/* Whatever the umask was: another user may read them. */
	assert_true(sees(&v, "[ $(stat -c %a $V/etc/resolv.conf) = 644 ]"));
	assert_true(sees(&v, "[ $(cat $V/etc/hostname) = box ] && [ -c $V/dev/null ]"));
	shell("[ $(cat /etc/resolv.conf) = host ] && grep -qx 'hosts: resolve' /etc/nsswitch.conf");
	shell("! grep -q culvert /proc/self/mountinfo && [ $(ls /etc /run | wc -w) = 5 ]");
	view_close(&v);
}

static void files_that_the_host_replaces_are_covered_again(void **state)
{
	struct view v;

	(void)state;
	NETNS_OR_SKIP();
	v = view_open(0);
	for (int i = 0; i < 3; i++) {
		shell("echo new >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf");
		assert_true(sees(&v, SEES_OURS));
		shell("echo 'hosts: resolve' >/etc/new && mv /etc/new /etc/nsswitch.conf");
		assert_true(sees(&v, "grep -qx 'hosts: files dns' $V/etc/nsswitch.conf"));
	}
	shell("rm /etc/resolv.conf");
	shell("echo again >/etc/resolv.conf");
	assert_true(sees(&v, SEES_OURS));
	shell("[ $(cat /etc/resolv.conf) = again ]");
	view_close(&v);
}

static void the_file_that_a_link_leads_to_is_covered(void **state)
{
	struct view v;

	(void)state;
	NETNS_OR_SKIP();
	shell("mkdir -p /run/NetworkManager && echo host >/run/NetworkManager/resolv.conf && "
	      "ln -sf ../run/NetworkManager/resolv.conf /etc/resolv.conf");
	v = view_open(0);
	assert_true(sees(&v, SEES_OURS));
	assert_true(sees(&v, "[ -L $V/etc/resolv.conf ]"));
	shell("cd /run/NetworkManager && echo new >new && mv new resolv.conf");
	assert_true(sees(&v, "grep -q 10.66.77.1 $V/run/NetworkManager/resolv.conf"));
	shell("[ $(cat /etc/resolv.conf) = new ]");
	view_close(&v);
}

static void services_that_would_ask_outside_are_hidden_also_when_they_come_later(void **state)
{
	struct view v;

	(void)state;
	NETNS_OR_SKIP();
	shell("mkdir -p /run/systemd/resolve /run/nscd && cd /run/systemd/resolve && "
	      "touch io.systemd.Resolve stub-resolv.conf /run/nscd/socket && "
	      "ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf");
	v = view_open(0);
	assert_true(sees(&v, SEES_OURS));
	assert_true(sees(&v, "[ ! -e $V/run/systemd/resolve/io.systemd.Resolve ]"));
	assert_true(sees(&v, "[ -d $V/run/nscd ] && [ ! -e $V/run/nscd/socket ]"));
	shell("echo new >/run/systemd/resolve/new && "
	      "mv /run/systemd/resolve/new /run/systemd/resolve/stub-resolv.conf");
	shell("mkdir /run/avahi-daemon && touch /run/avahi-daemon/socket");
	assert_true(sees(&v, "[ -d $V/run/avahi-daemon ] && [ ! -e $V/run/avahi-daemon/socket ]"));
	shell("rm -r /run/nscd && mkdir /run/nscd && touch /run/nscd/socket");
	assert_true(sees(&v, "[ -d $V/run/nscd ] && [ ! -e $V/run/nscd/socket ]"));
	assert_true(sees(&v, SEES_OURS));
	shell("[ -e /run/nscd/socket ] && [ -e /run/systemd/resolve/io.systemd.Resolve ]");
	view_close(&v);
}

static void where_there_is_no_resolv_conf_the_command_has_one(void **state)
{
	static const char *const ways[] = {
		"rm /etc/resolv.conf",
		"ln -sf /run/nowhere/resolv.conf /etc/resolv.conf",
		"ln -sf /dev/null /etc/resolv.conf",
		"rm /etc/resolv.conf && mkdir /etc/resolv.conf",
	};

	(void)state;
	NETNS_OR_SKIP();
	shell("mkdir -p /etc/ssl/certs && echo cert >/run/cert && "
	      "ln -s ../../../run/cert /etc/ssl/certs/up && ln -s ../run/cert /etc/link && "
	      "mount -t tmpfs below /etc/ssl/certs && ln -s ../../../run/cert /etc/ssl/certs/up");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct view v;

		shell(ways[i]);
		v = view_open(0);
		assert_true(sees(&v, SEES_OURS));
		/* All else is there, links that lead upwards and what is mounted below included. */
		assert_true(sees(&v, "[ $(cat $V/etc/hostname) = box ]"));
		assert_true(sees(&v, "[ $(chroot $V cat /etc/link) = cert ]"));
		assert_true(sees(&v, "[ $(chroot $V cat /etc/ssl/certs/up) = cert ]"));
		assert_true(sees(&v, "grep -qx 'hosts: files dns' $V/etc/nsswitch.conf"));
		assert_true(sees(&v, "[ -c $V/dev/null ] && ! grep -q 10.66.77.1 $V/dev/null"));
		view_close(&v);
		shell("! grep -q culvert /proc/self/mountinfo && ! grep -q 10.66 /etc/resolv.conf "
		      "2>/dev/null");
	}
}

static void without_a_right_to_mount_nothing_is_done(void **state)
{
	(void)state;
	NETNS_OR_SKIP();
	fflush(NULL);
	if (fork() == 0) {
		struct enclosure_files files;
		const char *where;

		capng_clear(CAPNG_SELECT_CAPS);
		capng_apply(CAPNG_SELECT_CAPS);
		_exit(enclosure_files_put(&files, OURS, &where) == -EPERM && where ? 0 : 1);
	} else {
		int status;

		wait(&status);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_line_for_hosts_is_another),
		cmocka_unit_test_setup(a_command_sees_the_tunnels_resolvers_and_the_host_its_own,
				       new_host),
		cmocka_unit_test_setup(files_that_the_host_replaces_are_covered_again, new_host),
		cmocka_unit_test_setup(the_file_that_a_link_leads_to_is_covered, new_host),
		cmocka_unit_test_setup(
			services_that_would_ask_outside_are_hidden_also_when_they_come_later,
			new_host),
		cmocka_unit_test_setup(where_there_is_no_resolv_conf_the_command_has_one, new_host),
		cmocka_unit_test_setup(without_a_right_to_mount_nothing_is_done, new_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
