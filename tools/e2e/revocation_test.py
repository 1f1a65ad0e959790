"""What the CA publishes of its revocations, judged by openssl; and what
becomes of whoever is revoked."""

import base64
import http.client
import json
import os
import re
import ssl
import unittest
import urllib.parse

from harness import (SERVER, Agent, Scratch, Server, Swtpm, body_of_der,
                     body_to_pem, certificates_in, make_key_and_csr, read, run,
                     serial_of, text, wait_until, write)

URL = "http://pki.example.net"


class RevocationTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)

    def start(self, revocation="", **settings):
        self.server = Server(self.scratch, settings=settings)
        self.server.add_config(
            '[http]\nlisten = ["127.0.0.1:0"]\n[revocation]\n'
            f'url = "{URL}"\n{revocation}')
        self.ca = self.server.ca_file
        self.addCleanup(self.server.stop)
        self.restart()

    def restart(self):
        self.server.start()
        self.http_port = int(re.search(
            r"listening on http://127\.0\.0\.1:(\d+)",
            self.server.process.log()).group(1))

    def command(self, *args, check=True):
        return run([SERVER, *args, f"--state_dir={self.server.state_dir}"],
                   check=check)

    def enroll(self, name):
        """Paths of its key and certificate."""
        secret = self.server.add_secret(name)
        key, _, der = make_key_and_csr(self.scratch, name)
        body = write(self.scratch / f"{name}.b64", body_of_der(read(der), True))
        reply = run(["curl", "-sS", "--fail", "--cacert", self.ca, "-u",
                     f"{name}:{secret}", "-H",
                     "Content-Type: application/pkcs10", "--data-binary",
                     f"@{body}", f"{self.server.est}/simpleenroll"]).stdout
        pem = certificates_in(body_to_pem(reply))[0]
        return key, write(self.scratch / f"{name}.pem", pem)

    def curl(self, url, *args):
        """By the name that certificates have."""
        return run(["curl", "-sS", "--max-time", "30", "--connect-to",
                    f"pki.example.net:80:127.0.0.1:{self.http_port}", *args,
                    url]).stdout

    def crl_url(self, certificate):
        return re.search(rf"{URL}/crl/\S+\.crl", text(
            ["openssl", "x509", "-in", certificate, "-noout", "-text"])).group(0)

    def fetch_crl(self, url, name):
        """As PEM, after openssl has verified it."""
        der = write(self.scratch / f"{name}.der", self.curl(url, "--fail"))
        pem = self.scratch / f"{name}.pem"
        judged = run(["openssl", "crl", "-inform", "DER", "-in", der, "-verify",
                      "-CAfile", self.ca, "-out", pem])
        self.assertIn(b"verify OK", judged.stderr + judged.stdout)
        return pem

    def crl_text(self, pem):
        return text(["openssl", "crl", "-in", pem, "-noout", "-text"])

    def crl_number(self, pem):
        shown = text(["openssl", "crl", "-in", pem, "-noout", "-crlnumber"])
        return int(shown.strip().split("=")[1], 16)

    def fetch_crl_with(self, url, name, serials):
        """The first that lists so many."""
        def fetched():
            # A key's first CRL is made after the server listens.
            if self.curl(url, "-o", os.devnull, "-w", "%{http_code}") != b"200":
                return None
            pem = self.fetch_crl(url, name)
            listed = self.crl_text(pem).count("Serial Number:")
            return pem if listed == serials else None
        return wait_until(fetched, f"a CRL with {serials} entries")

    def verify(self, certificate, crls, *flags):
        """"" when openssl takes it, else its reason."""
        together = write(self.scratch / "crls.pem",
                         b"".join(read(crl) for crl in crls))
        result = run(["openssl", "verify", "-crl_check", *flags, "-CAfile",
                      self.ca, "-CRLfile", together, certificate], check=False)
        if result.returncode == 0:
            return ""
        return (result.stdout + result.stderr).decode()

    def ocsp(self, certificate, *flags):
        url = f"http://127.0.0.1:{self.http_port}/ocsp"
        result = run(["openssl", "ocsp", *flags[:1], "-issuer", self.ca,
                      "-CAfile", self.ca, "-cert", certificate, "-url", url,
                      *flags[1:]])
        out = (result.stdout + result.stderr).decode()
        self.assertIn("Response verify OK", out)
        return out

    def test_crls_and_deltas(self):
        self.start('delta_interval = "1h"')
        _, good = self.enroll("gw-good")
        _, bad = self.enroll("gw-bad")
        _, held = self.enroll("gw-held")
        url = self.crl_url(good)
        delta_url = url.replace(".crl", ".delta.crl")
        shown = text(["openssl", "x509", "-in", good, "-noout", "-text"])
        self.assertIn(f"OCSP - URI:{URL}/ocsp", shown)
        self.assertIn(delta_url, shown)
        issuer = re.search(rf"{URL}/ca/\S+", shown).group(0)
        self.assertEqual(
            run(["openssl", "x509", "-inform", "DER"],
                stdin=self.curl(issuer, "--fail")).stdout,
            certificates_in(read(self.ca))[0])

        before = self.fetch_crl_with(url, "before", 0)
        self.assertIn(delta_url, self.crl_text(before))
        for certificate in (good, bad, held):
            self.assertEqual(self.verify(certificate, [before]), "")

        self.command("revoke", f"--serial={serial_of(read(bad))}",
                     "--reason=superseded",
                     "--invalidity_date=2026-01-02T03:04:05Z")
        self.command("revoke", "--identity=gw-held", "--reason=certificateHold")
        after = self.fetch_crl_with(url, "after", 2)
        shown = self.crl_text(after)
        for line in ("Superseded", "Certificate Hold", "Jan  2 03:04:05 2026"):
            self.assertIn(line, shown)
        self.assertEqual(self.verify(good, [after]), "")
        self.assertIn("certificate revoked", self.verify(bad, [after]))
        self.assertIn("certificate revoked", self.verify(held, [after]))

        # Who has the old CRL learns it from the delta, and from nothing else.
        delta = self.fetch_crl_with(delta_url, "delta", 2)
        self.assertIn("Delta CRL Indicator: critical", self.crl_text(delta))
        self.assertEqual(self.verify(bad, [before]), "")
        self.assertIn("certificate revoked",
                      self.verify(bad, [before, delta], "-use_deltas"))
        self.assertEqual(self.verify(good, [before, delta], "-use_deltas"), "")

        self.command("revoke", "--identity=gw-held", "--release")
        released = self.fetch_crl_with(url, "released", 1)
        self.assertEqual(self.verify(held, [released]), "")
        delta = wait_until(
            lambda: (pem := self.fetch_crl(delta_url, "lifted")) and
            "Remove From CRL" in self.crl_text(pem) and pem,
            "the delta that lifts the hold")
        self.assertEqual(self.verify(held, [after, delta], "-use_deltas"), "")

        # The operator's own copies.
        exported = write(self.scratch / "exported.pem",
                         self.command("crl", "export").stdout)
        self.assertIn("certificate revoked", self.verify(bad, [exported]))
        published = json.loads(
            self.command("crl", "publish", "--json").stdout)
        full = [int(c["number"]) for c in published if c["kind"] == "full"]
        self.assertGreater(full[0], self.crl_number(exported))
        wait_until(lambda: self.crl_number(self.fetch_crl(url, "served")) >= full[0],
                   "the published CRL to be served")

    def test_ocsp(self):
        self.start()
        _, good = self.enroll("gw-good")
        _, bad = self.enroll("gw-bad")
        self.command("revoke", f"--serial={serial_of(read(bad))}",
                     "--reason=keyCompromise")
        for flags in ((), ("-no_nonce",), ("-sha256",)):
            with self.subTest(flags=flags):
                out = self.ocsp(good, *flags)
                self.assertIn(f"{good}: good", out)
                self.assertNotIn("WARNING", out)  # of a nonce that is not there
                out = self.ocsp(bad, *flags)
                self.assertIn(f"{bad}: revoked", out)
                self.assertIn("Reason: keyCompromise", out)
        out = self.ocsp(good, "-sha256", "-serial", "0x123456")
        self.assertIn("0x123456: unknown", out)
        # What the CA did not issue is another question.
        other = Server(self.scratch, name="other")
        stranger = run(["openssl", "ocsp", "-issuer", other.ca_file, "-cert",
                        good, "-noverify", "-url",
                        f"http://127.0.0.1:{self.http_port}/ocsp"], check=False)
        self.assertIn(b"unauthorized", stranger.stdout + stranger.stderr)

        # RFC 5019: by GET, and from caches.
        request = self.scratch / "request.der"
        run(["openssl", "ocsp", "-issuer", self.ca, "-cert", good, "-no_nonce",
             "-reqout", request])
        path = urllib.parse.quote(base64.b64encode(read(request)), safe="")
        head = self.scratch / "head"
        reply = write(self.scratch / "reply.der",
                      self.curl(f"{URL}/ocsp/{path}", "-D", head))
        judged = run(["openssl", "ocsp", "-issuer", self.ca, "-CAfile", self.ca,
                      "-cert", good, "-no_nonce", "-respin", reply])
        out = (judged.stdout + judged.stderr).decode()
        self.assertIn("Response verify OK", out)
        self.assertIn(f"{good}: good", out)
        head = read(head).decode()
        self.assertIn("Content-Type: application/ocsp-response", head)
        self.assertRegex(head, r"Cache-Control: max-age=\d+, public, "
                               r"no-transform, must-revalidate")
        etag = re.search(r"ETag: (\S+)", head).group(1)
        self.assertEqual(
            self.curl(f"{URL}/ocsp/{path}", "-H", f"If-None-Match: {etag}",
                      "-o", "/dev/null", "-w", "%{http_code}"), b"304")
        malformed = write(self.scratch / "malformed.der",
                          self.curl(f"{URL}/ocsp/AAAA"))
        out = run(["openssl", "ocsp", "-respin", malformed, "-noverify"],
                  check=False)
        self.assertIn(b"malformedrequest", out.stdout + out.stderr)

    def test_a_former_key_signs_for_what_it_issued(self):
        self.start()
        _, certificate = self.enroll("gw-17")
        url = self.crl_url(certificate)
        self.server.stop()
        # What `ca switch` leaves.
        folder = os.path.join(self.server.state_dir, "ca")
        former = os.path.join(folder, "former", "1")
        os.makedirs(former, mode=0o700)
        for name in ("ca.pem", "ca.key.pem"):
            os.rename(os.path.join(folder, name), os.path.join(former, name))
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj",
             "/CN=Bestow CA", "-keyout", os.path.join(folder, "ca.key.pem"),
             "-out", os.path.join(folder, "ca.pem"), "-addext",
             "keyUsage=critical,digitalSignature,keyCertSign,cRLSign"])
        self.command("revoke", "--identity=gw-17", "--reason=superseded")
        self.restart()
        self.ca = os.path.join(former, "ca.pem")
        crl = self.fetch_crl_with(url, "former", 1)
        self.assertIn("certificate revoked", self.verify(certificate, [crl]))
        self.assertIn("Reason: superseded", self.ocsp(certificate))
        # The new key has its own, and has revoked nothing.
        self.ca = os.path.join(folder, "ca.pem")
        self.fetch_crl_with(f"{URL}/crl/ca.crl", "current", 0)

    def test_plain_http_shows_nothing_of_est(self):
        self.start()
        for method, path in (("GET", "/.well-known/est/cacerts"),
                             ("POST", "/.well-known/est/simpleenroll"),
                             ("GET", "/ca/ca.key.pem"), ("GET", "/")):
            status = self.curl(URL + path, "-X", method, "-o", "/dev/null",
                               "-w", "%{http_code}")
            self.assertEqual(status, b"404", path)

    def request(self, connection, operation, name):
        """A re-enrollment's status and body."""
        body = read(self.scratch / f"{name}.b64")
        connection.request("POST", f"/.well-known/est/{operation}", body,
                           {"Content-Type": "application/pkcs10"})
        reply = connection.getresponse()
        return reply.status, reply.read().decode()

    def connect(self, key, certificate):
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(certificate, key)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.server.port, context=context, timeout=30)
        self.addCleanup(connection.close)
        return connection

    def test_a_revoked_certificate_is_refused_from_that_moment(self):
        self.start()
        key, certificate = self.enroll("gw-17")
        connection = self.connect(key, certificate)
        self.assertEqual(
            self.request(connection, "simplereenroll", "gw-17")[0], 200)
        serial = serial_of(read(certificate))
        self.command("revoke", f"--serial={serial}", "--reason=certificateHold")
        for text_, act in (
                ("is on hold since", lambda: self.command(
                    "revoke", f"--serial={serial}", "--release")),
                (None, lambda: self.command(
                    "revoke", f"--serial={serial}",
                    "--reason=privilegeWithdrawn")),
                ("was revoked at", lambda: None)):
            # The connection of before, and a new one.
            for each in (connection, self.connect(key, certificate)):
                for operation in ("simplereenroll", "simpleenroll"):
                    status, body = self.request(each, operation, "gw-17")
                    self.assertEqual(status, 403 if text_ else 200, body)
                    if text_:
                        self.assertIn(text_, body)
            act()
        self.assertIn("problem=revoked", self.server.process.log())
        # For good is for good.
        again = self.command("revoke", f"--serial={serial}", "--release",
                             check=False)
        self.assertNotEqual(again.returncode, 0)

    def test_revoke_says_what_is_wrong(self):
        self.start()
        self.enroll("gw-17")
        for flags, code, why in (
                ((), 2, "exactly one of"),
                (("--serial=ab", "--identity=gw-17"), 2, "exactly one of"),
                (("--serial=xyz",), 2, "hexadecimal"),
                (("--key=ab",), 2, "SHA-256"),
                (("--identity=gw-17", "--reason=boredom"), 2, "none of"),
                (("--identity=gw-17", "--reason=removeFromCRL"), 2,
                 "--release"),
                (("--identity=gw-17", "--reason=cACompromise"), 2,
                 "keyCompromise"),
                (("--identity=gw-17", "--invalidity_date=yesterday"), 2,
                 "not a time"),
                (("--identity=gw-17", "--invalidity_date=2099-01-01T00:00:00Z"),
                 2, "yet to come"),
                (("--identity=gw-17", "--release", "--reason=superseded"), 2,
                 "--release"),
                (("--identity=nobody",), 1, "no such certificate"),
                (("--identity=gw-17", "--release"), 1, "hold")):
            with self.subTest(flags=flags):
                result = self.command("revoke", *flags, check=False)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(why, result.stderr.decode())
        self.assertIn(b"revoked", self.command(
            "revoke", "--identity=gw-17").stdout)

    def test_a_revoked_agent_is_refused_and_says_so(self):
        tpm = Swtpm(self.scratch).start()
        self.addCleanup(tpm.stop)
        self.start(validity='"60s"', backdate='"1m"')
        agent = Agent(self.scratch, self.server, tpm, fraction=0.05)
        self.addCleanup(agent.stop)
        agent.once()
        self.command("revoke", f"--identity={agent.name}")
        agent.start()
        wait_until(lambda: "was revoked at" in (
            agent.status().get("last_error") or ""),
            "the agent's status to say that it is revoked")
        self.assertTrue(agent.process.alive())
        self.assertEqual([c["identity"] for c in self.server.issued()
                          if c["operation"] == "simplereenroll"], [])


if __name__ == "__main__":
    unittest.main()
