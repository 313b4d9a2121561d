/* SPDX-License-Identifier: BSD-2-Clause */
#include "command/client_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "command_said.h"

#define INTERFACE       \
	"[Interface]\n" \
	"PrivateKey = AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n"
#define ADDRESS "Address = 10.66.77.2/24\n"
#define PEER                                                         \
	"[Peer]\n"                                                   \
	"PublicKey = ERERERERERERERERERERERERERERERERERERERERERE=\n" \
	"AllowedIPs = 0.0.0.0/0\n"
#define ENDPOINT "Endpoint = 192.0.2.1:51820\n"

static char directory[] = "/tmp/culvert-file-XXXXXX";
static char path[64];
static struct said said;

static int load(const char *text, size_t len, mode_t mode)
{
	struct config *config = NULL;
	FILE *f = fopen(path, "w");
	int r;

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	said_begin(&said);
	r = client_file_load(path, true, &config);
	said_end(&said);
	config_free(config);
	return r;
}

static void assert_refused(const char *text, const char *why)
{
	assert_int_equal(load(text, strlen(text), 0600), STATUS_FAILED);
	assert_non_null(strstr(said.error, why));
}

static void a_clients_file_is_taken_without_a_word(void **state)
{
	static const char text[] = INTERFACE ADDRESS PEER ENDPOINT;

	(void)state;
	assert_int_equal(load(text, strlen(text), 0600), STATUS_OK);
	assert_string_equal(said.error, "");
	assert_int_equal(load(text, strlen(text), 0644), STATUS_OK);
	assert_non_null(strstr(said.error, "chmod 600"));
}

static void what_has_no_effect_is_said(void **state)
{
	static const char text[] =
		INTERFACE ADDRESS "PostUp = true\n" PEER ENDPOINT "# Stream = nowhere\n";

	(void)state;
	assert_int_equal(load(text, strlen(text), 0600), STATUS_OK);
	assert_non_null(strstr(said.error, "note: PostUp is not run"));
	assert_non_null(strstr(said.error, "want tcp://HOST:PORT"));
}

static void each_thing_that_is_missing_is_named_with_its_cure(void **state)
{
	struct config *config;

	(void)state;
	assert_refused(INTERFACE ADDRESS, "no [Peer]");
	assert_refused(INTERFACE ADDRESS PEER, "add where the gateway is");
	assert_refused(INTERFACE PEER ENDPOINT, "no Address");
	assert_refused("[Interface]\n" ADDRESS PEER ENDPOINT, "PrivateKey");
	assert_refused("hello", "not a valid configuration");
	assert_int_equal(load("\x7f"
			      "ELF\0\1",
			      6, 0600),
			 STATUS_FAILED);
	assert_non_null(strstr(said.error, "not a text"));
	said_begin(&said);
	assert_int_equal(client_file_load("/nothing/there.conf", true, &config), STATUS_FAILED);
	said_end(&said);
	assert_non_null(strstr(said.error, "culvert peer add"));
}

static void the_adapter_is_called_as_the_file_is(void **state)
{
	char name[IFNAMSIZ];

	(void)state;
	assert_true(client_file_adapter("/etc/wireguard/home.conf", name));
	assert_string_equal(name, "home");
	assert_true(client_file_adapter("wg0", name));
	assert_string_equal(name, "wg0");
	assert_true(client_file_adapter("123456789012345.conf", name));
	assert_false(client_file_adapter("1234567890123456.conf", name));
	assert_false(client_file_adapter("my home.conf", name));
	assert_false(client_file_adapter("/etc/", name));
	assert_false(client_file_adapter("..", name));
	assert_false(client_file_adapter("-x.conf", name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clients_file_is_taken_without_a_word),
		cmocka_unit_test(what_has_no_effect_is_said),
		cmocka_unit_test(each_thing_that_is_missing_is_named_with_its_cure),
		cmocka_unit_test(the_adapter_is_called_as_the_file_is),
	};
	int r;

	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/home.conf", directory);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(directory);
	return r;
}
