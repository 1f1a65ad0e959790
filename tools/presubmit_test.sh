#!/usr/bin/env bash
# Runs the presubmit on the tree that this test was built from. Without
# clang-format, whose output depends on its version.
set -euo pipefail
exec "$(realpath tools/presubmit)" --no_format
