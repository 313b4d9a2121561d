/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/client_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/file.h"

#define STATE_DIRECTORY "/var/lib/culvert"
#define FORMAT          "newest handshake at %" PRIu64 " ns\n"
#define SLACK           (60 * NS_PER_S) /* file systems of other hosts have clocks of their own */

/* Never beside the client's own file: a user's directories are not ours to write in. */
static void choose_path(struct client_clock *c)
{
	const char *slash = strrchr(c->config, '/');
	const char *base = slash ? slash + 1 : c->config;
	const char *directory = getenv("STATE_DIRECTORY");
	size_t n = strlen(base);
	int r;

	if (n > 5 && strcmp(base + n - 5, ".conf") == 0)
		n -= 5;
	if (!directory) {
		directory = STATE_DIRECTORY;
		(void)mkdir(directory, 0700); /* whether it may be used shows below */
	}
	r = snprintf(c->path, sizeof(c->path), "%s/%.*s.clock", directory, (int)n, base);
	if (r < 0 || r >= (int)sizeof(c->path) || access(directory, W_OK) < 0)
		c->path[0] = '\0';
}

void client_clock_open(struct client_clock *c, const char *config, uint64_t now)
{
	char *text;
	size_t len;

	*c = (struct client_clock){ .since = now };
	if (config[0] == '\0' || strlen(config) >= sizeof(c->config))
		return;
	strcpy(c->config, config);
	choose_path(c);
	if (c->path[0] == '\0' || file_read(c->path, &text, &len) < 0)
		return;
	if (sscanf(text, FORMAT, &c->floor) != 1)
		c->floor = 0;
	file_text_free(text, len);
}

uint64_t client_clock_wall(const struct client_clock *c, uint64_t now, uint64_t wall)
{
	uint64_t least = c->floor == 0 ? 0 : c->floor + (now - c->since);

	return wall > least ? wall : least;
}

void client_clock_keep(struct client_clock *c, uint64_t wall)
{
	char text[64];
	int n = snprintf(text, sizeof(text), FORMAT, wall);

	if (c->path[0] != '\0' && n > 0 && file_replace(c->path, text, (size_t)n) < 0)
		c->path[0] = '\0'; /* once is enough: it will be no better the next time */
}

static void time_text(uint64_t ns, char out[static 32])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || strftime(out, 32, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(out, 32, "%" PRIu64 " s", ns / NS_PER_S);
}

bool client_clock_doubt(const struct client_clock *c, uint64_t wall, char *out, size_t size)
{
	uint64_t written = c->config[0] ? file_changed(c->config) : 0;
	char says[32], wrote[32];

	if (written <= wall + SLACK)
		return false;
	time_text(wall, says);
	time_text(written, wrote);
	snprintf(
		out, size,
		"this clock may be wrong, which gateways take for a replay: it says %s, and %s was "
		"written at %s: correct the clock",
		says, c->config, wrote);
	return true;
}
