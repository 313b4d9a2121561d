/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <sodium.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* The child's line of the first expectation that failed is its exit code's only witness: say it. */
#define EXPECT(condition)                                                             \
	do {                                                                          \
		if (!(condition)) {                                                   \
			fprintf(stderr, "# line %d: %s (%s)\n", __LINE__, #condition, \
				strerror(errno));                                     \
			_exit(1);                                                     \
		}                                                                     \
	} while (0)

/* Runs @work in a sandboxed child.  Return: the wait status. */
static int in_sandbox(void (*work)(void), const struct sandbox_params *params, uid_t uid)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		EXPECT(uid == 0 || (setgid(uid) == 0 && setuid(uid) == 0));
		EXPECT(sandbox_enter(params) == 0);
		work();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static const struct sandbox_params gateway = { .net_raw = true, .net_admin = true };

static void assert_works(void (*work)(void))
{
	assert_int_equal(in_sandbox(work, &gateway, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(
			in_sandbox(work, &(struct sandbox_params){ .net_raw = true }, 65534), 0);
}

static void *thread_main(void *arg)
{
	*(int *)arg = 7;
	free(malloc(1 << 20));
	return NULL;
}

static void use_threads_and_clocks(void)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1000 };
	struct epoll_event event = { .events = EPOLLIN };
	pthread_t thread;
	uint64_t ticks;
	int result = 0;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	EXPECT(pthread_create(&thread, NULL, thread_main, &result) == 0);
	EXPECT(pthread_join(thread, NULL) == 0);
	EXPECT(result == 7);
	EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0);
	EXPECT(timerfd_settime(timer, 0, &soon, NULL) == 0);
	EXPECT(epoll_wait(epoll, &event, 1, 1000) == 1);
	EXPECT(read(timer, &ticks, sizeof(ticks)) == sizeof(ticks));
	EXPECT(eventfd(0, EFD_CLOEXEC) >= 0);
	EXPECT(nanosleep(&(struct timespec){ .tv_nsec = 1000 }, NULL) == 0);
	EXPECT(prctl(PR_SET_NAME, "worker") == 0);
}

static void use_files(void)
{
	char dir[] = "/tmp/culvert-sandbox-XXXXXX";
	struct stat st;
	int fd;

	EXPECT(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	EXPECT(fd >= 0);
	int file = openat(fd, "new", O_RDWR | O_CREAT, 0600);
	EXPECT(file >= 0 && flock(file, LOCK_EX) == 0);
	EXPECT(write(file, "x", 1) == 1 && fsync(file) == 0 && ftruncate(file, 0) == 0);
	EXPECT(fchmod(file, 0640) == 0 && fchown(file, geteuid(), getegid()) == 0);
	EXPECT(renameat(fd, "new", fd, "old") == 0);
	EXPECT(fstatat(fd, "old", &st, 0) == 0 && st.st_size == 0);
	EXPECT(unlinkat(fd, "old", 0) == 0);
	EXPECT(rmdir(dir) == 0);
}

static void use_sockets(void)
{
	int on = 1;
	int fd;

	EXPECT(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
	EXPECT(socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno == EAFNOSUPPORT);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	EXPECT(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	EXPECT(ioctl(fd, FIONREAD, &on) == 0);
	/* Packet sockets need CAP_NET_RAW, but must not fail for the filter: EPERM both, so root tells. */
	if (geteuid() == 0)
		EXPECT(socket(AF_PACKET, SOCK_RAW, 0) >= 0);
}

static void use_libraries(void)
{
	struct addrinfo *info = NULL;
	unsigned char bytes[32];
	SSL_CTX *ctx;
	SSL *ssl;
	void *key;

	EXPECT(getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes));
	EXPECT(sodium_init() >= 0);
	key = sodium_malloc(64);
	EXPECT(key);
	sodium_free(key);
	ctx = SSL_CTX_new(TLS_client_method());
	EXPECT(ctx && SSL_CTX_set_default_verify_paths(ctx) == 1);
	ssl = SSL_new(ctx);
	EXPECT(ssl && RAND_bytes(bytes, sizeof(bytes)) == 1);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	EXPECT(getaddrinfo("localhost", "53", NULL, &info) == 0);
	freeaddrinfo(info);
}

static void what_a_gateway_does_goes_on(void **state)
{
	(void)state;
	assert_works(use_threads_and_clocks);
	assert_works(use_libraries);
	assert_works(use_sockets);
	assert_works(use_files);
}

static void look_for_what_is_gone(void)
{
	EXPECT(capng_get_caps_process() == 0);
	EXPECT(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW));
	EXPECT(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN));
	EXPECT(!capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN));
	EXPECT(!capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE));
	EXPECT(!capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE));
}

