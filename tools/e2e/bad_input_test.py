"""What is sent wrong gets its status and a reason, and the server goes on."""

import base64
import os
import socket
import ssl
import time
import unittest

from harness import (Scratch, Server, body_of_der, body_to_pem, make_key_and_csr,
                     read, run, write)

ENROLL = "/.well-known/est/simpleenroll"
REENROLL = "/.well-known/est/simplereenroll"
PKCS10 = ["Content-Type: application/pkcs10"]


class BadInputTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.addClassCleanup(cls.scratch.close)
        cls.server = Server(cls.scratch).start()
        cls.addClassCleanup(cls.server.stop)
        cls.server.add_user("dev", "pass word")
        cls.key, _, cls.csr_der = make_key_and_csr(cls.scratch, "dev")
        cls.csr = base64.b64encode(read(cls.csr_der))
        cls.basic = "Authorization: Basic " + base64.b64encode(
            b"dev:pass word").decode()
        status, _, body = cls.http("POST", ENROLL, [cls.basic] + PKCS10,
                                   cls.csr)
        assert status == 200, (status, body)
        cls.cert = write(cls.scratch / "dev.pem", body_to_pem(body))

    @classmethod
    def connect(cls, cert=None, key=None, ca=None):
        context = ssl.create_default_context(cafile=ca or cls.server.ca_file)
        if cert:
            context.load_cert_chain(cert, key)
        raw = socket.create_connection(("127.0.0.1", cls.server.port), 30)
        return context.wrap_socket(raw, server_hostname="127.0.0.1")

    @classmethod
    def http(cls, method, path, headers=(), body=b"", length=None, **kwargs):
        """One request by hand; (status, headers, body)."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost",
                 "Connection: close", *headers]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        return cls.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body,
                       **kwargs)

    @classmethod
    def raw(cls, request, **kwargs):
        with cls.connect(**kwargs) as s:
            s.sendall(request)
            return cls.read_reply(s)

    @staticmethod
    def read_reply(s):
        data = b""
        while True:
            try:
                chunk = s.recv(65536)
            except ssl.SSLEOFError:
                break
            if not chunk:
                break
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in
                   (line.partition(":") for line in lines[1:])}
        return int(lines[0].split()[1]), headers, body

    def assert_refused(self, reply, *statuses):
        status, headers, body = reply
        self.assertIn(status, statuses, body)
        if status == 401:
            self.assertEqual(body, b"")
            self.assertTrue(headers["www-authenticate"].startswith("Basic "))
        else:
            self.assertTrue(headers["content-type"].startswith("text/plain"))
            self.assertEqual(len(body.strip().splitlines()), 1, body)
            self.assertGreater(len(body.strip()), 5)
        self.assert_alive()

    def assert_alive(self):
        status, _, body = self.http("GET", "/.well-known/est/cacerts")
        self.assertEqual(status, 200)
        self.assertTrue(body)

    def enroll(self, body, headers=None):
        return self.http("POST", ENROLL, (headers or PKCS10) + [self.basic],
                         body)

    def test_bodies(self):
        der = read(self.csr_der)
        wrong_signature = bytearray(der)
        wrong_signature[-1] ^= 1
        cases = {
            "empty": b"",
            "not base64": b"!!!! not base64 !!!!",
            "not DER": base64.b64encode(b"hello, world"),
            "truncated": base64.b64encode(der[:-7]),
            "truncated base64": self.csr[:-3],
            "trailing bytes": base64.b64encode(der + b"\x00"),
            "raw DER": der,
            "wrong signature": base64.b64encode(bytes(wrong_signature)),
        }
        for name, body in cases.items():
            with self.subTest(name):
                self.assert_refused(self.enroll(body), 400)

    def test_oversized_body_is_refused_before_it_is_read(self):
        reply = self.http("POST", ENROLL, PKCS10 + [self.basic],
                          length=1 << 30)
        self.assert_refused(reply, 413)

    def test_weak_keys(self):
        keys = {
            "rsa 1024": ["-newkey", "rsa:1024"],
            "unknown curve": ["-newkey", "ec", "-pkeyopt",
                              "ec_paramgen_curve:secp256k1"],
        }
        for name, arguments in keys.items():
            with self.subTest(name):
                der = self.scratch / "weak.der"
                run(["openssl", "req", "-new", *arguments, "-nodes", "-keyout",
                     os.devnull, "-subj", "/CN=dev", "-outform", "DER",
                     "-out", der])
                self.assert_refused(
                    self.enroll(body_of_der(read(der), False)), 400)

    def test_paths_methods_and_media_types(self):
        self.assert_refused(self.http("GET", "/"), 404)
        self.assert_refused(self.http("GET", "/.well-known/est/nothing"), 404)
        self.assert_refused(self.http("GET", "/.well-known/est/a/b/c"), 404)
        self.assert_refused(
            self.http("GET", "/.well-known/est/%63acerts"), 404)
        reply = self.http("GET", ENROLL)
        self.assert_refused(reply, 405)
        self.assertIn("POST", reply[1]["allow"])
        self.assert_refused(
            self.http("POST", "/.well-known/est/cacerts", PKCS10, b"x"), 405)
        self.assert_refused(self.http("BREW", ENROLL), 405, 501)
        self.assert_refused(
            self.enroll(self.csr, ["Content-Type: application/json"]), 415)

    def test_credentials(self):
        self.assert_refused(self.http("POST", ENROLL, PKCS10, self.csr), 401)
        for pair in (b"dev:wrong", b"nobody:pass word", b"dev", b":", b"dev:"):
            header = "Authorization: Basic " + base64.b64encode(pair).decode()
            with self.subTest(pair):
                self.assert_refused(
                    self.http("POST", ENROLL, PKCS10 + [header], self.csr), 401)
        self.assert_refused(
            self.http("POST", ENROLL, PKCS10 + ["Authorization: Basic ***"],
                      self.csr), 401)
        self.assert_refused(
            self.http("POST", ENROLL, PKCS10 + ["Authorization: Bearer x"],
                      self.csr), 401)

    def test_reenroll_needs_a_certificate(self):
        self.assert_refused(
            self.http("POST", REENROLL, PKCS10 + [self.basic], self.csr),
            401, 403)

    def test_reenroll_for_another_subject(self):
        _, _, other = make_key_and_csr(self.scratch, "other")
        self.assert_refused(
            self.http("POST", REENROLL, PKCS10,
                      body_of_der(read(other), False), cert=self.cert,
                      key=self.key), 400, 403)
        _, _, san = make_key_and_csr(
            self.scratch, "san", subject="/CN=dev",
            extra=["-addext", "subjectAltName=DNS:dev"])
        self.assert_refused(
            self.http("POST", REENROLL, PKCS10, body_of_der(read(san), False),
                      cert=self.cert, key=self.key), 400, 403)

    def test_a_foreign_client_certificate(self):
        key, cert = self.scratch / "foreign.key", self.scratch / "foreign.pem"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
             "-subj", "/CN=dev", "-days", "1"])
        self.assert_refused(
            self.http("POST", REENROLL, PKCS10, self.csr, cert=cert, key=key),
            403)

    def test_an_expired_client_certificate(self):
        server = Server(self.scratch, name="short",
                        settings={"validity": '"1s"', "backdate": '"1m"'})
        server.start()
        self.addCleanup(server.stop)
        server.add_user("dev", "pass word")
        long_lived, type(self).server = self.server, server
        try:
            status, _, body = self.enroll(self.csr)
            self.assertEqual(status, 200)
            cert = write(self.scratch / "expired.pem", body_to_pem(body))
            time.sleep(2)
            reply = self.http("POST", REENROLL, PKCS10, self.csr, cert=cert,
                              key=self.key)
            self.assert_refused(reply, 403)
            self.assertIn(b"expired", reply[2])
        finally:
            type(self).server = long_lived

    def test_framing(self):
        head = (f"POST {ENROLL} HTTP/1.1\r\nHost: localhost\r\n"
                "Content-Type: application/pkcs10\r\n").encode()
        n = len(self.csr)
        length = f"Content-Length: {n}\r\n".encode()
        cases = {
            "two equal lengths": head + length + length + b"\r\n" + self.csr,
            "two lengths":
                head + length + b"Content-Length: 1\r\n\r\n" + self.csr,
            "length and chunked":
                head + length + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "no version": b"GET /\r\n\r\n",
            "binary": b"\x00\x01\x02\x03\r\n\r\n",
            "no host": b"GET /.well-known/est/cacerts HTTP/1.1\r\n\r\n",
        }
        for name, request in cases.items():
            with self.subTest(name):
                self.assert_refused(self.raw(request), 400)
        self.assert_refused(
            self.raw(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100000 +
                     b"\r\n\r\n"), 431, 400)

    def test_a_dripping_header_meets_the_total_deadline(self):
        server = Server(self.scratch, name="drip",
                        settings={"header_timeout": '"2s"'})
        server.start()
        self.addCleanup(server.stop)
        context = ssl.create_default_context(cafile=server.ca_file)
        with socket.create_connection(("127.0.0.1", server.port), 30) as raw:
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
                start = time.monotonic()
                s.sendall(b"GET / HTTP/1.1\r\nX: ")
                s.settimeout(0.2)
                ended = False
                while time.monotonic() - start < 20 and not ended:
                    try:
                        s.sendall(b"a")
                        ended = s.recv(4096) == b"" or True
                    except (TimeoutError, socket.timeout):
                        continue
                    except OSError:
                        ended = True
                self.assertTrue(ended, "the drip was never cut")

    def test_every_refusal_has_a_log_line(self):
        before = len(self.server.process.log())
        self.enroll(b"!!!! not base64 !!!!")
        log = self.server.process.log()[before:]
        self.assertIn("simpleenroll", log)
        self.assertIn("400", log)
        self.assertNotIn("pass word", self.server.process.log())

    def test_old_tls_is_refused(self):
        result = run(["openssl", "s_client", "-connect",
                      f"127.0.0.1:{self.server.port}", "-tls1_1", "-cipher",
                      "ALL:@SECLEVEL=0"], check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assert_alive()


if __name__ == "__main__":
    unittest.main()
