"""An agent on a real kernel that renews without end, and whose power is cut."""

import collections
import os
import random
import re
import time

from credential import Credential
from harness import SERVER, Server, read, run
from initramfs import build
from machine import HOST_ADDRESS, Machine

HERE = os.path.dirname(os.path.abspath(__file__))
# Bazel's folder of other repositories, beside ours.
KERNEL = os.path.join("..", "debian_kernel")
HOSTNAME = "est.example.net"
NAME = "gateway-17"
STATE_DIR = "/state/agent"
# Valid for an hour and renewed at once: so one renewal comes after the other,
# the first one right after each boot, and no boot is slow enough for the
# certificate to expire meanwhile.
VALIDITY_S = 3600
RENEWS_AFTER_S = 0.5
RENEWAL_TIMEOUT_S = 600

RENEWING = r"bestow-agent: (\S+: )?renewing$"
ENROLLING = r"bestow-agent: (\S+: )?enrolling$"
MADE_KEY = r"bestow-agent: (\S+: )?made a key "
HAS = r"bestow-agent: (?:\S+: )?(?:enrolled|renewed): .* serial ([0-9a-f]+),"
DONE = r"bestow-agent: (\S+: )?renews at "
# What each stage of a renewal begins with.
STAGES = (RENEWING, MADE_KEY)


class LostCredential(AssertionError):
    """The device came back without a whole credential."""


def config(url):
    return f"""
state_dir = "{STATE_DIR}"
[server]
url = "{url}"
ca_file = "/etc/bestow/ca.pem"
[tpm]
tcti = "device:/dev/tpmrm0"
[identity]
username = "{NAME}"
secret_file = "/etc/bestow/secret"
[renewal]
fraction = {RENEWS_AFTER_S / VALIDITY_S:.6f}
jitter = 0.0
retry_min = "1s"
retry_max = "2s"
"""


def make_ca(scratch, name):
    """A root and an issuing CA below it, so that a credential has a chain: the
    root's certificate, the issuing CA's folder."""
    root, issuing, chain = (scratch / f"{name}-{part}" for part in ("root", "issuing", "chain.pem"))
    for args in (["create", root, "--kind=root", "--ca_name=Root CA"],
                 ["request", issuing, "--ca_name=Issuing CA"],
                 ["sign-request", root, f"--csr={issuing}/request.pem", f"--out={chain}"],
                 ["import", issuing, f"--chain={chain}"]):
        run([SERVER, "ca", *args])
    return os.path.join(root, "ca.pem"), issuing


class Device:
    """A machine with an agent, and the server on this host that it enrolls with."""

    def __init__(self, scratch, agent, name="device", watch=None):
        self.scratch = scratch
        self.root, issuing = make_ca(scratch, name)
        self.server = Server(scratch, name=f"{name}-server",
                             settings={"validity": f'"{VALIDITY_S}s"'},
                             init=[f"--hostname={HOSTNAME}", f"--ca_folder={issuing}"])
        # A machine without acceleration takes its time.
        self.server.add_config("""
            [limits]
            handshake_timeout = "2m"
            header_timeout = "2m"
            idle_timeout = "2m"
            """)
        self.server.start()
        os.mkdir(scratch / name)
        url = f"https://{HOSTNAME}:{self.server.port}"
        self.machine = Machine(scratch / name, os.path.join(KERNEL, "vmlinuz"), build(
            agent, os.path.join(HERE, "init.sh"), os.path.join(KERNEL, "modules", "*.ko"), {
                "etc/hosts": (f"127.0.0.1 localhost\n{HOST_ADDRESS} {HOSTNAME}\n".encode(), 0o644),
                "etc/bestow-agent.toml": (config(url).encode(), 0o644),
                "etc/bestow/ca.pem": (read(self.root), 0o644),
                "etc/bestow/secret": (self.server.add_secret(NAME).encode() + b"\n", 0o600),
            }), watch)
        self.serials = []  # that the agent said to have, or was found with
        # How long the stages of renewals took of late: to the key, and from
        # there to the certificate's being the current one.
        self.stage_s = tuple(collections.deque(maxlen=5) for _ in STAGES)
        self.credential = None  # as the last boot found it

    @property
    def kernel(self):
        return read(os.path.join(KERNEL, "package")).decode().strip()

    def close(self):
        self.machine.cut()
        self.server.stop()

    def enroll(self):
        """The first boot, to the end of the enrollment."""
        self.machine.boot()
        self.machine.expect("vm: current none")
        self.machine.expect("vm: booted")
        self.machine.expect(ENROLLING)
        self._expect_certificate()

    def renew(self):
        """Waits for the next renewal, from its begin to its end."""
        self.machine.expect(RENEWING, RENEWAL_TIMEOUT_S)
        self._expect_certificate()

    def measure(self, renewals):
        """Waits for that many, and learns how long their stages take."""
        for _ in range(renewals):
            self.renew()
            self._learn()

    def cut_in_next_renewal(self, stage, moment):
        """... after this share of the time that the stage takes. Returns whether
        the renewal had come to its end."""
        for begin in STAGES[:stage + 1]:
            at = self.machine.expect(begin, RENEWAL_TIMEOUT_S)[0]
        wait_s = moment * sum(self.stage_s[stage]) / len(self.stage_s[stage])
        time.sleep(max(0, at + wait_s - time.monotonic()))
        self.machine.cut()
        return self._learn()

    def come_back(self):
        """Boots after a cut and looks at the credential: True when it is that of
        the renewal which was cut off. LostCredential: it is not whole, or older
        than what the agent said to have."""
        self.machine.boot()
        self.machine.expect("vm: booted")
        self.credential = Credential(self.machine.lines())
        problems = self.credential.problems(self.scratch, self.root)
        if problems:
            raise LostCredential("; ".join(problems))
        serial = self.credential.serial
        if serial in self.serials[:-1]:
            raise LostCredential(f"{serial} is back; the agent had {self.serials[-1]}")
        is_new = serial != self.serials[-1]
        if is_new:
            self.serials.append(serial)
        return is_new

    def operations(self):
        """{serial: operation} of all that was issued to the device."""
        return {c["serial"].lower(): c["operation"]
                for c in self.server.issued() if c["identity"] == NAME}

    def _learn(self):
        """From what the console has of the last renewal; whether it ended."""
        said = self.machine.timed_lines()
        begin = max(i for i, (_, line) in enumerate(said) if re.search(RENEWING, line))
        signs = (*STAGES, HAS)
        at = [None] * len(signs)
        for time_s, line in said[begin:]:
            for i, sign in enumerate(signs):
                match = re.search(sign, line)
                if match:
                    at[i] = time_s
                if match and sign == HAS and match.group(1) not in self.serials:
                    self.serials.append(match.group(1))
        for stage, seconds in enumerate(self.stage_s):
            # A key that was pending is not made again.
            if at[stage] and at[stage + 1]:
                seconds.append(at[stage + 1] - at[stage])
        return at[-1] is not None

    def _expect_certificate(self):
        self.serials.append(self.machine.expect(HAS, RENEWAL_TIMEOUT_S)[1].group(1))
        self.machine.expect(DONE, RENEWAL_TIMEOUT_S)


def spread(seed, cuts):
    """(stage, moment) of each, in random order: half of them in either stage, one
    random moment in each equal part of it and of a little beyond its end."""
    chance = random.Random(seed)
    moments = [(i % len(STAGES), 1.1 * (i + chance.random()) / cuts) for i in range(cuts)]
    chance.shuffle(moments)
    return moments
