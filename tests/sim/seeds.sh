#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# S5: 2,000 seeds of the strict client, of which none may fail a check.
#
# Usage: seeds.sh NETWB
set -u
n=${NWB_SIM_SEEDS:-2000}
if "$1" sim --seeds "$n"; then
	echo '1 passed, 0 failed, 0 skipped'
else
	echo '0 passed, 1 failed, 0 skipped'
	exit 1
fi