static void look_for_anything(void)
{
	EXPECT(capng_get_caps_process() == 0);
	EXPECT(capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE);
}

static void capabilities_are_dropped_but_those_asked_for(void **state)
{
	(void)state;
	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW) ||
	    !capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN))
		skip();
	assert_int_equal(in_sandbox(look_for_what_is_gone, &gateway, 0), 0);
	assert_int_equal(in_sandbox(look_for_anything, &(struct sandbox_params){ 0 }, 0), 0);
}

#ifndef SANITIZED
static void try_what_is_refused(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(page != MAP_FAILED);
	EXPECT(mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		       MAP_FAILED &&
	       errno == EPERM);
	EXPECT(fork() < 0 && errno == EPERM);
	EXPECT(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EPERM);
	EXPECT(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM);
	EXPECT(syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EPERM);
	EXPECT(ioctl(0, TIOCSTI, "x") < 0 && errno == EPERM);
	EXPECT(chdir("/") < 0 && errno == EPERM);
	EXPECT(kill(getppid(), 0) < 0 && errno == EPERM);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 && errno == EPERM);
}

static void other_calls_fail_with_eperm(void **state)
{
	(void)state;
	assert_works(try_what_is_refused);
}

/* A client that has a child: it was made before. */
static void a_child_may_be_signalled_and_waited_for(void **state)
{
	pid_t parent = fork();
	int status;

	(void)state;
	if (parent == 0) {
		pid_t child = fork();

		if (child == 0) {
			pause();
			_exit(1);
		}
		EXPECT(sandbox_enter(&(struct sandbox_params){ .children = true }) == 0);
		EXPECT(kill(child, SIGTERM) == 0);
		EXPECT(waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGTERM);
		_exit(0);
	}
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(status, 0);
}

static void run_a_program(void)
{
	execl("/bin/true", "true", NULL);
}

static void trace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void mount_something(void)
{
	mount("none", "/tmp", "tmpfs", 0, NULL);
}

static void make_a_namespace(void)
{
	syscall(SYS_unshare, 0);
}

static void an_intruders_calls_end_the_process(void **state)
{
	void (*const deeds[])(void) = { run_a_program, trace, mount_something, make_a_namespace };
	(void)state;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		int status = in_sandbox(deeds[i], &gateway, 0);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
		assert_false(WCOREDUMP(status));
	}
}

static int go[2];

static void *older_thread(void *arg)
{
	char c;

	(void)arg;
	EXPECT(read(go[0], &c, 1) == 1);
	EXPECT(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EPERM);
	return NULL;
}

static void threads_that_run_already_are_filtered_too(void **state)
{
	pid_t child = fork();
	pthread_t thread;
	int status;

	(void)state;
	if (child == 0) {
		EXPECT(pipe(go) == 0);
		EXPECT(pthread_create(&thread, NULL, older_thread, NULL) == 0);
		EXPECT(sandbox_enter(&(struct sandbox_params){ .net_admin = false }) == 0);
		EXPECT(write(go[1], "g", 1) == 1);
		EXPECT(pthread_join(thread, NULL) == 0);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_gateway_does_goes_on),
		cmocka_unit_test(capabilities_are_dropped_but_those_asked_for),
#ifndef SANITIZED
		cmocka_unit_test(other_calls_fail_with_eperm),
		cmocka_unit_test(a_child_may_be_signalled_and_waited_for),
		cmocka_unit_test(an_intruders_calls_end_the_process),
		cmocka_unit_test(threads_that_run_already_are_filtered_too),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
