# Runs Bazel the same way from every tool. Sourced; bash.

# A bare environment (cron, a build farm) may lack it; Bazel keeps its cache there.
if [[ -z "${HOME:-}" ]]; then
  HOME="$(getent passwd "$EUID" | cut -d : -f 6)"
  export HOME
fi

# On a terminal Bazel draws its own progress; into a file it writes a line
# every few seconds.
run_bazel() {
  local command="$1" ui=()
  shift
  if [[ ! -t 2 ]]; then ui=(--curses=no --color=no --show_progress_rate_limit=5); fi
  bazel "$command" "${ui[@]}" "$@" </dev/null
}
