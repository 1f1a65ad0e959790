"""The power goes while the server issues: what was not synced is gone.

Below SQLite lies a layer (server/store/power_cut) that keeps what is written in
the server's memory until it is synced, so that the server's death takes it
along. What must hold is what holds when only the process dies; and a server
without the sync is caught by this very check.
"""

import unittest

from server_crash_test import CrashTestCase

POINTS = [
    "store.before_commit=kill:3", "store.after_commit=kill:1",
    "est.before_reply=kill:50", "est.before_reply=kill:90",
]


class PowerCutTest(CrashTestCase):
    clients = 100

    def check_all(self, power_cut):
        self.power_cut = power_cut
        got = 0
        for number, failpoints in enumerate(POINTS):
            with self.subTest(failpoints=failpoints):
                got += self.crash_and_retry(f"r{number}", failpoints)
        print(f"{power_cut}: {got} replies got through, each has its record")
        self.assertGreater(got, 0)

    def test_what_was_handed_out_was_synced(self):
        self.check_all("hold")

    def test_what_was_handed_out_was_synced_in_whatever_order(self):
        self.check_all("hold,early=40")

    def test_a_server_without_the_sync_is_caught(self):
        self.power_cut = "hold,without_sync"
        clients = self.make_clients("m")
        got = self.crash(clients, "est.before_reply=kill:90")
        held = [r for r in got if r is not None]
        lost = self.lost(held)
        print(f"caught: {len(lost)} of {len(held)} certificates without a record")
        self.assertGreater(len(lost), 0)


if __name__ == "__main__":
    unittest.main()
