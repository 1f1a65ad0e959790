"""Starts PostgreSQL, as Debian installs it, for a test."""

import glob
import os
import pwd
import secrets
import shutil
import signal
import tempfile

from harness import Process, run, wait_until


class Postgres:
    """A server of its own on a unix socket, with databases that want a
    password. It runs as another user where the test runs as root."""

    def __init__(self):
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
        self._data = os.path.join(self.folder, "data")
        run(self._as + [f"{self._programs}/initdb", "--pgdata", self._data, "--no-sync",
                        "--auth=scram-sha-256", f"--pwfile={self.password_file}",
                        "--encoding=UTF8", "--locale=C", "--username=bestow"],
            env={"LC_ALL": "C"})
        if os.geteuid() == 0:
            os.chown(self.password_file, 0, 0)
        self.process = None
        self._databases = 0

    def _write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(content + "\n")
        return path

    def start(self):
        self.process = Process(
            self._as + [f"{self._programs}/postgres", "-D", self._data, "-k", self.folder,
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

    def database(self):
        """A fresh one; the lines of [store] that lead to it."""
        name = f"b{self._databases}"
        self._databases += 1
        self.sql(f"CREATE DATABASE {name}")
        return ('[store]\nengine = "postgresql"\n'
                f'connection = "host={self.folder} dbname={name} user=bestow"\n'
                f'password_file = "{self.password_file}"\n')
