"""Who is let in: Digest, IDevID certificates, combinations, wrong tries; judged
by curl and openssl (RFC 7030 3.2.3, 3.3.2; RFC 7616)."""

import os
import re
import unittest

from harness import (SERVER, Scratch, Server, body_of_der, body_to_pem,
                     certificates_in, make_key_and_csr, read, run, text, write)

PASSWORD = "correct horse"


class AuthTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.server = Server(self.scratch)
        self.addCleanup(self.server.stop)
        self.key, _, der = make_key_and_csr(self.scratch, "device")
        self.body = write(self.scratch / "body", body_of_der(read(der), False))
        self.password_file = write(self.scratch / "pw", PASSWORD.encode())

    def command(self, *args):
        return text([SERVER, args[0], f"--state_dir={self.server.state_dir}",
                     *args[1:]]).strip()

    def start(self, limits=None, **auth):
        """Serves with these settings, and the defaults for all others."""
        lines = ['listen = ["127.0.0.1:0"]',
                 'hostnames = ["localhost", "127.0.0.1"]']
        for section, settings in (("auth", auth), ("limits", limits or {})):
            lines.append(f"[{section}]")
            lines += [f"{key} = {value}" for key, value in settings.items()]
        write(self.server.config_path, "\n".join(lines) + "\n" + self.server.store)
        self.server.start()

    def enroll(self, *args):
        """(status, headers in lower case, body) of the last reply."""
        out = run(["curl", "-sS", "-i", "--cacert", self.server.ca_file,
                   "--max-time", "30", "-H", "Content-Type: application/pkcs10",
                   "--data-binary", f"@{self.body}", *args,
                   f"{self.server.est}/simpleenroll"]).stdout.decode()
        while True:
            head, _, body = out.partition("\r\n\r\n")
            if not body.startswith("HTTP/1.1 "):
                break
            out = body
        lines = head.split("\r\n")
        return (int(lines[0].split()[1]), "\n".join(lines[1:]), body)

    def assert_issued(self, reply, identity):
        status, _, body = reply
        self.assertEqual(status, 200, body)
        pem = certificates_in(body_to_pem(body.encode()))
        self.assertEqual(len(pem), 1)
        subject = text(["openssl", "x509", "-noout", "-subject"], stdin=pem[0])
        self.assertIn(identity, subject)

    def credential(self, name, ca=None, subject="/CN=maker"):
        """A CA of openssl's, or with `ca` a certificate of it."""
        key = self.scratch / f"{name}.key"
        pem = self.scratch / f"{name}.pem"
        run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout",
             "-out", key])
        if ca is None:
            run(["openssl", "req", "-x509", "-new", "-key", key, "-subj",
                 subject, "-days", "30", "-out", pem])
            return key, pem
        csr = run(["openssl", "req", "-new", "-key", key, "-subj",
                   subject]).stdout
        extensions = write(self.scratch / "ext",
                           b"keyUsage=critical,digitalSignature\n")
        run(["openssl", "x509", "-req", "-CA", ca[1], "-CAkey", ca[0],
             "-CAcreateserial", "-days", "30", "-extfile", extensions, "-out",
             pem], stdin=csr)
        return key, pem

    def test_digest_by_curl(self):
        self.command("users", "add", "gw-17", f"--password_file={self.password_file}",
                     "--digest")
        secret = self.command("secrets", "add", "gw-18", "--digest")
        plain = self.command("secrets", "add", "gw-19")
        for offer, algorithm in (("md5", None), ("sha256", "SHA-256")):
            with self.subTest(offer=offer):
                self.start(digest=f'"{offer}"')
                status, headers, body = self.enroll()
                self.assertEqual((status, body), (401, ""))
                offers = re.findall(r"(?im)^www-authenticate: (.*)$", headers)
                self.assertEqual(len(offers), 2, headers)
                self.assertRegex(offers[0], r'^Basic realm="[^"]*"$')
                self.assertRegex(offers[1], r'^Digest (\w+="[^"]*", ?)*\w+='
                                 r'("[^"]*"|SHA-256)$')
                self.assertEqual("algorithm" in offers[1], algorithm is not None)
                self.assert_issued(
                    self.enroll("--digest", "-u", f"gw-17:{PASSWORD}"), "gw-17")
                self.assert_issued(
                    self.enroll("--digest", "-u", f"gw-18:{secret}"), "gw-18")
                # Who was not given Digest still has Basic.
                self.assertEqual(
                    self.enroll("--digest", "-u", f"gw-19:{plain}")[0], 401)
                self.assert_issued(self.enroll("-u", f"gw-19:{plain}"), "gw-19")
                self.assertEqual(
                    self.enroll("--digest", "-u", "gw-17:wrong")[0], 401)
                self.server.stop()

    def test_what_is_sealed_is_not_in_the_database(self):
        self.command("users", "add", "gw-17", f"--password_file={self.password_file}",
                     "--digest")
        ha1 = text(["openssl", "md5", "-r"],
                   stdin=f"gw-17:Bestow:{PASSWORD}".encode()).split()[0]
        for content in self.server.stored():
            for secret in (ha1.encode(), bytes.fromhex(ha1), PASSWORD.encode()):
                self.assertNotIn(secret, content)
        seal = os.stat(os.path.join(self.server.state_dir, "seal.key"))
        self.assertEqual((seal.st_mode & 0o777, seal.st_size), (0o600, 32))

    def test_idevid(self):
        maker = self.credential("maker")
        other = self.credential("other", subject="/CN=other")
        write(os.path.join(self.server.state_dir, "maker.pem"), read(maker[1]))
        device = self.credential("dev1", maker, "/O=Acme/serialNumber=SN-1")
        stranger = self.credential("dev2", maker, "/O=Acme/serialNumber=SN-2")
        foreign = self.credential("dev3", other, "/O=Acme/serialNumber=SN-1")
        self.command("identities", "add", "SN-1")

        def show(credential):
            return ["--cert", credential[1], "--key", credential[0]]

        # Without the manufacturer's CA in the config it is nobody's.
        self.start(idevid_anchors="[]")
        self.assertEqual(self.enroll(*show(device))[0], 401)
        self.server.stop()
        self.start(idevid_anchors='["maker.pem"]', idevid_register="false")
        self.assert_issued(self.enroll(*show(device)), "SN-1")
        self.assertEqual(self.enroll(*show(stranger))[0], 401)
        self.assertEqual(self.enroll(*show(foreign))[0], 401)
        self.server.stop()
        self.start(idevid_anchors='["maker.pem"]', idevid_register="true")
        self.assert_issued(self.enroll(*show(stranger)), "SN-2")
        self.assert_issued(self.enroll(*show(stranger)), "SN-2")
        self.assertEqual(self.enroll(*show(foreign))[0], 401)
        self.assertEqual([c["identity"] for c in self.server.issued()],
                         ["SN-1", "SN-2", "SN-2"])

    def test_idevid_and_password(self):
        maker = self.credential("maker")
        write(os.path.join(self.server.state_dir, "maker.pem"), read(maker[1]))
        key, cert = self.credential("dev1", maker, "/serialNumber=SN-1")
        secret = self.command("secrets", "add", "SN-1")
        others = self.command("secrets", "add", "SN-2")
        self.start(idevid_anchors='["maker.pem"]',
                   require='"certificate+password"')
        show = ["--cert", cert, "--key", key]
        self.assertEqual(self.enroll()[0], 403)
        self.assertEqual(self.enroll("-u", f"SN-1:{secret}")[0], 403)
        self.assertEqual(self.enroll(*show)[0], 401)
        self.assertEqual(self.enroll(*show, "-u", f"SN-2:{others}")[0], 403)
        self.assertEqual(self.server.issued(), [])
        self.assert_issued(self.enroll(*show, "-u", f"SN-1:{secret}"), "SN-1")

    def test_too_many_wrong_tries(self):
        secret = self.command("secrets", "add", "gw-17")
        self.command("users", "add", "gw-18", f"--password_file={self.password_file}")
        # One more in each interval that no test waits for.
        self.start(limits={"wrong_credentials": 3,
                           "wrong_credentials_interval": '"1h"'})
        for _ in range(3):
            self.assertEqual(self.enroll("-u", "gw-18:wrong")[0], 401)
        status, headers, body = self.enroll("-u", f"gw-18:{PASSWORD}")
        self.assertEqual(status, 429)
        self.assertRegex(body, "too many wrong credentials")
        after = int(re.search(r"(?im)^retry-after: (\d+)$", headers).group(1))
        self.assertTrue(3000 < after <= 3600, after)
        # A new device gets in all the same.
        self.assert_issued(self.enroll("-u", f"gw-17:{secret}"), "gw-17")


if __name__ == "__main__":
    unittest.main()
