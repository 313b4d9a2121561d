/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each run is a process of its own that plays the engine: it answers the pings of the command,
 * and reports how that has ended.  As root every test runs twice, as root and as nobody.
 */
#include "io/enclosure.h"

#include "io_netns.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "packet/icmp.h"

#define NOBODY 65534

struct run {
	uid_t uid;
	char *const *command;
	void (*before)(void);                         /* in the engine's process */
	void (*during)(struct enclosure *e, int out); /* the same, once the command runs */
	bool closes_adapter;
	bool never_starts;

	int status; /* of the command; -errno of enclosure_new() */
	unsigned int answered;
	bool children_left;
	bool told; /* by @during: @out holds what the command has said so far */
	char complaint[512];
	char out[4096]; /* what the command said, on either descriptor */
};

static size_t read_out(int fd, char *ret)
{
	ssize_t n = pread(fd, ret, sizeof((struct run *)NULL)->out - 1, 0);

	ret[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static unsigned int answer(struct tun *tun)
{
	static struct train t[TUN_RX_BATCH];
	uint64_t drops[N_VERDICTS] = { 0 };
	size_t n = tun_recv(tun, t, TUN_RX_BATCH, drops);
	unsigned int answered = 0;

	for (size_t i = 0; i < n; i++)
		if (!t[i].ip6 && t[i].proto == IPPROTO_NUM_ICMP && icmp_echo_reply(&t[i]) == PASS &&
		    tun_send(tun, &t[i]) == PASS)
			answered++;
	return answered;
}

static void pump(struct enclosure *e, struct tun *tun, struct run *run)
{
	struct pollfd fds[] = { { .fd = enclosure_fd(e), .events = POLLIN },
				{ .fd = tun ? tun_fd(tun) : -1, .events = POLLIN } };

	while (!fds[0].revents && poll(fds, 2, 10000) > 0)
		if (fds[1].revents)
			run->answered += answer(tun);
}

/* The engine's process: all but its result is its own. */
static void engine(struct run *run, int out)
{
	struct prefix addresses[2];
	struct enclosure_params params = { .name = "culvert0",
					   .addresses = addresses,
					   .n_addresses = 2,
					   .mtu = 1420,
					   .resolv_conf = "nameserver 10.66.77.1\n",
					   .command = run->command };
	struct enclosure *e;
	struct tun *tun;

	prefix_parse("10.66.77.2/24", &addresses[0]);
	prefix_parse("fd00::2/64", &addresses[1]);
	run->status = enclosure_new(&params, &e, run->complaint);
	if (run->status < 0)
		return;
	tun = enclosure_take_tun(e);
	if (run->closes_adapter)
		tun = tun_free(tun);
	if (!run->never_starts) {
		run->status = enclosure_start(e);
		if (run->during)
			run->during(e, out);
		pump(e, tun, run);
		run->status = enclosure_wait(e);
	}
	enclosure_free(e);
	tun_free(tun);
	run->children_left = waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD;
}

static bool become_user(uid_t uid)
{
	return uid == geteuid() || (setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

static struct run *shared; /* with the engine's process */

static pid_t start(struct run *run)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	pid_t pid;

	fflush(NULL);
	*shared = *run;
	pid = fork();
	if (pid == 0) {
		/* Whatever the test's own caller left open is not what is looked for. */
		close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		if (run->uid != geteuid() && (setresgid(run->uid, run->uid, run->uid) < 0 ||
					      setresuid(run->uid, run->uid, run->uid) < 0))
			_exit(1);
		/* Else its files in /proc would be root's. */
		prctl(PR_SET_DUMPABLE, 1);
		if (run->before)
			run->before();
		engine(shared, out);
		read_out(out, shared->out);
		_exit(0);
	}
	close(out);
	assert_true(pid > 0);
	return pid;
}

static void finish(struct run *run, pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	*run = *shared;
	if (run->status < 0)
		printf("# %s\n", run->complaint);
	assert_false(run->children_left);
}

static void run_it(struct run *run)
{
	finish(run, start(run));
}

#define SHELL(text) ((char *const[]){ "sh", "-c", text, NULL })

/* Each user that this test may be: for (size_t u = 0; next_user(&u, &uid);) */
static bool next_user(size_t *u, uid_t *ret)
{
	*ret = *u == 0 ? geteuid() : NOBODY;
	return (*u)++ < (geteuid() == 0 ? 2 : 1);
}

/* Root needs no user namespaces, everybody else does; whether they are to be had is not ours to say. */
static bool permitted(uid_t uid)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(become_user(uid) && unshare((uid ? CLONE_NEWUSER : 0) | CLONE_NEWNS |
						  CLONE_NEWNET) == 0
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		printf("# skipped for user %u: no namespaces\n", uid);
	return status == 0;
}

/* --- what the command is --------------------------------------------------------------- */

static void the_exit_status_is_what_a_shell_would_say(void **state)
{
	static const struct {
		char *command[4];
		int status;
		const char *said;
	} cases[] = {
		{ { "true" }, 0, "" },
		{ { "sh", "-c", "exit 7" }, 7, "" },
		{ { "sh", "-c", "kill -9 $$" }, 137, "" },
		{ { "sh", "-c", "kill -TERM $$" }, 143, "" },
		{ { "no-such-command" }, 127, "culvert: no-such-command: command not found" },
		{ { "/no/such" }, 127, "culvert: /no/such: command not found" },
		{ { "/etc/passwd" }, 126, "culvert: /etc/passwd: Permission denied" },
		{ { "/" }, 126, "culvert: /: Permission denied" },
	};
	uid_t uid;

	(void)state;
	for (size_t u = 0; next_user(&u, &uid);) {
		if (!permitted(uid))
			continue;
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct run run = { .uid = uid, .command = cases[i].command };

			run_it(&run);
			assert_int_equal(run.status, cases[i].status);
			assert_int_equal(strncmp(run.out, cases[i].said, strlen(cases[i].said)), 0);
			assert_true(run.out[0] || !cases[i].said[0]);
		}
	}
}

static void set_environment(void)
{
	setenv("CULVERT_TEST", "kept as it was", 1);
	umask(027);
}

static void the_command_is_the_same_user_without_capabilities(void **state)
{
	uid_t uid;

	(void)state;
	for (size_t u = 0; next_user(&u, &uid);) {
		char path[] = "/tmp/culvert-owned-XXXXXX";
		char script[256], expected[256];
		struct stat st;
		struct run run = { .uid = uid,
				   .command = SHELL(script),
				   .before = set_environment };

		if (!permitted(uid))
			continue;
		assert_non_null(mkdtemp(path));
		chmod(path, 0777);
		snprintf(script, sizeof(script),
			 "id -u; umask; pwd; echo $CULVERT_TEST; touch %s/f; "
			 "grep -q 'CapEff:.*0000000000000000' /proc/self/status && echo none",
			 path);
		snprintf(expected, sizeof(expected), "%u\n0027\n/\nkept as it was\n%s", uid,
			 uid ? "none\n" : "");
		assert_int_equal(chdir("/"), 0);
		run_it(&run);
		assert_string_equal(run.out, expected);
		snprintf(script, sizeof(script), "%s/f", path);
		assert_int_equal(stat(script, &st), 0);
		assert_int_equal(st.st_uid, uid);
		unlink(script);
		rmdir(path);
	}
}

static void set_signals(void)
{
	sigset_t set;

	/* As the engine does before it makes an enclosure, or whoever has started it. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(dup2(STDOUT_FILENO, 9), 9);
}

static void the_command_has_no_signals_and_descriptors_of_ours(void **state)
{
	uid_t uid;

	(void)state;
	for (size_t u = 0; next_user(&u, &uid);) {
		struct run run = { .uid = uid,
				   /* The last seven digits: real-time signals are the starter's. */
				   .command =
					   SHELL("sed -En 's/^(Sig(Blk|Ign)).*(.{7})$/\\1 \\3/p' "
						 "/proc/self/status; "
						 "echo /proc/self/fd/*; exit 3"),
				   .before = set_signals };

		if (!permitted(uid))
			continue;
		run_it(&run);
		assert_int_equal(run.status, 3);
		/* SIGHUP stays ignored, as nohup(1) wants it; the caller's descriptor 9 is there, and
		 * 3 is the shell's own. */
		assert_string_equal(run.out, "SigBlk 0000000\n"
					     "SigIgn 0000001\n"
					     "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 "
					     "/proc/self/fd/3 /proc/self/fd/9\n");
	}
}

