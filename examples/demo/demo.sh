#!/usr/bin/env bash
# Starts a Fairlead of its own in a throw-away folder, submits the examples, follows them, and ends with a table
# of what happened and why. Needs bin/fairlead and bin/fairlead-standalone; `make demo` builds them first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d "${TMPDIR:-/tmp}/fairlead-demo.XXXXXX")
chmod 755 "$work" # as root, the database runs as another user
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fairlead() { bin/fairlead --url "$address" "$@"; }

say "Starting Fairlead (the first time it fetches a database: 15 MB)"
FAIRLEAD__GRPC__ADDRESS=127.0.0.1:0 FAIRLEAD__HTTP__ADDRESS=127.0.0.1:0 \
  bin/fairlead-standalone serve --config examples/demo/standalone.yaml --data-dir "$work/data" >"$work/out" 2>"$work/log" &
server=$!
until grep -q '^Fairlead is up' "$work/out"; do
  if ! kill -0 "$server" 2>/dev/null; then
    echo "it did not start:" >&2
    tail -n 5 "$work/log" >&2
    exit 1
  fi
  sleep 0.1
done
cat "$work/out"
address=$(sed -n 's/^Fairlead is up: gRPC on \([^,]*\),.*/\1/p' "$work/out")

say "Three queues; beta has half of alpha's share"
fairlead queue create research
fairlead queue create alpha
fairlead queue create beta --priority-factor 2
fairlead queue list

# submit FILE... submits files and notes the ids; begun holds "queue jobset" of each job set.
ids=() begun=()
submit() {
  local out line queue jobset rest
  out=$(fairlead submit "$@" -o json)
  while read -r queue jobset rest; do
    begun+=("$queue $jobset")
    echo "submitted $(wc -w <<<"$rest") jobs to $jobset"
    # shellcheck disable=SC2206 # ids hold no spaces
    ids+=($rest)
  done < <(python3 -c 'import json, sys
for s in json.load(sys.stdin): print(s["queue"], s["jobSetId"], *s["jobIds"])' <<<"$out")
}

# follow QUEUE JOBSET watches until no job is active. Jobs that fail are part of the story: exit code 4.
follow() {
  local code=0
  fairlead watch "$1" "$2" --exit-if-inactive || code=$?
  [ "$code" -eq 0 ] || [ "$code" -eq 4 ]
}

say "200 small jobs"
submit examples/sweep.yaml
follow research sweep

say "A gang: three jobs that start together"
submit examples/gang.yaml
follow research gang

say "Jobs that fail, and why"
submit examples/fail.yaml
follow research fail

say "Preemptible jobs fill the cluster; then a queue below its share wants a place"
submit examples/preempt.yaml
sleep 2
submit examples/preempt-urgent.yaml
for pair in "${begun[@]:3}"; do
  # shellcheck disable=SC2086 # queue and job set
  follow $pair
done

say "Two queues compete: beta, with twice alpha's priority factor, gets half as much"
first=${#begun[@]}
submit examples/compete-a.yaml examples/compete-b.yaml
for pair in "${begun[@]:$first}"; do
  # shellcheck disable=SC2086
  follow $pair
done

say "What happened, and why"
fairlead get job "${ids[@]}" -o json | python3 examples/demo/summary.py
