/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/kill_switch.h"

#include "io_netns.h"

#include <errno.h>
#include <sys/stat.h>

#define MS 5000 /* enough for nft(8) on a busy machine */

static struct endpoint endpoint(const char *text, bool tcp)
{
	struct endpoint e = { 0 };

	assert_true(endpoint_parse(text, &e));
	e.stream = tcp;
	return e;
}

static struct prefix prefix(const char *text)
{
	struct prefix p = { 0 };

	assert_true(prefix_parse(text, &p));
	return p;
}

static void the_ruleset_is_one_transaction_that_replaces_a_standing_one(void **state)
{
	const struct endpoint endpoints[] = { endpoint("203.0.113.1:51820", false),
					      endpoint("203.0.113.1:443", true),
					      endpoint("[2001:db8::1]:51820", false) };
	const struct prefix excludes[] = { prefix("192.168.1.7/16"), prefix("fd00::/8") };
	const struct kill_switch k = { .adapter = "home",
				       .endpoints = endpoints,
				       .n_endpoints = 3,
				       .excludes = excludes,
				       .n_excludes = 2 };
	char *text = kill_switch_text(&k);

	(void)state;
	assert_string_equal(
		text, "table inet culvert_home {}\n"
		      "delete table inet culvert_home\n"
		      "table inet culvert_home {\n"
		      "\tset endpoints4 {\n"
		      "\t\ttype ipv4_addr . inet_proto . inet_service\n"
		      "\t\telements = { 203.0.113.1 . udp . 51820, 203.0.113.1 . tcp . 443 }\n"
		      "\t}\n"
		      "\tset endpoints6 {\n"
		      "\t\ttype ipv6_addr . inet_proto . inet_service\n"
		      "\t\telements = { 2001:db8::1 . udp . 51820 }\n"
		      "\t}\n"
		      "\tchain output {\n"
		      "\t\ttype filter hook output priority filter; policy drop;\n"
		      "\t\toif \"lo\" accept\n"
		      "\t\toifname \"home\" accept\n"
		      "\t\tip daddr . meta l4proto . th dport @endpoints4 accept\n"
		      "\t\tip6 daddr . meta l4proto . th dport @endpoints6 accept\n"
		      "\t\tmeta nfproto ipv4 udp sport 68 udp dport 67 accept\n"
		      "\t\tip6 daddr ff02::1:2 udp sport 546 udp dport 547 accept\n"
		      "\t\tip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, "
		      "nd-neighbor-advert } accept\n"
		      "\t\tip daddr 192.168.0.0/16 accept\n"
		      "\t\tip6 daddr fd00::/8 accept\n"
		      "\t}\n"
		      "\tchain forward {\n"
		      "\t\ttype filter hook forward priority filter; policy drop;\n"
		      "\t\toifname \"home\" accept\n"
		      "\t\tiifname \"home\" accept\n"
		      "\t\tip daddr 192.168.0.0/16 accept\n"
		      "\t\tip6 daddr fd00::/8 accept\n"
		      "\t}\n"
		      "}\n");
	free(text);
}

static void names_that_would_be_syntax_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   ".",
					   "..",
					   "a\"b",
					   "a*",
					   "a b",
					   "a;b",
					   "a\\b",
					   "a\nb",
					   "a/b",
					   "sixteen-letters.",
					   "a$b",
					   "a{b",
					   "\xc3\xa4" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(kill_switch_adapter_valid(bad[i]));
	assert_true(kill_switch_adapter_valid("home"));
	assert_true(kill_switch_adapter_valid("a=b+c.d@e-f_g"));
}

static void tables_of_different_adapters_have_different_names(void **state)
{
	char table[KILL_SWITCH_TABLE_MAX];

	(void)state;
	assert_string_equal(kill_switch_table("home-1.x", table), "culvert_home-1.x");
	assert_string_equal(kill_switch_table("a=b", table), "culvert_a/3db");
	assert_string_equal(kill_switch_table("===============", table),
			    "culvert_/3d/3d/3d/3d/3d/3d/3d/3d/3d/3d/3d/3d/3d/3d/3d");
}

