"""Agents with keys in swtpm behind an edge server, while its upstream is down:
at one label they wait with what they have, at the other a local CA renews."""

import datetime
import json
import os
import unittest

from edge import EdgeTestCase
from harness import Agent, Swtpm, read, run, serial_of, wait_until, write

RETRY_AFTER_S = 4  # more than the agents' own retry_max


def seconds_between(earlier, later):
    parse = datetime.datetime.fromisoformat
    return (parse(later.replace("Z", "+00:00")) -
            parse(earlier.replace("Z", "+00:00"))).total_seconds()


class OutageTest(EdgeTestCase):

    def make_agent(self, edge, name, label=""):
        tpm = Swtpm(self.scratch, name).start()
        self.addCleanup(tpm.stop)
        agent = Agent(self.scratch, edge, tpm, name=name, fraction=0.1,
                      folder=f"agent-{name}")
        config = read(agent.config).decode()
        config = config.replace(edge.ca_file, self.scratch / "both.pem")
        if label:
            self.command(edge, "identities", "add", name, f"--label={label}")
            config = config.replace(
                f'"{edge.url}"', f'"{edge.url}/.well-known/est/{label}"')
        write(agent.config, config)
        agent.start()
        self.addCleanup(agent.stop)
        wait_until(lambda: os.path.exists(agent.path("cert.pem")),
                   f"{name} to enroll")
        return agent

    def test_devices_live_through_an_outage(self):
        upstream = self.make_upstream(validity='"60s"', backdate='"1m"')
        edge = self.make_edge(upstream, start=False,
                              extra=f'retry_after = "{RETRY_AFTER_S}s"')
        edge.add_config("""
            [labels.site.upstream]
            when_down = "local"
            local_ca = "cas/site"
            local_validity = "30s"
        """)
        site = os.path.join(edge.state_dir, "cas", "site")
        os.makedirs(site)
        write(os.path.join(site, "ca.key.pem"), read(self.sub_ca[0]))
        write(os.path.join(site, "ca.pem"),
              read(self.sub_ca[1]) + read(self.pki.pem))
        edge.start()
        self.addCleanup(edge.stop)
        self.wait_for_ra(edge)
        self.register(upstream, "gw-wait", "gw-local")
        write(self.scratch / "both.pem",
              read(edge.ca_file) + read(self.pki.pem))
        waiting = self.make_agent(edge, "gw-wait")
        local = self.make_agent(edge, "gw-local", label="site")
        self.verify(waiting.path("cert.pem"), self.issuing[1])
        self.verify(local.path("cert.pem"), self.issuing[1])

        upstream.stop()
        at_stop = {name: len(self.of(edge, name))
                   for name in ("gw-wait", "gw-local")}
        # A reply may have been on its way.
        wait_until(lambda: self.of(edge, "gw-wait")[-1]["serial"] ==
                   serial_of(read(waiting.path("cert.pem"))), "its last reply")
        kept = read(waiting.path("cert.pem"))

        # 503 reaches it, with when to come back: later than it would itself.
        def told_503():
            status = waiting.status()
            return "503" in (status["last_error"] or "") and status

        told = wait_until(told_503, "the agent to be told")
        self.assertGreaterEqual(
            seconds_between(told["last_error_at"], told["next_at"]),
            RETRY_AFTER_S - 1)
        # The other goes on, and none of it is the upstream's.
        wait_until(lambda: len(self.of(edge, "gw-local")) >
                   at_stop["gw-local"] + 1, "two renewals by the local CA")
        meanwhile = read(local.path("cert.pem"))
        for agent in (waiting, local):
            self.assertTrue(agent.process.alive())
            self.assertEqual(agent.status()["state"], "valid")
        self.assertEqual(read(waiting.path("cert.pem")), kept)
        self.verify(waiting.path("cert.pem"), self.issuing[1])
        self.assertEqual(len(self.of(edge, "gw-wait")), at_stop["gw-wait"])
        self.verify(write(self.scratch / "meanwhile.pem", meanwhile),
                    self.sub_ca[1])

        known = len(self.of(upstream, "gw-local"))
        upstream.start()
        wait_until(lambda: serial_of(read(waiting.path("cert.pem"))) !=
                   serial_of(kept), "the agent to come back")
        wait_until(lambda: len(self.of(upstream, "gw-local")) > known,
                   "the other to renew at the upstream again")
        for agent in (waiting, local):
            self.assertEqual(agent.status()["state"], "valid")
            agent.stop()
        self.check_records(edge, upstream, waiting, local)

    def check_records(self, edge, upstream, waiting, local):
        """Each certificate is on record at the edge; what the local CA did not
        sign is there at the upstream as well."""
        there = {c["serial"] for name in ("gw-wait", "gw-local")
                 for c in self.of(upstream, name)}
        exported = json.loads(self.command(edge, "certificates", "export",
                                           "--format=json"))
        for agent, name in ((waiting, "gw-wait"), (local, "gw-local")):
            rows = [row for row in exported if row["identity"] == name]
            pems = {"".join(row["pem"].split()) for row in rows}
            self.assertIn("".join(read(agent.path("cert.pem")).decode().split()),
                          pems)
            by_local = 0
            for row in rows:
                leaf = write(self.scratch / "leaf.pem", row["pem"])
                issuer = self.issuing if row["serial"] in there else self.sub_ca
                run(["openssl", "verify", "-CAfile", self.pki.pem, "-untrusted",
                     issuer[1], "-x509_strict", "-no_check_time", leaf])
                by_local += issuer == self.sub_ca
            self.assertEqual(by_local > 0, name == "gw-local")
        self.assertIn("signed here", edge.process.log())


if __name__ == "__main__":
    unittest.main()
