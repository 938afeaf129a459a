/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a configuration says of a kernel, and a release of its writeback. */
#include "kernel_i.h"

const char *nwb_kernel_kind_name(enum nwb_kernel_kind kind)
{
	static const char *const names[] = {"uml", "qemu", "host"};

	return (unsigned int)kind < NWB_ARRAY_SIZE(names) ? names[kind] : "?";
}

const char *nwb_kernel_flavour(const char *release)
{
	unsigned int major = 0, minor = 0;

	/* FUSE writes back in place since 6.16 (kernel commit 0c58a97f919c);
	 * netfs' own changes lie on both sides of it */
	if (sscanf(release, "%u.%u", &major, &minor) == 2 &&
	    (major < 6 || (major == 6 && minor < 16)))
		return "linux-6.12";
	return "linux-7.2";
}

/* The line "CONFIG_NAME=": what comes after it, or NULL. */
static const char *option(const char *config, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = config; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, name, len) && p[len] == '=')
			return p + len + 1;
	}
	return NULL;
}

bool kernel_config_has(const char *config, const char *name, const char *value)
{
	const char *v = option(config, name);
	size_t len = strlen(value);

	return v && !strncmp(v, value, len) &&
	       (v[len] == '\n' || !v[len] || v[len] == '\r');
}

static bool is_on(const char *config, const char *name)
{
	const char *v = option(config, name);

	return v && (*v == 'y' || *v == 'm');
}

uint32_t kernel_facts(const char *config)
{
	static const struct {
		const char *name;
		uint32_t has;
	} facts[] = {
		{"CONFIG_CIFS", NWB_KERNEL_HAS_CIFS},
		{"CONFIG_9P_FS", NWB_KERNEL_HAS_9P},
		{"CONFIG_FUSE_FS", NWB_KERNEL_HAS_FUSE},
		{"CONFIG_EVENT_TRACING", NWB_KERNEL_HAS_TRACE},
		{"CONFIG_NETFS_SUPPORT", NWB_KERNEL_HAS_NETFS},
		{"CONFIG_NETFS_STATS", NWB_KERNEL_HAS_FSSTATS},
		{"CONFIG_KASAN", NWB_KERNEL_HAS_KASAN},
		{"CONFIG_PROVE_LOCKING", NWB_KERNEL_HAS_LOCKDEP},
		{"CONFIG_SMP", NWB_KERNEL_HAS_SMP},
		{"CONFIG_DETECT_HUNG_TASK", NWB_KERNEL_HAS_HUNGTASK},
		{"CONFIG_VIRTIO_CONSOLE", NWB_KERNEL_HAS_CONSOLE},
		{"CONFIG_NET_9P_VIRTIO", NWB_KERNEL_HAS_VIRTIO9P},
	};
	uint32_t has = 0;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(facts); i++)
		if (is_on(config, facts[i].name))
			has |= facts[i].has;
	return has;
}

/* --- fragments ------------------------------------------------------------ */

static void add_name(char *ret, size_t size, const char *name)
{
	size_t at = strlen(ret);

	if (at + 1 < size)
		snprintf(ret + at, size - at, "%s%s", at ? " " : "", name);
}

unsigned int kernel_config_missing(const char *fragment, const char *config,
				   char *ret, size_t size)
{
	bool is_required = true;
	unsigned int nr = 0;

	ret[0] = 0;
	for (const char *p = fragment; *p; p += *p == '\n') {
		char line[160], *value;
		size_t len = strcspn(p, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, p);
		p += len;
		if (!strncmp(line, "# @required", 11))
			is_required = true;
		if (!strncmp(line, "# @optional", 11))
			is_required = false;
		value = strchr(line, '=');
		if (!is_required || strncmp(line, "CONFIG_", 7) || !value)
			continue;
		*value++ = 0;
		if (kernel_config_has(config, line, value))
			continue;
		add_name(ret, size, line);
		nr++;
	}
	return nr;
}
