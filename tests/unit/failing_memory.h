/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failing_memory.h - an allocator that counts, and fails once when it is told to
 *
 * For tests that include the sources under test between "#define malloc failing_malloc" and the
 * like, and the #undefs.
 */
#ifndef CULVERT_TESTS_UNIT_FAILING_MEMORY_H
#define CULVERT_TESTS_UNIT_FAILING_MEMORY_H

#include <stdlib.h>

static long countdown = -1; /* allocations until one fails; negative: none does */
static long living;

static void *counted(void *p)
{
	living += p != NULL;
	return p;
}

static void *failing_malloc(size_t size)
{
	return countdown-- == 0 ? NULL : counted(malloc(size));
}

static void *failing_calloc(size_t n, size_t size)
{
	return countdown-- == 0 ? NULL : counted(calloc(n, size));
}

static void *failing_realloc(void *old, size_t size)
{
	void *p;

	if (countdown-- == 0)
		return NULL;
	p = realloc(old, size);
	living += p != NULL && old == NULL;
	return p;
}

static void counted_free(void *p)
{
	living -= p != NULL;
	free(p);
}

#endif