static void a_table_tells_its_adapter(void **state)
{
	static const char *const bad[] = { "culvert_",       "culvert_/3",
					   "culvert_/zz",    "culvert_/61",
					   "culvert_a b",    "filter",
					   "culvert_/22/3b", "culvert_sixteen-letters." };
	static const char *const good[] = { "home", "a=b+c.d@e-f_g", "===============" };
	char table[KILL_SWITCH_TABLE_MAX];
	char adapter[IFNAMSIZ];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(kill_switch_adapter(bad[i], adapter));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(kill_switch_adapter(kill_switch_table(good[i], table), adapter));
		assert_string_equal(adapter, good[i]);
	}
}

static void endpoints_are_read_back_and_strange_ones_passed_over(void **state)
{
	const char *json =
		"{\"nftables\": [{\"metainfo\": {\"version\": \"1.0.6\"}},"
		"{\"set\": {\"name\": \"other\", \"elem\": [{\"concat\": "
		"[\"1.1.1.1\",\"udp\",1]}]}},"
		"{\"set\": {\"name\": \"endpoints4\", \"elem\": [{\"concat\": [\"192.0.2.1\","
		"\"udp\", 51820]}, {\"concat\": [\"192.0.2.1\", \"sctp\", 1]}, 7,"
		"{\"concat\": [\"nobody\", \"udp\", 1]}, {\"concat\": [\"192.0.2.1\", \"udp\"]},"
		"{\"concat\": [\"192.0.2.1\", \"udp\", 65536]}]}},"
		"{\"set\": {\"name\": \"endpoints6\", \"elem\": [{\"concat\": [\"2001:db8::1\","
		"\"tcp\", 443]}]}}]}";
	struct endpoint found[4];

	(void)state;
	assert_int_equal(kill_switch_read_endpoints(json, found, 4), 2);
	assert_int_equal(addr_to_ip4(&found[0].addr), 0xc0000201);
	assert_int_equal(found[0].port, 51820);
	assert_int_equal(found[0].stream, 0);
	assert_int_equal(found[1].addr.family, ADDR_IP6);
	assert_int_equal(found[1].port, 443);
	assert_int_equal(found[1].stream, 1);
	assert_int_equal(kill_switch_read_endpoints(json, found, 1), 1);
	assert_int_equal(kill_switch_read_endpoints("not JSON", found, 4), 0);
	assert_int_equal(kill_switch_read_endpoints("[]", found, 4), 0);
	assert_int_equal(kill_switch_read_endpoints("{\"nftables\": 1}", found, 4), 0);
}

static void count_table(const char *table, void *data)
{
	assert_int_equal(strncmp(table, "culvert_", 8), 0);
	++*(int *)data;
}

static void only_our_tables_are_ours(void **state)
{
	int n = 0;

	(void)state;
	kill_switch_read_tables(
		"{\"nftables\": [{\"table\": {\"family\": \"inet\", \"name\": \"culvert_a\"}},"
		"{\"table\": {\"family\": \"ip\", \"name\": \"culvert_b\"}},"
		"{\"table\": {\"family\": \"inet\", \"name\": \"filter\"}},"
		"{\"table\": {\"family\": \"inet\", \"name\": \"culvert_; flush ruleset\"}},"
		"{\"table\": {\"family\": \"inet\", \"name\": \"culvert_c/3d\"}}]}",
		count_table, &n);
	assert_int_equal(n, 2);
}

static struct kill_switch_standing look(const char *adapter)
{
	struct kill_switch_standing standing;
	char complaint[512] = "";

	assert_int_equal(kill_switch_look(adapter, MS, &standing, complaint), 0);
	return standing;
}