/* --- its network ----------------------------------------------------------------------- */

/* Namespaces that this process may do with as it likes, though it stays the same user. */
static void make_namespaces(void)
{
	char map[64];

	snprintf(map, sizeof(map), "%u %u 1", geteuid(), geteuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    netns_write("/proc/self/setgroups", "deny") < 0 ||
	    netns_write("/proc/self/uid_map", map) < 0 ||
	    netns_write("/proc/self/gid_map", map) < 0)
		_exit(1);
}

/* Mounts that only this process and its children see, and that nobody else changes. */
static void isolate(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		make_namespaces();
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(1);
}

/* As in a container that was given no TUN. */
static void hide_tun(void)
{
	isolate();
	(void)mount("none", "/dev/net", "tmpfs", 0, NULL);
}

/* A ping that has no rights from its file needs these. */
#define ALL_MAY_PING                                          \
	"set -- $(cat /proc/sys/net/ipv4/ping_group_range); " \
	"[ $1 -le $(id -g) ] && [ $2 -ge $(id -g) ]"

static void pings_by_either_adapter(void **state)
{
	uid_t uid;

	(void)state;
	for (size_t u = 0; next_user(&u, &uid);) {
		for (int hidden = 0; hidden < 2; hidden++) {
			struct run run = { .uid = uid,
					   .command = SHELL(
						   "ip -d link show culvert0 | grep -c veth; "
						   "ping -c 3 -i 0.05 -W 2 198.51.100.2 "
						   ">/dev/null && echo answered; " ALL_MAY_PING
						   " && echo to all; "
						   "cat /etc/resolv.conf"),
					   .before = hidden ? hide_tun : NULL };

			if (!permitted(uid))
				continue;
			run_it(&run);
			printf("# %s", run.out);
			assert_int_equal(run.status, 0);
			assert_int_equal(run.answered, 3);
			assert_non_null(
				strstr(run.out, "answered\nto all\nnameserver 10.66.77.1\n"));
			if (hidden)
				assert_int_equal(run.out[0], '1');
		}
	}
}

