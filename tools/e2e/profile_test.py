"""Profiles, as openssl sees what they give and the operator what they may not."""

import unittest

from harness import (SERVER, Scratch, Server, body_of_der, body_to_pem,
                     make_key_and_csr, read, run, text, write)

PROFILE = """
[profiles.meter]
subject = "O=Meters,CN={identity}"
sans = ["dns:{identity}.meters.example"]
may_add = ["dns:*.{identity}.meters.example", "ip:10.0.0.0/8"]
policies = ["1.3.6.1.4.1.99999.1"]
cps = "http://pki.example.net/cps"
key_types = ["ec-p256"]
key_usage = ["digitalSignature", "keyAgreement"]
extended_key_usage = ["clientAuth", "serverAuth"]
max_live = 1
"""


class ProfileTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.server = Server(self.scratch)
        config = read(self.server.config_path).decode()
        # In the place of what init wrote, which would go over it key by key.
        start, end = config.index("\n[profile]\n"), config.index("\n[one_time_secrets]\n")
        write(self.server.config_path,
              'use_profile = "meter"\n' + config[:start] + PROFILE + config[end:])

    def post(self, name, password, der):
        body = write(self.scratch / "body", body_of_der(read(der), False))
        return run(["curl", "-sS", "--cacert", self.server.ca_file, "--max-time", "30",
                    "-w", "\n%{http_code}", "-H", "Content-Type: application/pkcs10",
                    "--data-binary", f"@{body}", "-u", f"{name}:{password}",
                    f"{self.server.est}/simpleenroll"]).stdout.rsplit(b"\n", 1)

    def test_gives_what_it_says_and_what_may_be_added(self):
        self.server.start()
        self.addCleanup(self.server.stop)
        self.server.add_user("m-1", "correct horse")
        _, _, der = make_key_and_csr(
            self.scratch, "m-1", subject="/CN=root",
            extra=["-addext", "subjectAltName=DNS:eth0.m-1.meters.example,"
                   "DNS:eth0.m-2.meters.example,IP:10.1.2.3,IP:192.0.2.9"])
        reply, status = self.post("m-1", "correct horse", der)
        self.assertEqual(status, b"200", reply)
        cert = write(self.scratch / "m-1.pem", body_to_pem(reply))
        run(["openssl", "verify", "-CAfile", self.server.ca_file, "-x509_strict",
             "-purpose", "sslclient", cert])
        out = text(["openssl", "x509", "-in", cert, "-noout", "-text", "-nameopt", "RFC2253"])
        for part in ("CN=m-1,O=Meters", "Policy: 1.3.6.1.4.1.99999.1",
                     "CPS: http://pki.example.net/cps", "Digital Signature, Key Agreement",
                     "TLS Web Client Authentication, TLS Web Server Authentication"):
            self.assertIn(part, out)
        names = [line.strip() for line in out.splitlines() if "DNS:" in line]
        self.assertEqual(names, ["DNS:m-1.meters.example, DNS:eth0.m-1.meters.example, "
                                 "IP Address:10.1.2.3"])

        _, _, other = make_key_and_csr(self.scratch, "other")
        reply, status = self.post("m-1", "correct horse", other)
        self.assertEqual(status, b"403", reply)
        self.assertIn(b"as many valid certificates as its profile allows (1)", reply)

    def check(self):
        return run([SERVER, "check", f"--state_dir={self.server.state_dir}"], check=False)

    def test_what_no_certificate_may_say_is_refused_with_its_line(self):
        self.assertEqual(self.check().returncode, 0, self.check().stderr)
        good = read(self.server.config_path).decode()
        for right, wrong, message in [
                ('"keyAgreement"]', '"keyEncipherment"]', "RFC 8813"),
                ('"serverAuth"]', '"1.3.6.1.5.5.7.3.9"]', "no device gets it"),
                ('"dns:*.{identity}.meters.example"', '"dns:*.meters.example"', "gives to another"),
                ("max_live = 1", 'backdate = "7d"\nvalidity = "1d"', "longer than the validity"),
                ('use_profile = "meter"', 'use_profile = "metre"', "there is meter")]:
            with self.subTest(wrong=wrong):
                bad = good.replace(right, wrong, 1)
                self.assertNotEqual(bad, good)
                write(self.server.config_path, bad)
                result = self.check()
                self.assertNotEqual(result.returncode, 0)
                line = bad[:bad.index(wrong)].count("\n") + 1
                error = (result.stdout + result.stderr).decode()
                self.assertIn(f"bestow-server.toml:{line}: ", error)
                self.assertIn(message, error)


if __name__ == "__main__":
    unittest.main()
