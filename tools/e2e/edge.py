"""For tests of edge sites: an offline root's PKI, an upstream server that issues
by it, and an edge server that is a registration authority there."""

import os
import re
import unittest

from harness import (SERVER, Scratch, Server, body_of_der, make_key_and_csr,
                     read, run, text, wait_until, write)

CA_EXTENSIONS = """
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
TLS_EXTENSIONS = """
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class Pki:
    """A root that is offline, and what it signs."""

    def __init__(self, scratch, name):
        self.scratch, self.name = scratch, name
        self.key, self.pem = scratch / f"{name}.key", scratch / f"{name}.pem"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
             self.pem, "-subj", f"/CN={name}", "-days", "30", "-addext",
             "keyUsage=critical,keyCertSign,cRLSign"])

    def sign(self, name, extensions, ca=None):
        """A key and its certificate by `ca`, a (key, certificate)."""
        ca_key, ca_pem = ca or (self.key, self.pem)
        key, csr, _ = make_key_and_csr(self.scratch, f"{self.name} {name}",
                                       subject=f"/CN={name}")
        ext = write(self.scratch / "ext", extensions)
        pem = self.scratch / f"{self.name} {name}.pem"
        run(["openssl", "x509", "-req", "-in", csr, "-CA", ca_pem, "-CAkey",
             ca_key, "-CAcreateserial", "-days", "20", "-extfile", ext, "-out",
             pem])
        return key, pem


class EdgeTestCase(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.pki = Pki(self.scratch, "Fleet Root")
        self.issuing = self.pki.sign("Fleet CA", CA_EXTENSIONS)
        self.sub_ca = self.pki.sign("Site CA", CA_EXTENSIONS)

    def make_upstream(self, **settings):
        upstream = Server(self.scratch, "upstream", settings)
        ca = os.path.join(upstream.state_dir, "ca")
        write(os.path.join(ca, "ca.key.pem"), read(self.issuing[0]))
        write(os.path.join(ca, "ca.pem"),
              read(self.issuing[1]) + read(self.pki.pem))
        self.set_tls(upstream, self.pki.sign("upstream", TLS_EXTENSIONS,
                                             self.issuing),
                     read(self.issuing[1]) + read(self.pki.pem))
        upstream.start()
        self.addCleanup(upstream.stop)
        # So that it comes back at the same place.
        upstream.configure({"listen": f'["127.0.0.1:{upstream.port}"]'})
        self.secret = self.command(upstream, "secrets", "add", "edge-1",
                                   "--ra").strip()
        return upstream

    def set_tls(self, server, credential, chain):
        tls = os.path.join(server.state_dir, "tls")
        write(os.path.join(tls, "server.key.pem"), read(credential[0]))
        write(os.path.join(tls, "server.pem"), read(credential[1]) + chain)

    def make_edge(self, upstream, extra="", settings=None, start=True,
                  anchors='anchors = "fleet.pem"'):
        edge = Server(self.scratch, "edge", settings)
        write(os.path.join(edge.state_dir, "fleet.pem"), read(self.pki.pem))
        write(os.path.join(edge.state_dir, "upstream.secret"), self.secret + "\n")
        edge.add_config(f"""
            [upstream]
            url = "{upstream.url}"
            {anchors}
            username = "edge-1"
            secret_file = "upstream.secret"
            retry_after = "7s"
            refresh = "2s"
            timeout = "5s"
            {extra}
        """)
        if start:
            edge.start()
            self.addCleanup(edge.stop)
            self.wait_for_ra(edge)
        return edge

    def wait_for_ra(self, edge):
        wait_until(lambda: "got the registration authority's certificate" in
                   edge.process.log() and "CA certificates" in
                   edge.process.log(), "the RA's certificate")

    def command(self, server, *args):
        return text([SERVER, *args[:2], f"--state_dir={server.state_dir}",
                     *args[2:]])

    def register(self, upstream, *names):
        for name in names:
            self.command(upstream, "identities", "add", name)

    def post(self, edge, name, secret, csr_der):
        """The status, the reply's headers, and its body."""
        body = write(self.scratch / "body", body_of_der(read(csr_der), True))
        headers = self.scratch / "headers"
        result = run(["curl", "-sS", "--cacert", edge.ca_file, "--max-time",
                      "30", "-u", f"{name}:{secret}", "-H",
                      "Content-Type: application/pkcs10", "--data-binary",
                      f"@{body}", "-D", headers, f"{edge.est}/simpleenroll"])
        head = read(headers).decode()
        return int(re.findall(r"HTTP/1.1 (\d+)", head)[-1]), head, result.stdout

    def verify(self, leaf, *intermediates):
        pool = write(self.scratch / "pool.pem",
                     b"".join(read(path) for path in intermediates))
        run(["openssl", "verify", "-CAfile", self.pki.pem, "-untrusted", pool,
             "-x509_strict", "-purpose", "sslclient", leaf])

    def of(self, server, identity):
        return [c for c in server.issued() if c["identity"] == identity]
