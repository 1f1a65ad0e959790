"""Secrets that a TPM sealed, and keys under them. The blobs have a TPM's form; no TPM made them."""

from asn1 import NULL, boolean, case, ctx, indefinite, integer, long_length, octets, oid, seq, tlv, utf8

SEALED, LOADABLE = "2.23.133.10.1.5", "2.23.133.10.1.3"


def sized(data):
    return len(data).to_bytes(2, "big") + data


def public(type_=8, name_alg=0x0B, policy=b"", scheme=b"\x00\x10", unique=b"u" * 32, more=b""):
    return sized(type_.to_bytes(2, "big") + name_alg.to_bytes(2, "big") + b"\x00\x00\x04\x52"
                 + sized(policy) + scheme + sized(unique) + more)


def tpm_key(type_=SEALED, auth=ctx(0, boolean(True)), optional=b"", parent=integer(0x40000001),
            pub=None, private=sized(b"p" * 126), more=b""):
    return seq(oid(type_), auth, optional, parent, octets(public() if pub is None else pub),
               octets(private), more)


def sealed_blobs(_):
    def ok(name_, what, data):
        case("tss2_sealed", name_, what, data)

    def bad(name_, what, data):
        case("tss2_sealed", name_, what, data, reject="")

    ok("canonical", "What we write", tpm_key())
    ok("auth_01", "emptyAuth TRUE as BER may write it", tpm_key(auth=ctx(0, tlv(1, b"\x01"))))
    ok("description", "With a description", tpm_key(optional=ctx(4, utf8("a secret"))))
    ok("policy_digest", "The public part has a policy's digest",
       tpm_key(pub=public(policy=b"d" * 32)))
    bad("loadable_type", "The type of a loadable key", tpm_key(type_=LOADABLE))
    bad("password", "No emptyAuth: it wants a password", tpm_key(auth=b""))
    bad("password_false", "emptyAuth FALSE", tpm_key(auth=ctx(0, boolean(False))))
    bad("policy", "With a policy", tpm_key(optional=ctx(1, seq())))
    bad("import_secret", "With an import secret", tpm_key(optional=ctx(2, octets(b"s"))))
    bad("rsa_parent", "Under an RSA primary", tpm_key(optional=ctx(5, boolean(True))))
    bad("parent_large", "A parent of 33 bits", tpm_key(parent=integer(1 << 32)))
    bad("public_key", "The public part of an EC key",
        tpm_key(pub=sized(b"\x00\x23\x00\x0b\x00\x04\x04\x72\x00\x00\x00\x10\x00\x10\x00\x03\x00\x10"
                          + sized(b"x" * 32) + sized(b"y" * 32))))
    bad("hmac_key", "A keyed-hash object with a scheme", tpm_key(pub=public(scheme=b"\x00\x05\x00\x0b")))
    bad("name_sha1", "A name of SHA-1", tpm_key(pub=public(name_alg=4)))
    bad("policy_long", "A policy's digest of 65 octets", tpm_key(pub=public(policy=b"d" * 65)))
    bad("unique_short", "A unique field of 31 octets", tpm_key(pub=public(unique=b"u" * 31)))
    bad("public_trailing", "The public part has more than that", tpm_key(pub=public(more=b"\x00")))
    bad("private_size", "The private part says a wrong size", tpm_key(private=b"\x00\x05abcd"))
    bad("private_large", "A private part of 2 kB", tpm_key(private=sized(b"p" * 2047)))
    bad("private_empty", "An empty private part", tpm_key(private=sized(b"")))
    bad("extra", "One more field", tpm_key(more=NULL))
    bad("trailing", "Trailing data", tpm_key() + b"\x00")
    bad("truncated", "Cut off", tpm_key()[:-1])


def sealed_keys(_):
    def key(version=integer(1), wrapping=None, nonce=b"n" * 12, ciphertext=b"c" * 154, more=b""):
        return seq(version, tpm_key() if wrapping is None else wrapping, octets(nonce),
                   octets(ciphertext), more)

    def ok(name_, what, data):
        case("sealed_key", name_, what, data)

    def bad(name_, what, reason, data):
        case("sealed_key", name_, what, data, reject=reason)

    ok("p256", "As long as a P-256 key's", key())
    ok("shortest", "One octet", key(ciphertext=b"c" * 17))
    ok("longest", "8192 octets", key(ciphertext=b"c" * 8208))
    bad("version_0", "Version 0", "version", key(version=integer(0)))
    bad("version_2", "Version 2", "version", key(version=integer(2)))
    bad("version_missing", "No version", "version", seq(tpm_key(), octets(b"n" * 12), octets(b"c" * 17)))
    bad("wrapping_loadable", "The wrapping key is a signing key", "type",
        key(wrapping=tpm_key(type_=LOADABLE)))
    bad("wrapping_described", "The wrapping key has a description", "more than is needed",
        key(wrapping=tpm_key(optional=ctx(4, utf8("x")))))
    bad("wrapping_loose", "The wrapping key's TRUE is 01", "more than is needed",
        key(wrapping=tpm_key(auth=ctx(0, tlv(1, b"\x01")))))
    bad("wrapping_octets", "The wrapping key in an OCTET STRING", "wrappingKey",
        key(wrapping=octets(tpm_key())))
    bad("nonce_11", "A nonce of 11 octets", "nonce", key(nonce=b"n" * 11))
    bad("nonce_13", "A nonce of 13 octets", "nonce", key(nonce=b"n" * 13))
    bad("tag_alone", "A tag without a ciphertext", "ciphertext", key(ciphertext=b"t" * 16))
    bad("too_long", "8193 octets", "ciphertext", key(ciphertext=b"c" * 8209))
    bad("extra", "One more field", "ciphertext", key(more=NULL))
    bad("trailing", "Trailing data", "SEQUENCE", key() + b"\x00")
    bad("truncated", "Cut off", "SEQUENCE", key()[:-1])
    bad("indefinite", "BER's indefinite length", "SEQUENCE", indefinite(key()))
    bad("long_length", "A length in more octets than it needs", "SEQUENCE", long_length(key()))
    bad("empty", "Nothing", "SEQUENCE", b"")
