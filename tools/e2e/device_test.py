"""A device from bootstrap to renewal, and the key file in openssl's hands."""

import os
import stat
import time
import unittest

from harness import (Agent, Scratch, Server, Swtpm, read, run,
                     serial_of, text, wait_until, write)


class DeviceTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.tpm = Swtpm(self.scratch).start()
        self.addCleanup(self.tpm.stop)

    def make_server(self, **settings):
        server = Server(self.scratch, settings=settings).start()
        self.addCleanup(server.stop)
        return server

    def make_agent(self, server, **kwargs):
        agent = Agent(self.scratch, server, self.tpm, **kwargs)
        self.addCleanup(agent.stop)
        return agent

    def check_credential(self, agent, server):
        cert = agent.path("cert.pem")
        run(["openssl", "verify", "-CAfile", server.ca_file, "-x509_strict",
             "-purpose", "sslclient", cert])
        subject = text(["openssl", "x509", "-in", cert, "-noout", "-subject",
                        "-nameopt", "RFC2253"]).strip()
        self.assertEqual(subject, f"subject=CN={agent.name}")

    def test_enrolls_and_renews_by_itself(self):
        server = self.make_server(validity='"12s"', backdate='"1m"')
        agent = self.make_agent(server, fraction=0.4).start()
        seen = []

        def renewed():
            self.assertTrue(agent.process.alive(), agent.process.log())
            try:
                serial = serial_of(read(agent.path("cert.pem")))
            except FileNotFoundError:
                return False
            if serial not in seen:
                seen.append(serial)
                self.check_credential(agent, server)
                self.assertEqual(agent.status()["state"], "valid")
            return len(seen) >= 3

        wait_until(renewed, "two renewals", timeout=90)
        self.assertEqual(agent.stop(), 0)
        records = [c for c in server.issued() if c["identity"] == agent.name]
        operations = [c["operation"] for c in records]
        self.assertEqual(operations.count("simpleenroll"), 1)
        self.assertGreaterEqual(operations.count("simplereenroll"), 2)

    def test_openssl_signs_with_the_key_file(self):
        server = self.make_server()
        agent = self.make_agent(server)
        agent.once()
        self.check_credential(agent, server)
        key = agent.path("key.pem")
        self.assertTrue(
            read(key).startswith(b"-----BEGIN TSS2 PRIVATE KEY-----"))
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)

        data = write(self.scratch / "data", b"signed by the TPM\n")
        signature = self.scratch / "signature"
        run(["openssl", "dgst", "-sha256", "-provider", "tpm2", "-provider",
             "default", "-propquery", "?provider=tpm2", "-sign", key, "-out",
             signature, data],
            env={"TPM2OPENSSL_TCTI": self.tpm.tcti})
        public = write(
            self.scratch / "public.pem",
            text(["openssl", "x509", "-in", agent.path("cert.pem"), "-noout",
                  "-pubkey"]))
        out = text(["openssl", "dgst", "-sha256", "-verify", public,
                    "-signature", signature, data])
        self.assertIn("Verified OK", out)
        # The check can fail.
        write(data, b"something else\n")
        bad = run(["openssl", "dgst", "-sha256", "-verify", public,
                   "-signature", signature, data], check=False)
        self.assertNotEqual(bad.returncode, 0)

    def test_no_private_key_on_the_device(self):
        server = self.make_server()
        agent = self.make_agent(server)
        agent.once()
        for folder, _, files in os.walk(agent.state_dir):
            for name in files:
                path = os.path.join(folder, name)
                if not os.path.exists(path):
                    continue  # a link to what is not there yet
                content = read(path)
                self.assertNotIn(b"BEGIN PRIVATE KEY", content)
                self.assertNotIn(b"BEGIN EC PRIVATE KEY", content)

    def test_bootstrap_by_the_pinned_fingerprint(self):
        server = self.make_server()
        agent = self.make_agent(server)
        config = read(agent.config).decode().replace(
            f'ca_file = "{server.ca_file}"',
            f'ca_sha256 = "{server.ca_sha256}"')
        write(agent.config, config)
        agent.once()
        self.check_credential(agent, server)

    def test_a_wrong_fingerprint_gets_no_password(self):
        server = self.make_server()
        agent = self.make_agent(server)
        write(agent.config, read(agent.config).decode().replace(
            f'ca_file = "{server.ca_file}"', f'ca_sha256 = "{"0" * 64}"'))
        self.assertNotEqual(agent.once(check=False).returncode, 0)
        self.assertEqual(server.issued(), [])
        self.assertNotIn("simpleenroll", server.process.log())
        self.assertTrue(agent.status()["last_error"])

    def test_another_ca_is_not_trusted(self):
        server = self.make_server()
        agent = self.make_agent(server)
        other = Server(self.scratch, name="other")
        write(agent.config, read(agent.config).decode().replace(
            server.ca_file, other.ca_file))
        result = agent.once(check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(server.issued(), [])

    def test_waits_for_a_server_that_is_down(self):
        server = self.make_server()
        server.stop()
        agent = self.make_agent(server).start()
        wait_until(lambda: "127.0.0.1" in agent.process.log(),
                   "the agent to say that the server is down")
        self.assertTrue(agent.process.alive())
        server.configure({"listen": f'["127.0.0.1:{server.port}"]'})
        server.start()
        wait_until(lambda: os.path.exists(agent.path("cert.pem")),
                   "the enrollment after the outage", timeout=60)
        self.check_credential(agent, server)
        self.assertEqual(agent.stop(), 0)

    def test_enrolls_again_after_expiry(self):
        server = self.make_server(validity='"2s"', backdate='"1m"')
        agent = self.make_agent(server)
        agent.once()
        first = serial_of(read(agent.path("cert.pem")))
        time.sleep(2.5)
        # The one-time secret is spent on the first key; the operator gives
        # another, and the agent goes back to the bootstrap credential.
        with open(agent.secret_file, "w") as f:
            f.write(server.add_secret(agent.name) + "\n")
        agent.once()
        self.assertNotEqual(serial_of(read(agent.path("cert.pem"))), first)


if __name__ == "__main__":
    unittest.main()
