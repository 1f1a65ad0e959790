"""Two bestow-servers on one PostgreSQL, behind what could be a load balancer:
whichever is asked, a one-time secret serves one key, a Digest nonce is good for
one use, an approval and a revocation count at once; and a database that dies is
told of and come back to."""

import concurrent.futures
import hashlib
import itertools
import json
import os
import queue
import re
import shutil
import threading
import unittest

from harness import (SERVER, Scratch, Server, body_of_der, body_to_pem,
                     certificates_in, in_parallel, make_key_and_csr, read, run,
                     serial_of, text, wait_until, write)
from postgres import Postgres

PASSWORD = "correct horse"
LOAD_DEVICES = 64
LOAD_CLIENTS = 6


class PostgresqlTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.postgres = Postgres()
        self.addCleanup(self.postgres.stop)
        self.postgres.start()
        self.first = Server(self.scratch, "first")
        self.first.add_config('[auth]\ndigest = "sha256"\n[http]\nlisten = ["127.0.0.1:0"]\n'
                              '[revocation]\ndelta_interval = "1h"\n' +
                              self.postgres.database())
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

    def devices(self, server):
        """What is on record, but for the servers' own OCSP responders."""
        return [c for c in server.issued() if c["operation"] != "ocsp"]

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
            self.assertEqual([c["identity"] for c in self.devices(server)], ["gw-17"])

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

    def test_the_database_restarts_under_load(self):
        """Devices enroll at both servers, each with a secret of its own, while
        connections are cut and the database dies and comes back, twice."""
        names = [f"gw-{n}" for n in range(LOAD_DEVICES)]
        secrets = dict(zip(names, in_parallel(
            [lambda n=n: self.first.add_secret(n) for n in names])))
        bodies = dict(zip(names, in_parallel([lambda n=n: self.body(n) for n in names])))
        waiting = queue.SimpleQueue()
        for name in names:
            waiting.put(name)
        got, told_to_wait = {}, []

        def enroll_those_that_wait():
            while True:
                try:
                    name = waiting.get_nowait()
                except queue.Empty:
                    return
                servers = itertools.cycle((self.first, self.second))

                def ask():
                    reply = self.enroll(next(servers), bodies[name], "-u",
                                        f"{name}:{secrets[name]}")
                    if reply[0] == 503:
                        self.assertRegex(reply[1], r"(?im)^retry-after: \d+")
                        told_to_wait.append(name)
                        return None
                    return self.issued(reply)

                got[name] = wait_until(ask, f"{name}'s certificate", timeout=120)

        load = [threading.Thread(target=enroll_those_that_wait) for _ in range(LOAD_CLIENTS)]
        for thread in load:
            thread.start()

        def wait_for(count):
            wait_until(lambda: len(got) >= count, f"{count} certificates", timeout=120)

        wait_for(LOAD_DEVICES // 8)
        self.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
        for part in (2, 4):
            wait_for(part * LOAD_DEVICES // 8)
            self.postgres.crash()
            seen = len(told_to_wait)
            wait_until(lambda: len(told_to_wait) > seen, "devices that are told to wait")
            self.postgres.start()
        for thread in load:
            thread.join()
        self.assertEqual(set(got), set(names), "a thread ended early")

        # Both went on by themselves; each device has one certificate, which its
        # secret gives again, to its key alone, at both.
        for server in (self.first, self.second):
            self.assertTrue(server.process.alive())
            self.assertEqual(sorted(c["identity"] for c in self.devices(server)),
                             sorted(names))
        serials = {c["identity"]: c["serial"] for c in self.devices(self.first)}
        other = self.body("other")
        for n, name in enumerate(names):
            self.assertEqual(serial_of(got[name]), serials[name])
            login = ["-u", f"{name}:{secrets[name]}"]
            servers = (self.first, self.second)
            self.assertEqual(self.issued(self.enroll(servers[n % 2], bodies[name], *login)),
                             got[name])
            self.assertEqual(self.enroll(servers[(n + 1) % 2], other, *login)[0], 403)
        self.command(self.first, "audit", "verify")

    def crl_url(self, server, kind):
        port = re.search(r"listening on http://127\.0\.0\.1:(\d+)",
                         server.process.log()).group(1)
        return f"http://127.0.0.1:{port}/crl/ca{kind}.crl"

    def crl(self, server, kind=""):
        """(number, DER) of the newest that a server shows."""
        der = run(["curl", "-sS", "--fail", "--max-time", "30",
                   self.crl_url(server, kind)]).stdout
        shown = run(["openssl", "crl", "-inform", "DER", "-noout", "-crlnumber", "-verify",
                     "-CAfile", server.ca_file], stdin=der)
        self.assertIn(b"verify OK", shown.stdout + shown.stderr)
        return int(re.search(rb"(?i)crlNumber=(?:0x)?([0-9A-F]+)", shown.stdout).group(1),
                   16), der

    def test_two_servers_revoke_at_once(self):
        path = write(self.scratch / "pw", PASSWORD.encode())
        self.command(self.first, "users", "add", "gw", f"--password_file={path}")
        login = ["-u", f"gw:{PASSWORD}"]
        servers = (self.first, self.second)
        serials = [serial_of(self.issued(self.enroll(servers[n % 2], self.body(f"d{n}"), *login)))
                   for n in range(8)]
        shown = {}  # (kind, number): what was seen of it
        last = {}
        stop = threading.Event()

        def watch(server):
            while not stop.is_set():
                for kind in ("", ".delta"):
                    number, der = self.crl(server, kind)
                    self.assertEqual(shown.setdefault((kind, number), der), der)
                    self.assertGreaterEqual(number, last.get((server, kind), 0))
                    last[server, kind] = number

        def revoke(server, mine):
            for serial in mine:
                self.command(server, "revoke", f"--serial={serial}", "--reason=superseded")

        for server in servers:  # a key's first delta follows its first full CRL
            wait_until(lambda: run(["curl", "-sS", "--fail", "-o", os.devnull,
                                    self.crl_url(server, ".delta")],
                                   check=False).returncode == 0, "a delta")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            watching = [pool.submit(watch, server) for server in servers]
            revoking = [pool.submit(revoke, server, serials[n::2])
                        for n, server in enumerate(servers)]
            try:
                for done in revoking:
                    done.result()

                def agree():
                    crls = {self.crl(server) for server in servers}
                    listed = text(["openssl", "crl", "-inform", "DER", "-noout", "-text"],
                                  stdin=min(crls)[1])
                    return len(crls) == 1 and listed.count("Serial Number:") == len(serials)

                wait_until(agree, "both to show one CRL with all of them")
            finally:
                stop.set()
            for done in watching:
                done.result()
        # Each number was published once, in the order of the one log.
        log = [json.loads(line) for line in
               self.command(self.first, "audit", "export").splitlines()]
        numbers = [int(re.match(r"CRL number (\d+):", e["detail"]).group(1))
                   for e in log if e["action"] == "crl"]
        self.assertGreater(len(numbers), 2)
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLessEqual({number for _, number in shown}, set(numbers))

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
