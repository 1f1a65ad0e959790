"""A computer with Debian's kernel, a TPM and a disk, whose power can be cut.

QEMU without acceleration, so that it is the same everywhere; swtpm is its TPM.
A cut ends both with SIGKILL. What had left the guest's kernel by then is in
the disk's file; what it still held in its memory is gone, as on a device.
"""

import os
import re
import signal
import socket
import subprocess
import threading
import time

QEMU = "qemu-system-x86_64"
DISK_BYTES = 64 << 20
BOOT_TIMEOUT_S = 600  # it takes 3, where there is nothing else to do
HOST_ADDRESS = "10.0.2.2"  # as QEMU's user-mode network calls us
# A panic ends the machine, and little else is said. On a busy host interrupts
# are late, and the kernel would take its timer for broken. Sooner than it would
# be: no self-tests of ciphers and no probes that nobody uses here, no guards against
# neighbours in the same processor.
KERNEL_OPTIONS = ("console=ttyS0 loglevel=3 panic=-1 no_timer_check "
                  "nokaslr mitigations=off cryptomgr.notests initcall_blacklist=init_kprobe_trace")
# Neither may be seen while a machine is asked for anything.
TROUBLE = re.compile(r"vm: (failed: .*|the agent ended .*)|Kernel panic.*")


class Machine:
    """Disk and TPM state stay from one boot to the next."""

    def __init__(self, folder, vmlinuz, initramfs, watch=None):
        """`watch` is called with each line of the console, on another thread."""
        self._watch = watch
        self._vmlinuz = os.path.abspath(vmlinuz)
        self._initramfs = os.path.join(folder, "initramfs")
        self._disk = os.path.join(folder, "disk")
        self.tpm_state = os.path.join(folder, "tpm")
        self.log_path = os.path.join(folder, "console.log")
        self._qemu = None
        self._swtpm = None
        with open(self._initramfs, "wb") as f:
            f.write(initramfs)
        with open(self._disk, "wb") as f:
            f.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._disk], check=True, env={
            **os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
        os.makedirs(self.tpm_state)

    def boot(self):
        self._lines = []  # (time of arrival, text)
        self._next = 0  # of _lines, to be looked at by expect()
        self._arrived = threading.Condition()
        self._closed = False
        ours, theirs = socket.socketpair()
        with ours, theirs, open(self.log_path, "ab") as log:
            log.write(b"\n---- power on\n")
            # One connection is all that it takes: a new one for each boot.
            self._swtpm = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.tpm_state}",
                 "--ctrl", f"type=unixio,clientfd={theirs.fileno()}", "--flags", "startup-clear"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()])
            self._qemu = subprocess.Popen(
                [QEMU, "-accel", "tcg", "-machine", "pc", "-cpu", "qemu64,+rdrand", "-smp", "1",
                 "-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                 "-kernel", self._vmlinuz, "-initrd", self._initramfs, "-append", KERNEL_OPTIONS,
                 "-serial", "stdio", "-rtc", "base=utc,clock=host",
                 "-chardev", f"socket,id=tpm,fd={ours.fileno()}",
                 "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm",
                 "-drive", f"file={self._disk},format=raw,if=virtio,cache=writeback",
                 "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                pass_fds=[ours.fileno()])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def expect(self, pattern, timeout=BOOT_TIMEOUT_S):
        """Waits for a line that has `pattern`, behind what was expected before.
        Returns when it came, and the match."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout
        with self._arrived:
            while True:
                while self._next < len(self._lines):
                    at, line = self._lines[self._next]
                    self._next += 1
                    match = wanted.search(line)
                    if match:
                        return at, match
                    if TROUBLE.search(line):
                        raise AssertionError(f"{line}\n{self._tail()}")
                if self._closed:
                    code = self._qemu.wait(BOOT_TIMEOUT_S)
                    raise AssertionError(f"the machine is off (QEMU ended with {code}); waited for "
                                         f"{pattern}\n{self._tail()}")
                if not self._arrived.wait(deadline - time.monotonic()):
                    if time.monotonic() >= deadline:
                        raise AssertionError(f"timed out waiting for {pattern}\n{self._tail()}")

    def lines(self):
        """What this boot has said so far."""
        return [line for _, line in self.timed_lines()]

    def timed_lines(self):
        """The same, each with when it came."""
        with self._arrived:
            return list(self._lines)

    def send(self, command):
        self._qemu.stdin.write(command.encode() + b"\n")
        self._qemu.stdin.flush()

    def cut(self):
        """The power is gone. Nothing when it is off."""
        for process in (self._qemu, self._swtpm):
            if process is not None:
                process.send_signal(signal.SIGKILL)
        self._reap()

    def power_off(self):
        """As it should be: the agent ends, the disk is unmounted."""
        self.send("off")
        self._qemu.wait(BOOT_TIMEOUT_S)
        self._reap()

    def _reap(self):
        if self._qemu is None:
            return
        self._qemu.wait()
        self._reader.join()
        self._qemu.stdin.close()
        self._qemu.stdout.close()
        # swtpm ends with its connection.
        self._swtpm.wait(BOOT_TIMEOUT_S)
        self._qemu = self._swtpm = None

    def _read(self):
        with open(self.log_path, "ab") as log:
            for raw in self._qemu.stdout:
                log.write(raw)
                line = raw.decode(errors="replace").rstrip("\r\n")
                with self._arrived:
                    self._lines.append((time.monotonic(), line))
                    self._arrived.notify_all()
                if self._watch:
                    self._watch(line)
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()

    def _tail(self):
        said = "\n".join("   | " + line for _, line in self._lines[-40:])
        return f"The console's last lines:\n{said}"
