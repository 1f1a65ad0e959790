"""Keys that the server makes (RFC 7030 4.4), opened by curl and openssl alone:
in the clear, and encrypted for a pre-shared, an RSA and an EC key."""

import base64
import email
import os
import re
import unittest

from harness import (SERVER, Scratch, Server, Swtpm, certificates_in, read,
                     run, text, write)

ID_AA = "1.2.840.113549.1.9.16.2."
DECRYPT_KEY_ID, ASYMMETRIC_KEY_ID = ID_AA + "37", ID_AA + "54"
SMIME_CAPABILITIES = "1.2.840.113549.1.9.15"
AES = "2.16.840.1.101.3.4.1."
CBC_128, CBC_256, WRAP_128, WRAP_256 = (AES + n for n in ("2", "42", "5", "45"))
OAEP, MGF1 = "1.2.840.113549.1.1.7", "1.2.840.113549.1.1.8"
SHA256, STD_DH_SHA256 = "2.16.840.1.101.3.4.2.1", "1.3.132.1.11.1"


def tlv(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def seq(*contents):
    return tlv(0x30, *contents)


def oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        piece = [arc & 0x7F]
        while arc := arc >> 7:
            piece.insert(0, 0x80 | (arc & 0x7F))
        out += bytes(piece)
    return tlv(0x06, out)


def oaep_sha256():
    sha256 = seq(oid(SHA256), b"\x05\x00")
    return seq(oid(OAEP), seq(tlv(0xA0, sha256),
                              tlv(0xA1, seq(oid(MGF1), sha256))))


def attribute(type_, value):
    return seq(oid(type_), tlv(0x31, value))


def wrap_signed_data(signed_data):
    """The ContentInfo that `openssl cms` wants around it."""
    return seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed_data))


class ServerKeygenTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.server = Server(self.scratch, init=self.init(), settings={
            "key_usage": '["digitalSignature", "keyEncipherment", '
                         '"keyAgreement"]',
            "server_keys": "true"})
        self.server.start()
        self.addCleanup(self.server.stop)

    def init(self):
        """More flags of `bestow-server init`."""
        return []

    def csr(self, key, *attributes):
        """A request for a key like `key`, signed by it; DER."""
        spki = run(["openssl", "pkey", "-in", key, "-pubout", "-outform",
                    "DER"]).stdout
        info = seq(tlv(0x02, b"\0"), seq(), spki, tlv(0xA0, *attributes))
        signature = run(["openssl", "dgst", "-sha256", "-sign", key],
                        stdin=info).stdout
        is_ec = b"ASN1 OID" in run(["openssl", "pkey", "-in", key, "-noout",
                                    "-text"]).stdout
        algorithm = (seq(oid("1.2.840.10045.4.3.2")) if is_ec else
                     seq(oid("1.2.840.113549.1.1.11"), b"\x05\x00"))
        return seq(info, algorithm, tlv(0x03, b"\0" + signature))

    def post(self, operation, der, *args):
        body = write(self.scratch / "body", base64.b64encode(der) + b"\n")
        result = run(["curl", "-sS", "--cacert", self.server.ca_file,
                      "--max-time", "60", "--fail-with-body", "-D",
                      self.scratch / "headers", "-H",
                      "Content-Type: application/pkcs10", "--data-binary",
                      f"@{body}", *args, f"{self.server.est}/{operation}"])
        return result.stdout

    def new_key(self, name, *genpkey):
        key = self.scratch / f"{name}.key"
        run(["openssl", "genpkey", *genpkey, "-out", key])
        return key

    def enroll(self, name, key):
        secret = self.server.add_secret(name)
        reply = self.post("simpleenroll", self.csr(key), "-u",
                          f"{name}:{secret}")
        pem = run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"],
                  stdin=base64.b64decode(reply)).stdout
        return write(self.scratch / f"{name}.pem", certificates_in(pem)[0])

    def generate(self, der, *args):
        """The reply's parts, as Python's own MIME reader finds them:
        {media type: octets}."""
        body = self.post("serverkeygen", der, *args)
        headers = read(self.scratch / "headers").decode()
        content_type = re.findall(r"(?im)^content-type:.*$", headers)[-1]
        message = email.message_from_bytes(
            content_type.strip().encode() + b"\r\n\r\n" + body)
        self.assertEqual(message.get_content_type(), "multipart/mixed")
        parts = message.get_payload()
        self.assertEqual(len(parts), 2)
        for part in parts:
            self.assertEqual(part["Content-Transfer-Encoding"], "base64")
        return {part["Content-Type"]: part.get_payload(decode=True)
                for part in parts}

    def check_key(self, pkcs8, parts, algorithm):
        """The key is whole, and the certificate's, which the CA issued."""
        certs_only = parts["application/pkcs7-mime; smime-type=certs-only"]
        pem = run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"],
                  stdin=certs_only).stdout
        cert = write(self.scratch / "made.pem", certificates_in(pem)[0])
        run(["openssl", "verify", "-CAfile", self.server.ca_file, cert])
        run(["openssl", "pkey", "-inform", "DER", "-check", "-noout"],
            stdin=pkcs8)
        self.assertEqual(
            text(["openssl", "pkey", "-inform", "DER", "-pubout"],
                 stdin=pkcs8),
            text(["openssl", "x509", "-in", cert, "-noout", "-pubkey"]))
        self.assertIn(algorithm, text(
            ["openssl", "x509", "-in", cert, "-noout", "-text"]))

    def open_envelope(self, parts, *recipient):
        """The PKCS#8 inside, by openssl cms; its signer has to be the CA."""
        enveloped = parts[
            "application/pkcs7-mime; smime-type=server-generated-key"]
        run(["openssl", "asn1parse", "-inform", "DER"], stdin=enveloped)
        signed_data = run(["openssl", "cms", "-decrypt", "-inform", "DER",
                           "-binary", *recipient], stdin=enveloped).stdout
        package = run(["openssl", "cms", "-verify", "-inform", "DER",
                       "-binary", "-CAfile",
                       self.server.ca_file],
                      stdin=wrap_signed_data(signed_data)).stdout
        # AsymmetricKeyPackage ::= SEQUENCE OF OneAsymmetricKey: of one.
        header = re.search(
            r"hl=(\d)", text(["openssl", "asn1parse", "-inform", "DER"],
                             stdin=package).splitlines()[0])
        return package[int(header.group(1)):]

    def test_plain_pkcs8_inside_tls(self):
        for name, genpkey, algorithm in (
                ("plain-ec", ["-algorithm", "EC", "-pkeyopt",
                              "ec_paramgen_curve:P-256"], "NIST CURVE: P-256"),
                ("plain-rsa", ["-algorithm", "RSA"], "(2048 bit)")):
            with self.subTest(name):
                key = self.new_key(name, *genpkey)
                secret = self.server.add_secret(name)
                parts = self.generate(self.csr(key), "-u", f"{name}:{secret}")
                pkcs8 = parts["application/pkcs8"]
                self.check_key(pkcs8, parts, algorithm)
                self.assertNotIn(
                    run(["openssl", "pkey", "-in", key, "-pubout", "-outform",
                         "DER"]).stdout[-64:], pkcs8)

    def test_encrypted_for_a_pre_shared_key(self):
        for name, octets, wrap, cipher in (
                ("psk-128", 16, WRAP_128, CBC_128),
                ("psk-256", 32, WRAP_256, CBC_256)):
            with self.subTest(name):
                shared = text(["openssl", "rand", "-hex", str(octets)]).strip()
                path = write(self.scratch / "psk", shared + "\n")
                os.chmod(path, 0o600)
                key_id = re.search(r"key_identifier ([0-9a-f]+)", text(
                    [SERVER, "psks", "add", f"--state_dir={self.server.state_dir}",
                     name, f"--key_file={path}"])).group(1)
                key = self.new_key(name, "-algorithm", "EC", "-pkeyopt",
                                   "ec_paramgen_curve:P-256")
                der = self.csr(
                    key, attribute(DECRYPT_KEY_ID,
                                   tlv(0x04, bytes.fromhex(key_id))),
                    attribute(SMIME_CAPABILITIES,
                              seq(seq(oid(wrap)), seq(oid(cipher)))))
                secret = self.server.add_secret(name)
                parts = self.generate(der, "-u", f"{name}:{secret}")
                self.assertNotIn("application/pkcs8", parts)
                pkcs8 = self.open_envelope(
                    parts, "-secretkey", shared, "-secretkeyid", key_id)
                self.check_key(pkcs8, parts, "NIST CURVE: P-256")

    def test_encrypted_for_a_certified_rsa_or_ec_key(self):
        ecdh = seq(oid(STD_DH_SHA256), seq(oid(WRAP_128)))
        for name, genpkey, capability in (
                ("rsa", ["-algorithm", "RSA"], oaep_sha256()),
                ("p256", ["-algorithm", "EC", "-pkeyopt",
                          "ec_paramgen_curve:P-256"], ecdh),
                ("p384", ["-algorithm", "EC", "-pkeyopt",
                          "ec_paramgen_curve:P-384"], ecdh)):
            with self.subTest(name):
                key = self.new_key(name, *genpkey)
                cert = self.enroll(name, key)
                key_id = bytes.fromhex(re.search(
                    r"Subject Key Identifier:\s*\n?\s*([0-9A-F:]+)",
                    text(["openssl", "x509", "-in", cert, "-noout", "-ext",
                          "subjectKeyIdentifier"])).group(1).replace(":", ""))
                der = self.csr(
                    key, attribute(ASYMMETRIC_KEY_ID, tlv(0x04, key_id)),
                    attribute(SMIME_CAPABILITIES,
                              seq(capability, seq(oid(CBC_128)))))
                parts = self.generate(der, "--cert", cert, "--key", key)
                self.assertNotIn("application/pkcs8", parts)
                pkcs8 = self.open_envelope(parts, "-recip", cert, "-inkey", key)
                self.check_key(pkcs8, parts, "Public-Key")


class ServerKeygenByATpmTest(ServerKeygenTest):
    """The CA's key, which signs the certificate and the package around the made
    key, is in a TPM."""

    def init(self):
        tpm = Swtpm(self.scratch).start()
        self.addCleanup(tpm.stop)
        return ["--key_storage=tpm", f"--tpm={tpm.tcti}"]

    def test_the_key_of_the_ca_is_in_the_tpm(self):
        folder = os.path.dirname(self.server.ca_file)
        self.assertIn(b"BEGIN TSS2 PRIVATE KEY", read(os.path.join(folder, "ca.key.pem")))


if __name__ == "__main__":
    unittest.main()
