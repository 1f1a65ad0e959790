"""Certificates, certs-only messages."""

import tempfile

from asn1 import *
from requests import DNS

NOW, LATER = tlv(0x17, b"240101000000Z"), tlv(0x17, b"340101000000Z")


def tbs(key, *extensions, version=2, serial=None, algorithm=ECDSA_SHA256, subject=None,
        validity=None, tail=b""):
    return seq(ctx(0, integer(version)) if version is not None else b"",
               integer(5) if serial is None else serial, algorithm, name("Test CA"),
               seq(NOW, LATER) if validity is None else validity,
               name("gw-17") if subject is None else subject, key.spki, tail,
               ctx(3, seq(*extensions)) if extensions else b"")


def certificate(ca, tbs_, algorithm=ECDSA_SHA256, digest="-sha256"):
    return seq(tbs_, algorithm, bits(ca.sign(tbs_, digest)))


def usual(key):
    return [ext(BC, seq(), True), ext(KEY_USAGE, bits(b"\x80", 7), True),
            ext(EKU, seq(oid("1.3.6.1.5.5.7.3.2"))), ext(SAN, seq(DNS)),
            ext(SKI, octets(b"s" * 20)), ext(AKI, seq(ctx(0, b"a" * 20, constructed=False)))]


def certificates(keys):
    ca, k = keys["ca"], keys["p256"]

    def ok(name_, what, der):
        case("certificate", name_, what, der)

    def bad(name_, what, der, reason="certificate"):
        case("certificate", name_, what, der, reject=reason)

    def one(*extensions, **fields):
        return certificate(ca, tbs(k, *extensions, **fields))

    def filled(**fields):
        return one(ext(BC, seq(), True), **fields)

    plain = one(*usual(k))
    keys["certificate"] = plain
    ok("leaf", "A device's certificate with the usual extensions", plain)
    ok("ca", "A CA with a path length",
       one(ext(BC, seq(boolean(True), integer(0)), True), ext(KEY_USAGE, bits(b"\x06", 1), True)))
    ok("no_extensions", "Version 3 without extensions", one())
    ok("v1", "Version 1", one(version=None))
    ok("v2_unique_ids", "Version 2 with unique identifiers",
       one(version=1, tail=ctx(1, b"\0a", constructed=False) + ctx(2, b"\0b", constructed=False)))
    ok("serial_20", "A serial of 20 octets", filled(serial=integer((1 << 158) | 1)))
    ok("serial_20_and_zero", "20 octets of value with the sign octet", filled(serial=integer((1 << 160) - 1)))
    ok("serial_zero", "The serial 0, as old trust anchors have it", filled(serial=integer(0)))
    ok("year_2050", "Until 2050, as GeneralizedTime",
       filled(validity=seq(tlv(0x17, b"491231235959Z"), tlv(0x18, b"20500101000000Z"))))
    ok("no_expiry", "RFC 5280 4.1.2.5's end of time", filled(validity=seq(NOW, tlv(0x18, b"99991231235959Z"))))
    ok("generalized_before_2050", "GeneralizedTime too early is read",
       filled(validity=seq(tlv(0x18, b"20240101000000Z"), LATER)))
    ok("year_1950", "UTCTime 50 is 1950", filled(validity=seq(tlv(0x17, b"500101000000Z"), LATER)))
    ok("leap_day", "29 February of a leap year", filled(validity=seq(tlv(0x17, b"240229000000Z"), LATER)))
    ok("unknown_critical", "A critical extension that nobody knows is read", one(ext("1.2.3", b"", True)))
    ok("ends_before_it_begins", "Dates are judged elsewhere", one(validity=seq(LATER, NOW)))
    ok("empty_subject", "No subject, a critical subjectAltName", one(ext(SAN, seq(DNS), True), subject=seq()))
    ok("aki_issuer_and_serial", "An authority key identifier with all three parts",
       one(ext(AKI, seq(ctx(0, b"a" * 20, constructed=False), ctx(1, ctx(4, name("x"))),
                        ctx(2, b"\5", constructed=False)))))
    weak = keys["rsa1024"]
    ok("rsa1024_sha256", "A weak key reads as any other", certificate(weak, tbs(weak, algorithm=RSA_SHA256), RSA_SHA256))

    bad("empty", "Nothing", b"")
    bad("truncated", "The last octet is missing", plain[:-1])
    bad("trailing_data", "One octet follows", plain + b"\0", "bytes follow")
    bad("indefinite_length", "BER's indefinite length", indefinite(plain))
    bad("non_minimal_length", "A length with a leading zero", long_length(plain))
    bad("version_4", "Version 4", one(version=3), "version")
    bad("version_1_written", "The default version written out", one(version=0), "version")
    bad("serial_negative", "A negative serial", one(serial=integer(-5)), "serial")
    bad("serial_21", "A serial of 21 octets", one(serial=integer(1 << 166)), "serial")
    bad("serial_empty", "A serial without octets", one(serial=b"\x02\x00"), "serial")
    bad("serial_non_minimal", "A serial with a leading zero", one(serial=b"\x02\x02\x00\x05"), "serial")
    bad("algorithms_differ", "Another algorithm within than without",
        certificate(ca, tbs(k), seq(oid("1.2.840.10045.4.3.3"))), "differ")
    for name_, what, tag, text in [
            ("month_13", "Month 13", 0x17, b"241301000000Z"),
            ("month_0", "Month 0", 0x17, b"240001000000Z"),
            ("february_30", "30 February", 0x17, b"240230000000Z"),
            ("not_a_leap_year", "29 February 2023", 0x17, b"230229000000Z"),
            ("hour_24", "24 o'clock", 0x17, b"240101240000Z"),
            ("leap_second", "Second 60", 0x17, b"240101000060Z"),
            ("without_seconds", "UTCTime without seconds", 0x17, b"2401010000Z"),
            ("offset", "A zone that is not Z", 0x17, b"240101000000+0100"),
            ("without_zone", "No zone", 0x17, b"240101000000"),
            ("fraction", "A fraction of a second", 0x18, b"20240101000000.5Z"),
            ("letters", "Letters", 0x17, b"24O1O1OOOOOOZ"),
            ("short", "Nothing but a Z", 0x17, b"Z"),
            ("as_text", "A UTF8String", 0x0C, b"240101000000Z")]:
        bad("time_" + name_, what, one(validity=seq(tlv(tag, text), LATER)), "validity")
    bad("time_missing", "One date alone", one(validity=seq(NOW)), "validity")
    bad("time_three", "Three dates", one(validity=seq(NOW, LATER, LATER)), "validity")
    bad("extensions_in_v1", "Extensions in version 1", one(ext("1.2.3", b""), version=None), "version")
    bad("unique_id_in_v1", "A unique identifier in version 1",
        one(version=None, tail=ctx(1, b"\0a", constructed=False)), "version")
    bad("duplicate_extension", "One extension twice", one(ext("1.2.3", b""), ext("1.2.3", b"")), "twice")
    bad("extensions_empty", "An empty list of extensions", one(tail=ctx(3, seq())), "list of extensions")
    bad("path_length_without_ca", "A path length without cA", one(ext(BC, seq(integer(0)))), "basicConstraints")
    bad("path_length_negative", "A negative path length",
        one(ext(BC, seq(boolean(True), integer(-1)))), "basicConstraints")
    bad("ca_false_written", "cA FALSE written out", one(ext(BC, seq(boolean(False)))), "basicConstraints")
    bad("key_usage_empty", "keyUsage without a bit", one(ext(KEY_USAGE, bits(b""))), "keyUsage")
    bad("key_usage_padded", "keyUsage with trailing zero bits", one(ext(KEY_USAGE, bits(b"\x80"))), "keyUsage")
    bad("key_usage_trailing", "Octets after keyUsage", one(ext(KEY_USAGE, bits(b"\x80", 7) + b"\0")), "keyUsage")
    bad("eku_empty", "extKeyUsage without a purpose", one(ext(EKU, seq())), "extKeyUsage")
    bad("ski_not_octets", "A key identifier that is no OCTET STRING", one(ext(SKI, utf8("a"))), "subjectKeyIdentifier")
    bad("aki_issuer_alone", "An authority's issuer without its serial",
        one(ext(AKI, seq(ctx(1, ctx(4, name("x")))))), "authorityKeyIdentifier")
    bad("san_empty", "No name in subjectAltName", one(ext(SAN, seq())), "general names")
    bad("subject_bad_string", "A subject with broken UTF-8",
        one(subject=seq(rdn(CN, tlv(0x0C, b"\xff")))), "name")
    bad("extra_field", "A field after the extensions", one(tail=NULL), "fields after the key")
    bad("no_signature", "Two fields of three", seq(tbs(k), ECDSA_SHA256))
    bad("request", "A request in place of a certificate", load("pkcs10", "rfc7030_a3_simpleenroll"))


