/* SPDX-License-Identifier: BSD-2-Clause */
/* No tunnel runs here: this program has its own client_run(). */
#include "engine/client.h"

#include <stdlib.h>

#include "base/log.h"
#include "command_said.h"

#define FILE_TEXT                                                     \
	"[Interface]\n"                                               \
	"PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n" \
	"Address = 10.66.77.2/24\n"                                   \
	"[Peer]\n"                                                    \
	"PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n"  \
	"AllowedIPs = 0.0.0.0/0\n"                                    \
	"Endpoint = 203.0.113.1:51820\n"

static struct said said;
static char path[] = "/tmp/culvert-exec-XXXXXX";
static char ran[256];

int client_run(const struct client_params *params)
{
	assert_string_equal(params->path, path);
	assert_int_equal(params->config->n_addresses, 1);
	assert_string_equal(params->adapter, "culvert0");
	assert_int_equal(params->tun_fd, -1);
	assert_false(params->terminal || params->daemon);
	ran[0] = '\0';
	for (char *const *word = params->command; *word; word++) {
		strcat(ran, *word);
		strcat(ran, "|");
	}
	log_debug("debugging");
	return 42;
}

/* Runs `exec` with the words of @format, in which %s is the file. */
static int run(const char *format)
{
	char line[256];

	ran[0] = '\0';
	snprintf(line, sizeof(line), format, path);
	return said_run(&said, command_exec, line);
}

static void the_command_keeps_its_own_options(void **state)
{
	(void)state;
	assert_int_equal(run("exec %s -- curl --debug -s x"), 42);
	assert_string_equal(ran, "curl|--debug|-s|x|");
	assert_string_equal(said.error, "");
	assert_int_equal(run("exec --debug %s sh -c x"), 42);
	assert_string_equal(ran, "sh|-c|x|");
	assert_string_equal(said.error, "debugging\n");
	assert_int_equal(run("exec -- %s -- -- x"), 42);
	assert_string_equal(ran, "--|x|");
}

static void a_wrong_command_line_is_told_from_what_the_command_says(void **state)
{
	static const char *const wrong[] = { "exec", "exec %s", "exec %s --", "exec --what %s -- x",
					     "exec %s --debug x" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(run(wrong[i]), 125);
		assert_string_equal(ran, "");
		assert_non_null(strstr(said.error, "culvert exec --help"));
	}
	assert_int_equal(run("exec --help"), 0);
	assert_non_null(strstr(said.out, "usage: culvert exec"));
}

static void a_file_that_is_none_runs_nothing(void **state)
{
	(void)state;
	assert_int_equal(run("exec %s.not -- true"), 125);
	assert_non_null(strstr(said.error, "no such file"));
	assert_int_equal(run("exec /etc/passwd -- true"), 125);
	assert_non_null(strstr(said.error, "/etc/passwd"));
	assert_string_equal(ran, "");
}

static int write_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd >= 0 && write(fd, FILE_TEXT, strlen(FILE_TEXT)) > 0 && close(fd) == 0 ? 0 : -1;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_keeps_its_own_options),
		cmocka_unit_test(a_wrong_command_line_is_told_from_what_the_command_says),
		cmocka_unit_test(a_file_that_is_none_runs_nothing),
	};

	return cmocka_run_group_tests(tests, write_file, remove_file);
}
