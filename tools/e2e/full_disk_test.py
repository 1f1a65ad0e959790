"""The disk is full: a small file system under the database's files, filled, on
each engine. Nothing is issued that is not recorded, everybody is told to come
back, and when there is room the server goes on without a restart."""

import os
import shutil
import unittest

from harness import (SERVER, Scratch, Server, body_of_der, body_to_pem,
                     certificates_in, make_key_and_csr, read, run, serial_of,
                     wait_until, write)
from postgres import Postgres

BLOCK = 4096
# What the files that are there may still have room for.
MOST = 300


class FullDiskTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)

    def mount(self, folder, size):
        if os.geteuid() != 0:
            self.skipTest("needs root, to mount a small file system")
        if run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
               check=False).returncode != 0:
            self.skipTest("may not mount a file system here")
        self.addCleanup(shutil.rmtree, folder, True)
        self.addCleanup(run, ["umount", "--lazy", folder])

    def enroll(self, server, name, secret, body):
        out = run(["curl", "-sS", "-i", "--cacert", server.ca_file, "--max-time", "60",
                   "-H", "Content-Type: application/pkcs10", "--data-binary", f"@{body}",
                   "-u", f"{name}:{secret}", f"{server.est}/simpleenroll"]).stdout.decode()
        head, _, rest = out.partition("\r\n\r\n")
        return int(head.split()[1]), head, rest

    def body(self, name):
        _, _, der = make_key_and_csr(self.scratch, name)
        return write(self.scratch / f"{name}.body", body_of_der(read(der), False))

    def fill(self, folder):
        """Until not an octet more goes in."""
        with open(os.path.join(folder, "filler"), "ab", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(BLOCK))
            except OSError:
                pass

    def check(self, server, folder):
        first = server.add_secret("gw-first")
        secret = server.add_secret("gw-last")
        server.add_user("gw", "correct horse")
        server.start()
        self.addCleanup(server.stop)
        bodies = [self.body(name) for name in ("first", "load", "mine", "other")]
        status, _, reply = self.enroll(server, "gw-first", first, bodies[0])
        self.assertEqual(status, 200, reply)
        self.fill(folder)
        known = 1
        for _ in range(MOST):
            status, head, reply = self.enroll(server, "gw", "correct horse", bodies[1])
            if status != 200:
                break
            known += 1
        self.assertEqual(status, 503, reply)
        self.assertRegex(head, r"(?im)^retry-after: \d+")
        self.assertEqual(self.enroll(server, "gw-last", secret, bodies[2])[0], 503)
        self.assertTrue(server.process.alive())
        os.unlink(os.path.join(folder, "filler"))

        # The secret was not used up by that; it serves one key.
        def goes_on():
            reply = self.enroll(server, "gw-last", secret, bodies[3])
            return reply[2] if reply[0] == 200 else None

        certificate = certificates_in(
            body_to_pem(wait_until(goes_on, "the server to go on").encode()))[0]
        self.assertEqual(self.enroll(server, "gw-last", secret, bodies[2])[0], 403)
        issued = server.issued()
        self.assertEqual(len(issued), known + 1)
        self.assertEqual([c["serial"] for c in issued if c["identity"] == "gw-last"],
                         [serial_of(certificate)])
        run([SERVER, "audit", "verify", f"--state_dir={server.state_dir}"])

    def test_sqlite(self):
        folder = self.scratch / "small"
        os.mkdir(folder)
        self.mount(folder, "4m")
        server = Server(self.scratch, "small/state")
        server.name = "server"  # its log has room
        self.check(server, folder)

    def test_postgresql(self):
        postgres = Postgres(mount=lambda folder: self.mount(folder, "160m"))
        self.addCleanup(postgres.stop)
        postgres.start()
        server = Server(self.scratch)
        server.add_config(postgres.database())
        self.check(server, postgres.data)


if __name__ == "__main__":
    unittest.main()
