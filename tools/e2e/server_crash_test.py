"""The server is killed between sign, commit and reply, under 200 clients.

What must hold: every certificate that a client got is in the database; each
client's retry gets its certificate, the same one when it had one already; and
a build that replies before the commit is caught by this very check.
"""

import base64
import http.client
import ssl
import unittest

from harness import (Scratch, Server, certificates_in, in_parallel, read, run,
                     make_key_and_csr, serial_of)

CLIENTS = 200
ROUNDS = 10
KEYS = 20  # distinct CSRs; identity and secret differ for each client
MUTANT_TRIES = 10

# Where to die, and at which pass since the server listens: each point early,
# midway and late.
POINTS = [
    "est.after_sign=kill:1", "est.after_sign=kill:120",
    "store.before_commit=kill:1", "store.before_commit=kill:3",
    "store.before_commit=kill:6", "store.after_commit=kill:1",
    "store.after_commit=kill:4", "est.before_reply=kill:1",
    "est.before_reply=kill:40", "est.before_reply=kill:180",
]
assert len(POINTS) == ROUNDS


class Client:
    """One device with a one-time secret; a reply is kept as it came."""

    def __init__(self, name, secret, body):
        self.name = name
        self.body = body
        token = base64.b64encode(f"{name}:{secret}".encode()).decode()
        self.headers = {
            "Content-Type": "application/pkcs10",
            "Authorization": f"Basic {token}",
        }

    def enroll(self, port, context):
        """The certificate's DER, or None when the connection broke."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=60, context=context)
        try:
            connection.request("POST", "/.well-known/est/simpleenroll",
                               self.body, self.headers)
            reply = connection.getresponse()
            payload = reply.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if reply.status == 503:  # asked to come back
            return None
        if reply.status != 200:
            raise AssertionError(f"{reply.status}: {payload!r}")
        return base64.b64decode(payload)


class CrashTestCase(unittest.TestCase):
    """The clients of one server, and what they and its records hold."""

    clients = CLIENTS
    power_cut = None

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.server = Server(self.scratch)
        self.addCleanup(self.server.stop)
        self.bodies = []
        for i in range(KEYS):
            _, _, der = make_key_and_csr(self.scratch, f"key{i}")
            self.bodies.append(base64.b64encode(read(der)))
        self.context = ssl.create_default_context(cafile=self.server.ca_file)

    def make_clients(self, prefix):
        names = [f"{prefix}-{i}" for i in range(self.clients)]
        secrets = [None] * self.clients

        def add(start):
            for i in range(start, self.clients, 4):
                secrets[i] = self.server.add_secret(names[i])

        for outcome in in_parallel([lambda s=s: add(s) for s in range(4)]):
            if isinstance(outcome, Exception):
                raise outcome
        return [
            Client(names[i], secrets[i], self.bodies[i % KEYS])
            for i in range(self.clients)
        ]

    def enroll_all(self, clients):
        port = self.server.port
        outcomes = in_parallel(
            [lambda c=c: c.enroll(port, self.context) for c in clients])
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return outcomes

    def recorded_serials(self):
        return {c["serial"].lower() for c in self.server.issued()}

    def serials(self, replies):
        """Serial numbers by openssl, one call for all."""
        pems = b"".join(
            run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"],
                stdin=r).stdout for r in replies)
        return [serial_of(pem) for pem in certificates_in(pems)]

    def crash(self, clients, failpoints):
        """Enrolls all against a server that dies; what each client got."""
        self.server.start(failpoints, self.power_cut)
        got = self.enroll_all(clients)
        # est.before_reply=kill:180 may be passed fewer times than that.
        self.server.stop()
        return got

    def lost(self, held):
        """Serials of replies that have no record."""
        recorded = {s.lstrip("0") for s in self.recorded_serials()}
        return [s for s in self.serials(held) if s.lstrip("0") not in recorded]

    def crash_and_retry(self, prefix, failpoints):
        """One round; how many replies got through."""
        clients = self.make_clients(prefix)
        got = self.crash(clients, failpoints)
        held = [r for r in got if r is not None]
        self.assertEqual(self.lost(held), [])

        # Each client's retry, against a whole server.
        self.server.start()
        again = [None] * self.clients
        for _ in range(5):  # a full queue answers 503: come back
            missing = [i for i, r in enumerate(again) if r is None]
            if not missing:
                break
            for i, r in zip(missing,
                            self.enroll_all([clients[i] for i in missing])):
                again[i] = r
        self.assertNotIn(None, again)
        for first, second in zip(got, again):
            if first is not None:
                self.assertEqual(first, second)
        self.server.stop()
        by_identity = {}
        for c in self.server.issued():
            by_identity.setdefault(c["identity"], []).append(c)
        for client in clients:
            self.assertEqual(len(by_identity[client.name]), 1, client.name)
        return len(held)


class ServerCrashTest(CrashTestCase):

    def test_no_certificate_without_its_record(self):
        killed = 0
        total_got = 0
        for number, failpoints in enumerate(POINTS):
            with self.subTest(failpoints=failpoints):
                got = self.crash_and_retry(f"r{number}", failpoints)
                killed += got < CLIENTS
                total_got += got
        # The points are real: most rounds lost somebody's reply.
        self.assertGreaterEqual(killed, ROUNDS - 2)
        print(f"{ROUNDS} rounds, {killed} crashes with lost replies, "
              f"{total_got} replies got through")

    def test_a_build_that_replies_before_the_commit_is_caught(self):
        for number in range(MUTANT_TRIES):
            clients = self.make_clients(f"m{number}")
            got = self.crash(
                clients, "est.reply_before_commit=fail:1+,"
                f"store.before_commit=kill:{2 + number % 3}")
            lost = self.lost([r for r in got if r is not None])
            if lost:
                print(f"caught at try {number + 1}: {len(lost)} certificates "
                      "without a record")
                return
        self.fail("the mutant was never caught: this test proves nothing")


if __name__ == "__main__":
    unittest.main()
