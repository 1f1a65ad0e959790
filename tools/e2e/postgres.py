"""Starts PostgreSQL, as Debian installs it, for a test."""

import glob
import os
import pwd
import secrets
import shutil
import signal
import tempfile

from harness import Process, read, run, wait_until


class Postgres:
    """A server of its own on a unix socket, with databases that want a
    password. It runs as another user where the test runs as root."""

    def __init__(self, mount=None):
        """`mount`: called with the folder of its files before they are made."""
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not programs:
            raise AssertionError("PostgreSQL is not installed: see tools/lib/packages.sh")
        self._programs = programs[-1]
        # Short, for the socket's path.
        self.folder = tempfile.mkdtemp(prefix="bpg", dir="/tmp")
        self.password = secrets.token_hex(16)
        self.password_file = self._write("password", self.password)
        self._as = ["setpriv", "--pdeathsig", "QUIT"]
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            self._as += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            os.chown(self.password_file, user.pw_uid, user.pw_gid)
        self.data = os.path.join(self.folder, "data")
        if mount is not None:
            os.mkdir(self.data)
            mount(self.data)
            os.chmod(self.data, 0o700)
            os.chown(self.data, *self._owner())
        run(self._as + [f"{self._programs}/initdb", "--pgdata", self.data, "--no-sync",
                        "--auth=scram-sha-256", f"--pwfile={self.password_file}",
                        "--encoding=UTF8", "--locale=C", "--username=bestow"],
            env={"LC_ALL": "C"})
        if os.geteuid() == 0:
            os.chown(self.password_file, 0, 0)
        self.process = None
        self.databases = 0

    def _owner(self):
        info = os.stat(self.folder)
        return info.st_uid, info.st_gid

    def _write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(content + "\n")
        return path

    def start(self):
        self.process = Process(
            self._as + [f"{self._programs}/postgres", "-D", self.data, "-k", self.folder,
                        "-c", "listen_addresses="],
            os.path.join(self.folder, "log"))

        def answers():
            if not self.process.alive():
                raise AssertionError("postgres ended:\n" + self.process.log())
            return self.sql("SELECT 1", check=False).returncode == 0

        wait_until(answers, "postgres to answer")
        return self

    def crash(self):
        """As pg_ctl stop -m immediate."""
        process, self.process = self.process, None
        process.stop(signal.SIGQUIT)

    def stop(self):
        if self.process is not None:
            self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, text, database="postgres", check=True):
        return run([f"{self._programs}/psql", "-h", self.folder, "-U", "bestow", "-d", database,
                    "-qAt", "-v", "ON_ERROR_STOP=1", "-c", text],
                   check=check, env={"PGPASSWORD": self.password})

    def files(self):
        """The contents of tables, indexes and the write-ahead log."""
        self.sql("CHECKPOINT")
        found = [os.path.join(folder, name) for part in ("base", "pg_wal")
                 for folder, _, names in os.walk(os.path.join(self.data, part))
                 for name in names]
        assert found
        return [read(path) for path in found]

    def database(self):
        """A fresh one; the lines of [store] that lead to it."""
        name = f"b{self.databases}"
        self.databases += 1
        self.sql(f"CREATE DATABASE {name}")
        return ('[store]\nengine = "postgresql"\n'
                f'connection = "host={self.folder} dbname={name} user=bestow"\n'
                f'password_file = "{self.password_file}"\n')