def certs_only(keys):
    leaf, ca = keys["certificate"], keys["ca_certificate"]

    def ok(name_, what, der):
        case("certs_only", name_, what, der)

    def bad(name_, what, der, reason="certs-only"):
        case("certs_only", name_, what, der, reject=reason)

    data = seq(oid("1.2.840.113549.1.7.1"))

    def message(*certs, version=1, digests=b"", content=data, crls=b"", signers=b"", tail=b"",
                type_="1.2.840.113549.1.7.2"):
        return seq(oid(type_), ctx(0, seq(
            integer(version), set_(digests), content, ctx(0, *certs) if certs else b"",
            crls, set_(signers), tail)))

    one = message(leaf)
    ok("one", "One certificate, as enrollments reply", one)
    ok("two", "A leaf and its CA, leaf first", message(leaf, ca))
    ok("empty_crls", "An empty [1]", message(leaf, crls=ctx(1)))
    ok("digests", "With a digest algorithm that nothing needs",
       message(leaf, digests=seq(oid("2.16.840.1.101.3.4.2.1"))))
    ok("version_3", "Version 3", message(leaf, version=3))
    ok("64_certificates", "As many as are taken", message(*[keys["small"]] * 64))
    with tempfile.NamedTemporaryFile() as pem:
        pem.write(openssl("x509", "-inform", "DER", data=leaf)
                  + openssl("x509", "-inform", "DER", data=ca))
        pem.flush()
        ok("openssl", "What openssl crl2pkcs7 -nocrl writes",
           openssl("crl2pkcs7", "-nocrl", "-certfile", pem.name, "-outform", "DER"))
    bad("empty", "Nothing", b"")
    bad("truncated", "The last octet is missing", one[:-1])
    bad("trailing_data", "One octet follows", one + b"\0", "bytes follow")
    bad("indefinite_length", "BER's indefinite length", indefinite(one))
    bad("non_minimal_length", "A length with a leading zero", long_length(one))
    bad("no_certificates", "No [0]", message(), "no certificate")
    bad("certificates_empty", "An empty [0]", message(b""), "no certificate")
    bad("65_certificates", "One too many", message(*[keys["small"]] * 65), "too many")
    bad("version_2", "Version 2, which SignedData does not have", message(leaf, version=2), "version")
    bad("version_0", "Version 0", message(leaf, version=0), "version")
    bad("with_content", "Content in it",
        message(leaf, content=seq(oid("1.2.840.113549.1.7.1"), ctx(0, octets(b"x")))), "content")
    bad("other_content_type", "Another content type",
        message(leaf, content=seq(oid("1.3.6.1.5.5.7.12.3"))), "content type")
    bad("with_signer", "A signer", message(leaf, signers=seq(integer(1))), "signers")
    bad("enveloped", "EnvelopedData's type", message(leaf, type_="1.2.840.113549.1.7.3"), "not SignedData")
    bad("attribute_certificate", "An attribute certificate [2]",
        message(ctx(2, NULL)), "no X.509")
    bad("bad_certificate", "A certificate that is none", message(seq(NULL)), "certificate")
    bad("digest_bad", "A digest algorithm that is none", message(leaf, digests=NULL), "digest")
    bad("crl_bad", "[1] with half an element", message(leaf, crls=ctx(1, b"\x30\x05")), "SignedData")
    bad("extra_field", "A field after the signers", message(leaf, tail=NULL), "SignedData")
    bad("certificate_alone", "A bare certificate", leaf, "not SignedData")
