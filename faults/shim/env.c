/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one state of the process. No page: the shim stays idle.
 */
#include "shim_i.h"

struct sh_env sh = {.durable_fd = -1};