static void nft_takes_the_largest_ruleset_and_gives_it_back(void **state)
{
	struct endpoint endpoints[16];
	struct endpoint found[16];
	struct prefix excludes[64];
	struct kill_switch k = { .adapter = "a=b+c.d@e-f_g",
				 .endpoints = endpoints,
				 .n_endpoints = 16,
				 .excludes = excludes,
				 .n_excludes = 64 };
	char complaint[512] = "";
	unsigned int lifted;

	(void)state;
	NETNS_OR_SKIP();
	netns_new();
	for (unsigned int i = 0; i < 16; i++) {
		endpoints[i] = endpoint("[2001:db8:1111:2222:3333:4444:5555:6666]:65535", i % 2);
		endpoints[i].port = (uint16_t)(65000 + i);
	}
	endpoints[15] = endpoints[14]; /* twice the same */
	for (unsigned int i = 0; i < 64; i++) {
		excludes[i] = prefix("2001:db8:1111:2222:3333:4444:5555:6666/128");
		excludes[i].len = (uint8_t)(64 + i); /* each inside the one before */
	}
	assert_false(look(k.adapter).own);
	assert_int_equal(kill_switch_set(&k, MS, complaint), 0);
	assert_true(look(k.adapter).own);
	assert_int_equal(kill_switch_endpoints(k.adapter, MS, found, 16), 15);
	k.n_endpoints = 0;
	k.n_excludes = 0;
	assert_int_equal(kill_switch_set(&k, MS, complaint), 0);
	assert_int_equal(kill_switch_endpoints(k.adapter, MS, found, 16), 0);
	netns_run("nft add table inet filter");
	k.adapter = "home";
	assert_int_equal(kill_switch_set(&k, MS, complaint), 0);
	assert_true(look("home").own);
	assert_string_equal(look("home").other, "a=b+c.d@e-f_g");
	assert_false(look("work").own);
	assert_int_equal(kill_switch_lift("a=b+c.d@e-f_g", MS, &lifted, complaint), 0);
	assert_int_equal(lifted, 1);
	assert_true(look("home").own);
	assert_string_equal(look("home").other, "");
	assert_int_equal(kill_switch_lift(NULL, MS, &lifted, complaint), 0);
	assert_int_equal(lifted, 1);
	assert_int_equal(kill_switch_lift(NULL, MS, &lifted, complaint), 0);
	assert_int_equal(lifted, 0);
	netns_run("nft list table inet filter >/dev/null");
}

/* A folder in front of PATH with an nft that does as @script says. */
static void with_nft(const char *script)
{
	static char path[512];
	FILE *out;

	if (path[0] == '\0') {
		char dir[] = "/tmp/nft-XXXXXX";

		assert_non_null(mkdtemp(dir));
		snprintf(path, sizeof(path), "%s/nft", dir);
		setenv("PATH", dir, 1);
	}
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "#!/bin/sh\n%s\n", script);
	fclose(out);
	assert_int_equal(chmod(path, 0755), 0);
}

static void a_failing_nft_is_explained(void **state)
{
	const struct kill_switch k = { .adapter = "home" };
	char complaint[512] = "";
	struct kill_switch_standing standing;
	char *before = strdup(getenv("PATH"));
	char command[600];
	unsigned int lifted = 7;

	(void)state;
	with_nft("echo 'Error: Could not process rule: Operation not permitted' >&2; exit 1");
	assert_int_equal(kill_switch_set(&k, MS, complaint), -EIO);
	assert_string_equal(complaint, "nft: Operation not permitted: run it as root");
	with_nft("echo 'Error: Protocol not supported' >&2; exit 1");
	assert_int_equal(kill_switch_set(&k, MS, complaint), -EIO);
	assert_non_null(
		strstr(complaint, "Protocol not supported: does the kernel have nf_tables"));
	with_nft("exec sleep 60");
	assert_int_equal(kill_switch_set(&k, 30, complaint), -ETIMEDOUT);
	assert_non_null(strstr(complaint, "did not end"));
	complaint[0] = '\0';
	assert_int_equal(kill_switch_look("home", 30, &standing, complaint), -ETIMEDOUT);
	assert_non_null(strstr(complaint, "did not end"));
	/* As a shell says that a program is missing. */
	with_nft("exit 127");
	assert_int_equal(kill_switch_set(&k, MS, complaint), -ENOENT);
	assert_non_null(strstr(complaint, "install nftables"));
	assert_false(look("home").own);
	assert_int_equal(kill_switch_lift(NULL, MS, &lifted, complaint), 0);
	assert_int_equal(lifted, 0);
	snprintf(command, sizeof(command), "/bin/rm -r %s", getenv("PATH"));
	setenv("PATH", before, 1);
	assert_int_equal(system(command), 0);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ruleset_is_one_transaction_that_replaces_a_standing_one),
		cmocka_unit_test(names_that_would_be_syntax_are_refused),
		cmocka_unit_test(tables_of_different_adapters_have_different_names),
		cmocka_unit_test(a_table_tells_its_adapter),
		cmocka_unit_test(endpoints_are_read_back_and_strange_ones_passed_over),
		cmocka_unit_test(only_our_tables_are_ours),
		cmocka_unit_test(nft_takes_the_largest_ruleset_and_gives_it_back),
		cmocka_unit_test(a_failing_nft_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
