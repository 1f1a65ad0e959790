"""The four exchanges of RFC 7030's Appendix A, replayed over TLS octet by octet.

The requests are the appendix's own text and framing (header order, quoting,
lines of 64 with LF, Expect); only what has to be current is: keys, the
signature's hash, the channel binding, the answer to the nonce. The replies are
decoded by the same function that decodes the appendix's own replies, and judged
by openssl. Each runs once in whole messages and once in octets alone.
"""

import base64
import hashlib
import re
import socket
import ssl
import unittest

from harness import (COMMAND_TIMEOUT_S, SERVER, Scratch, Server,
                     certificates_in, read, run, text, write)

USER, REALM, PASSWORD = "estuser", "estrealm", "estpwd"
USER_AGENT = ("User-Agent: curl/7.22.0 (i686-pc-linux-gnu) libcurl/7.22.0 "
              "OpenSSL/1.0.1 zlib/1.2.3.4 libidn/1.23 librtmp/2.3\r\n")
HOST = "Host: 192.0.2.1:8085\r\nAccept: */*\r\n"
# Of A.2's reply, those that are OIDs alone.
A2_OIDS = ["1.3.6.1.1.1.1.22", "1.2.840.113549.1.9.7",
           "1.3.36.3.3.2.8.1.1.11", "2.16.840.1.101.3.4.2.2"]
SHA1_RSA = bytes.fromhex("2a864886f70d010105")
SHA256_RSA = bytes.fromhex("2a864886f70d01010b")
CLIENT_VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def case_lines(format_, name):
    """A case of testdata/: the appendix's lines as they stand there."""
    with open(f"testdata/{format_}/{name}.txt") as file:
        return "".join(line for line in file if not line.startswith("#"))


def element(der, at=0):
    """(content's place, end) of the DER element there."""
    size, content = der[at + 1], at + 2
    if size & 0x80:
        content += size & 0x7F
        size = int.from_bytes(der[at + 2:content], "big")
    return content, content + size


def children(der, at=0):
    """The elements within the one at `at`."""
    place, end = element(der, at)
    out = []
    while place < end:
        out.append(der[place:element(der, place)[1]])
        place += len(out[-1])
    return out


def current_request(seed, key, binding):
    """The seed's request with this key, link and SHA-256: the same octets
    otherwise, and as many of them."""
    info, algorithm, signature = children(seed)
    fields = children(info)
    spki = run(["openssl", "pkey", "-in", key, "-pubout", "-outform",
                "DER"]).stdout
    new_info = info.replace(fields[2], spki)
    # SET { PrintableString of 16 }: base64 of the 12 octets of tls-unique.
    old = re.search(rb"\x31\x12\x13\x10(.{16})", fields[3], re.S).group(1)
    new_info = new_info.replace(old, base64.b64encode(binding))
    signed = run(["openssl", "dgst", "-sha256", "-sign", key],
                 stdin=new_info).stdout
    out = (seed.replace(info, new_info)
           .replace(algorithm, algorithm.replace(SHA1_RSA, SHA256_RSA))
           .replace(signature[-len(signed):], signed))
    assert len(out) == len(seed) and out != seed
    return out


def in_lines(der):
    """As the appendix frames bodies: lines of 64 and LF."""
    encoded = base64.b64encode(der).decode()
    return "".join(encoded[i:i + 64] + "\n" for i in range(0, len(encoded), 64))


def decode_parts(content_type, body):
    """{media type: DER} of a multipart body: RFC 2046 as the appendix uses it,
    preamble and epilogue ignored."""
    boundary = re.search(r"boundary=\"?([^\";]+)", content_type).group(1)
    pieces = re.split(rf"(?m)^--{re.escape(boundary)}(--)?[ \t]*\r?$\n?", body)
    # Preamble, then (marker, piece) pairs; the closing boundary's is "--".
    markers, parts = pieces[1::2], pieces[2::2]
    assert markers == [None] * (len(parts) - 1) + ["--"], markers
    out = {}
    for part in parts[:-1]:
        head, _, encoded = re.split(r"(\r?\n\r?\n)", part, 1)
        fields = dict(re.split(r":\s*", line, 1) for line in head.split("\n"))
        assert fields["Content-Transfer-Encoding"].strip() == "base64"
        out[fields["Content-Type"].strip()] = base64.b64decode(encoded)
    return out


