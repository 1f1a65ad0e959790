"""A CA's rollover end to end: real agents with keys in swtpm follow it without
a moment lost; openssl judges every path over the link certificates. The
server's own TLS certificate is renewed under load; expired devices come back."""

import base64
import datetime
import http.client
import http.server
import os
import re
import signal
import ssl
import threading
import time
import unittest

from harness import (SERVER, Agent, Scratch, Server, Swtpm, body_to_pem,
                     certificates_in, in_parallel, read, run, serial_of, text,
                     wait_until, write)

AGENTS = 3


def subject_key(pem):
    return text(["openssl", "x509", "-noout", "-pubkey"], stdin=pem)


def is_self_signed(pem, scratch):
    path = write(scratch / "self.pem", pem)
    return run(["openssl", "verify", "-CAfile", path, "-check_ss_sig", path],
               check=False).returncode == 0


def ends_at(pem):
    line = text(["openssl", "x509", "-noout", "-enddate"], stdin=pem)
    return datetime.datetime.strptime(
        line.strip().split("=")[1], "%b %d %H:%M:%S %Y %Z").replace(
            tzinfo=datetime.timezone.utc)


def verifies(cert, root, untrusted=None):
    args = ["openssl", "verify", "-x509_strict", "-CAfile", root]
    if untrusted:
        args += ["-untrusted", untrusted]
    return run(args + [cert], check=False).returncode == 0


class Watch:
    """Looks again and again whether each agent has a credential that is good."""

    def __init__(self, scratch, agents, roots):
        self.problems = []
        self.looks = 0
        self._stop = threading.Event()
        self._args = (scratch, agents, roots)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        scratch, agents, roots = self._args
        while not self._stop.is_set():
            for agent in agents:
                # A copy: the link may move on between two looks.
                pem = read(agent.path("cert.pem"))
                if ends_at(pem) <= datetime.datetime.now(
                        datetime.timezone.utc):
                    self.problems.append(f"{agent.name}: expired")
                path = write(scratch / f"watched-{agent.name}.pem", pem)
                if not any(verifies(path, root) for root in roots
                           if os.path.exists(root)):
                    self.problems.append(f"{agent.name}: no path")
            self.looks += 1

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.problems


class RolloverTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)

    def make_server(self, config, name="server"):
        server = Server(self.scratch, name=name)
        server.add_config(config)
        server.start()
        self.addCleanup(server.stop)
        return server

    def make_agent(self, server, name, tpm=None, renewal="", **kwargs):
        if tpm is None:
            tpm = Swtpm(self.scratch, name=f"tpm-{name}").start()
            self.addCleanup(tpm.stop)
        agent = Agent(self.scratch, server, tpm, name=name, folder=name,
                      **kwargs)
        write(agent.config, read(agent.config).decode() + renewal)
        return agent

    def cacerts(self, server, ca_file):
        return certificates_in(body_to_pem(run(
            ["curl", "-sS", "--fail", "--cacert", ca_file,
             f"{server.est}/cacerts"]).stdout))

    def ca(self, server, *args, check=True):
        result = run([SERVER, "ca", *args, f"--state_dir={server.state_dir}"],
                     check=check)
        if server.process and result.returncode == 0:
            server.process.popen.send_signal(signal.SIGHUP)
        return result

    def split_by_kind(self, certificates, old_root):
        """The four of RFC 4210 4.4, by their keys and signatures."""
        old_key = subject_key(old_root)
        roots = [c for c in certificates if is_self_signed(c, self.scratch)]
        links = [c for c in certificates if c not in roots]
        kind = {}
        for c in roots:
            kind["old_with_old" if subject_key(c) == old_key
                 else "new_with_new"] = c
        for c in links:
            kind["old_with_new" if subject_key(c) == old_key
                 else "new_with_old"] = c
        self.assertEqual(len(certificates), len(kind), kind.keys())
        return {name: write(self.scratch / f"{name}.pem", pem)
                for name, pem in kind.items()}

    def test_agents_follow_a_rollover(self):
        server = self.make_server(
            '[profile]\nvalidity = "16s"\nbackdate = "0s"\n'
            '[http]\nlisten = ["127.0.0.1:0"]\n'
            '[tls]\nvalidity = "20s"\nfraction = 0.5\n')
        old_root = write(self.scratch / "old.pem", read(server.ca_file))
        new_root = self.scratch / "new_with_new.pem"
        agents = [self.make_agent(server, f"gateway-{i}", fraction=0.4)
                  for i in range(AGENTS)]
        # What they are told of at the start does not change under them.
        server.ca_file = old_root
        for agent in agents:
            agent.write_config()
            agent.start()
            self.addCleanup(agent.stop)
        for agent in agents:
            wait_until(lambda: os.path.exists(agent.path("cert.pem")),
                       "the first enrollment")
        old_leaf = write(self.scratch / "old-leaf.pem",
                         read(agents[0].path("cert.pem")))
        watch = Watch(self.scratch, agents, [old_root, new_root])
        self.addCleanup(watch.stop)

        # The next key is shown ahead, and does not issue.
        self.ca(server, "rollover", "ca", "--in=6s", "--renew_within=4s")
        pems = wait_until(lambda: len(c := self.cacerts(server, old_root)) == 4
                          and c, "the four certificates in /cacerts")
        four = self.split_by_kind(pems, read(old_root))
        self.assertEqual(set(four), {"old_with_old", "new_with_new",
                                     "old_with_new", "new_with_old"})
        self.assertFalse(verifies(agents[0].path("cert.pem"), new_root))

        # All end on the new root.
        for agent in agents:
            wait_until(lambda: verifies(agent.path("cert.pem"), new_root),
                       f"{agent.name} on the new root", timeout=60)
            trusted = read(os.path.join(agent.identity_dir, "cacerts.pem"))
            self.assertIn(
                base64.b64encode(self.der(new_root)),
                b"".join(base64.b64encode(self.der_of(c))
                         for c in certificates_in(trusted)))
        self.assertEqual(watch.stop(), [])
        self.assertGreater(watch.looks, 3)
        self.assertEqual(
            read(os.path.join(server.state_dir, "ca", "ca.pem")),
            read(new_root))

        # Old and new leaves over the link certificates.
        new_leaf = write(self.scratch / "new-leaf.pem",
                         read(agents[0].path("cert.pem")))
        no_time = ["-no_check_time"]
        for leaf, root, link in (
                (new_leaf, four["old_with_old"], four["new_with_old"]),
                (old_leaf, four["new_with_new"], four["old_with_new"])):
            base = ["openssl", "verify", *no_time, "-CAfile", root]
            self.assertNotEqual(run([*base, leaf], check=False).returncode, 0)
            run([*base, "-untrusted", link, leaf])

        # Each key signs its own CRL, the old one's too.
        for root in (four["old_with_old"], four["new_with_new"]):
            self.check_crl(server, root)

        # The server's own certificate is the new key's; whoever knows either
        # root reaches it.
        wait_until(lambda: verifies(self.served(server), new_root),
                   "the server's own certificate by the new key")
        for root in (old_root, new_root):
            self.cacerts(server, root)

        # The old key is kept until the last of its certificates is over.
        refused = self.ca(server, "retire", "ca", check=False)
        if refused.returncode != 0:
            self.assertIn("until", refused.stderr.decode())
        wait_until(lambda: self.ca(server, "retire", "ca", check=False)
                   .returncode == 0, "the old key to be retired", timeout=60)
        wait_until(lambda: len(self.cacerts(server, new_root)) == 1,
                   "the new root alone")
        self.assertFalse(os.path.exists(
            os.path.join(server.state_dir, "ca", "former", "1")))
        serial = serial_of(read(agents[0].path("cert.pem")))
        wait_until(lambda: serial_of(read(agents[0].path("cert.pem"))) !=
                   serial, "a renewal after that")
        for agent in agents:
            agent.stop()

    def check_crl(self, server, root):
        port = re.search(r"listening on http://127\.0\.0\.1:(\d+)",
                         server.process.log()).group(1)
        key_id = re.search(
            r"(?:[0-9A-F]{2}:)+[0-9A-F]{2}",
            text(["openssl", "x509", "-in", root, "-noout", "-ext",
                  "subjectKeyIdentifier"])).group(0)
        url = (f"http://127.0.0.1:{port}/crl/ca/"
               f"{key_id.replace(':', '').lower()}.crl")
        crl = self.scratch / "crl.der"
        wait_until(lambda: run(["curl", "-sS", "--fail", "-o", crl, url],
                               check=False).returncode == 0, url)
        verified = run(["openssl", "crl", "-inform", "DER", "-in", crl,
                        "-noout", "-CAfile", root])
        self.assertIn(b"verify OK", verified.stderr + verified.stdout)

    def der(self, path):
        return self.der_of(read(path))

    def der_of(self, pem):
        return run(["openssl", "x509", "-outform", "DER"], stdin=pem).stdout

    def served(self, server):
        pem = ssl.get_server_certificate(("127.0.0.1", server.port))
        return write(self.scratch / "served.pem", pem)

    def test_a_root_that_nobody_vouches_for_is_refused(self):
        server = self.make_server("")
        agent = self.make_agent(server, "careful", fraction=1e-09)
        agent.once()
        root = read(server.ca_file)
        tls = os.path.join(server.state_dir, "tls")
        server.stop()
        # Whoever got hold of the server's TLS key, and of no CA's: a root of
        # the same name, with a link that it signed itself.
        name = text(["openssl", "x509", "-noout", "-subject", "-nameopt",
                     "RFC2253"], stdin=root).strip().split("=", 1)[1]
        rogue = Server(self.scratch, name="rogue")
        rogue_root = read(rogue.ca_file)
        self.assertEqual(name, text(
            ["openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253"],
            stdin=rogue_root).strip().split("=", 1)[1])
        self.ca(rogue, "rollover", "ca", "--in=1d")
        links = read(os.path.join(rogue.state_dir, "ca", "next",
                                  "rollover.pem"))
        offers = {"vouches for it": root + rogue_root,
                  "link certificate can't be used": root + rogue_root + links}

        class Rogue(http.server.BaseHTTPRequestHandler):
            asked = []
            der = b""

            def do_GET(self):
                Rogue.asked.append(self.path)
                if not self.path.endswith("/cacerts"):
                    self.send_error(503)
                    return
                body = base64.b64encode(Rogue.der)
                self.send_response(200)
                self.send_header("Content-Type", "application/pkcs7-mime")
                self.send_header("Content-Transfer-Encoding", "base64")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(tls, "server.pem"),
                                os.path.join(tls, "server.key.pem"))
        listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rogue)
        listener.socket = context.wrap_socket(listener.socket,
                                              server_side=True)
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(listener.server_close)
        self.addCleanup(listener.shutdown)
        write(agent.config, read(agent.config).decode().replace(
            server.url, f"https://127.0.0.1:{listener.server_port}"))
        for why, offer in offers.items():
            with self.subTest(why=why):
                Rogue.der = run(
                    ["openssl", "crl2pkcs7", "-nocrl", "-outform", "DER",
                     "-certfile", write(self.scratch / "offer.pem", offer)]
                ).stdout
                result = agent.once(check=False)
                self.assertTrue(any(p.endswith("/cacerts")
                                    for p in Rogue.asked))
                self.assertIn(why, result.stderr.decode())
                learned = read(os.path.join(agent.identity_dir, "cacerts.pem"))
                taken = [self.der_of(c) for c in certificates_in(learned)]
                for pem in certificates_in(rogue_root + links):
                    self.assertNotIn(self.der_of(pem), taken)

    def test_the_servers_certificate_is_renewed_under_load(self):
        server = self.make_server(
            '[tls]\nvalidity = "6s"\nfraction = 0.5\n'
            '[limits]\nidle_timeout = "60s"\n')
        agent = self.make_agent(server, "loaded", fraction=1e-09)
        agent.once()
        first = serial_of(read(self.served(server)))
        # The first lasts for longer than the test: new names, a new one.
        server.configure(
            {"hostnames": '["localhost", "127.0.0.1", "more.example"]'})
        server.process.popen.send_signal(signal.SIGHUP)
        # One connection from before goes on, whatever the others get.
        context = ssl.create_default_context(cafile=server.ca_file)
        kept = http.client.HTTPSConnection("127.0.0.1", server.port,
                                           context=context)
        kept.connect()
        before = kept.sock.getpeercert(binary_form=True)
        serials = {first}
        done = threading.Event()

        def load():
            count = 0
            while not done.is_set():
                self.cacerts(server, server.ca_file)
                count += 1
            return count

        def renew():
            count = 0
            while not done.is_set():
                agent.once()
                count += 1
            return count

        def look():
            deadline = time.monotonic() + 60
            while len(serials) < 4 and time.monotonic() < deadline:
                serials.add(serial_of(read(self.served(server))))
            done.set()
            return len(serials)

        results = in_parallel([look, load, load, renew])
        for result in results:
            self.assertIsInstance(result, int, result)
            self.assertGreater(result, 2)
        self.assertEqual(results[0], 4)
        kept.request("GET", "/.well-known/est/cacerts")
        self.assertEqual(kept.getresponse().status, 200)
        self.assertEqual(kept.sock.getpeercert(binary_form=True), before)
        kept.close()
        # Each is in the records, as whose it is.
        recorded = {c["serial"].lower() for c in server.issued()
                    if c["operation"] == "tls"}
        self.assertTrue(serials - {first} <= recorded, (serials, recorded))
        self.assertEqual({c["identity"] for c in server.issued()
                          if c["operation"] == "tls"}, {"bestow-server"})
        # What is on the disk belongs together.
        server.stop()
        run([SERVER, "check", f"--state_dir={server.state_dir}"])

    def test_an_expired_device_comes_back_in_its_time_of_grace(self):
        server = self.make_server('[profile]\nvalidity = "2s"\n'
                                  'backdate = "0s"\n')
        grace = 'expired_grace = "1h"\n'
        agent = self.make_agent(server, "late", fraction=0.9, renewal=grace)
        agent.once()
        serial = serial_of(read(agent.path("cert.pem")))
        wait_until(lambda: ends_at(read(agent.path("cert.pem"))) <
                   datetime.datetime.now(datetime.timezone.utc), "its expiry")
        # Without grace the server says no, and the secret is used up.
        refused = agent.once(check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(serial_of(read(agent.path("cert.pem"))), serial)
        server.add_config('[enrollment]\nexpired_grace = "1h"\n')
        server.stop()
        server.start()
        agent.write_config()
        write(agent.config, read(agent.config).decode() + grace)
        wait_until(lambda: agent.once(check=False).returncode == 0,
                   "the renewal of what has expired")
        self.assertNotEqual(serial_of(read(agent.path("cert.pem"))), serial)
        self.assertEqual([c["operation"] for c in server.issued()
                          if c["identity"] == "late"][-1], "simplereenroll")


if __name__ == "__main__":
    unittest.main()
