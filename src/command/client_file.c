/* SPDX-License-Identifier: BSD-2-Clause */
#include "command/client_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "io/file.h"

#define TEXT_MAX (1u << 20) /* bytes; who gives a picture by mistake should not read it as text */

static int complain_client_file(const char *path, int error)
{
	if (error == -ENOENT || error == -ENOTDIR)
		return complain("%s: no such file, name the one that `culvert peer add` printed on "
				"the gateway",
				path);
	return complain_file(path, error);
}

/* What a gateway's file may lack and a client's may not. */
static int check(const char *path, const struct config *config)
{
	bool endpoint = false;

	for (size_t i = 0; i < config->n_peers; i++)
		endpoint |= config->peers[i].endpoint_host[0] != '\0' ||
			    config->peers[i].stream_host[0] != '\0';
	if (config->n_peers == 0)
		return complain("%s: no [Peer], so there is nobody to connect to: this is not the "
				"file of a client",
				path);
	if (!endpoint)
		return complain("%s: no peer has an Endpoint, add where the gateway is, as in "
				"Endpoint = vpn.example.com:51820",
				path);
	if (config->n_addresses == 0)
		return complain("%s: [Interface] has no Address, add the one that the gateway "
				"expects, as in Address = 10.66.77.2/24",
				path);
	return STATUS_OK;
}

int client_file_load(const char *path, bool notes, struct config **ret)
{
	size_t len;
	char *text;
	int r = file_read(path, &text, &len);

	if (r < 0)
		return complain_client_file(path, r);
	if (len > TEXT_MAX || memchr(text, '\0', len)) {
		file_text_free(text, len);
		return complain("%s: not a text, name the file that `culvert peer add` printed",
				path);
	}
	if (file_is_exposed(path))
		fprintf(stderr, "culvert: %s: note: " CONFIG_EXPOSED "\n", path);
	r = load_text(path, text, len, notes, ret);
	file_text_free(text, len);
	if (r != STATUS_OK)
		return r;
	r = check(path, *ret);
	if (r != STATUS_OK)
		*ret = config_free(*ret);
	return r;
}

bool client_file_adapter(const char *path, char ret[static IFNAMSIZ])
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t len = strlen(base);

	if (len > 5 && strcmp(base + len - 5, ".conf") == 0)
		len -= 5;
	if (len >= IFNAMSIZ)
		return false;
	memcpy(ret, base, len);
	ret[len] = '\0';
	return adapter_name_valid(ret);
}
