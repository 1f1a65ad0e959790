#!/bin/bash
# failpoints.txt names exactly the failpoints that the sources pass.
set -eu
list="$1"
shift
want="$(grep -v '^#' "$list" | sort)"
got="$({
  grep -hoE '(Failpoint|RETURN_IF_FAILPOINT)\("[^"]+"\)' "$@" |
    sed -E 's/.*\("(.*)"\)/\1/'
  # One failpoint per file of a credential.
  grep -hoE 'WriteOne\(folder, "[^"]+"' "$@" |
    sed -E 's/.*"(.*)"/credentials.write.\1/'
} | sort -u)"
[ -n "$got" ] || { echo "found no failpoint in the sources" >&2; exit 1; }
diff <(printf '%s\n' "$want") <(printf '%s\n' "$got") || {
  echo "failpoints.txt (<) and the sources (>) differ" >&2
  exit 1
}
