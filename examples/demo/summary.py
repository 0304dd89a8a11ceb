"""Reads what `fairlead get job ID... -o json` prints, and prints what happened to how many jobs, and why."""

import json
import sys
from collections import Counter

rows, nodes = Counter(), {}
for job in json.load(sys.stdin):
    why = " ".join((job.get("error") or "").split())
    key = (job.get("queue", ""), job.get("jobset", ""), job.get("state", "").lower(), why)
    rows[key] += 1
    nodes.setdefault(key, set()).update(run["node"] for run in job.get("jobRuns", []) if run.get("node"))

head = ("QUEUE", "JOB SET", "JOBS", "STATE", "NODES", "WHY")
table = [head] + [(q, s, str(n), state, str(len(nodes[q, s, state, why]) or ""), why) for (q, s, state, why), n in sorted(rows.items())]
widths = [max(len(row[i]) for row in table) for i in range(len(head) - 1)]
for row in table:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " + row[-1])
