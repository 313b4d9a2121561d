/* SPDX-License-Identifier: BSD-2-Clause */
/* The UAPI server, with wg(8) itself as the client where it is installed. */
#include "io/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "control/uapi.h"

#define PEER_KEY "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static char interface[32];

#define SETS 4

/* A gateway that remembers what it was told. */
struct gateway {
	struct control_server *server;
	_Atomic bool stop;
	pthread_t thread;
	struct uapi_set told[SETS]; /* never written again once ->sets is beyond it */
	_Atomic unsigned int sets;
	struct prefix allowed[2];
	struct uapi_peer peer;
	struct uapi_device device;
};

static uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static char *answer(struct gateway *g, const struct control_call *call)
{
	char line[UAPI_ANSWER_MAX];
	const char *body;
	size_t len;
	int r = -EINVAL;

	switch (uapi_operation(call->text, call->len, &body, &len)) {
	case UAPI_GET:
		return uapi_format_get(&g->device);
	case UAPI_SET:
		if (g->sets == SETS)
			break;
		uapi_set_done(&g->told[g->sets]);
		r = uapi_parse_set(body, len, &g->told[g->sets]);
		g->sets += r == 0;
		break;
	case UAPI_UNKNOWN:
		break;
	}
	uapi_format_errno(r, line);
	return strdup(line);
}

static void gateway_step(struct gateway *g)
{
	struct control_call call;

	control_server_run(g->server, clock_now());
	while (control_server_next(g->server, &call)) {
		char *text = answer(g, &call);

		control_server_answer(g->server, call.id, text, strlen(text), clock_now());
	}
}

static void *gateway_thread(void *arg)
{
	struct gateway *g = arg;

	while (!g->stop) {
		struct pollfd p = { .fd = control_server_fd(g->server), .events = POLLIN };

		poll(&p, 1, 10);
		gateway_step(g);
	}
	return NULL;
}

static int gateway_start(void **state)
{
	struct gateway *g = calloc(1, sizeof(*g));
	pid_t pid;

	if (!g)
		return -1;
	snprintf(interface, sizeof(interface), "cvt%ld", (long)getpid());
	if (control_server_new_uapi(interface, &g->server, &pid) < 0) {
		free(g);
		*state = NULL; /* /var/run/wireguard is root's */
		return 0;
	}
	memset(g->peer.public_key, 1, 32);
	prefix_parse("10.66.77.2/32", &g->allowed[0]);
	prefix_parse("fd00::2/128", &g->allowed[1]);
	endpoint_parse("198.51.100.7:40000", &g->peer.endpoint);
	g->peer.allowed = g->allowed;
	g->peer.n_allowed = 2;
	g->peer.last_handshake_s = 1700000000;
	g->peer.rx_bytes = 1234;
	g->peer.tx_bytes = 5678;
	g->peer.keepalive = 25;
	memset(g->device.private_key, 3, 32);
	g->device.listen_port = 51820;
	g->device.peers = &g->peer;
	g->device.n_peers = 1;
	*state = g;
	return pthread_create(&g->thread, NULL, gateway_thread, g);
}

static int gateway_stop(void **state)
{
	struct gateway *g = *state;

	if (!g)
		return 0;
	g->stop = true;
	pthread_join(g->thread, NULL);
	control_server_free(g->server);
	for (int i = 0; i < SETS; i++)
		uapi_set_done(&g->told[i]);
	free(g);
	return 0;
}

/* Output of a command; skips the test when there is no wg(8) or no gateway. */
static char *run(void **state, const char *script)
{
	static char out[4096];
	char command[512];
	FILE *f;
	size_t n;

	if (!*state || system("command -v wg >/dev/null") != 0)
		skip();
	/* The shell knows it as $i. */
	snprintf(command, sizeof(command), "i=%s; %s", interface, script);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return out;
}

static void wg_show_prints_what_the_gateway_says(void **state)
{
	const char *out = run(state, "WG_HIDE_KEYS=never wg show $i dump");

	assert_non_null(strstr(out, "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\t"));
	assert_non_null(strstr(out, "\t51820\toff\n"));
	assert_non_null(strstr(out,
			       PEER_KEY "\t(none)\t198.51.100.7:40000\t"
					"10.66.77.2/32,fd00::2/128\t1700000000\t1234\t5678\t25\n"));
}

static void wg_showconf_makes_a_file(void **state)
{
	const char *out = run(state, "wg showconf $i");

	assert_non_null(strstr(out, "ListenPort = 51820"));
	assert_non_null(strstr(out, "AllowedIPs = 10.66.77.2/32, fd00::2/128"));
	assert_non_null(strstr(out, "PersistentKeepalive = 25"));
}

/* What the gateway was told last, which must have been its @sets-th valid request. */
static const struct uapi_set *last_set(struct gateway *g, unsigned int sets)
{
	assert_int_equal(g->sets, sets);
	return &g->told[sets - 1];
}

