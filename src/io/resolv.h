/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolv.h - the host's own resolvers, from resolv.conf(5)
 */
#ifndef CULVERT_IO_RESOLV_H
#define CULVERT_IO_RESOLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* What tells one version of a file from the next without reading it. */
struct resolv_stamp {
	uint64_t inode;
	uint64_t size;
	int64_t changed_s;
	int64_t changed_ns;
};

/** resolv_stamp() - all zero when there is no such file */
struct resolv_stamp resolv_stamp(const char *path);
bool resolv_stamp_equal(const struct resolv_stamp *a, const struct resolv_stamp *b);

/**
 * resolv_parse() - the nameserver lines of @text, port 53, at most @max
 *
 * Both families, link-local scopes by name included ("fe80::1%eth0"); all else is ignored.
 * Return: how many.
 */
size_t resolv_parse(const char *text, struct endpoint *ret, size_t max);

/** resolv_read() - the same of a file; its first 64 KiB.  Return: how many, 0 without a file. */
size_t resolv_read(const char *path, struct endpoint *ret, size_t max);

#endif
