#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Write the budgets anew from what is built in BUILD, comments kept, and show
# what changed: a change of a budget is a reviewed diff.
#
#	update.sh BUILD
set -euo pipefail
build=$1
dir=$(dirname "$0")/../../bench/budgets
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# update FILE COMMAND...: whole or not at all.
update() {
	local file=$dir/$1
	shift
	{ sed -n '/^#/p' "$file"; "$@"; } >"$new"
	diff -u "$file" "$new" || cat "$new" >"$file"
}

update simulated.txt "$build/tests/budgets/budgets_test" --print
update ir.txt "$(dirname "$0")/ir.sh" "$build/tests/budgets/ir_work" --print
