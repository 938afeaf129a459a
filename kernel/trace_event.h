/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by trace_line.c and trace_event.c only. */
#ifndef NWB_TRACE_EVENT_H
#define NWB_TRACE_EVENT_H

#include "trace_i.h"
#include <errno.h>

/** kev_body() - fill @e from its event's name and body; its kind stays TEXT,
 * and its fields empty, when the body is not as a known kernel prints it. */
void kev_body(struct nwb_kev *e);

#endif
