"""The parts of a backup that come from a file: tar headers, the manifest, the
head of a sealed one."""

import hashlib
import json
import tarfile

from asn1 import case


def header(name_="state/ca/ca.pem", mode=0o644, size=905, **more):
    """Python's own tar writes it, and GNU's the device; `more`: of a TarInfo."""
    info = tarfile.TarInfo(name_)
    info.mode, info.size = mode, size
    for key, value in more.items():
        setattr(info, key, value)
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT)[-512:])
    block[329:345] = b"0000000\0" * 2
    return resum(block)


def large(size):
    return patch(header(), 124, b"\x80" + size.to_bytes(11, "big"))


def resum(block):
    """With the checksum that the other octets make."""
    block = bytearray(block)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def patch(block, at, octets):
    return resum(block[:at] + octets + block[at + len(octets):])


def tar_header(_):
    def ok(name_, what, block):
        case("tar_header", name_, what, block)

    def bad(name_, what, block, reason):
        case("tar_header", name_, what, block, reject=reason)

    good = header()
    ok("gnu_tar", "As tar --format=ustar writes it, owners and times aside", good)
    ok("empty_file", "An empty file", header(size=0))
    ok("largest", "One octet below 8 GiB", header(size=8 ** 11 - 1))
    ok("larger", "8 GiB, as GNU's tar writes it", large(8 ** 11))
    ok("largest_binary", "4 TiB", large(2 ** 42))
    ok("longest_name", "A name of 100 octets", header("a/" * 49 + "ab"))
    ok("all_bits", "All permissions", header(mode=0o777))
    bad("absolute", "An absolute name", patch(good, 0, b"/"), "name")
    bad("parent", "The folder above", header("state/../../etc/passwd"), "name")
    bad("dot", "This folder", header("state/./ca.pem"), "name")
    bad("two_slashes", "An empty component", header("state//ca.pem"), "name")
    bad("trailing_slash", "A folder's name", patch(header("state/ca"), 8, b"/"), "name")
    bad("space", "A space", header("state/a b"), "name")
    bad("backslash", "A backslash", header("state\\ca"), "name")
    bad("newline", "A line's end", header("state/\nca"), "name")
    bad("no_name", "No name", patch(good, 0, bytes(100)), "name")
    bad("name_after_nul", "A second name behind the first", patch(good, 60, b"x"), "damaged")
    bad("setuid", "More than permissions", header(mode=0o4755), "mode")
    bad("symbolic_link", "A symbolic link", header(type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0), "damaged")
    bad("hard_link", "A hard link", header(type=tarfile.LNKTYPE, linkname="state/x", size=0), "damaged")
    bad("folder", "A folder", patch(header(size=0), 156, b"5"), "damaged")
    bad("device", "A device", patch(header(size=0), 156, b"3"), "damaged")
    bad("extended", "A header of extensions", patch(good, 156, b"x"), "damaged")
    bad("owner", "An owner", header(uid=1000), "damaged")
    bad("owner_name", "An owner by name", header(uname="root"), "damaged")
    bad("time", "A time", header(mtime=1), "damaged")
    bad("prefix", "A prefix of the name", patch(good, 345, b"etc"), "damaged")
    bad("gnu", "GNU's magic", patch(good, 257, b"ustar  \0"), "damaged")
    bad("binary_size", "A size in binary", large(0), "damaged")
    bad("binary_small", "A size in binary that octal digits hold", large(8 ** 11 - 1), "damaged")
    bad("binary_over", "One octet over 4 TiB", large(2 ** 42 + 1), "4 TiB")
    bad("binary_huge", "A size of eleven octets", large(2 ** 88 - 1), "size")
    bad("binary_negative", "A negative size", patch(header(), 124, b"\xff" * 12), "size")
    bad("spaces", "A size with spaces", patch(good, 124, b"       1611\0"), "size")
    bad("checksum", "A wrong checksum", good[:148] + b"000000\0 " + good[156:], "damaged")
    bad("trailing", "Octets behind the fields", patch(good, 511, b"x"), "damaged")
    bad("short", "511 octets", good[:-1], "within a header")
    bad("long", "513 octets", good + b"\0", "within a header")
    bad("zeros", "The archive's end", bytes(512), "mode")
    bad("empty", "Nothing", b"", "within a header")