static void wg_set_reaches_the_gateway(void **state)
{
	const struct uapi_set *last;

	run(state,
	    "wg set $i listen-port 4444 fwmark 0x10 peer " PEER_KEY
	    " endpoint '[2001:db8::1]:5' persistent-keepalive 7 allowed-ips 10.9.0.0/16,10.8.0.1");
	last = last_set(*state, 1);
	assert_true(last->has_listen_port && last->listen_port == 4444);
	assert_true(last->has_fwmark && last->fwmark == 16);
	assert_int_equal(last->n_peers, 1);
	assert_true(last->peers[0].has_endpoint && last->peers[0].endpoint.port == 5);
	assert_true(last->peers[0].has_keepalive && last->peers[0].keepalive == 7);
	assert_true(last->peers[0].replace_allowed_ips);
	assert_int_equal(last->peers[0].n_allowed, 2);
	run(state, "wg set $i peer " PEER_KEY " remove");
	last = last_set(*state, 2);
	assert_true(last->peers[0].remove);
}

static void wg_syncconf_sends_the_difference(void **state)
{
	const struct uapi_set *last;

	run(state, "printf '[Peer]\\nPublicKey = AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\\n"
		   "AllowedIPs = 10.66.77.3/32\\n' >/tmp/$i.conf && "
		   "wg syncconf $i /tmp/$i.conf; r=$?; rm /tmp/$i.conf; exit $r");
	last = last_set(*state, 1);
	assert_int_equal(last->n_peers, 2); /* one that is new, one that goes */
	assert_true(last->peers[0].remove || last->peers[1].remove);
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void expect(int fd, const char *wanted)
{
	size_t len = strlen(wanted);
	char text[64];

	assert_int_equal(recv(fd, text, len, MSG_WAITALL), len);
	assert_memory_equal(text, wanted, len);
}

static void one_connection_carries_several_requests(void **state)
{
	static const char both[] =
		"set=1\nlisten_port=1\n\nset=1\nlisten_port=70000\n\nnonsense\n\n";
	struct gateway *g = *state;
	struct stat st;
	int fd;

	if (!g)
		skip();
	assert_int_equal(stat(control_server_path(g->server), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	fd = connect_to(control_server_path(g->server));
	assert_int_equal(send(fd, both, strlen(both), 0), strlen(both));
	expect(fd, "errno=0\n\nerrno=22\n\nerrno=22\n\n");
	/* The empty line may come alone. */
	assert_int_equal(send(fd, "set=1\nfwmark=1\n", 15, 0), 15);
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	assert_int_equal(send(fd, "\n", 1, 0), 1);
	expect(fd, "errno=0\n\n");
	close(fd);
}

static void a_megabyte_is_read_and_more_is_cut(void **state)
{
	struct gateway *g = *state;
	size_t size = UAPI_REQUEST_MAX + (1 << 20);
	char *text = malloc(size);
	size_t len = 0;
	char c;
	int fd;

	if (!g) {
		free(text);
		skip();
	}
	len += (size_t)sprintf(text, "set=1\n");
	while (len < UAPI_REQUEST_MAX - 100)
		len += (size_t)sprintf(text + len, "fwmark=1\n");
	strcpy(text + len, "\n");
	fd = connect_to(control_server_path(g->server));
	assert_int_equal(send(fd, text, len + 1, MSG_NOSIGNAL), len + 1);
	expect(fd, "errno=0\n\n");
	memset(text, 'x', size);
	(void)!send(fd, text, size, MSG_NOSIGNAL);
	assert_true(recv(fd, &c, 1, 0) <= 0);
	close(fd);
	free(text);
}

static void a_socket_that_is_given_is_served_and_its_path_left_alone(void **state)
{
	struct sockaddr_un addr = {
		.sun_family = AF_UNIX,
	};
	char directory[] = "/tmp/culvert-uapi-XXXXXX";
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct control_server *s;
	struct control_call call;
	char got[8] = "";

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/it.sock", directory);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(control_server_adopt_uapi(listener, &s), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(fd, "get=1\n\n", 7, 0), 7);
	control_server_run(s, clock_now());
	control_server_run(s, clock_now());
	assert_true(control_server_next(s, &call));
	assert_true(call.owner);
	control_server_answer(s, call.id, strdup("hello"), 5, clock_now());
	assert_int_equal(recv(fd, got, sizeof(got), 0), 5);
	assert_string_equal(got, "hello");
	close(fd);
	control_server_free(s);
	assert_int_equal(unlink(addr.sun_path), 0);
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_that_is_given_is_served_and_its_path_left_alone),
		cmocka_unit_test_setup_teardown(wg_show_prints_what_the_gateway_says, gateway_start,
						gateway_stop),
		cmocka_unit_test_setup_teardown(wg_showconf_makes_a_file, gateway_start,
						gateway_stop),
		cmocka_unit_test_setup_teardown(wg_set_reaches_the_gateway, gateway_start,
						gateway_stop),
		cmocka_unit_test_setup_teardown(wg_syncconf_sends_the_difference, gateway_start,
						gateway_stop),
		cmocka_unit_test_setup_teardown(one_connection_carries_several_requests,
						gateway_start, gateway_stop),
		cmocka_unit_test_setup_teardown(a_megabyte_is_read_and_more_is_cut, gateway_start,
						gateway_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
