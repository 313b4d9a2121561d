/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.h - host names to addresses, within two seconds
 *
 * The C library's resolver waits ten seconds and more for a dead name server, and main has leases
 * to give meanwhile.  So a thread of its own asks, and main waits for it that long and no longer; what
 * is found later is not used.  Literal addresses cost nothing.
 *
 * Context: main.
 */
#ifndef CULVERT_ENGINE_NAMES_H
#define CULVERT_ENGINE_NAMES_H

#include <stddef.h>

#include "base/addr.h"

/**
 * names_find() - the first address of each host
 * @hosts: @n texts: addresses, names, or "" to be passed over; copied
 * @ret: @n addresses; family ADDR_NONE where nothing was found in time
 *
 * The names are asked for one after the other, two seconds in all.
 */
void names_find(const char *const *hosts, size_t n, struct addr *ret);

#endif
