/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_SHIM_H
#define PROBE_SHIM_H

struct probe_page {
	int loads;
	int ledger_writes;
	char name[32];
};

#endif
