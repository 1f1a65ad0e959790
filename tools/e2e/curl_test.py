"""curl and openssl alone can do it: RFC 7030 4.1, 4.2 with a stranger's tools."""

import unittest

from harness import (Scratch, Server, body_of_der, body_to_pem,
                     certificates_in, make_key_and_csr, read, run, serial_of,
                     text, write)


def curl(server, *args, check=True):
    return run(["curl", "-sS", "--cacert", server.ca_file, "--max-time", "30",
                *args], check=check)


TLS = {
    "1.2": ["--tlsv1.2", "--tls-max", "1.2"],
    "1.3": ["--tlsv1.3"],
}


class CurlTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.server = Server(self.scratch).start()
        self.addCleanup(self.server.stop)

    def post(self, operation, body_path, *args):
        return curl(self.server, "--fail-with-body", "-H",
                    "Content-Type: application/pkcs10", "-H",
                    "Content-Transfer-Encoding: base64", "--data-binary",
                    f"@{body_path}", *args,
                    f"{self.server.est}/{operation}").stdout

    def test_cacerts_pipeline_of_the_readme(self):
        pem = text(["bash", "-o", "pipefail", "-c",
                    f"curl -sS --cacert {self.server.ca_file} "
                    f"{self.server.est}/cacerts | openssl base64 -d -A | "
                    "openssl pkcs7 -inform DER -print_certs"]).encode()
        self.assertEqual(len(certificates_in(pem)), 1)
        ca = read(self.server.ca_file)
        self.assertEqual(serial_of(pem), serial_of(ca))

    def test_the_ca_fingerprint_that_init_printed(self):
        out = text(["openssl", "x509", "-in", self.server.ca_file, "-noout",
                    "-fingerprint", "-sha256"])
        self.assertEqual(out.split("=")[1].strip().replace(":", "").lower(),
                         self.server.ca_sha256)

    def test_enroll_and_reenroll_each_version_and_wrapping(self):
        for version, tls in TLS.items():
            for wrapped in (False, True):
                with self.subTest(version=version, wrapped=wrapped):
                    self.enroll_and_reenroll(
                        f"dev-{version.replace('.', '-')}-{int(wrapped)}", tls,
                        wrapped)

    def enroll_and_reenroll(self, name, tls, wrapped):
        secret = self.server.add_secret(name)
        key, _, der = make_key_and_csr(self.scratch, name)
        body = write(self.scratch / "body", body_of_der(read(der), wrapped))
        reply = self.post("simpleenroll", body, *tls, "-u", f"{name}:{secret}")
        pem = certificates_in(body_to_pem(reply))
        self.assertEqual(len(pem), 1)
        cert = write(self.scratch / f"{name}.pem", pem[0])
        self.check_certificate(cert, key, name)

        # Renewal with the same key, then rekey (4.2.2).
        again = certificates_in(body_to_pem(self.post(
            "simplereenroll", body, *tls, "--cert", cert, "--key", key)))
        self.assertEqual(len(again), 1)
        renewed = write(self.scratch / f"{name}.2.pem", again[0])
        self.check_certificate(renewed, key, name)
        self.assertNotEqual(serial_of(pem[0]), serial_of(again[0]))

        key3, _, der3 = make_key_and_csr(self.scratch, f"{name}.3",
                                         subject=f"/CN={name}")
        body3 = write(self.scratch / "body", body_of_der(read(der3), wrapped))
        rekeyed = certificates_in(body_to_pem(self.post(
            "simplereenroll", body3, *tls, "--cert", renewed, "--key", key)))
        self.assertEqual(len(rekeyed), 1)
        self.check_certificate(write(self.scratch / f"{name}.3.pem",
                                     rekeyed[0]), key3, name)
        records = [c for c in self.server.issued() if c["identity"] == name]
        self.assertEqual(len(records), 3)

    def check_certificate(self, cert, key, name):
        run(["openssl", "verify", "-CAfile", self.server.ca_file, "-x509_strict",
             "-purpose", "sslclient", cert])
        out = text(["openssl", "x509", "-in", cert, "-noout", "-text"])
        self.assertIn("CA:FALSE", out)
        self.assertIn("TLS Web Client Authentication", out)
        self.assertNotIn("Certificate Sign", out)
        subject = text(["openssl", "x509", "-in", cert, "-noout", "-subject",
                        "-nameopt", "RFC2253"]).strip()
        self.assertEqual(subject, f"subject=CN={name}")
        self.assertEqual(
            text(["openssl", "x509", "-in", cert, "-noout", "-pubkey"]),
            text(["openssl", "pkey", "-in", key, "-pubout"]))

    def test_names_come_from_the_identity_not_from_the_csr(self):
        secret = self.server.add_secret("honest")
        key, _, der = make_key_and_csr(
            self.scratch, "liar", subject="/CN=localhost", extra=[
                "-addext", "subjectAltName=DNS:localhost", "-addext",
                "basicConstraints=CA:TRUE", "-addext",
                "extendedKeyUsage=serverAuth,1.3.6.1.5.5.7.3.28"])
        body = write(self.scratch / "body", body_of_der(read(der), False))
        pem = body_to_pem(self.post("simpleenroll", body, "-u",
                                    f"honest:{secret}"))
        cert = write(self.scratch / "c.pem", pem)
        self.check_certificate(cert, key, "honest")
        out = text(["openssl", "x509", "-in", cert, "-noout", "-text"])
        self.assertNotIn("localhost", out)
        self.assertNotIn("CA:TRUE", out)
        self.assertNotIn("Server Authentication", out)
        self.assertNotIn("1.3.6.1.5.5.7.3.28", out)
        self.assertNotIn("CMC Registration", out)

    def test_one_time_secret_serves_one_key_again_and_again(self):
        secret = self.server.add_secret("once")
        bodies = []
        for i in range(2):
            _, _, der = make_key_and_csr(self.scratch, f"once{i}")
            bodies.append(write(self.scratch / f"body{i}",
                                body_of_der(read(der), False)))
        first = self.post("simpleenroll", bodies[0], "-u", f"once:{secret}")
        second = self.post("simpleenroll", bodies[0], "-u", f"once:{secret}")
        self.assertEqual(first, second)
        refused = curl(self.server, "-o", "/dev/null", "-w", "%{http_code}",
                       "-H", "Content-Type: application/pkcs10",
                       "--data-binary", f"@{bodies[1]}", "-u",
                       f"once:{secret}", f"{self.server.est}/simpleenroll")
        self.assertEqual(refused.stdout, b"403")
        self.assertEqual(
            len([c for c in self.server.issued() if c["identity"] == "once"]),
            1)

    def test_a_password_enrolls_any_number_of_keys(self):
        self.server.add_user("people", "correct horse battery staple")
        for i in range(2):
            _, _, der = make_key_and_csr(self.scratch, f"p{i}")
            body = write(self.scratch / "body", body_of_der(read(der), False))
            self.post("simpleenroll", body, "-u",
                      "people:correct horse battery staple")

    def test_sigterm_drains_and_ends_with_zero(self):
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
