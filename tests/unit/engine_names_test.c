/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/names.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static atomic_int asked;

static struct addrinfo *answer(const struct sockaddr *sa, size_t len, int family)
{
	struct addrinfo *a = calloc(1, sizeof(*a) + len);

	*a = (struct addrinfo){ .ai_family = family,
				.ai_addr = (struct sockaddr *)(void *)(a + 1) };
	memcpy(a + 1, sa, len);
	return a;
}

/* Stands in for the C library's: knows two names, and is silent for four seconds about "dead". */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(0xc0000207u) } };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	(void)service;
	(void)hints;
	asked++;
	in6.sin6_addr.s6_addr[15] = 9;
	if (strcmp(host, "four.example") == 0)
		*ret = answer((struct sockaddr *)&in, sizeof(in), AF_INET);
	else if (strcmp(host, "six.example") == 0)
		*ret = answer((struct sockaddr *)&in6, sizeof(in6), AF_INET6);
	else if (strcmp(host, "dead") == 0)
		nanosleep(&(struct timespec){ .tv_sec = 4 }, NULL);
	if (strcmp(host, "mistyped.example") == 0)
		return EAI_NONAME;
	return strchr(host, '.') ? 0 : EAI_AGAIN;
}

void freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

static void literal_addresses_ask_nobody(void **state)
{
	const char *hosts[] = { "192.0.2.1", "", "2001:db8::1" };
	struct addr got[3];

	(void)state;
	asked = 0;
	names_find(hosts, 3, got);
	assert_int_equal(asked, 0);
	assert_int_equal(addr_to_ip4(&got[0]), 0xc0000201u);
	assert_int_equal(got[1].family, ADDR_NONE);
	assert_int_equal(got[2].family, ADDR_IP6);
	names_find(NULL, 0, NULL);
}

static void names_become_addresses_in_their_places(void **state)
{
	const char *hosts[] = { "six.example", "unknown", "192.0.2.1", "four.example" };
	struct addr got[4];

	(void)state;
	names_find(hosts, 4, got);
	assert_int_equal(got[0].family, ADDR_IP6);
	assert_int_equal(got[0].bytes[15], 9);
	assert_int_equal(got[1].family, ADDR_NONE);
	assert_int_equal(addr_to_ip4(&got[2]), 0xc0000201u);
	assert_int_equal(addr_to_ip4(&got[3]), 0xc0000207u);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void a_dead_name_server_costs_two_seconds_and_what_was_found_before_counts(void **state)
{
	const char *hosts[] = { "four.example", "dead", "six.example" };
	struct addr got[3];
	uint64_t began = now();

	(void)state;
	names_find(hosts, 3, got);
	assert_in_range(now() - began, 1900 * NS_PER_MS, 3500 * NS_PER_MS);
	assert_int_equal(addr_to_ip4(&got[0]), 0xc0000207u);
	assert_int_equal(got[1].family, ADDR_NONE);
	assert_int_equal(got[2].family, ADDR_NONE);
}

static bool readable_within(const struct names *names, int ms)
{
	struct pollfd p = { .fd = names_fd(names), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void who_does_not_wait_is_told_when_all_is_found(void **state)
{
	const char *hosts[] = { "four.example", "unknown", "mistyped.example", "" };
	struct names_answer got[4];
	struct names *names;

	(void)state;
	assert_int_equal(names_ask(hosts, 4, NULL, 0, &names), 0);
	assert_true(readable_within(names, 2000));
	names_take(names, got);
	assert_int_equal(addr_to_ip4(&got[0].addr), 0xc0000207u);
	assert_false(got[1].absent); /* nobody could be asked */
	assert_true(got[2].absent);
	assert_int_equal(got[3].addr.family, ADDR_NONE);
	assert_null(names_free(names));
	/* Addresses are there at once. */
	hosts[0] = "192.0.2.1";
	assert_int_equal(names_ask(hosts, 1, NULL, 0, &names), 0);
	assert_true(readable_within(names, 0));
	names_free(names);
}

static void a_look_up_that_is_given_up_costs_nothing(void **state)
{
	const char *hosts[] = { "dead", "four.example" };
	struct names_answer got[2];
	struct names *names;
	uint64_t began = now();

	(void)state;
	asked = 0;
	assert_int_equal(names_ask(hosts, 2, NULL, 0, &names), 0);
	assert_false(readable_within(names, 50));
	names_take(names, got);
	assert_int_equal(got[0].addr.family, ADDR_NONE);
	assert_null(names_free(names));
	assert_null(names_free(NULL));
	assert_true(now() - began < NS_PER_S);
	/* The thread ends by itself, and asks for no more. */
	nanosleep(&(struct timespec){ .tv_sec = 4, .tv_nsec = 500000000 }, NULL);
	assert_int_equal(asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literal_addresses_ask_nobody),
		cmocka_unit_test(names_become_addresses_in_their_places),
		cmocka_unit_test(
			a_dead_name_server_costs_two_seconds_and_what_was_found_before_counts),
		cmocka_unit_test(who_does_not_wait_is_told_when_all_is_found),
		cmocka_unit_test(a_look_up_that_is_given_up_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
