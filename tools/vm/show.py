"""Shows, in words, a device on a real kernel that enrolls and renews. See tools/vm/run."""

import argparse
import random
import sys

from harness import AGENT, SERVER, Scratch, text
from power_cuts import NAME, RENEWS_AFTER_S, STAGES, Device


def say(*words):
    print(*words, flush=True)


def watch(line):
    """The agent's own words, and what init.sh says for people."""
    if line.startswith(("bestow-agent: ", "vm: booted", "vm: failed", "Kernel panic")):
        say("   |", line.removeprefix("vm: "))


def show_cut(device, chance, number):
    device.cut_in_next_renewal(chance.randrange(len(STAGES)), chance.random())
    say(f"\nPower cut {number}, in the middle of a renewal: QEMU and the TPM are killed. Power on again.")
    is_new = device.come_back()
    say("The credential is whole: openssl verifies it, and its key is the certificate's. It is the "
        + ("new" if is_new else "old") + " one"
        + (", and the next key is on the disk already." if device.credential.key_pending and not is_new else "."))
    device.renew()


def show(device, cuts):
    say(f"A computer of QEMU's with Debian's kernel ({device.kernel}), swtpm as its TPM 2.0 and a disk "
        f"with ext4; bestow-server on this host listens at {device.server.url}.\n"
        "Power on. The device has no credential: the agent makes a key in /dev/tpmrm0 and enrolls.")
    device.enroll()
    say(f"\nIt has a certificate, and renews it by itself; here after {RENEWS_AFTER_S} s.")
    device.measure(2)
    chance = random.Random()
    for number in range(1, cuts + 1):
        show_cut(device, chance, number)
    say("\nThe agent says of itself (bestow-agent status):")
    device.machine.send("status")
    device.machine.expect("vm: end of status")
    lines = device.machine.lines()
    for line in lines[lines.index("vm: status") + 1:lines.index("vm: end of status")]:
        if not line.startswith("bestow-agent: "):
            say("   |", line)
    device.machine.power_off()
    say("\nPower off, in good order. What the server has issued to it:")
    listed = text([SERVER, "certificates", "list", f"--state_dir={device.server.state_dir}"])
    for line in listed.splitlines():
        say("   |", line)
    operations = list(device.operations().values())
    if operations.count("simpleenroll") != 1:
        sys.exit("this is a bug: the device enrolled more than once")
    say(f"\n{NAME} enrolled once and renewed {len(operations) - 1} times"
        + (f"; power cuts: {cuts}, and nothing was lost." if cuts else "."))


def main():
    parser = argparse.ArgumentParser(prog="tools/vm/run")
    parser.add_argument("--cuts", type=int, default=0)
    cuts = parser.parse_args().cuts
    scratch = Scratch()
    device = None
    try:
        device = Device(scratch, AGENT, watch=watch)
        show(device, cuts)
    finally:
        if device:
            device.close()
        scratch.close()


if __name__ == "__main__":
    main()