static void without_the_engine_the_command_lives_and_has_no_network(void **state)
{
	uid_t uid;

	(void)state;
	for (size_t u = 0; next_user(&u, &uid);) {
		for (int hidden = 0; hidden < 2; hidden++) {
			struct run run = { .uid = uid,
					   .command =
						   SHELL("sleep 0.3; ping -c 1 -W 1 198.51.100.2 "
							 ">/dev/null 2>&1; echo $?; "
							 "ip link | grep -c culvert0; exit 5"),
					   .before = hidden ? hide_tun : NULL,
					   .closes_adapter = true };

			if (!permitted(uid))
				continue;
			run_it(&run);
			assert_int_equal(run.status, 5);
			assert_string_equal(run.out, "2\n0\n");
		}
	}
}

/* How many processes are in the network namespace that @link names, e.g. "net:[4026532]". */
static unsigned int population(const char *link)
{
	DIR *proc = opendir("/proc");
	unsigned int n = 0;

	for (const struct dirent *d; (d = readdir(proc));) {
		char path[300], is[64];
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%s/ns/net", d->d_name);
		len = readlink(path, is, sizeof(is) - 1);
		if (len > 0 && strncmp(is, link, strlen(link)) == 0)
			n++;
	}
	closedir(proc);
	return n;
}

/* Ended; whoever inherits orphans here may be slow to say that it knows. */
static bool is_gone(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f) {
		(void)!fscanf(f, "%*d (%*[^)]) %c", &state);
		fclose(f);
	}
	return state == 'Z';
}

static bool goes(pid_t pid)
{
	for (int i = 0; i < 200 && !is_gone(pid); i++)
		usleep(10000);
	return is_gone(pid);
}

/* The other child of @parent than @command. */
static pid_t keeper_of(pid_t parent, pid_t command)
{
	char path[64];
	pid_t found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	f = fopen(path, "re");
	for (int pid; f && fscanf(f, "%d", &pid) == 1;)
		if (pid != command)
			found = pid;
	if (f)
		fclose(f);
	return found;
}

static void tell(struct enclosure *e, int out)
{
	(void)e;
	for (int i = 0; i < 500 && read_out(out, shared->out) == 0; i++)
		usleep(10000);
	__atomic_store_n(&shared->told, true, __ATOMIC_RELEASE);
}

static void a_killed_engine_leaves_the_command_alone(void **state)
{
	uid_t uid;

	(void)state;
	for (size_t u = 0; next_user(&u, &uid);) {
		struct run run = { .uid = uid,
				   .command = SHELL("echo $$; exec sleep 60"),
				   .during = tell };
		pid_t engine_pid, keeper;
		int command;

		if (!permitted(uid))
			continue;
		engine_pid = start(&run);
		for (int i = 0; i < 500 && !__atomic_load_n(&shared->told, __ATOMIC_ACQUIRE); i++)
			usleep(10000);
		assert_int_equal(sscanf(shared->out, "%d", &command), 1);
		keeper = keeper_of(engine_pid, command);
		assert_true(keeper > 0 && !is_gone(keeper));
		kill(engine_pid, SIGKILL);
		waitpid(engine_pid, NULL, 0);
		assert_true(goes(keeper));
		assert_false(is_gone(command));
		kill(command, SIGKILL);
		assert_true(goes(command));
	}
}

/* --- its life -------------------------------------------------------------------------- */

