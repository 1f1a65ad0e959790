"""Two bestow-servers on one PostgreSQL, behind what could be a load balancer:
whichever is asked, a one-time secret serves one key, a Digest nonce is good for
one use, an approval and a revocation count at once; and a database that dies is
told of and come back to."""

import hashlib
import os
import re
import shutil
import unittest

from harness import (SERVER, Scratch, Server, body_of_der, body_to_pem,
                     certificates_in, make_key_and_csr, read, run, text,
                     wait_until, write)
from postgres import Postgres

PASSWORD = "correct horse"


class PostgresqlTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.postgres = Postgres()
        self.addCleanup(self.postgres.stop)
        self.postgres.start()
        self.first = Server(self.scratch, "first")
        self.first.add_config('[auth]\ndigest = "sha256"\n' + self.postgres.database())
        # The same CA, seal.key and config; a port of its own.
        self.second = Server(self.scratch, "second")
        shutil.rmtree(self.second.state_dir)
        shutil.copytree(self.first.state_dir, self.second.state_dir)
        for server in (self.first, self.second):
            self.addCleanup(server.stop)
            server.start()

    def command(self, server, *args):
        flags = [f"--state_dir={server.state_dir}"]
        return text([SERVER, *args, *flags]).strip()

    def body(self, name):
        _, _, der = make_key_and_csr(self.scratch, name)
        return write(self.scratch / f"{name}.body", body_of_der(read(der), False))

    def enroll(self, server, body, *args):
        """(status, head, body) of the reply."""
        out = run(["curl", "-sS", "-i", "--cacert", server.ca_file, "--max-time", "60",
                   "-H", "Content-Type: application/pkcs10", "--data-binary", f"@{body}",
                   *args, f"{server.est}/simpleenroll"]).stdout.decode()
        head, _, rest = out.partition("\r\n\r\n")
        return int(head.split()[1]), head, rest

    def issued(self, reply):
        self.assertEqual(reply[0], 200, reply)
        return certificates_in(body_to_pem(reply[2].encode()))[0]

    def test_a_secret_serves_one_key_at_both(self):
        secret = self.command(self.first, "secrets", "add", "gw-17").splitlines()[-1].strip()
        mine, other = self.body("mine"), self.body("other")
        login = ["-u", f"gw-17:{secret}"]
        certificate = self.issued(self.enroll(self.first, mine, *login))
        self.assertEqual(self.issued(self.enroll(self.second, mine, *login)), certificate)
        self.assertEqual(self.enroll(self.second, other, *login)[0] // 100, 4)
        # What one did is on record at both.
        for server in (self.first, self.second):
            self.assertEqual([c["identity"] for c in server.issued()], ["gw-17"])

    def digest(self, challenge, uri, nc):
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))

        def h(value):
            return hashlib.sha256(value.encode()).hexdigest()

        ha1 = h(f"gw-18:{fields['realm']}:{PASSWORD}")
        ha2 = h(f"POST:{uri}")
        response = h(f"{ha1}:{fields['nonce']}:{nc}:0a4f113b:auth:{ha2}")
        opaque = f', opaque="{fields["opaque"]}"' if "opaque" in fields else ""
        return (f'Authorization: Digest username="gw-18", realm="{fields["realm"]}", '
                f'nonce="{fields["nonce"]}", uri="{uri}", algorithm=SHA-256, nc={nc}, '
                f'cnonce="0a4f113b", qop=auth, response="{response}"{opaque}')

    def test_a_nonce_of_one_is_good_once_at_all(self):
        path = write(self.scratch / "pw", PASSWORD.encode())
        self.command(self.first, "users", "add", "gw-18", f"--password_file={path}", "--digest")
        body = self.body("device")
        status, head, _ = self.enroll(self.first, body)
        self.assertEqual(status, 401)
        challenge = re.search(r"(?im)^www-authenticate: (Digest .*)$", head).group(1)
        header = self.digest(challenge, "/.well-known/est/simpleenroll", "00000001")
        self.issued(self.enroll(self.second, body, "-H", header))
        for server in (self.first, self.second):
            status, head, _ = self.enroll(server, body, "-H", header)
            self.assertEqual(status, 401)
            self.assertRegex(head, r"(?i)stale=true")
        self.issued(self.enroll(
            self.first, body, "-H",
            self.digest(challenge, "/.well-known/est/simpleenroll", "00000002")))

    def test_a_database_that_dies_is_told_of_and_come_back_to(self):
        secret = self.command(self.first, "secrets", "add", "gw-19").splitlines()[-1].strip()
        body = self.body("device")
        login = ["-u", f"gw-19:{secret}"]
        certificate = self.issued(self.enroll(self.first, body, *login))
        self.postgres.crash()
        status, head, _ = self.enroll(self.second, body, *login)
        self.assertEqual(status, 503)
        self.assertRegex(head, r"(?im)^retry-after: \d+")
        self.postgres.start()

        def comes_back():
            reply = self.enroll(self.second, body, *login)
            return reply if reply[0] == 200 else None

        self.assertEqual(self.issued(wait_until(comes_back, "the server to be back")), certificate)

    def test_the_password_is_nowhere_to_be_seen(self):
        for server in (self.first, self.second):
            self.assertNotIn(self.postgres.password, server.process.log())
            with open(f"/proc/{server.process.popen.pid}/cmdline") as f:
                self.assertNotIn(self.postgres.password, f.read())
        # Nor may others read it.
        self.first.stop()
        os.chmod(self.postgres.password_file, 0o644)
        refused = run([SERVER, "certificates", "list", f"--state_dir={self.first.state_dir}"],
                      check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(b"chmod 600", refused.stderr)


if __name__ == "__main__":
    unittest.main()
