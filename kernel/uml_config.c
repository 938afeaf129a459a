/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fragment is part of the program, which needs no file of its own. */
#include "kernel_i.h"

const char kernel_uml_config[] =
#include "uml_config.inc"
	;
