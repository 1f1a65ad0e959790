"""The agent against bestow-server: each kind of key on each version of TLS,
with the keys in swtpm; and what a server may ask of it on the way."""

import datetime
import json
import os
import re
import unittest

from harness import (SERVER, Agent, Scratch, Server, Swtpm, read, run, serial_of,
                     text, write)

# How openssl describes the public key.
KEY_TYPES = {
    "ec-p256": ("P-256", "ecdsa-with-SHA256"),
    "ec-p384": ("P-384", "ecdsa-with-SHA384"),
    "rsa-2048": ("(2048 bit)", "sha256WithRSAEncryption"),
    "rsa-3072": ("(3072 bit)", "sha256WithRSAEncryption"),
}
VERSIONS = ("1.2", "1.3")
# RFC 7894's attribute, under the name that openssl has for it.
IDENTITY_LINKING = (r"1\.2\.840\.113549\.1\.9\.16\.2\.58|"
                    "id-aa-estIdentityLinking|estIdentityLinking")


class DeviceMatrixTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.tpm = Swtpm(self.scratch).start()
        self.addCleanup(self.tpm.stop)

    def make_server(self, more=""):
        server = Server(self.scratch)
        server.add_config(more)
        server.start()
        self.addCleanup(server.stop)
        return server

    def make_agent(self, server, name, server_keys="", identity="",
                   renewal="", **kwargs):
        agent = Agent(self.scratch, server, self.tpm, name=name, folder=name,
                      **kwargs)
        config = read(agent.config).decode()
        config = config.replace("[tpm]", f"{server_keys}\n[tpm]")
        config = config.replace("[renewal]", f"{identity}\n[renewal]\n{renewal}")
        write(agent.config, config)
        return agent

    def public_key(self, agent):
        return text(["openssl", "x509", "-in", agent.path("cert.pem"),
                     "-noout", "-text"])

    def check_key(self, agent, server, key_type):
        cert = agent.path("cert.pem")
        run(["openssl", "verify", "-CAfile", server.ca_file, "-x509_strict",
             "-purpose", "sslclient", cert])
        self.assertIn(KEY_TYPES[key_type][0], self.public_key(agent))

    def check_csr(self, agent, key_type):
        """openssl verifies the request that was sent last."""
        path = os.path.join(agent.identity_dir, "pending", "csr.pem")
        out = run(["openssl", "req", "-in", path, "-noout", "-verify",
                   "-text"])
        self.assertIn(KEY_TYPES[key_type][1], out.stdout.decode())

    def test_each_key_on_each_version(self):
        server = self.make_server()
        for version in VERSIONS:
            for key_type in KEY_TYPES:
                with self.subTest(version=version, key_type=key_type):
                    name = f"{key_type}-tls{version.replace('.', '')}"
                    agent = self.make_agent(
                        server, name, server_keys=f'tls = "{version}"',
                        identity=f'key_type = "{key_type}"',
                        fraction=1e-09)
                    # Enrolls, and renews over TLS with that key.
                    serials = []
                    for _ in range(2):
                        agent.once()
                        self.check_key(agent, server, key_type)
                        serials.append(serial_of(read(agent.path("cert.pem"))))
                    self.assertNotEqual(serials[0], serials[1])
                    operations = [c["operation"] for c in server.issued()
                                  if c["identity"] == name]
                    self.assertEqual(sorted(operations),
                                     ["simpleenroll", "simplereenroll"])

    def test_requests_verify_by_openssl(self):
        server = self.make_server()
        server.stop()
        # Stopped before the request leaves: it stays where it is.
        for key_type in KEY_TYPES:
            with self.subTest(key_type=key_type):
                server.start()
                agent = self.make_agent(server, f"csr-{key_type}",
                                        identity=f'key_type = "{key_type}"')
                agent.once("agent.before_send=kill", check=False)
                self.check_csr(agent, key_type)
                server.stop()

    def test_a_renewal_keeps_its_key_when_told_to(self):
        server = self.make_server()
        agent = self.make_agent(server, "same", renewal="same_key = true",
                                fraction=1e-09)
        def key():
            return text(["openssl", "x509", "-in", agent.path("cert.pem"),
                         "-noout", "-pubkey"])
        agent.once()
        first, serial = key(), serial_of(read(agent.path("cert.pem")))
        agent.once()
        self.assertEqual(key(), first)
        self.assertNotEqual(serial_of(read(agent.path("cert.pem"))), serial)

    def test_links_where_the_server_can(self):
        server = self.make_server()
        for version in VERSIONS:
            with self.subTest(version=version):
                agent = self.make_agent(
                    server, f"links-{version.replace('.', '')}",
                    server_keys=f'tls = "{version}"', fraction=1e-09)
                for _ in range(2):
                    agent.once()
                self.check_key(agent, server, "ec-p256")
                csr = text(["openssl", "req", "-in",
                            self.linked_csr(agent, version), "-noout",
                            "-text"])
                self.assertRegex(csr, IDENTITY_LINKING)
                self.assertNotIn("challengePassword", csr)

    def test_does_not_link_unasked(self):
        server = self.make_server('\n[auth]\nlinking = "off"\n')
        agent = self.make_agent(server, "unlinked", fraction=1e-09)
        agent.once()
        csr = text(["openssl", "req", "-in", self.linked_csr(agent, "1.3"),
                    "-noout", "-text"])
        self.assertNotRegex(csr, IDENTITY_LINKING)
        self.assertNotIn("challengePassword", csr)

    def test_links_where_the_server_demands_it(self):
        server = self.make_server('\n[auth]\nlinking = "required"\n')
        for version in VERSIONS:
            with self.subTest(version=version):
                agent = self.make_agent(
                    server, f"linked-{version.replace('.', '')}",
                    server_keys=f'tls = "{version}"', fraction=1e-09)
                for _ in range(2):
                    agent.once()
                self.check_key(agent, server, "ec-p256")
                csr = text(["openssl", "req", "-in",
                            self.linked_csr(agent, version), "-noout",
                            "-text"])
                # RFC 7894's attribute, which the server lists beside
                # challengePassword.
                self.assertRegex(csr, r"1\.2\.840\.113549\.1\.9\.16\.2\.58|"
                                      "challengePassword")

    def linked_csr(self, agent, version):
        # A third request, which stays.
        agent.once("agent.before_send=kill", check=False)
        return os.path.join(agent.identity_dir, "pending", "csr.pem")

    def test_answers_digest_alone(self):
        for digest in ("md5", "sha256"):
            with self.subTest(digest=digest):
                scratch = Scratch()
                self.addCleanup(scratch.close)
                server = Server(scratch)
                server.add_config(
                    f'[auth]\nbasic = false\ndigest = "{digest}"')
                server.start()
                self.addCleanup(server.stop)
                agent = Agent(scratch, server, self.tpm, name="people")
                password = write(scratch / "password", "pass word\n")
                run([SERVER, "users", "add", f"--state_dir={server.state_dir}", "people-2",
                     f"--password_file={password}", "--digest"])
                write(agent.config, read(agent.config).decode().replace(
                    'username = "people"', 'username = "people-2"'))
                write(agent.secret_file, "pass word\n")
                os.chmod(agent.secret_file, 0o600)
                agent.once()
                self.assertEqual([c["identity"] for c in server.issued()],
                                 ["people-2"])

    def test_waits_for_the_operators_word_across_restarts(self):
        server = self.make_server(
            '\n[enrollment]\napproval = "manual"\n'
            'approval_retry_after = "1h"\n')
        agent = self.make_agent(server, "patient")
        result = agent.once(check=False)
        self.assertEqual(result.returncode, 1)
        status = agent.status()
        self.assertTrue(status["pending"])
        self.assertIn("202", status["last_error"])
        until = status["next_at"]
        # A restart does not ask again before its time.
        requests = server.process.log().count("/simpleenroll")
        agent.once(check=False)
        self.assertEqual(agent.status()["next_at"][:16], until[:16])
        self.assertEqual(server.process.log().count("/simpleenroll"), requests)
        # The operator decides, and the time comes.
        key = read(os.path.join(agent.identity_dir, "pending", "key.pem"))
        waiting = json.loads(text(
            [SERVER, "requests", f"--state_dir={server.state_dir}", "--json"]))
        if isinstance(waiting, dict):
            waiting = waiting["requests"]
        self.assertEqual(len(waiting), 1)
        run([SERVER, "approve", f"--state_dir={server.state_dir}",
             str(waiting[0]["id"])])
        self.rewrite_agenda(agent, wait_until="2020-01-01T00:00:00+00:00")
        agent.once()
        self.assertEqual(read(agent.path("key.pem")), key)

    def rewrite_agenda(self, agent, **times):
        """As if that much time had passed."""
        path = os.path.join(agent.identity_dir, "agenda.toml")
        lines = [line for line in read(path).decode().splitlines()
                 if line.split(" ")[0] not in times]
        lines += [f"{key} = '{value}'" for key, value in times.items()]
        write(path, "\n".join(lines) + "\n")

    def test_renews_early_when_the_operator_says_so(self):
        server = self.make_server()
        agent = self.make_agent(server, "early")
        agent.once()
        serial = serial_of(read(agent.path("cert.pem")))
        meta = os.path.join(os.path.realpath(agent.path("")), "meta.toml")
        # Long enough ago for a renewal to make sense.
        yesterday = (datetime.datetime.now(datetime.timezone.utc) -
                     datetime.timedelta(days=1)).isoformat(timespec="seconds")
        write(meta, re.sub(r'(?m)^obtained_at = "[^"]*"',
                           f'obtained_at = "{yesterday}"',
                           read(meta).decode()))
        long_ago = "2020-01-01T00:00:00+00:00"
        self.rewrite_agenda(agent, next_info=long_ago)
        agent.once()
        self.assertEqual(serial_of(read(agent.path("cert.pem"))), serial)
        # Told of a window that is open, it draws a time in it and keeps it.
        run([SERVER, "renewals", "add", f"--state_dir={server.state_dir}",
             "--within=24h"])
        self.rewrite_agenda(agent, next_info=long_ago)
        agent.once()
        agenda = read(os.path.join(agent.identity_dir, "agenda.toml")).decode()
        picked = re.search(r"window_picked = '([^']*)'", agenda)
        self.assertTrue(picked, agenda)
        renews_at = agent.status()["renews_at"]
        self.assertEqual(renews_at[:19], picked.group(1)[:19])
        # That time comes.
        self.rewrite_agenda(agent, window_picked=long_ago)
        agent.once()
        self.assertNotEqual(serial_of(read(agent.path("cert.pem"))), serial)

    def test_fills_in_a_template(self):
        server = self.make_server(
            '\n[csr_attrs]\ntemplate = true\nkey_type = "ec-p384"\n'
            'subject = "CN=,OU=myDept,O="\n')
        agent = self.make_agent(
            server, "templated",
            identity='subject = "CN=templated,O=Acme"')
        agent.once("agent.before_send=kill", check=False)
        csr = text(["openssl", "req", "-in",
                    os.path.join(agent.identity_dir, "pending", "csr.pem"),
                    "-noout", "-verify", "-text", "-nameopt", "RFC2253"])
        self.assertIn("Subject: O=Acme,OU=myDept,CN=templated", csr)
        self.assertIn(KEY_TYPES["ec-p384"][0], csr)
        agent.once()
        self.check_key(agent, server, "ec-p384")


if __name__ == "__main__":
    unittest.main()
