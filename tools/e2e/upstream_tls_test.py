"""The edge server's own TLS certificate, enrolled and renewed over EST at its
upstream, judged by Python's TLS and openssl."""

import http.client
import os
import socket
import ssl
import unittest

from edge import EdgeTestCase
from harness import read, run, serial_of, text, wait_until, write

NAME = "edge.example"


class UpstreamTlsTest(EdgeTestCase):

    def setUp(self):
        super().setUp()
        self.upstream = self.make_upstream()
        self.upstream.add_config("""
            [labels.servers.profile]
            validity = "20s"
            backdate = "1m"
            extended_key_usage = ["serverAuth", "clientAuth"]
            sans = ["dns:{identity}"]
        """)
        self.command(self.upstream, "reload")
        for name in ("edge-1", NAME):
            self.command(self.upstream, "identities", "add", name,
                         "--label=servers")

    def connect(self, edge):
        """A connection for HTTP, verified by the fleet's root alone; its
        certificate."""
        context = ssl.create_default_context(cafile=self.pki.pem)
        raw = socket.create_connection(("127.0.0.1", edge.port), timeout=30)
        try:
            tls = context.wrap_socket(raw, server_hostname=NAME)
        except ssl.SSLError:
            raw.close()
            return None
        self.addCleanup(tls.close)
        http_connection = http.client.HTTPConnection(NAME)
        http_connection.sock = tls
        pem = ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)).encode()
        return http_connection, pem

    def serial_now(self, edge):
        connected = self.connect(edge)
        return connected and serial_of(connected[1])

    def ask(self, http_connection):
        http_connection.request("GET", "/.well-known/est/cacerts")
        response = http_connection.getresponse()
        response.read()
        return response.status

    def test_it_is_renewed_by_itself_and_lives_through_an_outage(self):
        upstream = self.upstream
        edge = self.make_edge(upstream, start=False,
                              settings={"hostnames": f'["{NAME}"]'}, extra=f"""
            [tls]
            from = "upstream"
            fraction = 0.3
            [tls.upstream]
            url = "{upstream.url}/.well-known/est/servers"
            anchors = "fleet.pem"
            username = "{NAME}"
            timeout = "5s"
        """)
        # There is none at all yet.
        tls = os.path.join(edge.state_dir, "tls")
        for name in os.listdir(tls):
            os.unlink(os.path.join(tls, name))
        edge.start()
        self.addCleanup(edge.stop)
        wait_until(lambda: self.connect(edge), "the first certificate")
        held, pem = self.connect(edge)
        first = serial_of(pem)
        self.assertEqual(self.ask(held), 200)
        leaf = write(self.scratch / "leaf.pem", pem)
        pool = write(self.scratch / "pool.pem", read(self.issuing[1]))
        run(["openssl", "verify", "-CAfile", self.pki.pem, "-untrusted", pool,
             "-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAME,
             leaf])
        key = os.path.join(tls, "server.key.pem")
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)

        # Renewed, by itself; connections go on.
        wait_until(lambda: self.serial_now(edge) not in (None, first),
                   "a renewal")
        self.assertEqual(self.ask(held), 200)
        there = self.of(upstream, NAME)
        self.assertEqual({c["label"] for c in there}, {"servers"})
        self.assertEqual([c["operation"] for c in there][:2],
                         ["simpleenroll", "simplereenroll"])
        here = self.of(edge, "bestow-server")
        self.assertLessEqual({c["serial"] for c in here},
                             {c["serial"] for c in there})
        self.assertEqual({c["operation"] for c in here}, {"tls"})

        # Down: what is there serves, and the log says until when.
        upstream.stop()
        wait_until(lambda: "and did not come" in edge.process.log(),
                   "the warning")
        self.assertIn("has to be reached before that", edge.process.log())
        served = self.serial_now(edge)
        self.assertIsNotNone(served)
        upstream.start()
        wait_until(lambda: self.serial_now(edge) not in (None, served),
                   "a renewal after the outage")

        # What is on the disk is what was served last.
        edge.stop()
        stored = text(["openssl", "x509", "-noout", "-pubkey", "-in",
                       os.path.join(tls, "server.pem")])
        self.assertEqual(text(["openssl", "pkey", "-pubout", "-in", key]),
                         stored)
        edge.start()
        wait_until(lambda: self.connect(edge), "the same after a restart")


if __name__ == "__main__":
    unittest.main()
