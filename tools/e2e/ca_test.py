"""Where a CA comes from: offline and outside roots, keys from elsewhere, the TPM."""

import os
import re
import unittest

from harness import (SERVER, Scratch, Server, Swtpm, body_of_der, body_to_pem,
                     certificates_in, in_parallel, make_key_and_csr, read, run,
                     text, write)

CA_EXTENSIONS = """basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,digitalSignature,keyCertSign,cRLSign
nameConstraints=critical,permitted;DNS:devices.example,permitted;DNS:localhost
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


class CaTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)

    def passphrase(self, name, passphrase):
        path = write(self.scratch / name, passphrase + "\n")
        os.chmod(path, 0o600)
        return path

    def ca(self, *args, check=True):
        return run([SERVER, "ca", *args], check=check)

    def refused(self, words, *args, command=("ca",), code=3):
        result = run([SERVER, *command, *args], check=False)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(words, result.stderr.decode())

    def openssl_root(self, name, subject, *more, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-384")):
        """A root by openssl: certificate and key."""
        certificate, key_file = self.scratch / f"{name}.pem", self.scratch / f"{name}.key"
        run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "3650",
             "-subj", subject, "-keyout", key_file, "-out", certificate,
             "-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign", *more])
        return certificate, key_file

    def post(self, server, path, name, der, secret, *more):
        body = write(self.scratch / f"{name}.b64", body_of_der(der, True))
        return run(["curl", "-sS", "--cacert", server.ca_file, "--max-time", "30",
                    "-u", f"{name}:{secret}", "-H", "Content-Type: application/pkcs10",
                    "--data-binary", f"@{body}", "-w", "%{stderr}%{http_code}", *more,
                    f"{server.est}/{path}"])

    def enroll(self, server, name, label="", flags=()):
        """The path of a certificate that the server's CA issued."""
        secret = text([SERVER, "secrets", "add", f"--state_dir={server.state_dir}",
                       *flags, name]).strip()
        _, _, der = make_key_and_csr(self.scratch, name)
        reply = self.post(server, f"{label}simpleenroll", name, read(der), secret)
        self.assertEqual(reply.stderr, b"200", reply.stdout)
        pem = certificates_in(body_to_pem(reply.stdout))
        return write(self.scratch / f"{name}.pem", pem[0])

    def verify(self, root, chain, certificate, check=True):
        return run(["openssl", "verify", "-x509_strict", "-purpose", "sslclient",
                    "-CAfile", root, "-untrusted", chain, certificate], check=check)

    def sign_with(self, ca_folder, passphrase, name, extensions):
        """What openssl signs with the CA's key without a look at its rights."""
        _, csr, _ = make_key_and_csr(self.scratch, name)
        out = self.scratch / f"{name}.pem"
        run(["openssl", "x509", "-req", "-in", csr, "-days", "30",
             "-CA", os.path.join(ca_folder, "ca.pem"),
             "-CAkey", os.path.join(ca_folder, "ca.key.pem"),
             "-passin", f"file:{passphrase}",
             "-extfile", write(self.scratch / f"{name}.ext", extensions), "-out", out])
        return out

    def test_an_offline_root_an_issuing_ca_a_server_and_a_device(self):
        root_passphrase = self.passphrase("root.pass", "of the root")
        passphrase = self.passphrase("site.pass", "of the site")
        root, site = self.scratch / "root", self.scratch / "site"
        self.ca("create", root, "--kind=root", "--subject=O=Example,CN=Example Root",
                f"--passphrase_file={root_passphrase}")
        self.ca("request", site, "--subject=O=Example,CN=Site CA",
                "--permit_dns=devices.example,localhost", f"--passphrase_file={passphrase}")
        chain = self.scratch / "chain.pem"
        self.refused("is under a passphrase", "sign-request", root,
                     f"--csr={site}/request.pem", f"--out={chain}")
        self.refused("is not this key's", "sign-request", root,
                     f"--csr={site}/request.pem", f"--out={chain}",
                     f"--passphrase_file={passphrase}")
        self.assertFalse(os.path.exists(chain))
        self.ca("sign-request", root, f"--csr={site}/request.pem", f"--out={chain}",
                f"--passphrase_file={root_passphrase}",
                "--crl_url=http://pki.example.net/root.crl")
        self.ca("import", site, f"--chain={chain}", f"--passphrase_file={passphrase}")

        server = Server(self.scratch, init=[f"--ca_folder={site}",
                                            f"--passphrase_file={passphrase}"])
        server.configure({"sans": '["dns:{identity}.devices.example"]'})
        # A profile that the constraints forbid is no config for this CA.
        config = read(server.config_path)
        server.add_config('[labels.astray.profile]\nsans = ["dns:{identity}.example.org"]')
        self.refused("name constraints", f"--state_dir={server.state_dir}", command=("check",))
        write(server.config_path, config)
        server.start()
        self.addCleanup(server.stop)
        certificate = self.enroll(server, "gw-1")
        root_pem = os.path.join(root, "ca.pem")
        self.verify(root_pem, chain, certificate)
        self.assertNotEqual(self.verify(root_pem, root_pem, certificate, check=False).returncode, 0)
        # What another would sign with its key, openssl refuses.
        folder = os.path.join(server.state_dir, "ca")
        for name, extensions, reason in (
                ("gw-3", "subjectAltName=DNS:gw-3.devices.example", None),
                ("gw-4", "subjectAltName=DNS:gw-4.example.org", "subtree"),):
            signed = self.sign_with(folder, passphrase, name, extensions)
            result = self.verify(root_pem, chain, signed, check=False)
            self.assertEqual(result.returncode == 0, reason is None, result.stderr)
            if reason:
                self.assertIn(reason, (result.stdout + result.stderr).decode())
        lower = self.sign_with(folder, passphrase, "lower",
                               "basicConstraints=critical,CA:TRUE\n"
                               "keyUsage=critical,keyCertSign")
        _, csr, _ = make_key_and_csr(self.scratch, "gw-5")
        leaf = self.scratch / "gw-5.pem"
        run(["openssl", "x509", "-req", "-in", csr, "-CA", lower, "-CAkey",
             self.scratch / "lower.key", "-days", "30", "-out", leaf])
        both = write(self.scratch / "both.pem", read(lower) + read(chain))
        result = self.verify(root_pem, both, leaf, check=False)
        self.assertIn("path length", (result.stdout + result.stderr).decode())

    def test_openssl_is_the_outside_root(self):
        server = Server(self.scratch)
        state = f"--state_dir={server.state_dir}"
        root, root_key = self.openssl_root("root", "/O=Example/CN=Outside Root",
                                           key=["rsa:4096"])
        self.ca("request", state, "plant", "--ca_name=Plant CA", "--key_type=ec-p384")
        request = os.path.join(server.state_dir, "cas", "plant", "request.pem")
        issued = self.scratch / "plant.pem"
        run(["openssl", "x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key,
             "-days", "365", "-sha384", "-out", issued,
             "-extfile", write(self.scratch / "ca.ext", CA_EXTENSIONS)])
        self.assertIn("waits for its certificate", text([SERVER, "ca", "list", state]))
        self.refused("up to the root", "import", state, "plant", f"--chain={issued}", code=2)
        chain = write(self.scratch / "chain.pem", read(root) + read(issued))
        self.ca("import", state, "plant", f"--chain={chain}")
        server.add_config('[labels.plant]\nca = "cas/plant"')
        server.start()
        self.addCleanup(server.stop)
        certificate = self.enroll(server, "gw-1", "plant/", ["--label=plant"])
        self.verify(root, chain, certificate)

    def test_keys_from_elsewhere(self):
        server = Server(self.scratch)
        state = f"--state_dir={server.state_dir}"
        passphrase = self.passphrase("old.pass", "of the old CA")
        for name in ("pkcs12", "pkcs8"):
            root, key = self.openssl_root(name, f"/CN=Old CA {name}")
            if name == "pkcs12":
                file = self.scratch / "old.p12"
                run(["openssl", "pkcs12", "-export", "-inkey", key, "-in", root,
                     "-passout", f"file:{passphrase}", "-out", file])
                flags = [f"--pkcs12={file}"]
            else:
                file = self.scratch / "old.key"
                run(["openssl", "pkcs8", "-topk8", "-scrypt", "-in", key,
                     "-passout", f"file:{passphrase}", "-out", file])
                flags = [f"--key_file={file}", f"--chain={root}"]
            self.refused("passphrase", "import-key", state, name, *flags)
            self.ca("import-key", state, name, *flags, f"--from_passphrase_file={passphrase}")
            server.add_config(f'[labels.{name}]\nca = "cas/{name}"')
        # A key that is not its certificate's, a certificate of no CA.
        self.refused("of the CA's key", "import-key", state, "other",
                     f"--key_file={self.scratch / 'pkcs8.key'}",
                     f"--chain={self.scratch / 'pkcs12.pem'}", code=2)
        leaf, leaf_key = self.openssl_root("leaf", "/CN=Leaf", "-addext",
                                           "basicConstraints=critical,CA:FALSE")
        self.refused("CA rights", "import-key", state, "other",
                     f"--key_file={leaf_key}", f"--chain={leaf}", code=2)
        self.assertEqual(sorted(os.listdir(os.path.join(server.state_dir, "cas"))),
                         ["pkcs12", "pkcs8"])
        server.start()
        self.addCleanup(server.stop)
        for name in ("pkcs12", "pkcs8"):
            root = self.scratch / f"{name}.pem"
            certificate = self.enroll(server, f"gw-{name}", f"{name}/", [f"--label={name}"])
            self.verify(root, root, certificate)

    def test_the_ca_key_is_in_the_tpm(self):
        tpm = Swtpm(self.scratch).start()
        self.addCleanup(lambda: tpm.stop())
        server = Server(self.scratch, init=["--key_storage=tpm", f"--tpm={tpm.tcti}"])
        folder = os.path.join(server.state_dir, "ca")
        self.assertIn(b"BEGIN TSS2 PRIVATE KEY", read(os.path.join(folder, "ca.key.pem")))
        self.assertIn(b"BEGIN PRIVATE KEY",
                      read(os.path.join(server.state_dir, "tls", "server.key.pem")))
        server.start()
        self.addCleanup(server.stop)
        issued = in_parallel([lambda n=n: self.enroll(server, f"gw-{n}") for n in range(4)])
        for certificate in issued:
            self.assertIsInstance(certificate, str, certificate)
            self.verify(server.ca_file, server.ca_file, certificate)
        # Without its TPM it says so, and goes on when it is back.
        secret = server.add_secret("gw-9")
        _, _, der = make_key_and_csr(self.scratch, "gw-9")
        tpm.stop()
        reply = self.post(server, "simpleenroll", "gw-9", read(der), secret)
        self.assertIn(reply.stderr, (b"500", b"503"))
        self.refused("[ca_keys] tpm", f"--state_dir={server.state_dir}", command=("check",))
        tpm.start()
        reply = self.post(server, "simpleenroll", "gw-9", read(der), secret)
        self.assertEqual(reply.stderr, b"200", reply.stdout)
        server.stop()
        # Another TPM in its place, as a cleared one.
        tpm.stop()
        other = Swtpm(self.scratch, "other").start()
        self.addCleanup(other.stop)
        server.configure({"tpm": f'"{other.tcti}"'})
        self.refused("cleared", f"--state_dir={server.state_dir}", command=("run",))

    def test_a_rollover_from_key_to_key_in_the_tpm(self):
        """Both keys in the one TPM: RFC 4210's four certificates, the switch
        under way, and each key's own CRL."""
        tpm = Swtpm(self.scratch).start()
        self.addCleanup(tpm.stop)
        server = Server(self.scratch, init=["--key_storage=tpm", f"--tpm={tpm.tcti}"])
        server.add_config('[http]\nlisten = ["127.0.0.1:0"]')
        server.start()
        self.addCleanup(server.stop)
        state = f"--state_dir={server.state_dir}"
        folder = os.path.join(server.state_dir, "ca")
        keys = [os.path.join(folder, *part, "ca.key.pem")
                for part in ((), ("next",), ("former", "1"))]
        old_root = write(self.scratch / "old.pem", read(server.ca_file))
        old_leaf = self.enroll(server, "gw-old")
        old_key = read(keys[0])

        self.ca("rollover", state, "ca", "--in=30d")
        self.assertIn(b"BEGIN TSS2 PRIVATE KEY", read(keys[1]))
        self.assertNotEqual(read(keys[1]), old_key)
        run([SERVER, "reload", state])
        # It is shown ahead, and issues nothing.
        shown = certificates_in(body_to_pem(run(
            ["curl", "-sS", "--fail", "--cacert", old_root, f"{server.est}/cacerts"]).stdout))
        self.assertEqual(len(shown), 4)
        self.verify(old_root, old_root, self.enroll(server, "gw-before"))
        self.ca("switch", state, "ca")
        run([SERVER, "reload", state])
        new_root = write(self.scratch / "new.pem", read(os.path.join(folder, "ca.pem")))
        self.assertIn(b"BEGIN TSS2 PRIVATE KEY", read(keys[0]))
        self.assertEqual(read(keys[2]), old_key)
        self.assertNotEqual(read(new_root), read(old_root))
        # The server's own certificate follows; until then either root knows it.
        server.ca_file = write(self.scratch / "both.pem", read(old_root) + read(new_root))
        issued = in_parallel([lambda n=n: self.enroll(server, f"gw-{n}") for n in range(4)])
        for leaf in issued:
            self.assertIsInstance(leaf, str, leaf)
            self.verify(new_root, new_root, leaf)
        # Whoever knows one root alone verifies the other's over the links.
        links = write(self.scratch / "links.pem", b"".join(
            c for c in shown if self.der(c) not in map(self.der, map(read, (old_root, new_root)))))
        for root, leaf in ((old_root, issued[0]), (new_root, old_leaf)):
            self.assertNotEqual(
                self.verify(root, root, leaf, check=False).returncode, 0)
            run(["openssl", "verify", "-CAfile", root, "-untrusted", links, leaf])
        # The former key signs what it issued off: its certificate is revoked
        # on its own CRL.
        self.command_of(server, "revoke", "--identity=gw-old")
        port = re.search(r"listening on http://127\.0\.0\.1:(\d+)",
                         server.process.log()).group(1)
        for root, leaf, count in ((old_root, old_leaf, 1), (new_root, issued[0], 0)):
            key_id = re.search(r"(?:[0-9A-F]{2}:)+[0-9A-F]{2}", text(
                ["openssl", "x509", "-in", root, "-noout", "-ext",
                 "subjectKeyIdentifier"])).group(0).replace(":", "").lower()
            crl = run(["curl", "-sS", "--fail",
                       f"http://127.0.0.1:{port}/crl/ca/{key_id}.crl"]).stdout
            judged = run(["openssl", "crl", "-inform", "DER", "-noout", "-text", "-verify",
                          "-CAfile", root], stdin=crl)
            self.assertIn(b"verify OK", judged.stdout + judged.stderr)
            self.assertEqual(judged.stdout.count(b"Serial Number:"), count)
        # And after a restart, with three keys' worth of folders to open.
        server.stop()
        server.start()
        self.verify(new_root, new_root, self.enroll(server, "gw-last"))

    def der(self, pem):
        return run(["openssl", "x509", "-outform", "DER"], stdin=pem).stdout

    def command_of(self, server, *args):
        return run([SERVER, *args, f"--state_dir={server.state_dir}"])

    def test_a_server_does_not_start_without_its_passphrase(self):
        passphrase = self.passphrase("ca.pass", "correct horse")
        server = Server(self.scratch, init=[f"--passphrase_file={passphrase}"])
        state = f"--state_dir={server.state_dir}"
        run(["openssl", "pkey", "-noout", "-passin", f"file:{passphrase}",
             "-in", os.path.join(server.state_dir, "ca", "ca.key.pem")])
        run([SERVER, "check", state])
        os.chmod(passphrase, 0o644)
        self.refused("open to others", state, command=("run",))
        self.passphrase("ca.pass", "correct")
        self.refused("is not this key's", state, command=("run",))
        os.unlink(passphrase)
        self.refused("ca.pass", state, command=("run",))
        # By systemd's credential.
        credentials = self.scratch / "credentials"
        os.mkdir(credentials)
        os.chmod(write(os.path.join(credentials, "ca"), "correct horse"), 0o400)
        with open(server.config_path) as f:
            config = f.read()
        write(server.config_path, config.replace(
            f'passphrase_file = "{passphrase}"', 'passphrase_credential = "ca"'))
        self.refused("LoadCredential=ca", state, command=("check",))
        run([SERVER, "check", state], env={"CREDENTIALS_DIRECTORY": credentials})
        # Another CA's key beside the certificate.
        other = self.scratch / "other"
        self.ca("create", other)
        os.replace(os.path.join(other, "ca.key.pem"),
                   os.path.join(server.state_dir, "ca", "ca.key.pem"))
        result = run([SERVER, "check", state], check=False,
                     env={"CREDENTIALS_DIRECTORY": credentials})
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"belong together", result.stderr)


if __name__ == "__main__":
    unittest.main()
