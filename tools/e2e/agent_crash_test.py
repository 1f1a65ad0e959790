"""The agent is killed at any step of 50 renewals, and always comes back.

Each renewal is killed at the Nth failpoint, for N from the first to the last
one that a renewal passes, then goes on in a fresh process. The credential on
disk is whole at every moment: it verifies, and its key file signs for it.
"""

import os
import unittest

from harness import (Agent, Scratch, Server, Swtpm, read, run, serial_of,
                     text, write)

RENEWALS = 50
MAX_RENEWALS = 200
SIGKILL = -9


class AgentCrashTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)
        self.tpm = Swtpm(self.scratch).start()
        self.addCleanup(self.tpm.stop)
        self.server = Server(
            self.scratch, settings={"validity": '"1h"'}).start()
        self.addCleanup(self.server.stop)
        # Always due: a renewal at every start.
        self.agent = Agent(self.scratch, self.server, self.tpm,
                           fraction=0.000001)

    def check_whole(self):
        """The current generation verifies, and its key belongs to it."""
        current = os.path.realpath(os.path.join(self.agent.state_dir,
                                                "current"))
        cert = os.path.join(current, "cert.pem")
        run(["openssl", "verify", "-CAfile", self.server.ca_file, cert])
        run(["openssl", "verify", "-CAfile",
             os.path.join(self.agent.identity_dir, "cacerts.pem"), cert])
        data = write(self.scratch / "data", os.urandom(32))
        signature = self.scratch / "signature"
        run(["openssl", "dgst", "-sha256", "-provider", "tpm2", "-provider",
             "default", "-propquery", "?provider=tpm2", "-sign",
             os.path.join(current, "key.pem"), "-out", signature, data],
            env={"TPM2OPENSSL_TCTI": self.tpm.tcti})
        public = write(self.scratch / "public.pem",
                       text(["openssl", "x509", "-in", cert, "-noout",
                             "-pubkey"]))
        run(["openssl", "dgst", "-sha256", "-verify", public, "-signature",
             signature, data])
        return serial_of(read(cert))

    def run_killed_at(self, step):
        """True when the agent died at its step-th failpoint."""
        code = self.agent.once(f"*=kill:{step}", check=False).returncode
        # swtpm takes one connection; the kernel closed the dead one's.
        self.assertIn(code, (0, SIGKILL))
        return code == SIGKILL

    def test_killed_at_every_step(self):
        # The first enrollment too: whatever is there is whole, or nothing is.
        step = 1
        while self.run_killed_at(step):
            if os.path.exists(os.path.join(self.agent.state_dir, "current")):
                self.check_whole()
                break
            step += 1
            self.assertLess(step, 500)
        self.agent.once()
        serial = self.check_whole()

        renewals = 0
        step = 0
        kills = 0
        passes_in_a_renewal = 0
        walked_all = False
        while renewals < RENEWALS or not walked_all:
            self.assertLess(renewals, MAX_RENEWALS)
            step += 1
            if self.run_killed_at(step):
                kills += 1
                passes_in_a_renewal = max(passes_in_a_renewal, step)
                self.check_whole()
                # It goes on in a fresh process, with no hand.
                self.agent.once()
            else:
                walked_all = True  # past the last step: walk them again
                step = 0
            now = self.check_whole()
            self.assertNotEqual(now, serial)
            serial = now
            renewals += 1
        self.assertGreaterEqual(passes_in_a_renewal, 10)
        self.assertGreaterEqual(kills, RENEWALS // 2)
        print(f"{renewals} renewals, {kills} kills, at up to step "
              f"{passes_in_a_renewal}")


if __name__ == "__main__":
    unittest.main()
