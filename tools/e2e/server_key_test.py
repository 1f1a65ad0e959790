"""Keys that the server makes for software on a device (RFC 7030 4.4)."""

import json
import os
import pty
import re
import stat
import subprocess
import unittest

from harness import (AGENT, SERVER, Agent, Scratch, Server, Swtpm, read, run,
                     text, write)

SETTINGS = """
[enrollment]
server_keys = true
{more}
"""


class ServerKeyTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.tpm = Swtpm(self.scratch).start()
        self.addCleanup(self.tpm.stop)

    def make_server(self, more="", enrollment=SETTINGS):
        server = Server(self.scratch, settings={
            "key_usage": '["digitalSignature", "keyEncipherment"]'})
        server.add_config(enrollment.format(more=more))
        server.start()
        self.addCleanup(server.stop)
        return server

    def make_agent(self, server, identity="", more=""):
        agent = Agent(self.scratch, server, self.tpm)
        self.addCleanup(agent.stop)
        config = read(agent.config).decode()
        config = config.replace("[renewal]", f"{identity}\n[renewal]") + more
        write(agent.config, config)
        return agent

    def server_key(self, agent, verb, *args, check=True, **kwargs):
        return run([AGENT, "server-key", verb, "broker",
                    f"--config={agent.config}", *args], check=check, **kwargs)

    def folder(self, agent):
        return os.path.join(agent.state_dir, "server-keys", "broker")

    def check_key(self, agent, server, algorithm):
        """Software can use it; nothing else on the disk can."""
        cert = os.path.join(self.folder(agent), "cert.pem")
        run(["openssl", "verify", "-CAfile", server.ca_file, "-x509_strict",
             cert])
        pem = self.server_key(agent, "show").stdout
        self.assertTrue(pem.startswith(b"-----BEGIN PRIVATE KEY-----"))
        self.assertIn(algorithm, text(
            ["openssl", "pkey", "-noout", "-text", "-check"], stdin=pem))
        self.assertEqual(
            text(["openssl", "pkey", "-pubout"], stdin=pem),
            text(["openssl", "x509", "-in", cert, "-noout", "-pubkey"]))
        data = write(self.scratch / "data", b"by software")
        key = write(self.scratch / "software.key", pem)
        run(["openssl", "dgst", "-sha256", "-sign", key, "-out",
             self.scratch / "data.sig", data])
        secret = b"".join(pem.splitlines()[1:-1])[32:96]
        for root in (agent.state_dir, server.state_dir):
            for folder, _, files in os.walk(root):
                for name in files:
                    path = os.path.join(folder, name)
                    if not os.path.isfile(path):
                        continue  # a socket
                    content = read(path)
                    self.assertNotIn(
                        secret, content.replace(b"\n", b""), path)
                    if root == agent.state_dir:
                        self.assertNotIn(b"BEGIN PRIVATE KEY", content, path)
        sealed = os.path.join(self.folder(agent), "key.sealed")
        self.assertEqual(stat.S_IMODE(os.stat(sealed).st_mode), 0o600)

    def test_an_enrolled_device_gets_keys_of_each_type(self):
        server = self.make_server()
        agent = self.make_agent(server)
        agent.once()
        os.unlink(agent.secret_file)  # its certificate says who it is
        serials = set()
        for key_type, said in (("ec-p256", "256 bit"), ("ec-p384", "384 bit"),
                               ("rsa-2048", "2048 bit"),
                               ("rsa-3072", "3072 bit")):
            log = self.server_key(agent, "get", f"--key_type={key_type}").stderr
            self.assertIn(b"protected by TLS alone", log)
            self.check_key(agent, server, said)
            serials.add(read(os.path.join(self.folder(agent), "cert.pem")))
        self.assertEqual(len(serials), 4)
        # One key is there, and the device's own credential is as it was.
        self.assertEqual(sorted(os.listdir(os.path.dirname(
            self.folder(agent)))), ["broker", "broker.4", "lock"])
        self.assertEqual(agent.status()["state"], "valid")

    def test_a_device_without_a_certificate_shows_its_secret(self):
        server = self.make_server()
        agent = self.make_agent(server)
        self.server_key(agent, "get", "--key_type=ec-p256")
        self.check_key(agent, server, "256 bit")

    def test_the_rsa_key_in_the_tpm_decrypts(self):
        server = self.make_server()
        for versions in ("1.2", "1.3"):
            with self.subTest(versions):
                agent = self.make_agent(server, identity='key_type = "rsa-2048"')
                write(agent.config, read(agent.config).decode().replace(
                    "[server]", f'[server]\ntls = "{versions}"'))
                agent.once()
                log = self.server_key(agent, "get", "--key_type=ec-p256").stderr
                self.assertIn(b"own key in the TPM", log)
                self.check_key(agent, server, "256 bit")

    def test_a_pre_shared_key_decrypts(self):
        server = self.make_server()
        agent = self.make_agent(server)
        agent.once()
        made = text([SERVER, "psks", "add", f"--state_dir={server.state_dir}",
                     agent.name])
        identifier = re.search(r"key_identifier ([0-9a-f]+)", made).group(1)
        key = re.search(r"(?m)^key ([0-9a-f]+)$", made).group(1)
        psk = write(self.scratch / "psk", key + "\n")
        with open(agent.config, "a") as f:
            f.write(f'[server_keys]\npsk_id = "{identifier}"\n'
                    f'psk_file = "{psk}"\n')
        log = self.server_key(agent, "get", "--key_type=rsa-2048").stderr
        self.assertIn(b"a pre-shared key", log)
        self.check_key(agent, server, "2048 bit")
        # Another key under that name, or a name that the server has not.
        before = read(os.path.join(self.folder(agent), "key.sealed"))
        write(psk, "00" * 32)
        failed = self.server_key(agent, "get", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"decrypting the key", failed.stderr)
        write(psk, key)
        write(agent.config, read(agent.config).decode().replace(
            identifier, "00" * 16))
        failed = self.server_key(agent, "get", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"the server answered 4", failed.stderr)
        self.assertEqual(
            read(os.path.join(self.folder(agent), "key.sealed")), before)

    def test_links_where_the_server_asks_for_it(self):
        server = self.make_server(more="", enrollment=SETTINGS)
        server.stop()
        server.configure({"oids": '["challengePassword"]'})
        server.start()
        agent = self.make_agent(server)
        agent.write_config()
        agent.once()
        self.server_key(agent, "get", "--key_type=ec-p256")
        self.check_key(agent, server, "256 bit")

    def test_an_operator_may_have_the_word(self):
        server = self.make_server(more='approval = "manual"')
        agent = self.make_agent(server)
        for _ in range(2):
            waits = self.server_key(agent, "get", "--key_type=ec-p256",
                                    check=False)
            self.assertEqual(waits.returncode, 1)
            self.assertIn(b"operator's word", waits.stderr)
        self.assertFalse(os.path.exists(self.folder(agent)))
        listed = json.loads(text([SERVER, "requests", "--json",
                                  f"--state_dir={server.state_dir}"]))
        self.assertEqual(len(listed), 1, "asked twice, waits once")
        run([SERVER, "approve", f"--state_dir={server.state_dir}",
             str(listed[0]["id"])])
        self.server_key(agent, "get", "--key_type=ec-p256")
        self.check_key(agent, server, "256 bit")

    def test_a_server_that_makes_no_keys_is_believed(self):
        server = self.make_server(enrollment="")
        agent = self.make_agent(server)
        failed = self.server_key(agent, "get", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"may not make keys", failed.stderr)
        self.assertFalse(os.path.exists(self.folder(agent)))

    def test_a_terminal_sees_no_private_key(self):
        server = self.make_server()
        agent = self.make_agent(server)
        self.server_key(agent, "get", "--key_type=ec-p256")
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        shown = subprocess.run(
            [AGENT, "server-key", "show", "broker", f"--config={agent.config}"],
            stdout=slave, stderr=subprocess.PIPE, timeout=60)
        os.set_blocking(master, False)
        os.close(slave)
        self.assertEqual(shown.returncode, 1)
        self.assertIn(b"not for a terminal", shown.stderr)
        try:
            self.assertEqual(os.read(master, 4096), b"")
        except OSError:
            pass  # EIO: nothing was written, and nobody is left to write

    def test_another_tpm_cant_open_the_key(self):
        server = self.make_server()
        agent = self.make_agent(server)
        self.server_key(agent, "get", "--key_type=ec-p256")
        other = Swtpm(self.scratch, "other").start()
        self.addCleanup(other.stop)
        write(agent.config, read(agent.config).decode().replace(
            self.tpm.tcti, other.tcti))
        shown = self.server_key(agent, "show", check=False)
        self.assertEqual(shown.returncode, 1)
        self.assertEqual(shown.stdout, b"")
        self.assertIn(b"made in another TPM", shown.stderr)

    def test_mistakes_in_usage(self):
        server = self.make_server()
        agent = self.make_agent(server)
        for args in (["server-key"], ["server-key", "get"],
                     ["server-key", "put", "broker"],
                     ["server-key", "get", "a", "b"],
                     ["server-key", "get", "../x"],
                     ["server-key", "get", "x", "--key_type=rsa-1024"],
                     ["server-key", "get", "x", "--key_type=ed25519"]):
            result = run([AGENT, *args, f"--config={agent.config}"],
                         check=False)
            self.assertEqual(result.returncode, 2, args)
        none = self.server_key(agent, "show", check=False)
        self.assertEqual(none.returncode, 1)
        self.assertIn(b"server-key get broker", none.stderr)


if __name__ == "__main__":
    unittest.main()
