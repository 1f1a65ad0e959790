"""What the machine's disk has as credential, judged by openssl on the host."""

import base64
import os
import re

from harness import read, run, serial_of, text, write


class Credential:
    """As init.sh has shown it: where it lies, and its three files."""

    def __init__(self, lines):
        self.generation = None  # where `current` leads
        self.files = {"key.pem": "", "cert.pem": "", "chain.pem": ""}
        self.key_pending = "vm: a key is pending" in lines
        name = None
        for line in lines:
            if line.startswith("vm: "):
                name = line[9:] if line.startswith("vm: file ") else None
                current = re.fullmatch(r"vm: current \S+/(generations/\d+)", line)
                if current:
                    self.generation = current.group(1)
            elif name in self.files and line:
                self.files[name] += line + "\n"

    @property
    def serial(self):
        return serial_of(self.files["cert.pem"])

    def problems(self, scratch, ca_file):
        """Why the device has no credential, each in a line; empty: it is whole."""
        if self.generation is None:
            return ["there is no current generation"]
        empty = [name for name, content in self.files.items() if not content]
        if empty:
            return [f"{self.generation}/{name} is empty" for name in empty]
        found = []
        key, cert, chain = (write(scratch / f"seen-{name}", content)
                            for name, content in self.files.items())
        verified = run(["openssl", "verify", "-CAfile", ca_file, "-untrusted", chain,
                        "-purpose", "sslclient", cert], check=False)
        if verified.returncode != 0:
            found.append("openssl verify: " + (verified.stdout + verified.stderr).decode())
        try:
            if point_of_key(read(key)) != point_of_certificate(cert):
                found.append("the key is not the certificate's")
        except (AssertionError, IndexError, ValueError) as e:
            found.append(f"key.pem can't be read: {e}")
        return found


def point_of_certificate(path):
    """The P-256 point, x and y, of its public key."""
    pem = text(["openssl", "x509", "-in", path, "-noout", "-pubkey"])
    der = run(["openssl", "pkey", "-pubin", "-outform", "DER"], stdin=pem).stdout
    return der[-64:]


def point_of_key(pem):
    """The same of a TSS2 PRIVATE KEY: its pubkey holds a TPM2B_PUBLIC."""
    match = re.fullmatch(
        rb"-----BEGIN TSS2 PRIVATE KEY-----(.*)-----END TSS2 PRIVATE KEY-----\s*", pem, re.S)
    if not match:
        raise ValueError("it is no TSS2 PRIVATE KEY")
    key = fields_of(fields_of(base64.b64decode(match.group(1)))[0][1])
    # ... parent INTEGER, pubkey OCTET STRING, privkey OCTET STRING
    public = [value for tag, value in key if tag == 0x04][0]
    size = int.from_bytes(public[:2], "big")
    if size != len(public) - 2:
        raise ValueError("pubkey has another length than it says")
    # The last of TPMT_PUBLIC is the TPMS_ECC_POINT: two times 32 octets, each
    # after its size.
    x, y = public[-66:-34], public[-32:]
    if public[-68:-66] != b"\0\x20" or public[-34:-32] != b"\0\x20":
        raise ValueError("pubkey has no P-256 point")
    return x + y


def fields_of(der):
    """[(tag, content)] of DER that our own agent wrote."""
    out = []
    while der:
        tag, length, start = der[0], der[1], 2
        if length & 0x80:
            start = 2 + (length & 0x7F)
            length = int.from_bytes(der[2:start], "big")
        out.append((tag, der[start:start + length]))
        if start + length > len(der):
            raise ValueError("its DER is cut off")
        der = der[start + length:]
    return out
