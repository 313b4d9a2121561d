/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/control.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "control/protocol.h"

static char dir[] = "/tmp/culvert-control-XXXXXX";
static char config[128];

static int make_config(void **state)
{
	FILE *f;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	/* The name is this test's own, for the socket may be made in /run/culvert. */
	snprintf(config, sizeof(config), "%s/t%ld.conf", dir, (long)getpid());
	f = fopen(config, "w");
	return f ? fclose(f) : -1;
}

static int remove_config(void **state)
{
	(void)state;
	unlink(config);
	return rmdir(dir); /* fails if a socket or lock file was left */
}

static uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static bool readable(const struct control_server *s)
{
	struct pollfd p = { .fd = control_server_fd(s), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static struct control_server *server(void)
{
	struct control_server *s;
	pid_t pid;

	assert_int_equal(control_server_new(config, &s, &pid), 0);
	return s;
}

static char *text_of(size_t len, char c)
{
	char *text = malloc(len);

	memset(text, c, len);
	return text;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* -- one thread that plays the gateway ------------------------------------------------------- */

struct gateway {
	struct control_server *server;
	_Atomic bool stop;
	size_t answer_len; /* 0: echo the request */
	pthread_t thread;
};

/* The request back, or what a gateway says to somebody who means another one. */
static char *echo(const struct gateway *g, const struct control_call *call, size_t *ret_len)
{
	const char *own = control_server_config_path(g->server);
	size_t len = strlen(own);
	char *text;

	if (g->answer_len) {
		*ret_len = g->answer_len;
		return text_of(g->answer_len, 'a');
	}
	if (call->len >= len && memcmp(call->text + call->len - len, own, len) == 0)
		text = strndup(call->text, call->len);
	else if (asprintf(&text, CONTROL_OTHER_GATEWAY "%s\n", own) < 0)
		text = NULL;
	assert_non_null(text);
	*ret_len = strlen(text);
	return text;
}

static void *gateway_thread(void *arg)
{
	struct gateway *g = arg;

	while (!g->stop) {
		struct pollfd p = { .fd = control_server_fd(g->server), .events = POLLIN };
		struct control_call call;

		poll(&p, 1, 10);
		control_server_run(g->server, clock_now());
		while (control_server_next(g->server, &call)) {
			size_t len;
			char *text = echo(g, &call, &len);

			control_server_answer(g->server, call.id, text, len, clock_now());
		}
	}
	return NULL;
}

static void gateway_start(struct gateway *g, struct control_server *s, size_t answer_len)
{
	*g = (struct gateway){ .server = s, .answer_len = answer_len };
	assert_int_equal(pthread_create(&g->thread, NULL, gateway_thread, g), 0);
}

static void gateway_stop(struct gateway *g)
{
	g->stop = true;
	pthread_join(g->thread, NULL);
	control_server_free(g->server);
}

static void a_request_is_answered(void **state)
{
	struct gateway g;
	char expected[256];
	char *answer;

	(void)state;
	gateway_start(&g, server(), 0);
	assert_int_equal(control_request(config, "status", &answer), 0);
	snprintf(expected, sizeof(expected), "status %s", config);
	assert_string_equal(answer, expected);
	free(answer);
	gateway_stop(&g);
}

static void a_large_answer_arrives_whole(void **state)
{
	struct gateway g;
	char *answer;

	(void)state;
	gateway_start(&g, server(), 5000000);
	assert_int_equal(control_request(config, "status", &answer), 0);
	assert_int_equal(strlen(answer), 5000000);
	free(answer);
	gateway_stop(&g);
}

static void without_a_gateway_the_client_knows_at_once(void **state)
{
	uint64_t start = clock_now();
	char *answer;

	(void)state;
	assert_int_equal(control_request(config, "status", &answer), -ECONNREFUSED);
	assert_int_equal(control_request("/nonexistent/x.conf", "status", &answer), -ENOENT);
	assert_true(clock_now() - start < 100 * NS_PER_MS);
}

static void a_silent_gateway_is_given_up_after_two_seconds(void **state)
{
	struct control_server *s = server();
	uint64_t start = clock_now();
	char *answer;

	(void)state;
	assert_int_equal(control_request(config, "status", &answer), -ETIMEDOUT);
	assert_true(clock_now() - start < 3 * NS_PER_S);
	control_server_free(s);
}

/* -- hostile clients, on a clock of the test's own ------------------------------------------ */

static void a_slow_writer_is_dropped_after_two_seconds(void **state)
{
	struct control_server *s = server();
	int fd = connect_to(control_server_path(s));
	struct control_call call;
	char c;

	(void)state;
	assert_int_equal(control_server_next_deadline(s), NEVER);
	control_server_run(s, 0);
	for (uint64_t t = 0; t < 2000; t += 100) {
		send_text(fd, "s");
		control_server_run(s, t * NS_PER_MS);
		assert_false(control_server_next(s, &call));
	}
	assert_int_equal(control_server_next_deadline(s), 2 * NS_PER_S);
	control_server_run(s, 2 * NS_PER_S);
	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), 0);
	assert_int_equal(control_server_next_deadline(s), NEVER);
	close(fd);
	control_server_free(s);
}

static void a_client_that_does_not_read_is_dropped(void **state)
{
	struct control_server *s = server();
	int fd = connect_to(control_server_path(s));
	struct control_call call;

	(void)state;
	send_text(fd, "status /x\n");
	control_server_run(s, 0);
	control_server_run(s, 0);
	assert_true(control_server_next(s, &call));
	control_server_answer(s, call.id, text_of(4 << 20, 'x'), 4 << 20, NS_PER_S);
	assert_int_equal(control_server_next_deadline(s), 3 * NS_PER_S);
	control_server_run(s, 3 * NS_PER_S);
	assert_int_equal(control_server_next_deadline(s), NEVER);
	close(fd);
	control_server_free(s);
}

static void an_endless_line_is_cut(void **state)
{
	struct control_server *s = server();
	int fd = connect_to(control_server_path(s));
	static char line[8192];
	struct control_call call;
	char c;

	(void)state;
	memset(line, 'x', sizeof(line));
	assert_int_equal(send(fd, line, sizeof(line), MSG_NOSIGNAL), sizeof(line));
	control_server_run(s, 0);
	control_server_run(s, 0);
	assert_false(control_server_next(s, &call));
	assert_true(recv(fd, &c, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN);
	assert_int_equal(control_server_next_deadline(s), NEVER);
	close(fd);
	control_server_free(s);
}

static void a_client_that_leaves_takes_its_call_with_it(void **state)
{
	struct control_server *s = server();
	int fd = connect_to(control_server_path(s));
	struct control_call call;
	struct control_call next;
	char c;

	(void)state;
	send_text(fd, "status /x\n");
	control_server_run(s, 0);
	control_server_run(s, 0);
	assert_true(control_server_next(s, &call));
	close(fd);
	control_server_run(s, 0);
	assert_false(readable(s)); /* else the loop would spin on the hang-up */
	control_server_answer(s, call.id, text_of(10, 'x'), 10, 0);
	fd = connect_to(control_server_path(s));
	send_text(fd, "status /y\n");
	control_server_run(s, 0);
	control_server_run(s, 0);
	assert_true(control_server_next(s, &next));
	assert_int_equal(next.len, strlen("status /y"));
	/* An old id never reaches the connection that has its slot now. */
	control_server_answer(s, call.id, text_of(10, 'x'), 10, 0);
	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	control_server_answer(s, next.id, text_of(1 << 20, 'x'), 1 << 20, 0);
	close(fd); /* in the middle of the answer */
	control_server_run(s, 0);
	assert_int_equal(control_server_next_deadline(s), NEVER);
	control_server_free(s);
}

static void of_a_hundred_connections_sixteen_stay(void **state)
{
	struct control_server *s = server();
	int fds[100];
	int open = 0;
	char c;

	(void)state;
	for (int i = 0; i < 100; i++) {
		fds[i] = connect_to(control_server_path(s));
		if (i % 20 == 19)
			control_server_run(s, 0);
	}
	while (readable(s))
		control_server_run(s, 0);
	for (int i = 0; i < 100; i++)
		open += recv(fds[i], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	assert_int_equal(open, CONTROL_CONNECTIONS);
	control_server_run(s, 2 * NS_PER_S);
	assert_int_equal(control_server_next_deadline(s), NEVER);
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	control_server_free(s);
}

/* -- one gateway per configuration ----------------------------------------------------------- */

static void a_second_gateway_learns_who_runs(void **state)
{
	struct control_server *s = server();
	struct control_server *second;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(control_server_new(config, &second, &pid), -EADDRINUSE);
	assert_int_equal(pid, getpid());
	control_server_free(s);
	control_server_free(server());
}

static void a_killed_gateway_leaves_no_obstacle(void **state)
{
	struct stat st;
	int ready[2];
	pid_t child;
	char path[CONTROL_PATH_MAX];
	struct control_server *s;
	char c;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		s = server();
		if (write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	s = server();
	strcpy(path, control_server_path(s));
	assert_int_equal(stat(path, &st), 0);
	control_server_free(s);
	assert_int_equal(stat(path, &st), -1);
	close(ready[0]);
	close(ready[1]);
}

static void the_same_base_name_elsewhere_takes_the_next_socket(void **state)
{
	struct control_server *s = server();
	struct control_server *other;
	struct gateway first;
	struct gateway second;
	char *answer;
	char sub[64];
	char path[128];
	pid_t pid;
	FILE *f;

	(void)state;
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	assert_int_equal(mkdir(sub, 0755), 0);
	snprintf(path, sizeof(path), "%s/%s", sub, strrchr(config, '/') + 1);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(control_server_new(path, &other, &pid), 0);
	assert_string_not_equal(control_server_path(other), control_server_path(s));
	assert_string_equal(control_server_config_path(other), path);
	gateway_start(&first, s, 0);
	gateway_start(&second, other, 0);
	assert_int_equal(control_request(path, "status", &answer), 0);
	assert_non_null(strstr(answer, path)); /* not what the first one says */
	free(answer);
	gateway_stop(&second);
	assert_int_equal(control_request(path, "status", &answer), -ECONNREFUSED);
	gateway_stop(&first);
	unlink(path);
	rmdir(sub);
}

static void socket_paths_follow_the_configuration(void **state)
{
	char paths[CONTROL_PATHS][CONTROL_PATH_MAX];
	char deep[300];

	(void)state;
	assert_int_equal(control_paths("/etc/culvert/home.conf", paths), 2);
	assert_string_equal(paths[0], "/run/culvert/home.sock");
	assert_string_equal(paths[1], "/etc/culvert/.home.sock");
	memset(deep, 'd', sizeof(deep));
	deep[0] = '/';
	strcpy(deep + 200, "/wg0");
	assert_int_equal(control_paths(deep, paths), 1);
	assert_string_equal(paths[0], "/run/culvert/wg0.sock");
}

static void whether_one_runs_can_be_asked_without_starting_one(void **state)
{
	struct control_server *s;
	pid_t pid = 1;

	(void)state;
	assert_int_equal(control_server_probe(config, &pid), 0);
	assert_int_equal(pid, 0);
	s = server();
	assert_int_equal(control_server_probe(config, &pid), -EADDRINUSE);
	assert_int_equal(pid, getpid());
	control_server_free(s);
	assert_int_equal(control_server_probe(config, &pid), 0);
	assert_int_equal(control_server_probe("/nothing/there", &pid), 0);
}

/* Whether @path is among the texts that stand behind each other in @list. */
static bool listed(const char *list, const char *path)
{
	for (; *list != '\0'; list += strlen(list) + 1) {
		if (strcmp(list, path) == 0)
			return true;
	}
	return false;
}

static void those_that_run_are_listed_by_their_files(void **state)
{
	struct gateway g;
	struct control_server *s = server();
	bool beside_the_file = strncmp(control_server_path(s), "/run/", 5) != 0;
	char *list;

	(void)state;
	gateway_start(&g, s, 0);
	assert_int_equal(control_running(&list), 0);
	assert_true(listed(list, config) || beside_the_file);
	free(list);
	gateway_stop(&g);
	assert_int_equal(control_running(&list), 0);
	assert_false(listed(list, config));
	free(list);
}

static void *stop_soon(void *arg)
{
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	gateway_stop(arg);
	return NULL;
}

static void an_end_can_be_waited_for(void **state)
{
	struct gateway g;
	pthread_t stopper;
	uint64_t began = clock_now();

	(void)state;
	assert_int_equal(control_wait_end(config), 0);
	gateway_start(&g, server(), 0);
	assert_int_equal(pthread_create(&stopper, NULL, stop_soon, &g), 0);
	assert_int_equal(control_wait_end(config), 0);
	assert_true(clock_now() - began >= 200 * NS_PER_MS);
	pthread_join(stopper, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered),
		cmocka_unit_test(a_large_answer_arrives_whole),
		cmocka_unit_test(without_a_gateway_the_client_knows_at_once),
		cmocka_unit_test(a_silent_gateway_is_given_up_after_two_seconds),
		cmocka_unit_test(a_slow_writer_is_dropped_after_two_seconds),
		cmocka_unit_test(a_client_that_does_not_read_is_dropped),
		cmocka_unit_test(an_endless_line_is_cut),
		cmocka_unit_test(a_client_that_leaves_takes_its_call_with_it),
		cmocka_unit_test(of_a_hundred_connections_sixteen_stay),
		cmocka_unit_test(a_second_gateway_learns_who_runs),
		cmocka_unit_test(whether_one_runs_can_be_asked_without_starting_one),
		cmocka_unit_test(those_that_run_are_listed_by_their_files),
		cmocka_unit_test(an_end_can_be_waited_for),
		cmocka_unit_test(a_killed_gateway_leaves_no_obstacle),
		cmocka_unit_test(the_same_base_name_elsewhere_takes_the_next_socket),
		cmocka_unit_test(socket_paths_follow_the_configuration),
	};

	return cmocka_run_group_tests(tests, make_config, remove_config);
}
