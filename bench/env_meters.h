/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the machine can change a measurement, as the kernel tells it: one
 * object of scalars, keys "group.name". A meter that is not there is null, and
 * the reports say "n.m."; it is never left out.
 */
#ifndef NWB_BENCH_ENV_METERS_H
#define NWB_BENCH_ENV_METERS_H

#include "nwb/err.h"

#include <jansson.h>

/**
 * bench_env_meters() - at the beginning of a session.
 * @root: what stands before /proc and /sys; "" but in tests
 * @dir: the directory whose device's writeback limits (bdi.*) are wanted
 */
json_t *bench_env_meters(const char *root, const char *dir);

/** bench_env_after() - those that grow: pressure, steal, load; for the end. */
json_t *bench_env_after(const char *root);

/** bench_env_bdi() - add bdi.dev, bdi.max_ratio, bdi.strict_limit, ... of the
 * device that @dir is on to @env. A tmpfs has no limits of its own: null. */
void bench_env_bdi(json_t *env, const char *root, const char *dir);

/** bench_env_build_id() - the GNU build id of this program in hex, or "". */
void bench_env_build_id(char *buf, size_t size);

/** bench_env_compiler() - name, version, optimised or not, sanitizers. */
const char *bench_env_compiler(void);

#endif