def decode_reply(message):
    """(status, {header in lower case: value}, DER or {media type: DER})."""
    head, _, body = message.partition("\r\n\r\n")
    status_line, *lines = head.split("\r\n")
    headers = {}
    for line in lines:
        name, value = re.split(r":\s*", line, 1)
        headers[name.lower()] = value.strip()
    status = int(status_line.split()[1])
    content_type = headers.get("content-type", "")
    if content_type.startswith("multipart/mixed"):
        return status, headers, decode_parts(content_type, body)
    if headers.get("content-transfer-encoding") == "base64":
        return status, headers, base64.b64decode(body)
    return status, headers, body.encode()


def seed_reply(content_type, lines, transfer_encoding=True):
    """A reply of the appendix, from its header lines and its body's."""
    head = f"HTTP/1.1 200 OK\r\nStatus: 200 OK\r\nContent-Type: {content_type}\r\n"
    if transfer_encoding:
        head += "Content-Transfer-Encoding: base64\r\n"
    return decode_reply(f"{head}Content-Length: {len(lines)}\r\n\r\n{lines}")


class Wire:
    """A TLS connection of Python's; in single octets both ways if asked."""

    def __init__(self, server, version, single_octets, credential=None):
        context = ssl.create_default_context(cafile=server.ca_file)
        context.minimum_version = context.maximum_version = version
        if credential:
            context.load_cert_chain(credential[1], credential[0])
        raw = socket.create_connection(("127.0.0.1", server.port),
                                       COMMAND_TIMEOUT_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.step = 1 if single_octets else 1 << 16
        self.pending = b""

    def binding(self):
        return self.socket.get_channel_binding("tls-unique")

    def send(self, message):
        data = message.encode("ascii")
        for i in range(0, len(data), self.step):
            self.socket.sendall(data[i:i + self.step])

    def _more(self):
        data = self.socket.recv(self.step)
        if not data:
            raise AssertionError(f"cut off after {self.pending!r}")
        self.pending += data

    def message(self):
        """One whole reply by its Content-Length, or an interim one."""
        while b"\r\n\r\n" not in self.pending:
            self._more()
        head = self.pending[:self.pending.index(b"\r\n\r\n") + 4]
        size = re.search(rb"(?i)\r\ncontent-length: *(\d+)\r\n", head)
        end = len(head) + (int(size.group(1)) if size else 0)
        while len(self.pending) < end:
            self._more()
        out, self.pending = self.pending[:end], self.pending[end:]
        return out.decode("ascii")

    def close(self):
        self.socket.close()


class SeedsReplayTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.addClassCleanup(cls.scratch.close)
        cls.server = Server(cls.scratch)
        oids = ", ".join(f'"{oid}"' for oid in A2_OIDS)
        write(cls.server.config_path, "\n".join([
            'listen = ["127.0.0.1:0"]',
            'hostnames = ["localhost", "127.0.0.1"]',
            f'realm = "{REALM}"',
            "[auth]", "basic = false", 'digest = "md5"',
            'linking = "off"',
            "[enrollment]", "server_keys = true",
            "[csr_attrs]", f"oids = [{oids}]", ""]))
        password = write(cls.scratch / "password", PASSWORD)
        run([SERVER, "users", "add", f"--state_dir={cls.server.state_dir}", USER,
             f"--password_file={password}", "--digest"])
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        # A client with "an existing certificate issued by the CA".
        cls.key = cls.new_key("client")

    @classmethod
    def new_key(cls, name):
        path = cls.scratch / f"{name}.key"
        run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt",
             "rsa_keygen_bits:2048", "-out", path])
        return path

    def wire(self, single_octets, version=ssl.TLSVersion.TLSv1_2, **kwargs):
        wire = Wire(self.server, version, single_octets, **kwargs)
        self.addCleanup(wire.close)
        return wire

    def each_way(self, exchange, versions=(ssl.TLSVersion.TLSv1_2,)):
        """In whole messages and in single octets."""
        for version in versions:
            for single_octets in (False, True):
                with self.subTest(version=version.name,
                                  single_octets=single_octets):
                    exchange(version, single_octets)

    def certificates(self, der):
        """What openssl finds in a certs-only message, as PEM."""
        return certificates_in(run(
            ["openssl", "pkcs7", "-inform", "DER", "-print_certs"],
            stdin=der).stdout)

    def public_key(self, args, stdin=b""):
        return run(["openssl", *args], stdin=stdin).stdout

    # RFC 7030 A.1

    def test_a1_cacerts(self):
        seed = seed_reply("application/pkcs7-mime",
                          case_lines("certs_only", "rfc7030_a1_cacerts"))
        self.assertEqual(len(self.certificates(seed[2])), 4)

        def exchange(version, single_octets):
            wire = self.wire(single_octets, version)
            wire.send("GET /.well-known/est/cacerts HTTP/1.1\r\n" + USER_AGENT +
                      HOST + "\r\n")
            status, headers, der = decode_reply(wire.message())
            self.assertEqual((status, headers["content-type"]),
                             (200, seed[1]["content-type"]))
            self.assertEqual(self.certificates(der),
                             certificates_in(read(self.server.ca_file)))

        self.each_way(exchange, CLIENT_VERSIONS)

    # RFC 7030 A.2

    def test_a2_csrattrs(self):
        seed = seed_reply("application/csrattrs",
                          case_lines("csr_attrs", "rfc7030_a2_csrattrs"))
        listing = text(["openssl", "asn1parse", "-inform", "DER"],
                       stdin=seed[2])
        expected = re.findall(r"d=1 .*OBJECT +:(.*)", listing)
        self.assertEqual(len(expected), len(A2_OIDS), listing)

        def exchange(version, single_octets):
            wire = self.wire(single_octets, version)
            wire.send("GET /.well-known/est/csrattrs HTTP/1.1\r\n" +
                      USER_AGENT + HOST + "\r\n")
            status, headers, der = decode_reply(wire.message())
            self.assertEqual((status, headers["content-type"]),
                             (200, seed[1]["content-type"]))
            listing = text(["openssl", "asn1parse", "-inform", "DER"],
                           stdin=der)
            self.assertEqual(re.findall(r"d=1 .*OBJECT +:(.*)", listing),
                             expected)

        self.each_way(exchange, CLIENT_VERSIONS)

    # RFC 7030 A.3

    def enroll(self, wire, key):
        """The 401 with its Digest challenge, then the answer to it."""
        csr = current_request(
            base64.b64decode(case_lines("pkcs10", "rfc7030_a3_simpleenroll")),
            key, wire.binding())
        body = in_lines(csr)
        self.assertEqual(len(body), 882)  # the appendix's Content-Length
        uri = "/.well-known/est/simpleenroll"
        rest = (HOST + "Content-Type: application/pkcs10\r\n"
                "Content-Transfer-Encoding: base64\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}")
        wire.send(f"POST {uri} HTTP/1.1\r\n{rest}")
        status, headers, content = decode_reply(wire.message())
        self.assertEqual((status, headers["content-length"], content),
                         (401, "0", b""))
        challenge = headers["www-authenticate"]
        self.assertRegex(challenge, r"^Digest ")
        self.assertIn('qop="auth"', challenge)
        self.assertIn(f'realm="{REALM}"', challenge)
        self.assertNotIn("algorithm", challenge)
        found = dict(re.findall(r'(\w+)="([^"]*)"', challenge))

        def md5(*words):
            return hashlib.md5(":".join(words).encode()).hexdigest()

        response = md5(md5(USER, REALM, PASSWORD), found["nonce"], "00000001",
                       "MTYwMzg3", "auth", md5("POST", uri))
        opaque = f', opaque="{found["opaque"]}"' if "opaque" in found else ""
        wire.send(
            f"POST {uri} HTTP/1.1\r\n"
            f'Authorization: Digest username="{USER}", realm="{REALM}", '
            f'nonce="{found["nonce"]}", uri="{uri}", cnonce="MTYwMzg3", '
            f'nc=00000001, qop="auth", response="{response}"{opaque}\r\n{rest}')
        return decode_reply(wire.message())

    def test_a3_simpleenroll(self):
        seed = seed_reply("application/pkcs7-mime; smime-type=certs-only",
                          case_lines("certs_only", "rfc7030_a3_simpleenroll"))
        self.assertEqual(len(self.certificates(seed[2])), 1)

        def exchange(_version, single_octets):
            key = self.new_key("a3")
            status, headers, der = self.enroll(self.wire(single_octets), key)
            self.assertEqual(status, 200, der)
            self.assertEqual(headers["content-type"], seed[1]["content-type"])
            issued = self.certificates(der)
            self.assertEqual(len(issued), 1)
            self.assertEqual(
                self.public_key(["x509", "-noout", "-pubkey"], issued[0]),
                self.public_key(["pkey", "-in", key, "-pubout"]))
            pem = write(self.scratch / "a3.pem", issued[0])
            self.assertIn(": OK", text(
                ["openssl", "verify", "-CAfile", self.server.ca_file, pem]))

        self.each_way(exchange)

    # RFC 7030 A.4

    def test_a4_serverkeygen(self):
        seed = decode_reply(
            "HTTP/1.1 200 OK\r\nStatus: 200 OK\r\nContent-Type: "
            "multipart/mixed ; boundary=estServerExampleBoundary\r\n\r\n" +
            case_lines("multipart", "rfc7030_a4_serverkeygen"))
        self.check_key_and_certificate(seed[2])
        status, _, der = self.enroll(self.wire(False), self.key)
        self.assertEqual(status, 200, der)
        certificate = write(self.scratch / "client.pem",
                            self.certificates(der)[0])

        def exchange(_version, single_octets):
            wire = self.wire(single_octets, credential=(self.key, certificate))
            body = in_lines(current_request(
                base64.b64decode(
                    case_lines("pkcs10", "rfc7030_a4_serverkeygen")),
                self.new_key("a4"), wire.binding()))
            self.assertEqual(len(body), 963)  # the appendix's Content-Length
            wire.send("POST /.well-known/est/serverkeygen HTTP/1.1\r\n" + HOST +
                      "Expect: 100-continue\r\n"
                      "Content-Type: application/pkcs10\r\n"
                      "Content-Transfer-Encoding: base64\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n")
            self.assertRegex(wire.message(), r"^HTTP/1\.1 100 ")
            wire.send(body)
            status, headers, parts = decode_reply(wire.message())
            self.assertEqual(status, 200, parts)
            self.assertEqual(list(parts), list(seed[2]))
            pem = self.check_key_and_certificate(parts)
            self.assertIn(": OK", text([
                "openssl", "verify", "-CAfile", self.server.ca_file,
                write(self.scratch / "a4.pem", pem)]))

        self.each_way(exchange)

    def check_key_and_certificate(self, parts):
        """A PKCS#8 key and its certificate, which openssl reads."""
        key = run(["openssl", "pkcs8", "-inform", "DER", "-nocrypt"],
                  stdin=parts["application/pkcs8"]).stdout
        issued = self.certificates(
            parts["application/pkcs7-mime; smime-type=certs-only"])
        self.assertEqual(len(issued), 1)
        self.assertEqual(self.public_key(["x509", "-noout", "-pubkey"],
                                         issued[0]),
                         self.public_key(["pkey", "-pubout"], key))
        return issued[0]


if __name__ == "__main__":
    unittest.main()
