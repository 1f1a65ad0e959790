"""Starts the real server, agent and swtpm for a test, and ends them by pid."""

import atexit
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

SERVER = "server/bestow-server"
SERVER_FAILPOINTS = "server/bestow_server_failpoints"
AGENT = "agent/bestow-agent"
AGENT_FAILPOINTS = "agent/bestow_agent_failpoints"

COMMAND_TIMEOUT_S = 60
START_TIMEOUT_S = 30


def run(args, check=True, stdin=b"", env=None, timeout=COMMAND_TIMEOUT_S):
    """Runs a command to its end; its output is in the error when it fails."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    result = subprocess.run(
        [str(a) for a in args],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )
    if check and result.returncode != 0:
        raise AssertionError(
            f"{args} ended with {result.returncode}\n"
            f"stdout: {result.stdout.decode(errors='replace')[-2000:]}\n"
            f"stderr: {result.stderr.decode(errors='replace')[-4000:]}"
        )
    return result


def text(args, **kwargs):
    return run(args, **kwargs).stdout.decode()


class Scratch:
    """A short folder under /tmp: Unix socket paths are limited to 107 bytes."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="bst", dir="/tmp")

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A child whose output goes to a file; stop() ends it by its pid."""

    def __init__(self, args, log_path, env=None):
        self.log_path = log_path
        self._log = open(log_path, "ab")
        self.popen = subprocess.Popen(
            [str(a) for a in args],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **(env or {})},
        )

    def log(self):
        with open(self.log_path, "rb") as f:
            return f.read().decode(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def wait(self, timeout=COMMAND_TIMEOUT_S):
        return self.popen.wait(timeout)

    def stop(self, sig=signal.SIGTERM, timeout=COMMAND_TIMEOUT_S):
        if self.alive():
            self.popen.send_signal(sig)
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise
        finally:
            self._log.close()
        return code


def wait_until(condition, what, timeout=START_TIMEOUT_S):
    """Polls `condition` until it gives something true, and returns that."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"timed out waiting for {what}")


def accepts(path):
    """Whether something accepts on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


_postgres = []


def on_postgresql():
    """Whether this run is for PostgreSQL: e2e.bzl's on_postgresql."""
    return os.environ.get("BESTOW_E2E_ENGINE") == "postgresql"


def fresh_store():
    """[store] with an empty database of PostgreSQL's where this run is for
    that; "" where a server has SQLite's in its folder."""
    if not on_postgresql():
        return ""
    if not _postgres:
        from postgres import Postgres
        _postgres.append(Postgres())
        atexit.register(_postgres[0].stop)
        _postgres[0].start()
    return _postgres[0].database()


