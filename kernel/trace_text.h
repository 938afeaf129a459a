/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by trace_text.c and trace_file.c only. */
#ifndef NWB_TRACE_TEXT_H
#define NWB_TRACE_TEXT_H

#include "trace_i.h"

/** ktrace_get_step() - the step that a line of a file tells. */
bool ktrace_get_step(struct nwb_ktext line, struct nwb_kstep *ret_s);

#endif
