"""Power cuts during renewals on a real kernel lose no credential.

Debian's kernel in QEMU, a TPM at /dev/tpmrm0, the state on a virtio disk with
ext4 and noauto_da_alloc. Each cut (QEMU and swtpm killed) comes at a random
moment of a renewal; then the device boots with the same disk and TPM. It has
to have the credential that it had, or the one that it was getting: key and
certificate whole and of each other, with a path to the CA; to renew again with
it; and never to enroll anew. The same agent without its fsyncs is caught by
this very loop.
"""

import collections
import os
import random
import shutil
import unittest

from harness import AGENT, Scratch, Swtpm, read, run, text, write
from power_cuts import ENROLLING, Device, LostCredential, spread

AGENT_WITHOUT_SYNC = "agent/bestow_agent_without_sync"
CUTS = 20
# The first or the second cut finds it out.
CUTS_WITHOUT_SYNC = 6
# To see a failure again: bazel test --test_env=BESTOW_SEED=N
SEED = int(os.environ.get("BESTOW_SEED") or random.randrange(1 << 32))


class PowerCutTest(unittest.TestCase):

    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.close)

    def make_device(self, agent):
        device = Device(self.scratch, agent)
        self.addCleanup(self.keep_console, device)
        self.addCleanup(device.close)
        device.enroll()
        print(f"{device.kernel}, BESTOW_SEED={SEED}", flush=True)
        device.measure(3)
        return device

    def keep_console(self, device):
        folder = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR")
        if folder and os.path.exists(device.machine.log_path):
            shutil.copy(device.machine.log_path, os.path.join(folder, self.id() + ".console.log"))

    def check_signs(self, device):
        """openssl and the TPM, with no kernel between, sign with the key."""
        key, cert = (write(self.scratch / name, device.credential.files[name])
                     for name in ("key.pem", "cert.pem"))
        tpm = Swtpm(self.scratch)
        os.rmdir(tpm.state)
        tpm.state = device.machine.tpm_state
        self.addCleanup(tpm.stop)
        tpm.start()
        data = write(self.scratch / "data", os.urandom(32))
        signature = self.scratch / "signature"
        run(["openssl", "dgst", "-sha256", "-provider", "tpm2", "-provider", "default",
             "-propquery", "?provider=tpm2", "-sign", key, "-out", signature, data],
            env={"TPM2OPENSSL_TCTI": tpm.tcti})
        public = write(self.scratch / "public.pem",
                       text(["openssl", "x509", "-in", cert, "-noout", "-pubkey"]))
        run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, data])

    def test_no_cut_loses_the_credential(self):
        device = self.make_device(AGENT)
        came_back_with = collections.Counter()
        for stage, moment in spread(SEED, CUTS):
            ended = device.cut_in_next_renewal(stage, moment)
            is_new = device.come_back()
            self.assertIn(device.credential.serial, device.operations())
            device.renew()
            for line in device.machine.lines():
                self.assertNotRegex(line, ENROLLING)
            came_back_with["the new one, which it had said to have" if ended else
                           "the new one" if is_new else
                           "the old one and the next key" if device.credential.key_pending else
                           "the old one"] += 1
        device.cut_in_next_renewal(*spread(SEED, 1)[0])
        device.come_back()
        device.machine.cut()
        self.check_signs(device)
        operations = list(device.operations().values())
        self.assertEqual(operations.count("simpleenroll"), 1)
        self.assertEqual(set(operations), {"simpleenroll", "simplereenroll"})
        self.assertGreater(operations.count("simplereenroll"), CUTS)
        print(f"{CUTS} cuts, {len(operations) - 1} renewals; it came back with " + ", ".join(
            f"{what}: {count}" for what, count in came_back_with.most_common()))

    def test_without_fsync_it_is_lost(self):
        device = self.make_device(AGENT_WITHOUT_SYNC)
        for count, (stage, moment) in enumerate(spread(SEED, CUTS_WITHOUT_SYNC), 1):
            device.cut_in_next_renewal(stage, moment)
            try:
                device.come_back()
            except LostCredential as lost:
                print(f"lost at cut {count}: {lost}")
                return
            device.renew()
        self.fail(f"{CUTS_WITHOUT_SYNC} cuts lost nothing: the loop would not see a missing fsync")


if __name__ == "__main__":
    unittest.main()
