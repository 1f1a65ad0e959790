"""DER by hand, right or wrong on purpose, and keys by the openssl command."""

import base64
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def length(n):
    if n < 0x80:
        return bytes([n])
    octets = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def tlv(tag, *contents):
    content = b"".join(contents)
    return bytes([tag]) + length(len(content)) + content


def seq(*contents):
    return tlv(0x30, *contents)


def set_(*contents):
    return tlv(0x31, *contents)


def ctx(number, *contents, constructed=True):
    return tlv(0x80 | (0x20 if constructed else 0) | number, *contents)


def integer(n):
    return tlv(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        piece = [arc & 0x7F]
        while arc := arc >> 7:
            piece.insert(0, 0x80 | (arc & 0x7F))
        out += bytes(piece)
    return tlv(0x06, out)


def utf8(text):
    return tlv(0x0C, text.encode())


def printable(text):
    return tlv(0x13, text.encode())


def octets(*contents):
    return tlv(0x04, *contents)


def bits(content, unused=0):
    return tlv(0x03, bytes([unused]) + content)


def boolean(value):
    return tlv(0x01, b"\xff" if value else b"\x00")


NULL = b"\x05\x00"
CN, O = "2.5.4.3", "2.5.4.10"
ECDSA_SHA256 = seq(oid("1.2.840.10045.4.3.2"))
RSA_SHA256 = seq(oid("1.2.840.113549.1.1.11"), NULL)
SAN, KEY_USAGE, EKU, BC, SKI, AKI = (
    "2.5.29.17", "2.5.29.15", "2.5.29.37", "2.5.29.19", "2.5.29.14", "2.5.29.35")


def rdn(type_, value):
    return set_(seq(oid(type_), value))


def name(common_name):
    return seq(rdn(CN, utf8(common_name)))


def ext(id_, value, critical=False):
    return seq(oid(id_), boolean(True) if critical else b"", octets(value))


def indefinite(der):
    """The same outer element with an indefinite length (BER)."""
    skip = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    return der[:1] + b"\x80" + der[skip:] + b"\x00\x00"


def long_length(der):
    """The outer length in one octet more than it needs."""
    skip = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    n = len(der) - skip
    octets_ = n.to_bytes((n.bit_length() + 7) // 8 + 1, "big")
    return der[:1] + bytes([0x80 | len(octets_)]) + octets_ + der[skip:]


def openssl(*args, data=b""):
    return subprocess.run(("openssl",) + args, input=data, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


class Key:
    def __init__(self, *genpkey):
        self.pem = openssl("genpkey", *genpkey)
        self.spki = openssl("pkey", "-pubout", "-outform", "DER", data=self.pem)
        self.pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER",
                             data=self.pem)

    def file(self):
        handle = tempfile.NamedTemporaryFile(suffix=".pem")
        handle.write(self.pem)
        handle.flush()
        return handle

    def sign(self, message, digest="-sha256"):
        with self.file() as key:
            return openssl("dgst", digest, "-sign", key.name, data=message)


def ec(curve):
    return Key("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve,
               "-pkeyopt", "ec_param_enc:named_curve")


def rsa(bits_, exponent=65537):
    return Key("-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits_}",
               "-pkeyopt", f"rsa_keygen_pubexp:{exponent}")


# Set by --missing: files that are there stay as they are.
missing_only = False


def case(format_, name_, what, data, reject=None, **notes):
    """Writes testdata/<format>/<name>.txt; `reject` is a part of the reason."""
    folder = os.path.join(ROOT, format_)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name_ + ".txt")
    if missing_only and os.path.exists(path):
        return
    lines = ["# " + what]
    lines.append("# expect: accept" if reject is None
                 else ("# expect: reject " + reject).rstrip())
    lines += [f"# {key}: {value}" for key, value in notes.items()]
    if isinstance(data, str):
        lines.append("# encoding: text")
        body = data.encode()
    else:
        text = base64.b64encode(data).decode()
        body = "".join(text[i:i + 64] + "\n" for i in range(0, len(text), 64)).encode()
    with open(path, "wb") as out:
        out.write("".join(line + "\n" for line in lines).encode() + body)


def load(format_, name_):
    """A committed case's octets."""
    with open(os.path.join(ROOT, format_, name_ + ".txt")) as file:
        return base64.b64decode("".join(l for l in file if not l.startswith("#")))
