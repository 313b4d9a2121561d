/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/host_dns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/child.h"
#include "io/file.h"
#include "io/loop.h"
#include "io/resolv.h"

#define COMPLAINT_MAX   512
#define WORDS_MAX       64                                 /* of a resolvectl command */
#define RESOLVED_LIST   "/run/systemd/resolve/resolv.conf" /* what it asks itself */
#define RESOLVED_SOCKET "/run/systemd/resolve/io.systemd.Resolve"

/* By these first words a file is known as ours, and the absence of one as kept. */
#define OURS    "# Written by culvert: names are asked for in the tunnel.\n"
#define NO_FILE "# Written by culvert: there was no such file.\n"

/* --- text -------------------------------------------------------------------------------------- */

char *host_dns_text(const struct host_dns *dns)
{
	char address[ADDR_TEXT_MAX];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out,
		OURS "# Adapter: %s.  The original is this file's name with " HOST_DNS_SUFFIX "\n",
		dns->adapter);
	for (size_t i = 0; i < dns->n_servers; i++)
		fprintf(out, "nameserver %s\n", addr_format(&dns->servers[i], address));
	if (dns->search[0] != '\0')
		fprintf(out, "search %s\n", dns->search);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

bool host_dns_is_ours(const char *text)
{
	return strncmp(text, OURS, strlen(OURS)) == 0;
}

