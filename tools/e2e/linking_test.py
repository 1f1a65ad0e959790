"""Linking identity and proof of possession (RFC 7030 3.5, RFC 9266).

Strangers' TLS stacks say what the channel binding is: `openssl s_client
-keymatexport` for tls-exporter, Python's for tls-unique.
"""

import base64
import re
import socket
import ssl
import subprocess
import unittest

from harness import (COMMAND_TIMEOUT_S, Scratch, Server, body_to_pem,
                     certificates_in, read, run, write)

NAME = "dev"
PASSWORD = "pass word"
EXPORTER = ["-keymatexport", "EXPORTER-Channel-Binding",
            "-keymatexportlen", "32"]


class SClient:
    """A TLS connection of openssl's, which prints its exported key material."""

    def __init__(self, server, version):
        self.popen = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
             "-CAfile", server.ca_file, "-verify_return_error", f"-{version}",
             "-ign_eof", *EXPORTER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.binding = None
        for line in self.popen.stdout:
            found = re.match(rb"\s*Keying material: ([0-9A-F]{64})$",
                             line.strip())
            if found:
                self.binding = bytes.fromhex(found.group(1).decode())
                break

    def exchange(self, request):
        """Sends the request and reads until the server closes."""
        out, _ = self.popen.communicate(request, timeout=COMMAND_TIMEOUT_S)
        return parse_reply(out[out.index(b"HTTP/1.1 "):])

    def close(self):
        self.popen.kill()
        self.popen.communicate()


class PythonTls:

    def __init__(self, server, version):
        context = ssl.create_default_context(cafile=server.ca_file)
        context.minimum_version = context.maximum_version = version
        raw = socket.create_connection(("127.0.0.1", server.port),
                                       COMMAND_TIMEOUT_S)
        self.socket = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.binding = self.socket.get_channel_binding("tls-unique")

    def exchange(self, request):
        self.socket.sendall(request)
        data = b""
        while chunk := self.socket.recv(65536):
            data += chunk
        return parse_reply(data)

    def close(self):
        self.socket.close()


def parse_reply(data):
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: *(\d+)", head, re.M)
    return (int(head.split()[1]), head.decode().lower(),
            body[:int(length.group(1))] if length else body)


class LinkingTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.addClassCleanup(cls.scratch.close)
        cls.server = Server(cls.scratch).start()
        cls.addClassCleanup(cls.server.stop)
        cls.server.add_user(NAME, PASSWORD)

    def connect(self, client, version):
        connection = client(self.server, version)
        self.addCleanup(connection.close)
        return connection

    def request(self, challenge_password, close=False):
        """An enrollment whose CSR, made by openssl, has a challengePassword."""
        config = write(self.scratch / "req.cnf", f"""
[req]
prompt = no
distinguished_name = names
attributes = attributes
[names]
CN = {NAME}
[attributes]
challengePassword = {challenge_password}
""")
        der = self.scratch / "csr.der"
        run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             self.scratch / "key", "-config", config, "-outform", "DER",
             "-out", der])
        body = base64.b64encode(read(der))
        basic = base64.b64encode(f"{NAME}:{PASSWORD}".encode())
        return b"\r\n".join([
            b"POST /.well-known/est/simpleenroll HTTP/1.1",
            b"Host: 127.0.0.1",
            b"Authorization: Basic " + basic,
            b"Content-Type: application/pkcs10",
            b"Content-Length: %d" % len(body),
            *([b"Connection: close"] if close else []),
            b"",
            body,
        ])

    def link(self, binding):
        return self.request(base64.b64encode(binding).decode())

    def assert_enrolled_and_closed(self, reply):
        status, head, body = reply
        self.assertEqual(status, 200, body)
        # RFC 9266 4.1: the server ended the connection, and said so.
        self.assertIn("connection: close", head)
        self.assertEqual(len(certificates_in(body_to_pem(body))), 1)

    def assert_not_linked(self, reply):
        status, _, body = reply
        self.assertEqual(status, 400, body)
        self.assertIn(b"channel binding", body)

    def test_tls_exporter_of_openssl_on_tls_1_3(self):
        connection = self.connect(SClient, "tls1_3")
        self.assertIsNotNone(connection.binding)
        self.assert_enrolled_and_closed(
            connection.exchange(self.link(connection.binding)))

    def test_tls_unique_of_python_on_tls_1_2(self):
        connection = self.connect(PythonTls, ssl.TLSVersion.TLSv1_2)
        self.assert_enrolled_and_closed(
            connection.exchange(self.link(connection.binding)))

    def test_each_version_has_its_own_binding(self):
        # The exporter is there on TLS 1.2 too, but EST links by tls-unique.
        connection = self.connect(SClient, "tls1_2")
        self.assertIsNotNone(connection.binding)
        self.assert_not_linked(connection.exchange(self.request(
            base64.b64encode(connection.binding).decode(), close=True)))

    def test_another_sessions_binding_is_refused(self):
        before = len(self.server.issued())
        other = self.connect(SClient, "tls1_3")
        connection = self.connect(SClient, "tls1_3")
        self.assertNotEqual(other.binding, connection.binding)
        self.assert_not_linked(connection.exchange(self.request(
            base64.b64encode(other.binding).decode(), close=True)))
        connection = self.connect(PythonTls, ssl.TLSVersion.TLSv1_2)
        self.assert_not_linked(connection.exchange(self.request(
            base64.b64encode(other.binding).decode(), close=True)))
        self.assertEqual(len(self.server.issued()), before)


if __name__ == "__main__":
    unittest.main()
