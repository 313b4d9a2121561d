/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.h - host names to addresses, without waiting for them
 *
 * The C library's resolver waits ten seconds and more for a dead name server, and whoever asks has
 * other things to do.  So a thread of its own asks: names_find() waits two seconds for it and no
 * longer, names_ask() not at all.  Literal addresses cost nothing.
 *
 * Context: one thread.
 */
#ifndef CULVERT_ENGINE_NAMES_H
#define CULVERT_ENGINE_NAMES_H

#include <stdbool.h>
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

struct names;

struct names_answer {
	struct addr addr; /* family ADDR_NONE: not found */
	bool absent;      /* because there is no such name; else nobody could be asked */
};

/**
 * names_ask() - begins to look for @n hosts, as above
 * @servers: name servers that are asked first, as io/resolver.h has it; copied.  None: the host's way alone
 *
 * Return: 0 or -errno.
 */
int names_ask(const char *const *hosts, size_t n, const struct endpoint *servers, size_t n_servers,
	      struct names **ret);

/** names_fd() - readable once all have been asked for */
int names_fd(const struct names *names);

/** names_wait() - until then, two seconds at most.  Return: whether all have been asked for. */
bool names_wait(struct names *names);

/** names_take() - @ret: @n answers, as far as there are any yet */
void names_take(struct names *names, struct names_answer *ret);

/** names_free() - the thread, if it still waits, ends by itself */
struct names *names_free(struct names *names);

#endif