class Server:
    """A state folder made by `bestow-server init`, and the server on it."""

    def __init__(self, scratch, name="server", settings=None, init=()):
        self.scratch = scratch
        self.name = name
        self.state_dir = scratch / name
        self.process = None
        self._starts = 0
        result = text([
            SERVER, "init", f"--state_dir={self.state_dir}",
            "--hostname=localhost,127.0.0.1", "--listen=127.0.0.1:0", *init,
        ])
        self.ca_file = os.path.join(self.state_dir, "ca", "ca.pem")
        self.ca_sha256 = re.search(r"\b[0-9a-f]{64}\b", result).group(0)
        self.store = fresh_store()  # lines of the config
        if self.store:
            os.unlink(os.path.join(self.state_dir, "bestow.db"))
            self.add_config(self.store)
        if settings:
            self.configure(settings)

    @property
    def config_path(self):
        return os.path.join(self.state_dir, "bestow-server.toml")

    def configure(self, settings):
        """Sets keys of the config that init wrote: {"validity": '"60s"'}."""
        with open(self.config_path) as f:
            config = f.read()
        for key, value in settings.items():
            config, count = re.subn(
                rf"(?m)^#?\s*{key}\s*=.*$", f"{key} = {value}", config, count=1)
            if count != 1:
                raise AssertionError(f"the config has no key {key}:\n{config}")
        with open(self.config_path, "w") as f:
            f.write(config)

    def add_config(self, toml):
        """Sets the keys of `toml`, one to a line, in the tables it names."""
        with open(self.config_path) as f:
            config = f.read()
        table = None
        for line in filter(None, map(str.strip, toml.splitlines())):
            if line.startswith("["):
                table = line
                if f"\n{table}\n" not in config:
                    config += f"\n{table}\n"
                continue
            start = config.index(f"\n{table}\n") + len(table) + 2
            end = config.find("\n[", start - 1)
            end = len(config) if end < 0 else end + 1
            key = re.escape(line.split("=")[0].strip())
            section, count = re.subn(rf"(?m)^{key}\s*=.*$", lambda _: line,
                                     config[start:end], count=1)
            if not count:
                section = line + "\n" + section
            config = config[:start] + section + config[end:]
        with open(self.config_path, "w") as f:
            f.write(config)

    def start(self, failpoints=None, power_cut=None):
        """`power_cut`: options of server/store/power_cut, "hold,early=30"."""
        self._starts += 1
        log = self.scratch / f"{self.name}.{self._starts}.log"
        binary = SERVER_FAILPOINTS if failpoints or power_cut else SERVER
        env = {"BESTOW_FAILPOINTS": failpoints or "",
               "BESTOW_FAILPOINTS_FROM": "server.listening",
               "BESTOW_POWER_CUT": power_cut or ""}
        self.process = Process(
            [binary, "run", f"--state_dir={self.state_dir}"], log, env)

        def port():
            match = re.search(
                r"^bestow-server: listening on https://127\.0\.0\.1:(\d+)$",
                self.process.log(), re.M)
            if match:
                return int(match.group(1))
            if not self.process.alive():
                raise AssertionError("server ended:\n" + self.process.log())
            return None

        self.port = wait_until(port, "the server to listen")
        self.url = f"https://127.0.0.1:{self.port}"
        self.est = f"{self.url}/.well-known/est"
        return self

    def stop(self):
        if self.process is None:
            return 0
        process, self.process = self.process, None
        return process.stop()

    def stored(self):
        """All that the database has on its disk, as octets, file by file."""
        if self.store:
            return _postgres[0].files()
        names = [n for n in os.listdir(self.state_dir) if n.startswith("bestow.db")]
        assert names
        return [read(os.path.join(self.state_dir, n)) for n in names]

    def lose_store(self):
        """Its database, as its folder, is gone: an empty one is there."""
        if self.store:
            name = re.search(r"dbname=(\w+)", self.store).group(1)
            _postgres[0].sql(f"DROP DATABASE {name} WITH (FORCE)")
            _postgres[0].sql(f"CREATE DATABASE {name}")

    def add_secret(self, name):
        return text(
            [SERVER, "secrets", "add", f"--state_dir={self.state_dir}", name]).strip()

    def add_user(self, name, password):
        path = self.scratch / "password"
        with open(path, "w") as f:
            f.write(password + "\n")
        run([SERVER, "users", "add", f"--state_dir={self.state_dir}", name,
             f"--password_file={path}"])

    def issued(self):
        """The certificates in the server's records, as `list --json` has them."""
        listed = json.loads(
            text([SERVER, "certificates", "list", f"--state_dir={self.state_dir}", "--json"]))
        return listed["certificates"] if isinstance(listed, dict) else listed


