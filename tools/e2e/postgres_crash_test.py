"""The server dies between sign, commit and reply, with PostgreSQL as its store;
and a backup of PostgreSQL comes back into SQLite, and from there again."""

import os
import unittest

from harness import SERVER, run, write
from postgres import Postgres
from server_crash_test import CrashTestCase

POINTS = [
    "store.before_commit=kill:2", "store.after_commit=kill:1",
    "est.after_sign=kill:40", "est.before_reply=kill:50",
]


class PostgresCrashTest(CrashTestCase):
    clients = 80

    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres().start()
        cls.addClassCleanup(cls.postgres.stop)

    def setUp(self):
        super().setUp()
        self.sqlite_config = self.read_config()
        self.server.add_config(self.postgres.database())

    def read_config(self):
        with open(self.server.config_path) as f:
            return f.read()

    def test_no_certificate_without_its_record(self):
        got = 0
        for number, failpoints in enumerate(POINTS):
            with self.subTest(failpoints=failpoints):
                got += self.crash_and_retry(f"p{number}", failpoints)
        self.assertGreater(got, 0)

    def restore(self, backup, name, config):
        """A backup comes back under another config; then it is the server's."""
        state_dir = self.scratch / name
        run([SERVER, "restore", backup, f"--state_dir={state_dir}",
             f"--config={write(self.scratch / f'{name}.toml', config)}"])
        self.server.state_dir = state_dir
        self.assertEqual(os.path.exists(os.path.join(state_dir, "bestow.db")),
                         config == self.sqlite_config)

    def test_each_engine_takes_the_others_backup(self):
        clients = self.make_clients("m")[:5]
        self.server.start()
        self.assertNotIn(None, self.enroll_all(clients))
        backup = self.scratch / "from_postgresql.tar"
        run([SERVER, "backup", backup, f"--state_dir={self.server.state_dir}"])
        self.server.stop()
        issued = self.server.issued()
        self.assertEqual(len(issued), 5)

        self.restore(backup, "on_sqlite", self.sqlite_config)
        self.assertEqual(self.server.issued(), issued)
        back = self.scratch / "from_sqlite.tar"
        run([SERVER, "backup", back, f"--state_dir={self.server.state_dir}"])
        self.server.add_config(self.postgres.database())
        self.restore(back, "on_postgresql", self.read_config())
        self.assertEqual(self.server.issued(), issued)
        self.server.start()
        again = self.enroll_all(clients)  # each secret gives what it gave
        self.assertNotIn(None, again)
        self.server.stop()
        self.assertEqual(self.server.issued(), issued)


if __name__ == "__main__":
    unittest.main()
