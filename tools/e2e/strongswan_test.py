"""Debian's own EST client, `pki --est` and `--estca` of strongSwan."""

import re
import unittest

from harness import Scratch, Server, read, run, text, write

# Before it, strongSwan could not read base64 that is wrapped into lines, so
# its users set line_wrap = "never".
READS_WRAPPED = (5, 9, 11)


def pki(*args, stdin=b""):
    return run(["pki", *args], stdin=stdin)


def version():
    help_text = pki("--help")
    found = re.search(rb"strongSwan (\d+)\.(\d+)\.(\d+)",
                      help_text.stdout + help_text.stderr)
    return tuple(int(n) for n in found.groups())


class StrongSwanTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)

    def start(self, settings=None):
        self.server = Server(self.scratch, settings=settings).start()
        self.addCleanup(self.server.stop)
        # Not by name: of a name's addresses it tries the first alone.
        self.url = self.server.url

    def make_request(self, name, key_args):
        key = write(self.scratch / f"{name}.key",
                    pki("--gen", *key_args).stdout)
        csr = write(self.scratch / f"{name}.csr",
                    pki("--req", "--type", "priv", "--in", key, "--dn",
                        f"CN={name}").stdout)
        return key, csr

    def enroll(self, csr, *credentials):
        return pki("--est", "--url", self.url, "--in", csr, "--cacert",
                   self.server.ca_file, *credentials).stdout

    def enroll_and_renew(self, name, *key_args):
        key, csr = self.make_request(name, key_args)
        secret = self.server.add_secret(name)
        first = write(self.scratch / f"{name}.1.crt",
                      self.enroll(csr, "--userpass", f"{name}:{secret}"))
        renewed = write(self.scratch / f"{name}.2.crt",
                        self.enroll(csr, "--cert", first, "--key", key))
        self.assertNotEqual(read(first), read(renewed))
        for path in (first, renewed):
            pem = write(self.scratch / "cert.pem",
                        text(["openssl", "x509", "-inform", "DER", "-in",
                              path]))
            self.assertIn("OK", text(["openssl", "verify", "-CAfile",
                                      self.server.ca_file, pem]))
            self.assertIn(name, text(["openssl", "x509", "-in", pem, "-noout",
                                      "-subject"]))
        serials = {c["serial"] for c in self.server.issued()}
        self.assertEqual(len(serials), 2)

    def test_gets_the_ca_certificate(self):
        self.start()
        out = self.scratch / "ca.der"
        pki("--estca", "--url", self.url, "--cacert", self.server.ca_file,
            "--caout", out)
        self.assertEqual(
            read(out),
            run(["openssl", "x509", "-in", self.server.ca_file, "-outform",
                 "DER"]).stdout)

    def test_enrolls_and_renews_with_an_ec_key(self):
        self.start()
        self.enroll_and_renew("dev-ec", "--type", "ecdsa", "--size", "256")

    def test_enrolls_and_renews_with_an_rsa_key(self):
        self.start(None if version() >= READS_WRAPPED
                   else {"line_wrap": '"never"'})
        self.enroll_and_renew("dev-rsa", "--type", "rsa", "--size", "3072")

    def test_a_wrong_password_gets_nothing(self):
        self.start()
        _, csr = self.make_request("dev", ("--type", "ecdsa", "--size", "256"))
        self.server.add_secret("dev")
        result = run(["pki", "--est", "--url", self.url, "--in", csr,
                      "--cacert", self.server.ca_file, "--userpass",
                      "dev:wrong"], check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stdout, b"")
        self.assertEqual(self.server.issued(), [])


if __name__ == "__main__":
    unittest.main()
