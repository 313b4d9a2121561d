/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - the unit of time
 *
 * Time is uint64_t nanoseconds of CLOCK_MONOTONIC.  Cores receive it as `now`
 * and never read a clock; a deadline of NEVER does not come.
 */
#ifndef CULVERT_BASE_CLOCK_H
#define CULVERT_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)
#define NEVER     UINT64_MAX

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
