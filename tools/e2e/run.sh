#!/bin/sh
# Runs one end-to-end test with the system's Python: Debian has no `python`,
# which the launcher of Bazel's own py_test asks for.
set -eu
cd "$TEST_SRCDIR/bestow"
export PYTHONPATH="$PWD/tools/e2e" PYTHONDONTWRITEBYTECODE=1
exec python3 "$@"