class Swtpm:
    """A software TPM behind a Unix socket; one client at a time."""

    def __init__(self, scratch, name="tpm"):
        self.state = scratch / name
        os.mkdir(self.state)
        self.socket = scratch / f"{name}.s"
        self.tcti = f"swtpm:path={self.socket}"
        self._log = scratch / f"{name}.log"
        self.process = None

    def start(self):
        for path in (self.socket, self.socket + ".ctrl"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.process = Process([
            "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}",
            "--server", f"type=unixio,path={self.socket}",
            "--ctrl", f"type=unixio,path={self.socket}.ctrl",
            "--flags", "not-need-init,startup-clear",
        ], self._log)
        wait_until(lambda: all(map(accepts, (self.socket + ".ctrl", self.socket))),
                   "swtpm's sockets")
        return self

    def stop(self):
        if self.process is not None:
            process, self.process = self.process, None
            process.stop(signal.SIGTERM)


class Agent:
    """A config and state folder of bestow-agent."""

    def __init__(self, scratch, server, tpm, name="gateway-17",
                 fraction=0.5, folder="agent"):
        self.scratch = scratch
        self.server = server
        self.tpm = tpm
        self.name = name
        self.fraction = fraction
        self.state_dir = scratch / folder
        self.identity_dir = os.path.join(self.state_dir, "identities", "default")
        self.config = scratch / f"{folder}.toml"
        self.secret_file = scratch / f"{folder}.secret"
        self.log_path = scratch / f"{folder}.log"
        self.process = None
        with open(self.secret_file, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(server.add_secret(name) + "\n")
        self.write_config()

    def write_config(self):
        """Again after a restart of the server: its port is new."""
        with open(self.config, "w") as f:
            f.write(f"""
state_dir = "{self.state_dir}"
[server]
url = "{self.server.url}"
ca_file = "{self.server.ca_file}"
[tpm]
tcti = "{self.tpm.tcti}"
[identity]
username = "{self.name}"
secret_file = "{self.secret_file}"
[renewal]
fraction = {self.fraction}
jitter = 0.0
retry_min = "1s"
retry_max = "2s"
""")

    def once(self, failpoints=None, check=True):
        binary = AGENT_FAILPOINTS if failpoints else AGENT
        env = {"BESTOW_FAILPOINTS": failpoints} if failpoints else None
        return run([binary, "run", f"--config={self.config}", "--once"],
                   check=check, env=env)

    def start(self):
        self.process = Process(
            [AGENT, "run", f"--config={self.config}"], self.log_path)
        return self

    def stop(self):
        if self.process is not None:
            process, self.process = self.process, None
            return process.stop()
        return 0

    def status(self, check=False):
        """Of the first of its identities: the one that there is."""
        result = run([AGENT, "status", f"--config={self.config}", "--json"],
                     check=check)
        return json.loads(result.stdout)["identities"][0]

    def path(self, name):
        return os.path.join(self.state_dir, "current", name)


def make_key_and_csr(scratch, name, subject=None, extra=()):
    """A P-256 key and CSR by openssl: paths of key, PEM CSR, DER CSR."""
    key, pem, der = (scratch / f"{name}.{e}" for e in ("key", "csr", "csr.der"))
    run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", pem,
         "-subj", subject or f"/CN={name}", *extra])
    run(["openssl", "req", "-in", pem, "-outform", "DER", "-out", der])
    return key, pem, der


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, content):
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return path


def body_to_pem(body):
    """An EST reply's certificates as PEM, by openssl alone."""
    der = run(["openssl", "base64", "-d"] if b"\n" in body.strip() else
              ["openssl", "base64", "-d", "-A"], stdin=body).stdout
    return run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"],
               stdin=der).stdout


def certificates_in(pem):
    return re.findall(
        rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", pem,
        re.S)


def serial_of(pem):
    out = text(["openssl", "x509", "-noout", "-serial"], stdin=pem)
    return out.strip().split("=")[1].lower()


def body_of_der(der, wrapped):
    if wrapped:
        return base64.encodebytes(der)
    return base64.b64encode(der)


def in_parallel(functions):
    """Runs each in a thread of its own; results or exceptions, in order."""
    results = [None] * len(functions)

    def call(i):
        try:
            results[i] = functions[i]()
        except Exception as e:  # handed to the caller as a value
            results[i] = e

    threads = [threading.Thread(target=call, args=(i,))
               for i in range(len(functions))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results
