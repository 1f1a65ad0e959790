"""Makes the initramfs that the machine boots: busybox, the agent, its libraries."""

import glob
import os
import re
import stat
import subprocess

BUSYBOX = "/bin/busybox"
APPLETS = ("cat cut dmesg insmod ip killall mount poweroff readlink sh stty umount uname").split()
# Opened with dlopen by libtss2-tctildr, so no linker names it.
TCTI_DEVICE = "libtss2-tcti-device.so.0"
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu")
CONSOLE_DEVICE = (5, 1)


class Initramfs:
    """A cpio archive in the "newc" format, as the kernel reads it."""

    def __init__(self):
        self._out = bytearray()
        self._folders = set()
        self._count = 0

    def folder(self, path):
        if path and path not in self._folders:
            self.folder(os.path.dirname(path))
            self._folders.add(path)
            self._entry(path, stat.S_IFDIR | 0o755)

    def file(self, path, content, mode=0o755):
        self.folder(os.path.dirname(path))
        self._entry(path, stat.S_IFREG | mode, content)

    def copy(self, path, source, mode=0o755):
        with open(source, "rb") as f:
            self.file(path, f.read(), mode)

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path, device):
        self.folder(os.path.dirname(path))
        self._entry(path, stat.S_IFCHR | 0o600, device=device)

    def finish(self):
        self._entry("TRAILER!!!", 0)
        return bytes(self._out)

    def _entry(self, path, mode, content=b"", device=(0, 0)):
        name = path.encode() + b"\0"
        self._count += 1
        # inode, mode, uid, gid, links, mtime, size, device of the file system
        # (major, minor), of the node itself (major, minor), length of the
        # name, checksum
        fields = (self._count, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name), 0)
        self._out += b"070701" + b"".join(b"%08X" % f for f in fields) + name
        self._pad()
        self._out += content
        self._pad()

    def _pad(self):
        self._out += b"\0" * (-len(self._out) % 4)


def find_tcti():
    for folder in LIBRARY_FOLDERS:
        path = os.path.join(folder, TCTI_DEVICE)
        if os.path.exists(path):
            return path
    raise AssertionError(f"there is no {TCTI_DEVICE} in {' or '.join(LIBRARY_FOLDERS)}")


def libraries_of(program):
    """The paths of what the dynamic linker loads for `program`, itself included."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    if "not found" in listed:
        raise AssertionError(f"{program} lacks a library:\n{listed}")
    return set(re.findall(r"(/\S+) \(0x", listed))


def build(agent, init, modules, files):
    """The archive. `modules` are loaded in the order of their names; `files` is
    {path: (content, mode)}."""
    if not os.path.exists(BUSYBOX):
        raise AssertionError(f"there is no {BUSYBOX}: install the package busybox-static")
    out = Initramfs()
    for path in ("dev", "proc", "sys", "tmp", "run", "state", "etc"):
        out.folder(path)
    # Standard input and output of process 1, before there is a devtmpfs.
    out.character_device("dev/console", CONSOLE_DEVICE)
    out.copy("bin/busybox", BUSYBOX)
    for applet in APPLETS:
        out.link(f"bin/{applet}", "busybox")
    out.copy("init", init)
    out.copy("bin/bestow-agent", agent)
    tcti = find_tcti()
    for library in sorted(libraries_of(agent) | libraries_of(tcti) | {tcti}):
        out.copy(library.lstrip("/"), library)
    for module in sorted(glob.glob(modules)):
        out.copy(f"modules/{os.path.basename(module)}", module, 0o644)
    for path, (content, mode) in files.items():
        out.file(path, content, mode)
    return out.finish()
