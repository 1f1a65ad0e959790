"""The disaster drill of docs/OPERATIONS.md: the server dies, its folder is gone.

A backup of the running server is restored elsewhere. Devices that it knows
renew; one that enrolled after the backup is told why it can't, and enrolls
anew; what was not used of one-time secrets serves nobody any more.
"""

import json
import os
import re
import shutil
import signal
import unittest

from harness import (SERVER, Scratch, Server, body_of_der, body_to_pem,
                     fresh_store, make_key_and_csr, on_postgresql, read, run,
                     write)


class DisasterTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.server = Server(self.scratch).start()
        self.addCleanup(lambda: self.server.stop())
        self.backup = self.scratch / "backup.tar"

    def command(self, *args, check=True, state_dir=None):
        return run([SERVER, *args,
                    f"--state_dir={state_dir or self.server.state_dir}"],
                   check=check)

    def post(self, operation, name, *curl):
        """The reply's status and body, of an enrollment of NAME's request."""
        body = write(self.scratch / f"{name}.b64",
                     body_of_der(read(self.scratch / f"{name}.csr.der"), True))
        out = self.scratch / "reply"
        status = run(["curl", "-sS", "--cacert", self.server.ca_file,
                      "--max-time", "30", "-o", out, "-w", "%{http_code}",
                      "-H", "Content-Type: application/pkcs10",
                      "--data-binary", f"@{body}", *curl,
                      f"{self.server.est}/{operation}"]).stdout
        return int(status), read(out)

    def enroll(self, name, secret=None):
        make_key_and_csr(self.scratch, name)
        status, body = self.post(
            "simpleenroll", name, "-u",
            f"{name}:{secret or self.server.add_secret(name)}")
        if status == 200:
            write(self.scratch / f"{name}.pem", body_to_pem(body))
        return status, body.decode(errors="replace")

    def renew(self, name):
        status, body = self.post(
            "simplereenroll", name, "--cert", self.scratch / f"{name}.pem",
            "--key", self.scratch / f"{name}.key")
        return status, body.decode(errors="replace")

    def lose_everything(self):
        self.server.process.stop(signal.SIGKILL)
        self.server.process = None
        shutil.rmtree(self.server.state_dir)
        self.server.lose_store()

    def elsewhere(self):
        """Flags of a restore beside the server that runs: its config, with a
        database of its own."""
        store = fresh_store()
        if not store:
            return []
        config = read(self.server.config_path).decode()
        for line in store.splitlines()[1:]:
            key = line.split(" = ")[0]
            config = re.sub(rf"(?m)^{key} = .*$", lambda _: line, config)
        return [f"--config={write(self.scratch / 'elsewhere.toml', config)}"]

    def use(self, state_dir):
        self.server.state_dir = state_dir
        self.server.ca_file = os.path.join(state_dir, "ca", "ca.pem")

    def test_the_drill(self):
        self.assertEqual(self.enroll("before-1")[0], 200)
        self.assertEqual(self.enroll("before-2")[0], 200)
        unused = self.server.add_secret("unused")
        used_later = self.server.add_secret("after-1")
        ca = read(self.server.ca_file)

        made = self.command("backup", self.backup)
        self.assertIn(b"Backup: ", made.stdout)
        self.assertIn(b"ca.key.pem is in the backup as it is", made.stderr)
        self.assertEqual(os.stat(self.backup).st_mode & 0o777, 0o600)
        # Any tar reads it.
        self.assertIn(b"state/ca/ca.pem",
                      run(["tar", "-tf", self.backup]).stdout)
        # The server went on.
        self.assertEqual(self.enroll("after-1", used_later)[0], 200)
        self.lose_everything()

        restored = self.scratch / "restored"
        said = self.command("restore", self.backup,
                            state_dir=restored).stdout.decode()
        self.assertIn("2 one-time secrets that were not used are void", said)
        self.use(restored)
        self.assertEqual(read(self.server.ca_file), ca)
        self.command("check")
        self.server.start()

        for name in ("before-1", "before-2"):
            self.assertEqual(self.renew(name)[0], 200)
        status, why = self.renew("after-1")
        self.assertEqual(status, 403)
        self.assertIn("its record is lost: the server was restored from a "
                      "backup of ", why)
        # A secret that the backup calls unused served a key, or may have.
        self.assertEqual(self.enroll("after-1", used_later)[0], 403)
        self.assertEqual(self.enroll("unused", unused)[0], 403)
        self.assertEqual(self.enroll("after-1")[0], 200)
        self.assertEqual(self.renew("after-1")[0], 200)

        # The audit log goes on from the backup's, and says all of it.
        log = [json.loads(line) for line in
               self.command("audit", "export").stdout.splitlines()]
        done = [(e["action"], e["outcome"], e["subject"]) for e in log]
        self.assertIn(("simpleenroll", "issued", "before-1"), done)
        self.assertIn(("simplereenroll", "issued", "before-1"), done)
        self.assertIn(("simpleenroll", "refused", "unused"), done)
        self.assertEqual([e["outcome"] for e in log
                          if e["action"] == "restore"], ["done"])
        self.assertIn(
            "issued", self.command("audit", "list", "--identity=before-2",
                                   "--since=1h").stdout.decode())
        self.verify_audit(log)

        # A folder in use is not restored over.
        again = self.command("restore", self.backup, check=False)
        self.assertEqual(again.returncode, 3)
        self.assertIn(b"is not an empty folder", again.stderr)
        serials = [c["serial"] for c in self.server.issued()]
        self.assertEqual(len(serials), len(set(serials)))

    def verify_audit(self, log):
        """By the command, and by the script of docs/OPERATIONS.md."""
        end = f"{log[-1]['sequence']}:{log[-1]['hash']}"
        self.command("audit", "verify", end)
        wrong = f"{log[-1]['sequence']}:{log[-2]['hash']}"
        self.assertEqual(
            self.command("audit", "verify", wrong, check=False).returncode, 1)
        with open("docs/OPERATIONS.md") as f:
            script = re.search(r"```python\n(.*?)```", f.read(), re.S).group(1)

        def judge(entries):
            lines = "".join(json.dumps(e) + "\n" for e in entries)
            return run(["python3", "-c", script], stdin=lines, check=False)

        self.assertEqual(judge(log).stdout.decode().strip(), end)
        changed = [dict(e) for e in log]
        changed[3]["source"] = "192.0.2.99"
        self.assertIn(b"entry 4 is not", judge(changed).stderr)
        self.assertIn(b"entry 4 is not", judge(log[:3] + log[4:]).stderr)

    def test_bad_backups_leave_nothing_behind(self):
        passphrase = write(self.scratch / "passphrase", "correct horse\n")
        sealed = self.scratch / "sealed"
        self.command("backup", sealed, f"--passphrase_file={passphrase}")
        self.assertNotIn(b"bestow-server.toml", read(sealed))
        restored = self.scratch / "restored"

        def refused(file, sentence, *flags):
            result = self.command("restore", file, *flags, check=False,
                                  state_dir=restored)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(sentence, result.stderr.decode())
            self.assertEqual([n for n in os.listdir(self.scratch.path)
                              if n.startswith("restored")], [])

        refused(sealed, "--passphrase_file")
        wrong = write(self.scratch / "wrong", "correct house\n")
        refused(sealed, "the passphrase is wrong", f"--passphrase_file={wrong}")
        whole = read(sealed)
        for cut in (len(whole) - 1, len(whole) // 2):
            file = write(self.scratch / "cut", whole[:cut])
            refused(file, "take another copy of the file",
                    f"--passphrase_file={passphrase}")
        refused(write(self.scratch / "text", "hello\n"),
                "not a backup of bestow-server")
        refused(self.scratch / "none", "none")
        # One in use is not restored over, also when it is another's.
        if on_postgresql():
            refused(sealed, "the database is not empty",
                    f"--passphrase_file={passphrase}")
        self.command("restore", sealed, f"--passphrase_file={passphrase}",
                     *self.elsewhere(), state_dir=restored)
        self.command("check", state_dir=restored)


if __name__ == "__main__":
    unittest.main()
