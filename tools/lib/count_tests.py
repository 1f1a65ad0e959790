#!/usr/bin/env python3
"""Counts test targets in Bazel's build event file (one JSON object a line).

Prints "PASSED FAILED". Every test target that Bazel configured counts, unless
it says that it is not for this configuration: one that has no passing summary
(failed, timed out, did not build) is a failure and is named on stderr.
"""

import json
import sys


def count(lines):
    wanted, passed, skipped = set(), set(), set()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # Bazel was killed while it wrote the last line.
        if event.get("configured", {}).get("testSize"):
            wanted.add(event["id"]["targetConfigured"]["label"])
        if event.get("aborted", {}).get("reason") == "SKIPPED":
            skipped.add(event["id"].get("targetCompleted", {}).get("label"))
        if "testSummary" in event:
            label = event["id"]["testSummary"]["label"]
            wanted.add(label)
            if event["testSummary"].get("overallStatus") in ("PASSED", "FLAKY"):
                passed.add(label)
    return passed, wanted - passed - skipped


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as events:
        passed, failed = count(events)
    for label in sorted(failed):
        print("not passed: " + label, file=sys.stderr)
    print(len(passed), len(failed))


if __name__ == "__main__":
    main()
