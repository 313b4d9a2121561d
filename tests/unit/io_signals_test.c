/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static int fd;

static int open_signals(void **state)
{
	(void)state;
	fd = signals_open();
	return fd < 0;
}

static int close_signals(void **state)
{
	(void)state;
	return close(fd);
}

static void each_signal_arrives_once_and_kills_nobody(void **state)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(poll(&p, 1, 0), 0);
		assert_int_equal(kill(getpid(), signals[i]), 0);
		assert_int_equal(poll(&p, 1, 1000), 1);
		assert_int_equal(signals_read(fd), signals[i]);
		assert_int_equal(signals_read(fd), 0);
	}
}

static void a_closed_pipe_is_an_error_and_no_death(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(write(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(signals_read(fd), 0);
	close(ends[1]);
}

static void the_descriptor_never_waits_and_is_not_inherited(void **state)
{
	(void)state;
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_signal_arrives_once_and_kills_nobody),
		cmocka_unit_test(a_closed_pipe_is_an_error_and_no_death),
		cmocka_unit_test(the_descriptor_never_waits_and_is_not_inherited),
	};

	return cmocka_run_group_tests(tests, open_signals, close_signals);
}
