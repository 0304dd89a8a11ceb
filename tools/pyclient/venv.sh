#!/usr/bin/env bash
# Makes the Python environment of requirements.txt, or finds the one made before, and prints its folder.
#
#   $(tools/pyclient/venv.sh)/bin/python my_script.py
#
# It is kept in .cache/pyclient-<version of armada-client>. It needs Python 3 with venv, and the first
# time a Python package index. Several callers at once are fine: the environment appears complete, by one
# rename, so only bin/python may be used of its programs (the others have another folder written into
# them; `bin/python -m` serves).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$(cd "$here/../.." && pwd)/.cache
version=$(sed -n 's/^armada-client==//p' "$here/requirements.txt")
venv=$cache/pyclient-$version

# made says whether the environment there is the one of requirements.txt as it is now.
made() { cmp -s "$here/requirements.txt" "$venv/requirements.txt"; }

if ! made; then
  rm -rf "$venv" # of other requirements, if it is there
  mkdir -p "$cache"
  new=$(mktemp -d "$venv.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  python3 -m venv "$new" >&2
  "$new/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$new/requirements.txt"
  # Unlike mv, rename does not move into a folder that is there: the slower of two callers fails, and
  # uses what the faster one made.
  python3 -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$new" "$venv" 2>/dev/null || made
fi
echo "$venv"
