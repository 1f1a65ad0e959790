# Plain words on the terminal, and never silence. Sourced by the tools; bash.

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# heading TEXT: what comes next.
heading() {
  printf '\n== %s\n' "$*"
}

# step TEXT COMMAND...: runs COMMAND with its output kept in a log, and says
# every two seconds how far it is (the log's last line). When it fails, shows
# the end of the log and returns its exit code.
step() {
  local text="$1" log pid rc=0 started=$SECONDS shown="" line
  shift
  log="$(mktemp "${TMPDIR:-/tmp}/bestow-step.XXXXXX")"
  printf '%s ...\n' "$text"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    # The first looks are close together, so that a quick step stays quick.
    if ((SECONDS - started < 2)); then sleep 0.1; continue; fi
    line="$(tail -n 1 "$log" | tr '\r' '\n' | tail -n 1 | tr -cd '[:print:]' | cut -c1-100)"
    if [[ "$line" == "$shown" ]]; then line=""; else shown="$line"; fi
    printf '   %3d s  %s\n' "$((SECONDS - started))" "$line"
    sleep 2
  done
  wait "$pid" || rc=$?
  if ((rc != 0)); then
    printf '   failed with exit code %d; the last lines it wrote:\n' "$rc"
    tail -n 25 "$log" | sed 's/^/   | /'
  fi
  rm -f "$log"
  return "$rc"
}