def part(name_, content=b"", mode="0600"):
    return {"name": name_, "mode": mode, "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest()}


def manifest(*parts, **changes):
    return {"format": "bestow backup", "version": 1, "made_at": "2026-11-21T12:00:00Z",
            "state_dir": "/var/lib/bestow-server",
            "audit": {"sequence": 42, "hash": "ab" * 32},
            "parts": list(parts) or [part("bestow.db", b"x" * 4096), part("state/ca/ca.pem", b"", "0644")],
            **changes}


def text(value):
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def backup_manifest(_):
    def ok(name_, what, value):
        case("backup_manifest", name_, what, text(value))

    def bad(name_, what, value, reason="not one of ours"):
        case("backup_manifest", name_, what, value if isinstance(value, str) else text(value),
             reject=reason)

    ok("two_parts", "A database and a file", manifest())
    ok("no_audit", "Before anything was done", manifest(audit={"sequence": 0, "hash": "00" * 32}))
    ok("accent", "A folder that is not ASCII", manifest(state_dir="/srv/était"))
    bad("empty", "Nothing", "")
    bad("array", "An array", [])
    bad("deep", "A hundred arrays", "[" * 100 + "]" * 100)
    bad("format", "Another format", manifest(format="bestow"), "its format")
    bad("version_0", "Version 0", manifest(version=0), "version")
    bad("version_text", "A version in quotes", manifest(version="1"), "version")
    bad("time", "No time", manifest(made_at="yesterday"), "made_at")
    bad("time_zone", "A time of another zone", manifest(made_at="2026-11-21T12:00:00+01:00"), "made_at")
    bad("audit_missing", "Nothing of the audit log", {k: v for k, v in manifest().items() if k != "audit"}, "audit")
    bad("audit_negative", "A negative sequence number", manifest(audit={"sequence": -1, "hash": "ab" * 32}), "audit")
    bad("audit_hash", "A hash of 31 octets", manifest(audit={"sequence": 1, "hash": "ab" * 31}), "audit")
    bad("parts_object", "An object for the parts", manifest(parts={}), "parts")
    bad("part_number", "A number for a part", manifest(parts=[1]), "mode")
    bad("part_twice", "A name twice", manifest(part("a"), part("a")), "twice")
    bad("part_manifest", "The manifest as a part", manifest(part("manifest.json")), "twice")
    bad("part_parent", "A name that leads out", manifest(part("../a")), "name")
    bad("part_absolute", "An absolute name", manifest(part("/etc/passwd")), "name")
    bad("part_mode", "A mode in decimal", manifest(part("a", mode="0680")), "mode")
    bad("part_setuid", "A mode with more than permissions", manifest(part("a", mode="4755")), "mode")
    bad("part_negative", "A negative size", manifest({**part("a"), "size": -1}), "size")
    bad("part_large", "A size over 4 TiB", manifest({**part("a"), "size": 2 ** 42 + 1}), "4 TiB")
    bad("part_fraction", "A size of one and a half", manifest({**part("a"), "size": 1.5}), "size")
    bad("part_hash", "A hash that is none", manifest({**part("a"), "sha256": "x" * 64}), "hash")
    bad("part_hash_upper", "A hash in capitals", manifest({**part("a", b"a"), "sha256": "AB" * 32}), "another way")
    bad("more", "A member that nobody knows", manifest(more=1), "another way")
    bad("part_more", "One of a part", manifest({**part("a"), "owner": "root"}), "another way")
    bad("member_twice", "A member twice", text(manifest()).replace(
        '"version": 1,', '"version": 1,\n  "version": 1,'), "another way")
    bad("compact", "On one line", json.dumps(manifest()), "another way")
    bad("trailing", "More behind it", text(manifest()) + "{}", "not JSON")


def sealed_backup(_):
    magic = b"bestow-sealed-backup-1\n"
    salt = bytes(range(32))

    def ok(name_, what, octets):
        case("sealed_backup", name_, what, octets)

    def bad(name_, what, octets, reason):
        case("sealed_backup", name_, what, octets, reject=reason)

    ok("ours", "As this version writes it", magic + b"\x11\x08\x01" + salt)
    ok("most", "The dearest", magic + b"\x14\x08\x01" + salt)
    bad("dearer", "Twice as dear", magic + b"\x15\x08\x01" + salt, "scrypt")
    bad("cheap", "Cheaper than ours ever was", magic + b"\x09\x08\x01" + salt, "scrypt")
    bad("blocks", "Larger blocks", magic + b"\x11\xff\x01" + salt, "scrypt")
    bad("rounds", "More rounds", magic + b"\x11\x08\xff" + salt, "scrypt")
    bad("other_version", "Another version", magic.replace(b"1", b"2") + b"\x11\x08\x01" + salt, "not a sealed")
    bad("short_salt", "The salt's end is missing", magic + b"\x11\x08\x01" + salt[:-1], "not a sealed")
    bad("trailing", "An octet more", magic + b"\x11\x08\x01" + salt + b"x", "not a sealed")
    bad("magic_alone", "Nothing behind the first line", magic, "not a sealed")
    bad("empty", "Nothing", b"", "not a sealed")
