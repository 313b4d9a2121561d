/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/guardian_plan.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct guardian_plan a_plan(void)
{
	struct guardian_plan plan = { .adapter = "home", .route_all = true };

	addr_parse("203.0.113.1", &plan.endpoints[0].addr);
	plan.endpoints[0].port = 51820;
	addr_parse("2001:db8::1", &plan.endpoints[1].addr);
	plan.endpoints[1].port = 443;
	plan.endpoints[1].tcp = true;
	plan.n_endpoints = 2;
	prefix_parse("192.168.1.7/16", &plan.excludes[0]);
	plan.n_excludes = 1;
	return plan;
}

static void assert_rule(const struct route_rule *rule, uint32_t priority, const char *to,
			uint8_t protocol, uint16_t dport, uint32_t table)
{
	struct prefix prefix = { 0 };

	if (to)
		assert_true(prefix_parse(to, &prefix));
	assert_int_equal(rule->priority, priority);
	assert_true(addr_equal(&rule->to.addr, &prefix.addr));
	assert_int_equal(rule->to.len, prefix.len);
	assert_int_equal(rule->protocol, protocol);
	assert_int_equal(rule->dport, dport);
	assert_int_equal(rule->table, table);
}

static void each_bypass_is_followed_by_its_refusal_and_all_else_goes_to_the_table(void **state)
{
	const struct guardian_plan plan = a_plan();
	struct route_rule rules[GUARDIAN_RULES_MAX];
	const uint32_t at = GUARDIAN_RULES_AT;

	(void)state;
	assert_int_equal(guardian_plan_rules(&plan, ADDR_IP4, rules), 7);
	assert_rule(&rules[0], at, "203.0.113.1", IPPROTO_UDP, 51820, ROUTE_MAIN);
	assert_rule(&rules[1], at, "192.168.0.0/16", 0, 0, ROUTE_MAIN);
	assert_rule(&rules[2], at, NULL, IPPROTO_UDP, 67, ROUTE_MAIN);
	assert_int_equal(rules[2].sport, 68);
	assert_rule(&rules[3], at + 1, "203.0.113.1", IPPROTO_UDP, 51820, 0);
	assert_rule(&rules[4], at + 1, "192.168.0.0/16", 0, 0, 0);
	assert_rule(&rules[5], at + 1, NULL, IPPROTO_UDP, 67, 0);
	assert_rule(&rules[6], at + 2, NULL, 0, 0, GUARDIAN_TABLE);
	assert_int_equal(guardian_plan_rules(&plan, ADDR_IP6, rules), 6);
	assert_rule(&rules[0], at, "2001:db8::1", IPPROTO_TCP, 443, ROUTE_MAIN);
	assert_rule(&rules[1], at, "fe80::/10", 0, 0, ROUTE_MAIN);
	assert_rule(&rules[2], at + 1, "2001:db8::1", IPPROTO_TCP, 443, 0);
	assert_rule(&rules[3], at + 1, "fe80::/10", 0, 0, 0);
	assert_rule(&rules[4], at + 2, NULL, 0, 0, GUARDIAN_TABLE);
	assert_rule(&rules[5], at + 3, NULL, 0, 0, 0);
}

static void the_largest_plan_fits(void **state)
{
	struct guardian_plan plan = a_plan();
	struct route_rule rules[GUARDIAN_RULES_MAX];
	struct endpoint endpoints[GUARDIAN_ENDPOINTS_MAX];
	char complaint[512];

	(void)state;
	for (size_t i = 0; i < GUARDIAN_ENDPOINTS_MAX; i++)
		plan.endpoints[i] = plan.endpoints[0];
	for (size_t i = 0; i < GUARDIAN_EXCLUDES_MAX; i++)
		plan.excludes[i] = plan.excludes[0];
	plan.n_endpoints = GUARDIAN_ENDPOINTS_MAX;
	plan.n_excludes = GUARDIAN_EXCLUDES_MAX;
	assert_int_equal(guardian_plan_check(&plan, complaint), 0);
	assert_int_equal(guardian_plan_rules(&plan, ADDR_IP4, rules), GUARDIAN_RULES_MAX - 1);
	assert_int_equal(guardian_plan_endpoints(&plan, endpoints), GUARDIAN_ENDPOINTS_MAX);
	plan.n_endpoints++;
	assert_int_equal(guardian_plan_check(&plan, complaint), -EINVAL);
	assert_non_null(strstr(complaint, "at most 16 endpoints"));
}

static void endpoints_by_tcp_are_streams(void **state)
{
	const struct guardian_plan plan = a_plan();
	struct endpoint endpoints[GUARDIAN_ENDPOINTS_MAX];

	(void)state;
	assert_int_equal(guardian_plan_endpoints(&plan, endpoints), 2);
	assert_int_equal(endpoints[0].port, 51820);
	assert_int_equal(endpoints[0].stream, 0);
	assert_int_equal(endpoints[1].port, 443);
	assert_int_equal(endpoints[1].stream, 1);
}

static void a_plan_that_makes_no_sense_is_refused_with_a_sentence(void **state)
{
	struct guardian_plan plan = a_plan();
	char complaint[512];

	(void)state;
	assert_int_equal(guardian_plan_check(&plan, complaint), 0);
	strcpy(plan.adapter, "a\"b");
	assert_int_equal(guardian_plan_check(&plan, complaint), -EINVAL);
	assert_string_equal(complaint,
			    "a\"b can't be an adapter's name: want 1 to 15 of a-z A-Z 0-9 "
			    "_ = + . @ -");
	memset(plan.adapter, 'x', sizeof(plan.adapter));
	assert_int_equal(guardian_plan_check(&plan, complaint), -EINVAL);
	plan = a_plan();
	plan.excludes[0].len = 0;
	assert_int_equal(guardian_plan_check(&plan, complaint), -EINVAL);
	assert_non_null(strstr(complaint, "would exclude everything: leave out --route-all"));
}

static void search_domains_are_words_of_domains(void **state)
{
	static const char *const bad[] = { "a\nnameserver 192.0.2.1", "a;b", "-x", "a --help",
					   "a\tb" };
	struct guardian_plan plan = a_plan();
	char complaint[512];

	(void)state;
	strcpy(plan.search, "example.com sub-domain.example_1.net");
	assert_int_equal(guardian_plan_check(&plan, complaint), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(plan.search, bad[i]);
		assert_int_equal(guardian_plan_check(&plan, complaint), -EINVAL);
	}
	memset(plan.search, 'x', sizeof(plan.search));
	assert_int_equal(guardian_plan_check(&plan, complaint), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			each_bypass_is_followed_by_its_refusal_and_all_else_goes_to_the_table),
		cmocka_unit_test(the_largest_plan_fits),
		cmocka_unit_test(endpoints_by_tcp_are_streams),
		cmocka_unit_test(a_plan_that_makes_no_sense_is_refused_with_a_sentence),
		cmocka_unit_test(search_domains_are_words_of_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
