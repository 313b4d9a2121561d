/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wireguard_faults_test.c - every allocation fails once
 *
 * calloc() and realloc() of this program go through a counter.  Under a sanitizer nothing
 * may leak either; clang's is linked into the program and does not share the allocator, so
 * there the tests are skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "wireguard/wireguard.h"

#define NEVER_FAIL UINT32_MAX

#if defined(__clang__)
#if __has_feature(address_sanitizer)
#define ALLOCATOR_TAKEN
#endif
#endif

static struct rng rng;
static uint32_t until_failure = NEVER_FAIL;

#ifndef ALLOCATOR_TAKEN
/* Counts down to the allocation that is to fail. */
static bool fails(void)
{
	if (until_failure == NEVER_FAIL)
		return false;
	if (until_failure > 0) {
		until_failure--;
		return false;
	}
	until_failure = NEVER_FAIL;
	return true;
}

void *calloc(size_t n, size_t size)
{
	static void *(*real)(size_t, size_t);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "calloc");
	return fails() ? NULL : real(n, size);
}

void *realloc(void *p, size_t size)
{
	static void *(*real)(void *, size_t);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "realloc");
	return fails() ? NULL : real(p, size);
}
#endif

static void begin(void)
{
#ifdef ALLOCATOR_TAKEN
	skip();
#endif
	rng = rng_seeded(1);
}

/* Each makes and frees one object.  Return: what the constructor said. */
static int make_handshaker(void)
{
	uint8_t key[WG_KEY_LEN] = { 8 };
	struct wg_handshaker *h = NULL;
	int r = wg_handshaker_new(key, 10, &rng, &h);

	assert_int_equal(r == 0, h != NULL);
	h = wg_handshaker_free(h);
	return r;
}

static int make_tunnel(void)
{
	struct wg_tunnel *t = NULL;
	int r = wg_tunnel_new(10, &rng, &t);

	assert_int_equal(r == 0, t != NULL);
	t = wg_tunnel_free(t);
	return r;
}

static int make_allowed_ips(void)
{
	const struct prefix prefix = { .addr = addr_ip4(0x0a000000), .len = 8 };
	struct allowed_ips *table = NULL;
	int r = allowed_ips_new(&table);

	if (r == 0) {
		r = allowed_ips_add(table, &prefix, 1);
		assert_int_equal(allowed_ips_find_ip4(table, 0x0a000001), r == 0 ? 1 : WG_NO_PEER);
	}
	table = allowed_ips_free(table);
	return r;
}

static void objects_are_made_whole_or_not_at_all(void **state)
{
	static int (*const make[])(void) = { make_handshaker, make_tunnel, make_allowed_ips };

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(make) / sizeof(*make); i++) {
		uint32_t n = 0;

		for (;; n++) {
			until_failure = n;
			if (make[i]() == 0)
				break;
			assert_int_equal(until_failure, NEVER_FAIL); /* it did fail for that */
		}
		until_failure = NEVER_FAIL;
		assert_in_range(n, 2, 20);
	}
}

static void a_session_that_cannot_be_installed_changes_nothing(void **state)
{
	struct wg_keys keys = { .peer = 3, .local_index = 0x103, .initiator = true };
	uint8_t message[64] = { 0 };
	struct wg_tx tx = { .message = message, .plain_len = 1 };
	struct wg_event event;
	struct wg_tunnel *t;

	(void)state;
	begin();
	assert_int_equal(wg_tunnel_new(10, &rng, &t), 0);
	wg_tunnel_peer_add(t, 3, 0, 0);
	assert_int_equal(wg_tunnel_install(t, &keys, 0), 0);
	assert_true(wg_tunnel_next_event(t, &event));
	for (uint32_t n = 0; n < 2; n++) {
		until_failure = n;
		keys.local_index += 0x100;
		assert_int_equal(wg_tunnel_install(t, &keys, 0), -ENOMEM);
		assert_false(wg_tunnel_next_event(t, &event));
		assert_int_equal(wg_tunnel_seal(t, 3, &tx, 1, 1420, 0), PASS);
	}
	wg_tunnel_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_made_whole_or_not_at_all),
		cmocka_unit_test(a_session_that_cannot_be_installed_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
