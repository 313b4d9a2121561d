/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/client_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define S     NS_PER_S
#define TODAY (UINT64_C(1700000000) * S)
#define DAY   (86400 * S)

static char directory[] = "/tmp/culvert-clock-XXXXXX";
static char config[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void without_a_memory_the_clock_is_believed(void **state)
{
	struct client_clock c;

	(void)state;
	client_clock_open(&c, config, 5 * S);
	assert_int_equal(client_clock_wall(&c, 6 * S, TODAY), TODAY);
	client_clock_open(&c, "", 5 * S);
	client_clock_keep(&c, TODAY);
	assert_int_equal(client_clock_wall(&c, 6 * S, 1 * S), 1 * S);
}

static void a_clock_that_has_gone_back_goes_on_from_the_newest_time(void **state)
{
	struct client_clock c;

	(void)state;
	client_clock_open(&c, config, 5 * S);
	client_clock_keep(&c, TODAY);
	client_clock_open(&c, config, 100 * S); /* the next start */
	assert_int_equal(client_clock_wall(&c, 100 * S, TODAY - DAY), TODAY);
	assert_int_equal(client_clock_wall(&c, 160 * S, TODAY - DAY), TODAY + 60 * S);
	assert_int_equal(client_clock_wall(&c, 160 * S, TODAY + DAY), TODAY + DAY);
}

static void a_spoilt_file_is_none(void **state)
{
	static const char *const texts[] = { "", "newest", "newest handshake at x ns\n",
					     "newest handshake at -" };
	struct client_clock c;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file("home.clock", texts[i]);
		client_clock_open(&c, config, 5 * S);
		assert_int_equal(client_clock_wall(&c, 5 * S, TODAY), TODAY);
	}
}

static void a_clock_behind_the_clients_own_file_is_doubted(void **state)
{
	struct client_clock c;
	struct stat st;
	char text[512];

	(void)state;
	assert_int_equal(stat(config, &st), 0);
	client_clock_open(&c, config, 5 * S);
	assert_false(client_clock_doubt(&c, (uint64_t)st.st_mtime * S, text, sizeof(text)));
	assert_true(client_clock_doubt(&c, 1000 * S, text, sizeof(text)));
	assert_non_null(strstr(text, "this clock may be wrong"));
	assert_non_null(strstr(text, "it says 1970-01-01"));
	assert_non_null(strstr(text, config));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_memory_the_clock_is_believed),
		cmocka_unit_test(a_clock_that_has_gone_back_goes_on_from_the_newest_time),
		cmocka_unit_test(a_spoilt_file_is_none),
		cmocka_unit_test(a_clock_behind_the_clients_own_file_is_doubted),
	};
	int r;

	if (!mkdtemp(directory))
		return 1;
	setenv("STATE_DIRECTORY", directory, 1);
	snprintf(config, sizeof(config), "%s/home.conf", directory);
	write_file("home.conf", "");
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(config);
	strcpy(strrchr(config, '.'), ".clock");
	(void)unlink(config);
	(void)rmdir(directory);
	return r;
}