bool host_dns_is_stub(const char *text)
{
	static const char word[] = "nameserver";
	bool stub = false;

	for (const char *line = text; *line != '\0';) {
		const char *rest = line + strspn(line, " \t");

		if (strncmp(rest, word, strlen(word)) == 0) {
			rest += strlen(word);
			rest += strspn(rest, " \t");
			/* The stub listens on both of these (systemd-resolved.service(8)). */
			if (strncmp(rest, "127.0.0.53", 10) != 0 &&
			    strncmp(rest, "127.0.0.54", 10) != 0)
				return false;
			stub = true;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return stub;
}

/* --- the file ------------------------------------------------------------------------------------ */

struct names {
	char kept[PATH_MAX]; /* the original */
	char new[PATH_MAX];  /* ours, before it has its name */
};

static int set_names(const char *path, struct names *names)
{
	if ((size_t)snprintf(names->kept, sizeof(names->kept), "%s" HOST_DNS_SUFFIX, path) >=
		    sizeof(names->kept) ||
	    (size_t)snprintf(names->new, sizeof(names->new), "%s.culvert", path) >=
		    sizeof(names->new))
		return -ENAMETOOLONG;
	return 0;
}

/* Keeps the text of a file that can't be renamed. */
static int keep_copy(const char *path, const struct names *names)
{
	char *text;
	size_t len;
	int r = file_read(path, &text, &len);

	if (r < 0)
		return r;
	r = file_create(names->kept, text, len, 0644);
	file_text_free(text, len);
	return r;
}

/*
 * A second name for what is there, be it a symbolic link: so there is no moment without a
 * resolv.conf.  Not every file system has hard links, and a mount point has none beside it.
 */
static int keep_original(const char *path, const struct names *names)
{
	struct stat st;

	if (lstat(names->kept, &st) == 0)
		return -EEXIST;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? file_create(names->kept, NO_FILE, strlen(NO_FILE), 0644)
				       : -errno;
	if (linkat(AT_FDCWD, path, AT_FDCWD, names->kept, 0) == 0)
		return 0;
	if (S_ISLNK(st.st_mode)) {
		char target[PATH_MAX];
		ssize_t n = readlink(path, target, sizeof(target) - 1);

		if (n < 0)
			return -errno;
		target[n] = '\0';
		return symlink(target, names->kept) < 0 ? -errno : 0;
	}
	return keep_copy(path, names);
}

static int write_in_place(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		r = -errno;
	else if ((size_t)n != len)
		r = -ENOSPC;
	close(fd);
	return r;
}

/* Into a mount point goes the text; the kept file has done its work. */
static int restore_in_place(const char *path, const struct names *names)
{
	char *text;
	size_t len;
	int r = file_read(names->kept, &text, &len);

	if (r < 0)
		return r;
	r = write_in_place(path, text, len);
	file_text_free(text, len);
	if (r == 0 && unlink(names->kept) < 0)
		r = -errno;
	return r;
}

/* Undoes a rewriting that failed half way, as far as the disk allows. */
static int rewrite(const char *path, const char *text, const struct names *names)
{
	int r = write_in_place(path, text, strlen(text));

	if (r < 0)
		(void)restore_in_place(path, names);
	return r;
}

static bool starts_with(const char *path, const char *words)
{
	char *text;
	size_t len;
	bool yes;

	if (file_read(path, &text, &len) < 0)
		return false;
	yes = strncmp(text, words, strlen(words)) == 0;
	file_text_free(text, len);
	return yes;
}

int host_dns_file_set(const char *path, const char *text)
{
	struct names names;
	int r = set_names(path, &names);

	if (r == 0)
		r = keep_original(path, &names);
	if (r < 0)
		return r;
	unlink(names.new);
	r = file_create(names.new, text, strlen(text), 0644);
	if (r == 0 && rename(names.new, path) < 0)
		r = errno == EBUSY ? rewrite(path, text, &names) : -errno;
	unlink(names.new);
	/* The original still has its place. */
	if (r < 0)
		unlink(names.kept);
	return r;
}

int host_dns_file_restore(const char *path)
{
	struct names names;
	struct stat st;
	int r = set_names(path, &names);

	if (r < 0)
		return r;
	if (lstat(names.kept, &st) < 0)
		return errno == ENOENT ? HOST_DNS_NOTHING : -errno;
	/* A link in its place is theirs, wherever it leads.  None at all is nobody's. */
	if (lstat(path, &st) == 0 && (!S_ISREG(st.st_mode) || !starts_with(path, OURS)))
		return unlink(names.kept) < 0 ? -errno : HOST_DNS_THEIRS;
	if (lstat(names.kept, &st) == 0 && S_ISREG(st.st_mode) &&
	    starts_with(names.kept, NO_FILE)) {
		if (unlink(path) < 0 && errno != ENOENT)
			return -errno;
		return unlink(names.kept) < 0 ? -errno : HOST_DNS_RESTORED;
	}
	if (rename(names.kept, path) == 0)
		return HOST_DNS_RESTORED;
	if (errno != EBUSY)
		return -errno;
	r = restore_in_place(path, &names);
	return r < 0 ? r : HOST_DNS_RESTORED;
}

bool host_dns_file_kept(const char *path)
{
	struct names names;
	struct stat st;

	return set_names(path, &names) == 0 && lstat(names.kept, &st) == 0;
}

/* --- outside ------------------------------------------------------------------------------------- */

static bool is_loopback(const struct addr *a)
{
	return a->family == ADDR_IP4 && a->bytes[0] == 127;
}

static bool is_among(const struct addr *a, const struct addr *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (addr_equal(a, &list[i]))
			return true;
	}
	return false;
}

size_t host_dns_outside(const char *path, const struct addr *inside, size_t n_inside,
			struct endpoint *ret, size_t max)
{
	struct names names;
	size_t left = 0;
	size_t n;

	if (set_names(path, &names) < 0)
		return 0;
	n = resolv_read(host_dns_file_kept(path) ? names.kept : path, ret, max);
	if (n > 0 && is_loopback(&ret[0].addr))
		n = resolv_read(RESOLVED_LIST, ret, max);
	for (size_t i = 0; i < n; i++) {
		if (!is_loopback(&ret[i].addr) && !is_among(&ret[i].addr, inside, n_inside))
			ret[left++] = ret[i];
	}
	return left;
}

/* --- systemd-resolved ---------------------------------------------------------------------------- */

bool host_dns_resolved(void)
{
	return access(RESOLVED_SOCKET, F_OK) == 0;
}

static int resolvectl(const char *const *argv, int timeout_ms, char *complaint)
{
	struct child_run run = { .argv = argv, .timeout_ms = timeout_ms };
	int r = child_run(&run);

	free(run.output);
	if (r == -ENOENT)
		snprintf(complaint, COMPLAINT_MAX,
			 "systemd-resolved runs, but resolvectl(1) is not installed: install it");
	else if (r == -ETIMEDOUT)
		snprintf(complaint, COMPLAINT_MAX,
			 "resolvectl %s did not end within %d ms: does systemd-resolved answer? "
			 "`resolvectl status` tells",
			 argv[1], timeout_ms);
	else if (r == -EIO)
		snprintf(complaint, COMPLAINT_MAX, "resolvectl %s: %s", argv[1],
			 run.error[0] != '\0' ? run.error : "it failed");
	else if (r < 0)
		snprintf(complaint, COMPLAINT_MAX, "resolvectl: %s", strerror(-r));
	return r;
}

static int set_servers(const struct host_dns *dns, int timeout_ms, char *complaint)
{
	char addresses[WORDS_MAX][ADDR_TEXT_MAX];
	const char *argv[WORDS_MAX + 4] = { "resolvectl", "dns", dns->adapter };

	for (size_t i = 0; i < dns->n_servers && i < WORDS_MAX; i++)
		argv[3 + i] = addr_format(&dns->servers[i], addresses[i]);
	return resolvectl(argv, timeout_ms, complaint);
}

static int set_domains(const struct host_dns *dns, int timeout_ms, char *complaint)
{
	const char *argv[WORDS_MAX + 5] = { "resolvectl", "domain", dns->adapter, "~." };
	char *words = strdup(dns->search);
	char *rest = words;
	int n = 4;
	int r;

	if (!words)
		return -ENOMEM;
	for (const char *word; (word = strsep(&rest, " ")) && n < WORDS_MAX;) {
		if (word[0] != '\0')
			argv[n++] = word;
	}
	r = resolvectl(argv, timeout_ms, complaint);
	free(words);
	return r;
}

static int ms_until(uint64_t deadline)
{
	uint64_t now = loop_now();

	return now < deadline ? (int)((deadline - now) / NS_PER_MS) : 0;
}

int host_dns_resolved_set(const struct host_dns *dns, int timeout_ms, char *complaint)
{
	const char *const argv[] = { "resolvectl", "default-route", dns->adapter, "yes", NULL };
	uint64_t deadline = loop_now() + (uint64_t)timeout_ms * NS_PER_MS;
	int r = set_servers(dns, timeout_ms, complaint);

	if (r == 0)
		r = set_domains(dns, ms_until(deadline), complaint);
	if (r == 0)
		r = resolvectl(argv, ms_until(deadline), complaint);
	return r;
}

void host_dns_resolved_revert(const char *adapter, int timeout_ms)
{
	const char *const argv[] = { "resolvectl", "revert", adapter, NULL };
	char ignored[COMPLAINT_MAX];

	(void)resolvectl(argv, timeout_ms, ignored);
}