static void send_signals(struct enclosure *e, int out)
{
	for (int i = 0; i < 500 && read_out(out, shared->out) == 0; i++)
		usleep(10000);
	enclosure_signal(e, SIGINT); /* the terminal has sent it already */
	enclosure_signal(e, SIGHUP);
	enclosure_signal(e, SIGTERM);
	/* What a terminal sends to both of them does not end this one. */
	raise(SIGINT);
	raise(SIGQUIT);
}

static void signals_are_passed_on_but_for_the_terminals(void **state)
{
	uid_t uid;

	(void)state;
	for (size_t u = 0; next_user(&u, &uid);) {
		struct run run = { .uid = uid,
				   .command = SHELL("trap 'echo INT' INT; trap 'echo HUP' HUP; "
						    "trap 'echo TERM; exit 9' TERM; echo ready; "
						    "while :; do sleep 0.05; done"),
				   .during = send_signals };

		if (!permitted(uid))
			continue;
		run_it(&run);
		assert_int_equal(run.status, 9);
		assert_string_equal(run.out, "ready\nHUP\nTERM\n");
	}
}

static void a_command_that_is_never_started_never_runs(void **state)
{
	uid_t uid;

	(void)state;
	for (size_t u = 0; next_user(&u, &uid);) {
		struct run run = { .uid = uid, .command = SHELL("echo ran"), .never_starts = true };

		if (!permitted(uid))
			continue;
		run_it(&run);
		assert_string_equal(run.out, "");
	}
}

/* All that a host has where something could stay. */
static void look_around(char *ret, size_t room)
{
	FILE *f =
		popen("cat /proc/self/mountinfo; ls -R /tmp /run; ls /dev /etc; ip -br link", "r");
	size_t n = fread(ret, 1, room - 1, f);

	ret[n] = '\0';
	pclose(f);
}

static void nothing_is_left(void **state)
{
	static char before[65536], after[65536];
	uid_t uid;

	(void)state;
	if (!permitted(geteuid()))
		skip();
	/* For the rest of this process, so this is the last test. */
	isolate();
	assert_int_equal(mount("tmp", "/tmp", "tmpfs", 0, NULL), 0);
	assert_int_equal(mount("run", "/run", "tmpfs", 0, NULL), 0);
	look_around(before, sizeof(before));
	for (size_t u = 0; next_user(&u, &uid);) {
		struct run run = { .uid = uid, .command = SHELL("readlink /proc/self/ns/net") };

		if (!permitted(uid))
			continue;
		run_it(&run);
		assert_int_equal(strncmp(run.out, "net:[", 5), 0);
		run.out[strcspn(run.out, "\n")] = '\0';
		assert_int_equal(population(run.out), 0);
	}
	look_around(after, sizeof(after));
	assert_string_equal(before, after);
}

/* --- what can be refused --------------------------------------------------------------- */

static void allow_no_namespaces(void)
{
	make_namespaces();
	if (netns_write("/proc/sys/user/max_user_namespaces", "0") < 0)
		_exit(1);
	capng_clear(CAPNG_SELECT_CAPS);
	capng_apply(CAPNG_SELECT_CAPS);
}

static void filter_unshare(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0);
	seccomp_load(filter);
	seccomp_release(filter);
}

static void a_host_that_refuses_gets_a_sentence(void **state)
{
	static const struct {
		void (*before)(void);
		int error;
		const char *said;
	} cases[] = {
		{ allow_no_namespaces, -ENOSPC, "user.max_user_namespaces=1000" },
		{ filter_unshare, -EPERM, "--security-opt seccomp=unconfined" },
	};

	(void)state;
	if (!permitted(geteuid() == 0 ? NOBODY : geteuid()))
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = { .uid = geteuid() == 0 ? NOBODY : geteuid(),
				   .command = SHELL("echo ran"),
				   .before = cases[i].before };

		run_it(&run);
		assert_int_equal(run.status, cases[i].error);
		assert_non_null(strstr(run.complaint, cases[i].said));
		assert_string_equal(run.out, "");
	}
}

static int share(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exit_status_is_what_a_shell_would_say),
		cmocka_unit_test(the_command_is_the_same_user_without_capabilities),
		cmocka_unit_test(the_command_has_no_signals_and_descriptors_of_ours),
		cmocka_unit_test(pings_by_either_adapter),
		cmocka_unit_test(without_the_engine_the_command_lives_and_has_no_network),
		cmocka_unit_test(a_killed_engine_leaves_the_command_alone),
		cmocka_unit_test(signals_are_passed_on_but_for_the_terminals),
		cmocka_unit_test(a_command_that_is_never_started_never_runs),
		cmocka_unit_test(a_host_that_refuses_gets_a_sentence),
		cmocka_unit_test(nothing_is_left),
	};

	return cmocka_run_group_tests(tests, share, NULL);
}
