"""One agent with two identities of one server, and what an operator tells it."""

import json
import os
import socket
import unittest

from harness import (AGENT, SERVER, Process, Scratch, Server, Swtpm,
                     read, run, serial_of, text, wait_until, write)


class IdentitiesTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.tpm = Swtpm(self.scratch).start()
        self.addCleanup(self.tpm.stop)
        self.server = Server(
            self.scratch, settings={"validity": '"1h"'})
        self.server.add_config("""
            [labels.web]
            [labels.short]
            [labels.short.profile]
            validity = "12s"
            backdate = "1m"
        """)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.state_dir = self.scratch / "agent"
        self.config = self.scratch / "agent.toml"
        self.log = self.scratch / "agent.log"
        self.agent = None
        self.addCleanup(self.stop)

    def add_secret(self, name, label):
        path = self.scratch / f"{name}.secret"
        write(path, run([SERVER, "secrets", "add",
                         f"--state_dir={self.server.state_dir}",
                         f"--label={label}", f"device-{name}"]).stdout)
        os.chmod(path, 0o600)
        return path

    def identity(self, name, label, more=""):
        secret = self.add_secret(name, label)
        return f"""
[identities.{name}]
username = "device-{name}"
secret_file = "{secret}"
{more}
[identities.{name}.server]
url = "{self.server.url}/.well-known/est/{label}"
"""

    def write_config(self, *identities):
        write(self.config, f"""
state_dir = "{self.state_dir}"
[server]
ca_file = "{self.server.ca_file}"
[tpm]
tcti = "{self.tpm.tcti}"
[renewal]
fraction = 0.4
jitter = 0.0
retry_min = "1s"
retry_max = "2s"
""" + "".join(identities))

    def start(self, env=None):
        self.agent = Process(
            [AGENT, "run", f"--config={self.config}"], self.log, env)

    def stop(self):
        if self.agent is not None:
            agent, self.agent = self.agent, None
            self.assertEqual(agent.stop(), 0)

    def command(self, *args, check=True):
        return run([AGENT, *args, f"--config={self.config}"], check=check)

    def cert(self, name):
        return os.path.join(self.state_dir, "identities", name, "current",
                            "cert.pem")

    def serial(self, name):
        return serial_of(read(self.cert(name)))

    def wait_for_others(self, name, serial):
        def changed():
            self.assertTrue(self.agent.alive(), self.agent.log())
            return (os.path.exists(self.cert(name)) and
                    self.serial(name) != serial)
        wait_until(changed, f"{name}'s certificate to change", timeout=60)
        return self.serial(name)

    def status(self):
        result = self.command("status", "--json", check=False)
        return {i["identity"]: i
                for i in json.loads(result.stdout)["identities"]}

    def test_renews_pauses_and_resumes_one_of_two(self):
        self.write_config(
            self.identity("gateway", "web"),
            self.identity("web", "short", 'key_type = "rsa-2048"'))
        self.start()
        wait_until(lambda: {i.get("doing") for i in self.status().values()} ==
                   {"waiting"}, "both to be enrolled", timeout=60)
        for name, kind in (("gateway", "id-ecPublicKey"),
                           ("web", "rsaEncryption")):
            run(["openssl", "verify", "-CAfile", self.server.ca_file,
                 self.cert(name)])
            shown = text(["openssl", "x509", "-in", self.cert(name), "-noout",
                          "-text"])
            self.assertIn(f"Public Key Algorithm: {kind}", shown)
            self.assertIn(f"device-{name}", shown)

        # Long before it is due; the answer comes when it is done.
        before = self.serial("gateway")
        result = self.command("renew", "--now", "gateway")
        after = self.serial("gateway")
        self.assertNotEqual(after, before)
        self.assertIn(f"gateway: renewed: serial {after}".encode(),
                      result.stdout)

        # The off switch holds while the other renews, and over a restart.
        self.command("pause", "web")
        wait_until(lambda: self.status()["web"]["doing"] == "paused",
                   "an attempt under way to end")
        paused = self.serial("web")
        self.assertTrue(self.status()["web"]["paused"])
        self.assertFalse(self.status()["gateway"]["paused"])
        refused = self.command("renew", "--now", "web", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"paused", refused.stdout)
        self.stop()
        self.start()
        wait_until(lambda: self.status()["web"]["doing"] == "paused",
                   "the agent to start")
        # It would have been due by now.
        wait_until(lambda: self.status()["web"]["state"] == "expired",
                   "the paused one to expire", timeout=40)
        self.command("renew", "--now", "gateway")
        self.assertNotEqual(self.serial("gateway"), after)
        self.assertEqual(self.serial("web"), paused)

        # It goes on by itself, with the secret that is bound to no key yet.
        self.add_secret("web", "short")
        self.command("resume", "web")
        resumed = self.wait_for_others("web", paused)
        self.wait_for_others("web", resumed)
        self.assertEqual(self.status()["web"]["state"], "valid")

        table = self.command("status").stdout.decode()
        self.assertRegex(table, r"IDENTITY +CREDENTIAL")
        self.assertRegex(table, r"(?m)^gateway +valid ")
        one = json.loads(self.command("status", "web", "--json").stdout)
        self.assertEqual(one["identity"], "web")
        # For scripts without the tool.
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(os.path.join(self.state_dir, "agent.sock"))
            raw.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
            with raw.makefile("rb") as reply:
                body = reply.read().split(b"\r\n\r\n", 1)[1]
        self.assertEqual(len(json.loads(body)["identities"]), 2)

    def test_systemd_is_told(self):
        path = self.scratch / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(path)
            systemd.settimeout(60)
            self.write_config(self.identity("gateway", "web"))
            self.start({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
            wanted = {"READY=1", "WATCHDOG=1", "STATUS=gateway: enrolling"}
            status = ""
            while wanted or not status.startswith("STATUS=gateway: waiting until "):
                message = systemd.recv(4096).decode()
                wanted.discard(message)
                if message.startswith("STATUS="):
                    status = message
            self.stop()
            while systemd.recv(4096) != b"STOPPING=1":
                pass

    def test_the_off_switch_needs_no_daemon(self):
        self.write_config(self.identity("gateway", "web"))
        self.assertIn(b"not running", self.command("pause").stdout)
        self.assertTrue(self.status()["gateway"]["paused"])
        once = self.command("run", "--once")
        self.assertIn(b"paused", once.stderr)
        self.assertFalse(os.path.exists(self.cert("gateway")))
        refused = self.command("renew", "--now", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"not running", refused.stderr)
        self.command("resume")
        self.command("run", "--once")
        self.assertTrue(os.path.exists(self.cert("gateway")))
        for wrong in (("pause", "other"), ("renew",), ("renew", "gateway"),
                      ("resume", "gateway", "web")):
            self.assertEqual(self.command(*wrong, check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main()
