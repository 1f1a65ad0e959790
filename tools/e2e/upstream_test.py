"""Device, edge server, upstream server: a label that forwards (RFC 7030 3.7)."""

import base64
import hashlib
import json
import os
import unittest

from edge import TLS_EXTENSIONS, EdgeTestCase, Pki
from harness import (SERVER, Agent, Swtpm, body_to_pem, certificates_in,
                     make_key_and_csr, read, run, text, wait_until, write)


class UpstreamTest(EdgeTestCase):

    def test_a_device_enrolls_and_renews_over_the_edge(self):
        tpm = Swtpm(self.scratch).start()
        self.addCleanup(tpm.stop)
        upstream = self.make_upstream(validity='"14s"', backdate='"1m"')
        # The device's request is linked to its own session with the edge.
        edge = self.make_edge(upstream, settings={"linking": '"required"'})
        self.register(upstream, "gateway-17")
        agent = Agent(self.scratch, edge, tpm, fraction=0.4)
        write(self.scratch / "both.pem", read(edge.ca_file) + read(self.pki.pem))
        with open(agent.config) as f:
            config = f.read()
        write(agent.config, config.replace(edge.ca_file,
                                           self.scratch / "both.pem"))
        agent.start()
        self.addCleanup(agent.stop)

        def renewed():
            self.assertTrue(agent.process.alive(), agent.process.log())
            return len(self.of(edge, "gateway-17")) >= 3 and len(
                [c for c in self.of(upstream, "edge-1")
                 if c["operation"] == "simplereenroll"]) >= 1

        wait_until(renewed, "two renewals, and the RA's own", timeout=90)
        self.verify(agent.path("cert.pem"), self.issuing[1])
        self.assertEqual(agent.status()["state"], "valid")
        agent.stop()
        # The edge tells enrollments from renewals; upstream all come from the
        # RA by /simpleenroll, and both have the same certificates on record.
        here = self.of(edge, "gateway-17")
        self.assertEqual(here[0]["operation"], "simpleenroll")
        self.assertEqual(here[1]["operation"], "simplereenroll")
        there = self.of(upstream, "gateway-17")
        self.assertEqual({c["operation"] for c in there}, {"simpleenroll"})
        self.assertLessEqual({c["serial"] for c in here},
                             {c["serial"] for c in there})
        self.assertIn("auth=certificate", upstream.process.log())
        # What upstream gave the RA says what it is.
        ra = os.path.join(edge.state_dir, "upstream", "main", "ra.pem")
        self.assertEqual(os.stat(ra).st_mode & 0o777, 0o600)
        usage = text(["openssl", "x509", "-in", ra, "-noout", "-text"])
        self.assertIn("1.3.6.1.5.5.7.3.28", usage.replace(
            "CMC Registration Authority", "1.3.6.1.5.5.7.3.28"))
        # /cacerts of the edge is the upstream's.
        body = run(["curl", "-sS", "--cacert", edge.ca_file,
                    f"{edge.est}/cacerts"]).stdout
        shown = {c.strip() for c in certificates_in(body_to_pem(body))}
        self.assertEqual(shown, {c.strip() for path in
                                 (self.issuing[1], self.pki.pem)
                                 for c in certificates_in(read(path))})

    def test_upstream_down_is_503_until_it_is_back(self):
        upstream = self.make_upstream()
        edge = self.make_edge(upstream)
        self.register(upstream, "gw-1", "gw-2")
        upstream.stop()
        secret = edge.add_secret("gw-1")
        _, _, csr = make_key_and_csr(self.scratch, "gw-1")
        status, head, body = self.post(edge, "gw-1", secret, csr)
        self.assertEqual(status, 503, body)
        self.assertIn("retry-after: 7", head.lower())
        # Reserved by then: nothing else gets anything for this secret.
        _, _, other = make_key_and_csr(self.scratch, "other", "/CN=gw-1")
        status, _, body = self.post(edge, "gw-1", secret, other)
        self.assertEqual((status, b"another key" in body), (403, True), body)

        # One that is not the upstream, at its place: it is told nothing.
        rogue = Pki(self.scratch, "Rogue Root")
        good = [read(os.path.join(upstream.state_dir, "tls", name))
                for name in ("server.key.pem", "server.pem")]
        self.set_tls(upstream, rogue.sign("upstream", TLS_EXTENSIONS),
                     read(rogue.pem))
        upstream.start()
        status, _, body = self.post(edge, "gw-1", secret, csr)
        self.assertEqual((status, b"trust" in body), (503, True), body)
        self.assertEqual(self.of(upstream, "gw-1"), [])
        upstream.stop()
        for name, content in zip(("server.key.pem", "server.pem"), good):
            write(os.path.join(upstream.state_dir, "tls", name), content)

        upstream.start()
        status, _, body = self.post(edge, "gw-1", secret, csr)
        self.assertEqual(status, 200, body)
        leaf = write(self.scratch / "gw-1.pem", body_to_pem(body))
        self.verify(leaf, self.issuing[1])
        # The reply was lost, as it were: the same again, and not from upstream.
        upstream.stop()
        status, _, again = self.post(edge, "gw-1", secret, csr)
        self.assertEqual((status, body_to_pem(again)), (200, body_to_pem(body)))
        self.assertEqual(len(self.of(edge, "gw-1")), 1)

    def test_a_sub_ca_signs_for_a_short_time_while_upstream_is_down(self):
        upstream = self.make_upstream()
        edge = self.make_edge(upstream, start=False, extra="""
            when_down = "local"
            local_ca = "cas/site"
            local_validity = "10m"
        """)
        site = os.path.join(edge.state_dir, "cas", "site")
        os.makedirs(site)
        write(os.path.join(site, "ca.key.pem"), read(self.sub_ca[0]))
        write(os.path.join(site, "ca.pem"), read(self.sub_ca[1]) +
              read(self.pki.pem))
        edge.start()
        self.addCleanup(edge.stop)
        self.wait_for_ra(edge)
        upstream.stop()
        secret = edge.add_secret("gw-1")
        _, _, csr = make_key_and_csr(self.scratch, "gw-1")
        status, _, body = self.post(edge, "gw-1", secret, csr)
        self.assertEqual(status, 200, body)
        leaf = write(self.scratch / "gw-1.pem", body_to_pem(body))
        self.verify(leaf, self.sub_ca[1])
        run(["openssl", "x509", "-in", leaf, "-noout", "-checkend", "300"])
        late = run(["openssl", "x509", "-in", leaf, "-noout", "-checkend",
                    "700"], check=False)
        self.assertEqual(late.returncode, 1)
        self.assertIn("signed here", edge.process.log())

    def test_approval_and_refusals_upstream_pass_through(self):
        upstream = self.make_upstream(approval_retry_after='"3s"',
                                      oids='["1.2.3.4.5"]')
        # Trusted by a fingerprint, at first; and it says what requests need.
        der = run(["openssl", "x509", "-in", self.pki.pem, "-outform",
                   "DER"]).stdout
        edge = self.make_edge(
            upstream, extra='csr_attrs = "upstream"',
            anchors=f'anchors_sha256 = "{hashlib.sha256(der).hexdigest()}"')
        csr_attrs = [text(["curl", "-sS", "--cacert", ca_file,
                           f"{server.est}/csrattrs"])
                     for server, ca_file in ((edge, edge.ca_file),
                                             (upstream, self.pki.pem))]
        self.assertEqual(*csr_attrs)
        oids = run(["openssl", "asn1parse", "-inform", "DER"],
                   stdin=base64.b64decode(csr_attrs[0])).stdout
        self.assertIn(b"1.2.3.4.5", oids)
        upstream.stop()
        upstream.configure({"approval": '"manual"'})
        upstream.start()
        self.register(upstream, "gw-1")
        secret = edge.add_secret("gw-1")
        _, _, csr = make_key_and_csr(self.scratch, "gw-1")
        status, head, body = self.post(edge, "gw-1", secret, csr)
        self.assertEqual(status, 202, body)
        self.assertIn("retry-after: 3", head.lower())
        waiting = json.loads(self.command(upstream, "requests", "list",
                                          "--json"))
        waiting = waiting["requests"] if isinstance(waiting, dict) else waiting
        self.assertEqual([r["identity"] for r in waiting], ["gw-1"])
        run([SERVER, "approve", f"--state_dir={upstream.state_dir}",
             str(waiting[0]["id"])])
        status, _, body = self.post(edge, "gw-1", secret, csr)
        self.assertEqual(status, 200, body)
        self.verify(write(self.scratch / "gw-1.pem", body_to_pem(body)),
                    self.issuing[1])

        # Whom upstream does not know it refuses, and the edge says so.
        secret = edge.add_secret("gw-unknown")
        _, _, csr = make_key_and_csr(self.scratch, "gw-unknown")
        status, _, body = self.post(edge, "gw-unknown", secret, csr)
        self.assertEqual((status, b"not registered" in body), (403, True), body)

        # Another's name, and the registration authority's own.
        secret = edge.add_secret("gw-2")
        _, _, csr = make_key_and_csr(self.scratch, "gw-2", "/CN=gw-1")
        status, _, body = self.post(edge, "gw-2", secret, csr)
        self.assertEqual((status, b"CN=gw-2" in body), (403, True), body)
        secret = edge.add_secret("edge-1")
        _, _, csr = make_key_and_csr(self.scratch, "edge-1")
        status, _, body = self.post(edge, "edge-1", secret, csr)
        self.assertEqual((status, b"authority itself" in body), (403, True),
                         body)
        self.assertEqual(len(self.of(upstream, "edge-1")), 1)

    def test_a_reload_takes_up_other_anchors(self):
        upstream = self.make_upstream()
        edge = self.make_edge(upstream, start=False)
        anchors = os.path.join(edge.state_dir, "fleet.pem")
        write(anchors, read(Pki(self.scratch, "Rogue Root").pem))
        edge.start()
        self.addCleanup(edge.stop)
        wait_until(lambda: "fetching the CA certificates: " in
                   edge.process.log(), "the edge to distrust")
        self.assertNotIn("remote=", upstream.process.log().replace(
            "refused remote=", ""))
        # The config is as before; its file is not.
        write(anchors, read(self.pki.pem))
        self.command(edge, "reload")
        self.wait_for_ra(edge)
        self.assertIn("its anchors are others now", edge.process.log())


if __name__ == "__main__":
    unittest.main()
