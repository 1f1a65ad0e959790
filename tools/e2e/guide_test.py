#!/usr/bin/env python3
"""docs/OPERATOR.md, executed as it is written: its indented lines, in order, in
one bash, in an empty folder. The two ports are others: no test has fixed ones."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import unittest

from harness import SERVER, Scratch

GUIDE = "docs/OPERATOR.md"
TIMEOUT_S = 240


def commands(text):
    """The indented lines, with the numbers that they have in the guide; an
    empty line within a block is one of it."""
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        if line.startswith("    "):
            found.append((number, line[4:]))
        elif not line and found and found[-1][0] == number - 1 and \
                number < len(lines) and lines[number].startswith("    "):
            found.append((number, ""))
    return found


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


class GuideTest(unittest.TestCase):
    def test_the_guide_runs_as_it_is_written(self):
        with open(GUIDE, encoding="utf-8") as f:
            guide = f.read()
        lines = commands(guide)
        script = "\n".join(line for _, line in lines) + "\n"
        for command in ("ca create ./root --kind=root", "ca sign-request", "secrets add", "approve",
                        "revoke", "backup", "restore"):
            self.assertIn("bestow-server " + command, script)
        self.assertEqual(len(re.findall(r"^\[labels\.\w+\]$", script, re.M)), 2)
        https, http = free_ports(2)
        self.assertIn("8443", script)
        script = script.replace("8443", str(https)).replace("8080", str(http))
        scratch = Scratch()
        self.addCleanup(scratch.close)
        os.mkdir(scratch / "bin")
        os.symlink(os.path.abspath(SERVER), scratch / "bin/bestow-server")
        os.mkdir(scratch / "site")
        environment = {**os.environ, "PATH": scratch / "bin" + ":" + os.environ["PATH"],
                       "HOME": scratch.path, "LC_ALL": "C"}
        with open(scratch / "guide.sh", "w", encoding="utf-8") as f:
            f.write(script)
        # Each command is shown before it runs: the last one is what failed.
        process = subprocess.Popen(
            ["bash", "-euvo", "pipefail", scratch / "guide.sh"], cwd=scratch / "site", env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        try:
            output, _ = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.fail("the guide did not come to its end")
        finally:
            # Servers that a failure left behind: all are of this session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self.assertEqual(process.returncode, 0, output.decode(errors="replace")[-6000:])


if __name__ == "__main__":
    unittest.main(verbosity=2)
