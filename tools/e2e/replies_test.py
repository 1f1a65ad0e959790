"""The bytes of every reply, as the clients in the field need them.

Each was measured on a client that breaks otherwise; see docs/STATUS_CODES.md
and RFC 8951. What a TLS record holds is what one read of it gives.
"""

import base64
import re
import socket
import ssl
import unittest

from harness import (Scratch, Server, body_to_pem, certificates_in,
                     make_key_and_csr, read, run, write)

EST = "/.well-known/est"
NAME = "dev"
PASSWORD = "pass word"
BASIC = "Authorization: Basic " + base64.b64encode(
    f"{NAME}:{PASSWORD}".encode()).decode()
PKCS10 = "Content-Type: application/pkcs10"


class Connection:

    def __init__(self, server):
        context = ssl.create_default_context(cafile=server.ca_file)
        raw = socket.create_connection(("127.0.0.1", server.port), 30)
        self.socket = context.wrap_socket(raw, server_hostname="127.0.0.1")

    def send(self, data):
        self.socket.sendall(data)

    def record(self):
        """What one TLS record holds; b"" at the end."""
        return self.socket.recv(1 << 16)

    def ask(self, method, path, *headers, body=b""):
        lines = [f"{method} {EST}/{path} HTTP/1.1", "Host: localhost", *headers]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return Reply(self.record())


class Reply:
    """A whole reply from one record; anything more or less is a failure."""

    def __init__(self, data):
        self.data = data
        head, separator, self.body = data.partition(b"\r\n\r\n")
        if not separator:
            raise AssertionError(f"no whole header in one record: {data!r}")
        self.head_size = len(head) + len(separator)
        self.status_line, *lines = head.decode("ascii").split("\r\n")
        self.headers = [tuple(line.split(": ", 1)) for line in lines]

    def values(self, name):
        return [v for n, v in self.headers if n == name]


class RepliesTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.addClassCleanup(cls.scratch.close)
        cls.server = Server(cls.scratch,
                            settings={"server_keys": "true"})
        cls.server.add_config('[labels.unlinked.auth]\nlinking = "off"')
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.server.add_user(NAME, PASSWORD)
        cls.key, _, csr_der = make_key_and_csr(cls.scratch, NAME)
        cls.csr = base64.b64encode(read(csr_der))

    def connect(self):
        connection = Connection(self.server)
        self.addCleanup(connection.socket.close)
        return connection

    def assert_well_formed(self, reply, status_line, head=False):
        """What holds for each reply, whatever its status."""
        self.assertEqual(reply.status_line, status_line)
        self.assertLess(len(reply.headers), 16)
        self.assertLess(reply.head_size, 1024)
        names = [name for name, _ in reply.headers]
        for name in names:
            # Customary case: one client compares header names as text.
            self.assertRegex(name, r"^(WWW|[A-Z][a-z]+)(-[A-Z][a-z]+)*$")
        # Never chunked; the whole body came in the same TLS record.
        self.assertNotIn("Transfer-Encoding", names)
        if not head and "204" not in status_line:
            self.assertEqual(reply.values("Content-Length"),
                             [str(len(reply.body))])

    def enroll(self, connection, *headers, csr=None):
        return connection.ask("POST", "simpleenroll", BASIC, PKCS10, *headers,
                              body=self.csr if csr is None else csr)

    def test_cacerts(self):
        reply = self.connect().ask("GET", "cacerts")
        self.assert_well_formed(reply, "HTTP/1.1 200 OK")
        self.assertEqual(reply.values("Content-Type"),
                         ["application/pkcs7-mime"])
        self.assertEqual(reply.values("Content-Transfer-Encoding"), ["base64"])
        self.assertEqual(len(certificates_in(body_to_pem(reply.body))), 1)

    def test_an_enrollment(self):
        reply = self.enroll(self.connect())
        self.assert_well_formed(reply, "HTTP/1.1 200 OK")
        self.assertEqual(reply.values("Content-Type"),
                         ["application/pkcs7-mime; smime-type=certs-only"])
        # One client decodes base64 only with it.
        self.assertEqual(reply.values("Content-Transfer-Encoding"), ["base64"])
        # Up to 1,000 characters: one line and a LF.
        self.assertRegex(reply.body, rb"\A[A-Za-z0-9+/]{1,1000}={0,2}\n\Z")
        self.assertEqual(len(certificates_in(body_to_pem(reply.body))), 1)

    def test_a_long_enrollment_has_lines_of_64(self):
        der = run(["openssl", "req", "-new", "-newkey", "rsa:3072", "-nodes",
                   "-keyout", self.scratch / "rsa.key", "-subj", "/CN=x",
                   "-outform", "DER"]).stdout
        reply = self.enroll(self.connect(), csr=base64.b64encode(der))
        self.assert_well_formed(reply, "HTTP/1.1 200 OK")
        self.assertRegex(
            reply.body,
            rb"\A(?:[A-Za-z0-9+/]{64}\n)+[A-Za-z0-9+/]{0,64}={0,2}\n?\Z")
        self.assertEqual(len(certificates_in(body_to_pem(reply.body))), 1)

    def test_csr_attributes(self):
        reply = self.connect().ask("GET", "csrattrs")
        self.assert_well_formed(reply, "HTTP/1.1 200 OK")
        self.assertEqual(reply.values("Content-Type"),
                         ["application/csrattrs"])
        self.assertEqual(reply.values("Content-Transfer-Encoding"), ["base64"])
        # id-aa 58 alone: estIdentityLinking (RFC 7894).
        self.assertEqual(reply.body, base64.b64encode(bytes.fromhex(
            "300d060b2a864886f70d010910023a")) + b"\n")

    def test_no_csr_attributes(self):
        reply = self.connect().ask("GET", "unlinked/csrattrs")
        self.assert_well_formed(reply, "HTTP/1.1 204 No Content")
        self.assertEqual(reply.body, b"")

    def test_401_is_empty_and_the_connection_goes_on(self):
        connection = self.connect()
        reply = connection.ask("POST", "simpleenroll", PKCS10, body=self.csr)
        self.assert_well_formed(reply, "HTTP/1.1 401 Unauthorized")
        self.assertEqual(reply.body, b"")
        # One client reads the first WWW-Authenticate alone.
        self.assertEqual(reply.values("WWW-Authenticate")[0],
                         'Basic realm="Bestow"')
        self.assertEqual(reply.values("Connection"), [])
        self.assert_well_formed(self.enroll(connection), "HTTP/1.1 200 OK")

    def test_errors_explain_themselves(self):
        for method, path, headers, body, status, extra in [
            ("GET", "nothing", [], b"", "404 Not Found", None),
            ("GET", "simpleenroll", [], b"", "405 Method Not Allowed",
             ("Allow", "POST")),
            ("POST", "cacerts", [], b"", "405 Method Not Allowed",
             ("Allow", "GET, HEAD")),
            ("POST", "simpleenroll", [BASIC, "Content-Type: text/plain"],
             self.csr, "415 Unsupported Media Type", None),
            ("POST", "simpleenroll", [BASIC, PKCS10], b"!",
             "400 Bad Request", None),
            ("POST", "simplereenroll", [PKCS10], self.csr, "403 Forbidden",
             None),
        ]:
            with self.subTest(method=method, path=path, status=status):
                reply = self.connect().ask(method, path, *headers, body=body)
                self.assert_well_formed(reply, "HTTP/1.1 " + status)
                self.assertEqual(reply.values("Content-Type"),
                                 ["text/plain; charset=utf-8"])
                self.assertRegex(reply.body, rb"\A[ -~]+\n\Z")
                if extra:
                    self.assertEqual(reply.values(extra[0]), [extra[1]])

    def test_head_is_a_get_without_its_body(self):
        get = self.connect().ask("GET", "cacerts")
        head = self.connect().ask("HEAD", "cacerts")
        self.assert_well_formed(head, "HTTP/1.1 200 OK", head=True)
        self.assertEqual(head.body, b"")
        without_date = [h for h in get.headers if h[0] != "Date"]
        self.assertEqual([h for h in head.headers if h[0] != "Date"],
                         without_date)

    def test_requests_as_clients_send_them(self):
        chunked = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in
                           [self.csr[:100], self.csr[100:]]) + b"0\r\n\r\n"
        head = (f"POST {EST}/simpleenroll HTTP/1.1\r\nHost: localhost\r\n"
                f"{BASIC}\r\n{PKCS10}\r\n")
        connection = self.connect()
        connection.send(
            (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunked)
        self.assert_well_formed(Reply(connection.record()), "HTTP/1.1 200 OK")
        # Expect: 100-continue, on the same connection.
        connection.send((head + f"Content-Length: {len(self.csr)}\r\n"
                         "Expect: 100-continue\r\n\r\n").encode())
        self.assertEqual(connection.record(), b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.send(self.csr)
        self.assert_well_formed(Reply(connection.record()), "HTTP/1.1 200 OK")
        # A stray line end as the body of a GET.
        connection.send(
            f"GET {EST}/cacerts HTTP/1.1\r\nHost: x\r\n\r\n\r\n".encode())
        self.assert_well_formed(Reply(connection.record()), "HTTP/1.1 200 OK")
        # Who says so reads until the end.
        reply = connection.ask("GET", "cacerts", "Connection: close")
        self.assertEqual(reply.values("Connection"), ["close"])
        self.assertEqual(connection.record(), b"")

    def test_serverkeygen(self):
        reply = self.connect().ask("POST", "serverkeygen", BASIC, PKCS10,
                                   body=self.csr)
        self.assert_well_formed(reply, "HTTP/1.1 200 OK")
        type_, = reply.values("Content-Type")
        boundary = re.fullmatch(
            r'multipart/mixed ?; ?boundary="?([^";]+)"?', type_).group(1)
        parts = reply.body.split(b"--" + boundary.encode())
        self.assertEqual(parts[0], b"")
        self.assertEqual(parts[3].strip(), b"--")
        found = []
        for part in parts[1:3]:
            head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
            self.assertIn(b"Content-Transfer-Encoding: base64",
                          head.split(b"\r\n"))
            self.assertLess(len(content), 8 * 1024)
            found.append((head, base64.b64decode(content)))
        (key_head, key), (cert_head, certs) = found
        self.assertIn(b"Content-Type: application/pkcs8", key_head)
        self.assertIn(
            b"Content-Type: application/pkcs7-mime; smime-type=certs-only",
            cert_head)
        # Really PKCS#8, and the certificate's.
        key_file = write(self.scratch / "made.der", key)
        public = run(["openssl", "pkcs8", "-inform", "DER", "-nocrypt", "-in",
                      key_file, "-outform", "PEM"]).stdout
        public = run(["openssl", "pkey", "-pubout"], stdin=public).stdout
        pem = write(self.scratch / "made.pem",
                    body_to_pem(base64.b64encode(certs)))
        self.assertEqual(
            public, run(["openssl", "x509", "-in", pem, "-pubkey",
                         "-noout"]).stdout)


class ApprovalTest(unittest.TestCase):

    def test_202_is_empty_and_says_when_to_come_back_in_seconds(self):
        scratch = Scratch()
        self.addCleanup(scratch.close)
        server = Server(scratch, settings={"approval": '"manual"'}).start()
        self.addCleanup(server.stop)
        server.add_user(NAME, PASSWORD)
        _, _, csr_der = make_key_and_csr(scratch, NAME)
        connection = Connection(server)
        self.addCleanup(connection.socket.close)
        for _ in range(2):
            reply = connection.ask("POST", "simpleenroll", BASIC, PKCS10,
                                   body=base64.b64encode(read(csr_der)))
            self.assertEqual(reply.status_line, "HTTP/1.1 202 Accepted")
            self.assertEqual(reply.values("Retry-After"), ["300"])
            self.assertEqual(reply.values("Content-Length"), ["0"])
            self.assertEqual(reply.body, b"")
        self.assertEqual(server.issued(), [])


if __name__ == "__main__":
    unittest.main()
