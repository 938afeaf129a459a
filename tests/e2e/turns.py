#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A run that waits for its turns keeps all of its time line: what it took is
told without the pauses, but what happened lies in time as it happened.
Usage: turns.py NETWB"""
import json
import socket
import subprocess
import sys
import time

NR = 3
PAUSE = 0.05

ours, theirs = socket.socketpair()
run = subprocess.Popen(
    [sys.argv[1], "one-run", "--server", "fake", "--client", "in-place",
     "--workload", "seq1m", "--write", "12M", "--fsyncs", str(NR),
     "--level", "bench", "--turns", str(theirs.fileno())],
    pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True)
theirs.close()
while ours.recv(1):
    time.sleep(PAUSE)
    ours.send(b"g")
rec = json.loads(run.communicate()[0])["run"]
assert run.returncode == 0, run.returncode
series = rec["series"]
for kind in "written", "acked", "durable":
    got = sum(series[kind])
    assert got == rec["bytes"], f"{kind}: {got} of {rec['bytes']} bytes"
assert series["span_ns"] > rec["durable_ns"] + (NR - 1) * PAUSE * 1e9
