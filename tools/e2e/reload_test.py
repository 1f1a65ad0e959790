"""kill -HUP: labels, CAs and settings change under a running server."""

import os
import signal
import threading
import unittest

from harness import (SERVER, Scratch, Server, body_of_der, body_to_pem,
                     certificates_in, make_key_and_csr, read, run, text,
                     wait_until, write)


def curl(server, *args, check=True):
    return run(["curl", "-sS", "--cacert", server.ca_file, "--max-time", "30",
                *args], check=check)


class ReloadTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.server = Server(self.scratch).start()
        self.addCleanup(self.server.stop)

    def command(self, name, *args, check=True):
        return run([SERVER, name, f"--state_dir={self.server.state_dir}", *args],
                   check=check)

    def append(self, lines):
        with open(self.server.config_path, "a") as f:
            f.write(lines)

    def hup(self, line, count=1):
        """Sends SIGHUP; waits until `line` is there `count` times."""
        self.server.process.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: self.server.process.log().count(line) >= count,
                   f"{line!r} in the log")

    def status(self, path):
        return int(curl(self.server, "-o", "/dev/null", "-w", "%{http_code}",
                        f"{self.server.est}/{path}").stdout)

    def enroll(self, label, name, *flags):
        secret = self.command("secrets", "add", name, *flags).stdout.decode().strip()
        _, _, der = make_key_and_csr(self.scratch, name)
        body = write(self.scratch / f"{name}.b64", body_of_der(read(der), True))
        return curl(self.server, "-u", f"{name}:{secret}", "-H",
                    "Content-Type: application/pkcs10", "--data-binary",
                    f"@{body}", "-w", "%{stderr}%{http_code}",
                    f"{self.server.est}/{label}simpleenroll")

    def test_a_new_label_with_a_ca_of_each_type_appears(self):
        for key_type in ("ec-p384", "rsa-3072"):
            label = key_type.replace("-", "")
            self.assertEqual(self.status(f"{label}/cacerts"), 404)
            self.command("ca", "create", label, f"--key_type={key_type}",
                         f"--ca_name={label} CA")
            self.append(f'[labels.{label}]\nca = "cas/{label}"\n')
            self.command("check")
        self.hup("reloaded: 2 labels")
        for label in ("ecp384", "rsa3072"):
            self.assertEqual(self.status(f"{label}/cacerts"), 200)
            reply = self.enroll(f"{label}/", f"gw-{label}", f"--label={label}")
            pem = body_to_pem(reply.stdout)
            leaf = certificates_in(pem)[0]
            path = write(self.scratch / f"{label}.pem", leaf)
            ca = os.path.join(self.server.state_dir, "cas", label, "ca.pem")
            self.assertIn("OK", text(["openssl", "verify", "-CAfile", ca, path]))
        # An identity is good for its own labels alone.
        refused = self.enroll("ecp384/", "gw-other")
        self.assertIn(b"403", refused.stderr)

    def test_a_bad_config_is_refused_by_line_and_the_old_one_serves(self):
        lines = read(self.server.config_path).count(b"\n")
        self.append("[labels.plant]\nrelm = 1\n")
        result = self.command("check", check=False)
        self.assertEqual(result.returncode, 3)
        self.hup("not reloaded")
        log = self.server.process.log()
        self.assertIn(f"bestow-server.toml:{lines + 2}: unknown key "
                      "labels.plant.relm; did you mean realm?", log)
        self.assertEqual(self.status("cacerts"), 200)
        self.assertEqual(self.status("plant/cacerts"), 404)
        config = read(self.server.config_path)
        config = config.replace(b"relm = 1", b'realm = "Plant"')
        write(self.server.config_path,
              config.replace(b"workers = 0", b"workers = 1"))
        self.hup("reloaded: 1 labels")
        self.assertIn("workers changed: it takes effect at a restart",
                      self.server.process.log())
        self.assertEqual(self.status("plant/cacerts"), 200)

    def test_a_hangup_before_it_listens_is_a_reload_then(self):
        server = Server(self.scratch, "early")
        self.addCleanup(lambda: server.process and server.process.stop())
        config = read(server.config_path)
        os.unlink(server.config_path)
        os.mkfifo(server.config_path, 0o600)
        start = threading.Thread(target=server.start)
        start.start()

        def writer():
            try:
                return os.open(server.config_path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet
                return None

        fd = wait_until(writer, "the server to read its config")
        wait_until(lambda: server.process, "the process")
        changed = write(self.scratch / "changed.toml",
                        config + b'[labels.plant]\nrealm = "Plant"\n')
        os.rename(changed, server.config_path)
        server.process.popen.send_signal(signal.SIGHUP)
        os.write(fd, config)
        os.close(fd)
        start.join()
        wait_until(lambda: "reloaded: 1 labels" in server.process.log(),
                   "the reload")
        self.assertEqual(server.process.stop(), 0)


if __name__ == "__main__":
    unittest.main()
