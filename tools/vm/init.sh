#!/bin/sh
# Process 1 of the device: finds its disk and network, says on the console what
# credential the disk has, runs the agent, and does what the console tells it.
# busybox; lines that begin with "vm: " are for tools/vm/machine.py.

say() { echo "vm: $*"; }

die() {
  say "failed: $*"
  poweroff -f
}

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev || die "no devtmpfs"
# The kernel's own words would tear ours.
dmesg -n 1
stty -echo
for module in /modules/*.ko; do
  insmod "$module" || die "insmod $module"
done
ip link set lo up
ip address add 10.0.2.15/24 dev eth0 && ip link set eth0 up || die "no network"
[ -c /dev/tpmrm0 ] || die "the kernel has no /dev/tpmrm0"
# Nothing here may save a program that forgets fsync: renames are not waited
# for with their data (noauto_da_alloc), and names reach the disk within a
# second, while data that is not synced takes the kernel half a minute.
mount -t ext4 -o noauto_da_alloc,commit=1 /dev/vda /state || die "no disk"

# What the power cut left, before an agent has touched it.
current="$(readlink -f /state/agent/current)"
if [ -e /state/agent/current ]; then
  say "current $current"
  for name in key.pem cert.pem chain.pem; do
    say "file $name"
    cat "$current/$name"
    echo
  done
  if [ -e "$current/../../pending/key.pem" ]; then say "a key is pending"; fi
else
  say "current none"
fi
say "booted: Linux $(uname -r), $(cat /proc/uptime | cut -d ' ' -f 1) s, TPM $(cat /sys/class/tpm/tpm0/tpm_version_major).0"

(
  bestow-agent run --config=/etc/bestow-agent.toml
  say "the agent ended with exit code $?"
) &

while read -r command; do
  case "$command" in
    status)
      say "status"
      bestow-agent status --config=/etc/bestow-agent.toml
      say "end of status"
      ;;
    off)
      killall bestow-agent
      wait
      umount /state
      poweroff -f
      ;;
  esac
done
die "the console is closed"
