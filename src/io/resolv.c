/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/resolv.h"

#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX 65536
#define DNS_PORT 53
#define WORD     "nameserver"

struct resolv_stamp resolv_stamp(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct resolv_stamp){ 0 };
	return (struct resolv_stamp){
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.changed_s = st.st_mtim.tv_sec,
		.changed_ns = st.st_mtim.tv_nsec,
	};
}

bool resolv_stamp_equal(const struct resolv_stamp *a, const struct resolv_stamp *b)
{
	return a->inode == b->inode && a->size == b->size && a->changed_s == b->changed_s &&
	       a->changed_ns == b->changed_ns;
}

/* One line without its end, at most 127 characters of it. */
static bool parse_line(const char *line, struct endpoint *ret)
{
	struct endpoint e = { .port = DNS_PORT };
	char text[ADDR_TEXT_MAX + IF_NAMESIZE + 1];
	size_t len;
	char *scope;

	if (strncmp(line, WORD, strlen(WORD)) != 0 || !isblank((unsigned char)line[strlen(WORD)]))
		return false;
	line += strlen(WORD);
	line += strspn(line, " \t");
	len = strcspn(line, " \t\r#;");
	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	scope = strchr(text, '%');
	if (scope) {
		*scope = '\0';
		e.scope = if_nametoindex(scope + 1);
		if (e.scope == 0)
			return false;
	}
	if (!addr_parse(text, &e.addr))
		return false;
	*ret = e;
	return true;
}

size_t resolv_parse(const char *text, struct endpoint *ret, size_t max)
{
	size_t n = 0;

	while (*text != '\0' && n < max) {
		size_t len = strcspn(text, "\n");
		char line[128];

		snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line)),
			 text);
		if (parse_line(line, &ret[n]))
			n++;
		text += len;
		text += *text == '\n';
	}
	return n;
}

size_t resolv_read(const char *path, struct endpoint *ret, size_t max)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;
	size_t len;
	char *text;

	if (!f)
		return 0;
	text = malloc(FILE_MAX);
	if (text) {
		len = fread(text, 1, FILE_MAX - 1, f);
		text[len] = '\0';
		n = resolv_parse(text, ret, max);
	}
	free(text);
	fclose(f);
	return n;
}
