#!/usr/bin/env python3
"""The operator's tool beside the running server: through its socket alone, by
whom it may, and completed by a shell."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import unittest

from harness import (SERVER, Scratch, Server, make_key_and_csr, run, text,
                     wait_until)

NOBODY = 65534


class AdminTest(unittest.TestCase):
    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.server = Server(self.scratch)
        self.addCleanup(self.server.stop)
        self.server.start()

    def tool(self, *args, check=True):
        return run([SERVER, *args, f"--state_dir={self.server.state_dir}"], check=check)

    def rows(self, *args):
        return json.loads(self.tool(*args, "--json").stdout)

    def enroll(self, name, secret):
        _, _, der = make_key_and_csr(self.scratch, name)
        body = run(["openssl", "base64", "-in", der]).stdout
        return run(["curl", "-sS", "--cacert", self.server.ca_file, "-u", f"{name}:{secret}",
                    "-H", "Content-Type: application/pkcs10", "--data-binary", "@-",
                    "-w", "%{http_code}", "-o", os.devnull,
                    f"{self.server.est}/simpleenroll"], stdin=body).stdout.decode()

    def test_what_the_tool_says_is_so_in_the_running_server(self):
        secret = self.tool("secrets", "add", "gw-1").stdout.decode().strip()
        removed = self.tool("secrets", "add", "gw-2").stdout.decode().strip()
        number = [s["id"] for s in self.rows("secrets") if s["identity"] == "gw-2"][0]
        self.tool("secrets", "remove", number)
        self.assertEqual(self.enroll("gw-1", secret), "200")
        self.assertEqual(self.enroll("gw-2", removed), "401")
        listed = self.rows("certificates", "list", "--expiring=91d")
        self.assertEqual([c["identity"] for c in listed], ["gw-1"])
        shown = self.tool("certificates", "show", listed[0]["serial"][:8]).stdout
        judged = text(["openssl", "x509", "-noout", "-serial"], stdin=shown)
        self.assertEqual(judged.strip().lower(), "serial=" + listed[0]["serial"])
        exported = self.tool("certificates", "export").stdout
        self.assertEqual(exported.count(b"BEGIN CERTIFICATE"), 1)
        labels = self.rows("statistics")["labels"]
        # Good for 90 days: whether that is within 90 is a matter of the second.
        self.assertEqual((labels[0]["valid"], labels[0]["ends_30d"]), (1, 0))
        used = [s for s in self.rows("secrets") if s["identity"] == "gw-1"][0]
        self.assertEqual((used["state"], used["serial"]), ("used", listed[0]["serial"]))
        for line in self.tool("certificates").stdout.decode().splitlines():
            self.assertLessEqual(len(line), 100)

    def test_a_reload_says_what_came_of_it(self):
        self.server.add_config("[labels.plant]\n")
        self.tool("reload")
        self.tool("identities", "add", "gw-1", "--label=plant")
        with open(self.server.config_path, "a") as f:
            f.write("[labels.plant.profil]\n")
        result = self.tool("reload", check=False)
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"did you mean profile?", result.stderr)
        self.assertTrue(self.server.process.alive())
        # Both are in the log under the name of whom the kernel says asked.
        me = f"operator {pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"

        def reloads():
            log = [json.loads(line) for line in self.tool("audit", "export").stdout.splitlines()]
            found = [e for e in log if e["action"] == "reload"]
            return found if len(found) == 2 else None

        done, failed = wait_until(reloads, "the entries of the two reloads")
        self.assertEqual((done["actor"], done["outcome"]), (me, "done"))
        self.assertRegex(done["detail"], r"^changed: config \(sha256 .*\), label plant added; ")
        self.assertEqual((failed["actor"], failed["outcome"]), (me, "failed"))
        self.assertIn("did you mean profile?", failed["detail"])

    def test_one_server_alone_runs_on_a_folder_and_one_that_died_is_no_hindrance(self):
        second = self.tool("run", check=False)
        self.assertEqual(second.returncode, 3)
        self.assertIn(b"another server runs on this state folder", second.stderr)
        self.server.process.stop(signal.SIGKILL)
        self.server.process = None
        socket = os.path.join(self.server.state_dir, "admin.sock")
        self.assertTrue(os.path.exists(socket))
        self.tool("identities", "add", "gw-1")
        self.server.start()
        self.assertEqual([i["name"] for i in self.rows("identities")], ["gw-1"])
        self.server.stop()
        self.assertFalse(os.path.exists(socket))
        self.assertEqual(len(self.rows("identities")), 1)

    def test_nobody_else_may_ask_even_where_the_modes_of_files_let_him(self):
        socket = os.path.join(self.server.state_dir, "admin.sock")
        self.assertEqual(os.stat(socket).st_mode & 0o777, 0o600)
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root, to be another user")
        os.chmod(self.scratch.path, 0o755)
        os.chmod(self.server.state_dir, 0o755)
        os.chmod(socket, 0o666)
        tool = shutil.copy(SERVER, self.scratch / "tool")
        os.chmod(tool, 0o755)
        result = run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                      tool, "secrets", "add", "gw-1", f"--state_dir={self.server.state_dir}"],
                     check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"hung up", result.stderr)
        self.assertIn("uid 65534 is neither root nor", self.server.process.log())
        self.assertEqual(self.rows("secrets"), [])

    def test_no_secret_is_in_the_log(self):
        password = "correct horse battery staple"
        self.server.add_user("gw-1", password)
        secret = self.tool("secrets", "add", "gw-2").stdout.decode().strip()
        key = re.search(rb"key ([0-9a-f]{64})", self.tool("psks", "add", "gw-3").stdout)
        log = self.server.process.log()
        for text_ in (password, secret, key.group(1).decode()):
            self.assertNotIn(text_, log)
            for content in self.server.stored():
                self.assertNotIn(text_.encode(), content)


class HelpTest(unittest.TestCase):
    def test_each_command_has_a_page_and_a_mistake_says_what_was_meant(self):
        overview = text([SERVER, "help"])
        self.assertEqual(overview, text([SERVER, "--help"]))
        names = re.findall(r"^  ([a-z][a-z-]*(?: [a-z-]+)?)(?= )", overview, re.M)
        self.assertIn("certificates list", names)
        names.remove("bestow-server")
        for name in names:
            page = text([SERVER, "help", *name.split()])
            self.assertTrue(page.startswith(f"bestow-server {name}"), page)
            self.assertEqual(page, text([SERVER, *name.split(), "--help"]))
        for wrong, meant in (("certificates lst", "certificates list"), ("aprove 1", "approve"),
                             ("add-secret gw-1", "secrets add")):
            result = run([SERVER, *wrong.split()], check=False)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"`{meant}`", result.stderr.decode())
        result = run([SERVER, "check", "--label=a", "--state_dir=x"], check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"check takes no --label", result.stderr)


class CompletionTest(unittest.TestCase):
    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.script = self.scratch / "completion"
        with open(self.script, "wb") as f:
            f.write(run([SERVER, "completion", "bash"]).stdout)

    def complete(self, *words):
        """What bash offers for the last of `words`, which it has cut at "=" """
        script = ('source "$1"; shift; COMP_WORDS=(bestow-server "$@"); '
                  "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _bestow_server; "
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        out = subprocess.run(["bash", "-c", script, "bash", self.script, *words],
                             capture_output=True, check=True, cwd=self.scratch.path)
        self.assertEqual(out.stderr, b"")
        return [line for line in out.stdout.decode().splitlines() if line]

    def test_bash_completes_commands_flags_and_values(self):
        os.mkdir(self.scratch / "state")
        self.assertIn("certificates", self.complete("cert"))
        self.assertEqual(self.complete("certificates", "l"), ["list"])
        self.assertEqual(sorted(self.complete("certificates", "")), ["export", "list", "show"])
        self.assertEqual(self.complete("certificates", "list", "--exp"), ["--expiring="])
        self.assertEqual(self.complete("certificates", "list", "--j"), ["--json"])
        self.assertEqual(self.complete("certificates", "list", "--label", "=", "x", "--ser"),
                         ["--serial="])
        self.assertEqual(self.complete("certificates", "list", "--state", "=", "rev"), ["revoked"])
        self.assertEqual(self.complete("certificates", "list", "--state", "="),
                         ["valid", "expired", "revoked", "any"])
        self.assertEqual(self.complete("--state_dir", "=", "sta"), ["state"])
        self.assertEqual(self.complete("approve", "--pass"), [])
        self.assertEqual(self.complete("completion", "z"), ["zsh"])
        self.assertIn("users", self.complete("help", "us"))

    def test_every_command_and_flag_is_offered(self):
        for line in text([SERVER, "help"]).splitlines():
            match = re.match(r"  ([a-z][a-z-]*(?: [a-z-]+)?) ", line)
            if not match or match.group(1).startswith("bestow-server"):
                continue
            words = match.group(1).split()
            self.assertIn(words[-1], self.complete(*words[:-1], words[-1]))
            flags = set(self.complete(*words, "--"))
            page = text([SERVER, "help", *words])
            self.assertEqual("--state_dir=" in flags, "--state_dir" in page, words)

    def test_the_other_shell_can_read_its_own(self):
        script = run([SERVER, "completion", "zsh"]).stdout
        self.assertTrue(script.startswith(b"#compdef bestow-server"))
        if shutil.which("zsh"):
            run(["zsh", "-n"], stdin=script)
        self.assertEqual(run([SERVER, "completion", "fish"], check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
