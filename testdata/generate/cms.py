"""CMS: EnvelopedData, SignedData, key packages, SMIMECapabilities."""

import hashlib
import os
import tempfile

from asn1 import *
from certificates import certificate, tbs

DATA, SIGNED, ENVELOPED = (f"1.2.840.113549.1.7.{i}" for i in (1, 2, 3))
KEY_PACKAGE = "2.16.840.1.101.2.1.2.78.5"
AES = "2.16.840.1.101.3.4.1."
SHA = {"sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2",
       "sha512": "2.16.840.1.101.3.4.2.3", "sha1": "1.3.14.3.2.26"}
OAEP, MGF1, PSPECIFIED = (f"1.2.840.113549.1.1.{i}" for i in (7, 8, 9))
RSA = "1.2.840.113549.1.1.1"
EC_KEY = seq(oid("1.2.840.10045.2.1"))
STD_DH = "1.3.132.1.11."


def content_info(type_, value):
    return seq(oid(type_), ctx(0, value))


def wrap_of(bits_, *parameters):
    return seq(oid(AES + {128: "5", 192: "25", 256: "45"}[bits_]), *parameters)


def oaep(hash_=None, *more):
    if hash_ is None:
        return seq(oid(OAEP), seq(*more))
    return seq(oid(OAEP), seq(ctx(0, seq(oid(SHA[hash_]))),
                              ctx(1, seq(oid(MGF1), seq(oid(SHA[hash_])))), *more))


ISSUER_AND_SERIAL = seq(name("Test CA"), integer(5))
POINT = b"\x04" + b"p" * 64


def kek(identifier=b"id", algorithm=wrap_of(128), key=b"w" * 24, version=4):
    return ctx(2, integer(version), seq(octets(identifier)), algorithm, octets(key))


def ktri(rid=ISSUER_AND_SERIAL, algorithm=None, version=0):
    return seq(integer(version), rid, oaep("sha256") if algorithm is None else algorithm,
               octets(b"k" * 256))


def kari(rid=ISSUER_AND_SERIAL, algorithm=None, ukm=b"", originator=None, key_algorithm=EC_KEY, keys=1):
    if algorithm is None:
        algorithm = seq(oid(STD_DH + "1"), wrap_of(128))
    if originator is None:
        originator = ctx(0, ctx(1, key_algorithm, bits(POINT)))
    return ctx(1, integer(3), originator, ukm, algorithm,
               seq(*[seq(rid, octets(b"w" * 24))] * keys))


def encrypted(type_=DATA, algorithm=None, content=None):
    if algorithm is None:
        algorithm = seq(oid(AES + "2"), octets(b"i" * 16))
    if content is None:
        content = ctx(0, b"c" * 32, constructed=False)
    return seq(oid(type_), algorithm, content)


def enveloped(*recipients, version=2, content=None, before=b"", after=b""):
    return content_info(ENVELOPED, seq(integer(version), before, set_(*recipients),
                                       encrypted() if content is None else content, after))


def cms(*args, keys=(), data=b"content"):
    """`openssl cms`; `keys` are contents of files, whose names follow -recip or -signer."""
    files = []
    for content in keys:
        handle = tempfile.NamedTemporaryFile(suffix=".pem")
        handle.write(content)
        handle.flush()
        files.append(handle)
    return openssl("cms", *[files[a].name if isinstance(a, int) else a for a in args],
                   "-binary", "-outform", "DER", data=data)


def pem(der):
    return openssl("x509", "-inform", "DER", data=der)


def enveloped_data(keys):
    def ok(name_, what, der):
        case("enveloped_data", name_, what, der)

    def bad(name_, what, der, reason=""):
        case("enveloped_data", name_, what, der, reject=reason)

    key_id = ctx(0, b"s" * 20, constructed=False)
    ok("kek", "A KEK recipient", enveloped(kek()))
    ok("kek_256", "AES-256 everywhere", enveloped(kek(algorithm=wrap_of(256), key=b"w" * 40), content=encrypted(
        SIGNED, seq(oid(AES + "42"), octets(b"i" * 16)))))
    ok("kek_wrap_null", "A NULL beside the key wrap, which RFC 3565 does not have",
       enveloped(kek(algorithm=wrap_of(128, NULL))))
    ok("ktri_issuer", "An RSA recipient by issuer and serial", enveloped(ktri(), version=0))
    ok("ktri_key_id", "An RSA recipient by key identifier", enveloped(ktri(key_id, version=2)))
    ok("ktri_oaep_sha1", "OAEP with its defaults", enveloped(ktri(algorithm=oaep()), version=0))
    ok("ktri_oaep_label", "OAEP with its empty label written out",
       enveloped(ktri(algorithm=oaep("sha512", ctx(2, seq(oid(PSPECIFIED), octets())))), version=0))
    ok("kari_issuer", "An EC recipient by issuer and serial", enveloped(kari()))
    ok("kari_key_id", "An EC recipient by key identifier",
       enveloped(kari(ctx(0, octets(b"s" * 20)), seq(oid(STD_DH + "2"), wrap_of(256)))))
    ok("kari_ukm", "With user keying material", enveloped(kari(ukm=ctx(1, octets(b"u" * 8)))))
    ok("kari_key_parameters", "The curve beside the ephemeral key",
       enveloped(kari(key_algorithm=seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")))))
    ok("every_kind", "Recipients of each kind", enveloped(ktri(), kari(), kek(), version=3))
    ok("16_recipients", "As many as are taken", enveloped(*[kek(bytes([i])) for i in range(16)]))
    ok("other_kinds", "Recipients that nobody here can be",
       enveloped(ctx(3, integer(0), wrap_of(128), octets(b"w" * 24)),
                 ctx(4, oid("1.2.3"), NULL), ktri(algorithm=seq(oid(RSA), NULL)),
                 ktri(algorithm=oaep("sha256", ctx(2, seq(oid(PSPECIFIED), octets(b"label"))))),
                 ktri(key_id), kek(version=3), kek(algorithm=seq(oid("1.2.840.113549.1.9.16.3.6"), NULL)),
                 kari(keys=2), kari(algorithm=seq(oid(STD_DH + "0"), wrap_of(128))),
                 kari(originator=ctx(0, ISSUER_AND_SERIAL)), version=3))
    certs = {n: pem(certificate(keys["ca"], tbs(keys[n]))) for n in ("p256", "p384", "rsa2048")}
    ok("openssl_kek", "openssl cms -encrypt -secretkey",
       cms("-encrypt", "-aes128", "-secretkey", "11" * 16, "-secretkeyid", "abcd"))
    ok("openssl_oaep", "openssl cms -encrypt with OAEP's defaults",
       cms("-encrypt", "-aes256", "-recip", 0, "-keyopt", "rsa_padding_mode:oaep", keys=[certs["rsa2048"]]))
    ok("openssl_oaep_sha256", "openssl cms -encrypt with OAEP and SHA-256",
       cms("-encrypt", "-aes256", "-recip", 0, "-keyopt", "rsa_padding_mode:oaep",
           "-keyopt", "rsa_oaep_md:sha256", keys=[certs["rsa2048"]]))
    ok("openssl_ec", "openssl cms -encrypt for P-256",
       cms("-encrypt", "-aes128", "-recip", 0, keys=[certs["p256"]]))
    ok("openssl_ec_sha384", "openssl cms -encrypt for P-384 with SHA-384",
       cms("-encrypt", "-aes256", "-recip", 0, "-keyopt", "ecdh_kdf_md:sha384", keys=[certs["p384"]]))

    good = enveloped(kek())
    bad("empty", "Nothing", b"", "SEQUENCE")
    bad("not_a_sequence", "A SET", set_(good), "SEQUENCE")
    bad("trailing_data", "Octets after it", good + b"\0", "bytes follow")
    bad("truncated", "The last octet is missing", good[:-1], "SEQUENCE")
    bad("indefinite_length", "BER's indefinite length", indefinite(good), "SEQUENCE")
    bad("non_minimal_length", "A length with a leading zero", long_length(good), "SEQUENCE")
    bad("other_type", "SignedData's type", content_info(SIGNED, seq()), "another type")
    bad("no_type", "No type", seq(ctx(0, seq())), "another type")
    bad("no_content", "A type alone", seq(oid(ENVELOPED)), "ContentInfo")
    bad("content_twice", "Two contents", seq(oid(ENVELOPED), ctx(0, seq(), seq())), "ContentInfo")
    bad("no_version", "No version", content_info(ENVELOPED, seq(set_(kek()), encrypted())), "version")
    bad("version_1", "Version 1", enveloped(kek(), version=1), "version")
    bad("version_5", "Version 5", enveloped(kek(), version=5), "version")
    bad("version_negative", "Version -1", enveloped(kek(), version=-1), "version")
    bad("originator_info", "Originator information", enveloped(kek(), before=ctx(0)), "originator")
    bad("no_recipient", "No recipient", enveloped(), "no recipient")
    bad("17_recipients", "One recipient too many", enveloped(*[kek(bytes([i])) for i in range(17)]), "16")
    bad("recipients_sequence", "A SEQUENCE of recipients",
        content_info(ENVELOPED, seq(integer(2), seq(kek()), encrypted())), "recipientInfos")
    bad("recipient_cut", "A recipient that ends early",
        content_info(ENVELOPED, seq(integer(2), set_(kek()[:-1]), encrypted())), "recipient")
    bad("no_encrypted_content", "No EncryptedContentInfo",
        content_info(ENVELOPED, seq(integer(2), set_(kek()))), "EncryptedContentInfo")
    bad("unprotected_attributes", "Unprotected attributes", enveloped(kek(), after=ctx(1)), "unprotected")
    bad("extra_field", "A field too many", enveloped(kek(), after=NULL), "bytes follow")

    def bad_content(name_, what, content, reason=""):
        bad(name_, what, enveloped(kek(), content=content), reason)

    bad_content("no_content_type", "No content type", seq(seq(oid(AES + "2"), octets(b"i" * 16))))
    bad_content("detached", "No content", encrypted(content=b""), "detached")
    bad_content("content_in_pieces", "A constructed content (BER)",
                encrypted(content=ctx(0, octets(b"c" * 16))), "malformed")
    bad_content("content_empty", "An empty content",
                encrypted(content=ctx(0, constructed=False)), "block")
    bad_content("content_31", "A content of 31 octets",
                encrypted(content=ctx(0, b"c" * 31, constructed=False)), "block")
    bad_content("content_tag_1", "The content's tag is [1]",
                encrypted(content=ctx(1, b"c" * 16, constructed=False)), "malformed")
    bad_content("iv_15", "An IV of 15 octets", encrypted(algorithm=seq(oid(AES + "2"), octets(b"i" * 15))), "IV")
    bad_content("iv_missing", "No IV", encrypted(algorithm=seq(oid(AES + "2"))), "IV")
    bad_content("iv_null", "NULL for an IV", encrypted(algorithm=seq(oid(AES + "2"), NULL)), "IV")
    bad_content("gcm", "AES-GCM, which AuthEnvelopedData is for",
                encrypted(algorithm=seq(oid(AES + "6"), seq(octets(b"n" * 12)))), "not taken")
    bad_content("triple_des", "Triple DES",
                encrypted(algorithm=seq(oid("1.2.840.113549.3.7"), octets(b"i" * 8))), "not taken")


def attribute(type_, *values):
    return seq(oid("1.2.840.113549.1.9." + type_), set_(*values))


def signed_data(keys):
    def ok(name_, what, der):
        case("signed_data", name_, what, der)

    def bad(name_, what, der, reason=""):
        case("signed_data", name_, what, der, reject=reason)

    def denied(name_, what, der, reason):
        case("signed_data", name_, what, der, reject=reason, code="denied")

    k = keys["p256"]
    ski = ext(SKI, octets(b"s" * 20))
    certs = {n: certificate(keys["ca"], tbs(keys[n], ski)) for n in ("p256", "p384", "rsa2048", "ed25519")}
    rsa_key = keys["rsa2048"]
    content = b"content"
    type_ = attribute("3", oid(DATA))
    time = attribute("5", tlv(0x17, b"260101000000Z"))

    def digest_of(octets_=content, hash_="sha256"):
        return attribute("4", octets(hashlib.new(hash_, octets_).digest()))

    usual = [type_, time, digest_of()]

    def signer(attributes=usual, key=k, hash_="sha256", algorithm=ECDSA_SHA256, sid=ISSUER_AND_SERIAL, version=1,
               tail=b"", signature=None, digest_parameters=b""):
        if signature is None:
            signature = key.sign(set_(*attributes), "-" + hash_)
        return seq(integer(version), sid, seq(oid(SHA[hash_]), digest_parameters),
                   ctx(0, *attributes) if attributes else b"", algorithm, octets(signature), tail)

    def bare(*signers, version=1, certificates=None, inner=octets(content), content_type=DATA, crls=b"",
             digests=None, tail=b""):
        if certificates is None:
            certificates = ctx(0, certs["p256"])
        return seq(integer(version), set_(seq(oid(SHA["sha256"]))) if digests is None else digests,
                   seq(oid(content_type), ctx(0, inner) if inner else b""),
                   certificates, crls, set_(*signers), tail)

    def signed(*signers, **fields):
        return content_info(SIGNED, bare(*signers, **fields))

    good = signed(signer())
    ok("p256", "An EC signer", good)
    ok("bare", "Without a ContentInfo", bare(signer()))
    ok("key_id", "The signer by its key identifier",
       signed(signer(sid=ctx(0, b"s" * 20, constructed=False), version=3), version=3))
    ok("p384", "A P-384 signer", signed(
        signer([type_, digest_of(hash_="sha384")], keys["p384"], "sha384", seq(oid("1.2.840.10045.4.3.3"))),
        certificates=ctx(0, certs["p384"]), digests=set_(seq(oid(SHA["sha384"])))))
    ok("rsa", "sha256WithRSAEncryption, NULL beside the digest",
       signed(signer(key=rsa_key, algorithm=RSA_SHA256, digest_parameters=NULL),
              certificates=ctx(0, certs["rsa2048"])))
    ok("rsa_encryption", "rsaEncryption, the digest beside it (RFC 5754 3.2)",
       signed(signer(key=rsa_key, algorithm=seq(oid(RSA), NULL)), certificates=ctx(0, certs["rsa2048"])))
    ok("no_signing_time", "No signing time", signed(signer([type_, digest_of()])))
    ok("unsigned_attributes", "Unsigned attributes", signed(signer(tail=ctx(1, attribute("6", octets(b"x"))))))
    ok("crls", "Something among the CRLs", signed(signer(), crls=ctx(1, seq())))
    ok("two_certificates", "The signer's is the second",
       signed(signer(), certificates=ctx(0, keys["ca_certificate"], certs["p256"])))
    ok("other_content_type", "A content that is not data",
       signed(signer([attribute("3", oid(KEY_PACKAGE)), digest_of()]), content_type=KEY_PACKAGE, version=3))

    with keys["p256"].file() as p, rsa_key.file() as r:
        cert, rsa_cert = pem(certs["p256"]), pem(certs["rsa2048"])
        ok("openssl_ec", "openssl cms -sign -nodetach", cms("-sign", "-nodetach", "-signer", 0, "-inkey", p.name, keys=[cert]))
        ok("openssl_rsa", "openssl cms -sign with RSA",
           cms("-sign", "-nodetach", "-signer", 0, "-inkey", r.name, keys=[rsa_cert]))
        ok("openssl_pss", "openssl cms -sign with RSASSA-PSS, by key identifier",
           cms("-sign", "-nodetach", "-signer", 0, "-inkey", r.name, "-keyid", "-keyopt", "rsa_padding_mode:pss",
               "-keyopt", "rsa_pss_saltlen:digest", keys=[rsa_cert]))
        bad("openssl_detached", "openssl cms -sign", cms("-sign", "-signer", 0, "-inkey", p.name, keys=[cert]), "detached")
        bad("openssl_noattr", "openssl cms -sign -noattr",
            cms("-sign", "-nodetach", "-noattr", "-signer", 0, "-inkey", p.name, keys=[cert]), "signed attributes")
        bad("openssl_nocerts", "openssl cms -sign -nocerts",
            cms("-sign", "-nodetach", "-nocerts", "-signer", 0, "-inkey", p.name, keys=[cert]), "not in it")
        bad("openssl_stream", "openssl cms -sign -stream writes BER",
            cms("-sign", "-nodetach", "-stream", "-signer", 0, "-inkey", p.name, keys=[cert]), "SEQUENCE")

    denied("content_changed", "Another content", signed(signer(), inner=octets(b"contenT")), "not what was signed")
    denied("digest_of_other", "The digest of other octets", signed(signer([type_, digest_of(b"x")])), "not what was signed")
    denied("digest_short", "A digest that was cut",
           signed(signer([type_, attribute("4", octets(hashlib.sha256(content).digest()[:16]))])), "not what was signed")
    denied("type_of_other", "Another content type was signed",
           signed(signer([attribute("3", oid(KEY_PACKAGE)), digest_of()])), "another content type")
    denied("type_changed", "The content type was changed", signed(signer(), content_type=KEY_PACKAGE), "another content type")
    denied("signed_by_other", "Another key signed", signed(signer(key=keys["p256b"])), "signature is wrong")
    denied("signed_as_implicit", "The [0] was signed, not the SET OF",
           signed(signer(signature=k.sign(ctx(0, *usual)))), "signature is wrong")
    denied("signed_the_content", "The content was signed, not the attributes",
           signed(signer(signature=k.sign(content))), "signature is wrong")
    denied("attributes_changed", "Another signing time",
           signed(signer([type_, attribute("5", tlv(0x17, b"270101000000Z")), digest_of()],
                         signature=k.sign(set_(*usual)))), "signature is wrong")
    bad("empty", "Nothing", b"", "SEQUENCE")
    bad("trailing_data", "Octets after it", good + b"\0", "bytes follow")
    bad("truncated", "The last octet is missing", good[:-1], "SEQUENCE")
    bad("indefinite_length", "BER's indefinite length", indefinite(good), "SEQUENCE")
    bad("other_type", "EnvelopedData's type", content_info(ENVELOPED, bare(signer())), "another type")
    bad("version_0", "Version 0", signed(signer(), version=0), "version")
    bad("version_2", "Version 2", signed(signer(), version=2), "version")
    bad("version_6", "Version 6", signed(signer(), version=6), "version")
    bad("detached", "No content", signed(signer(), inner=b""), "detached")
    bad("content_in_pieces", "A constructed content (BER)", signed(signer(), inner=tlv(0x24, octets(content))))
    bad("no_signer", "No signer", signed(), "no signer")
    bad("two_signers", "Two signers", signed(signer(), signer()), "more than one signer")
    bad("no_certificates", "No certificates", signed(signer(), certificates=b""), "not in it")
    bad("not_the_signers", "Somebody else's certificate",
        signed(signer(), certificates=ctx(0, keys["ca_certificate"])), "not in it")
    bad("certificate_choices", "An attribute certificate", signed(signer(), certificates=ctx(0, ctx(1))), "no X.509")
    bad("certificate_malformed", "A certificate that is none", signed(signer(), certificates=ctx(0, seq())))
    bad("no_attributes", "No signed attributes", signed(signer([], signature=k.sign(content))), "signed attributes")
    bad("digest_missing", "No messageDigest", signed(signer([type_])), "messageDigest")
    bad("type_missing", "No contentType", signed(signer([digest_of()])), "contentType")
    bad("digest_twice", "messageDigest twice", signed(signer([type_, digest_of(), digest_of()])), "twice")
    bad("two_digests", "messageDigest with two values",
        signed(signer([type_, attribute("4", octets(b"a"), octets(b"b"))])), "several values")
    bad("digest_not_octets", "messageDigest as INTEGER", signed(signer([type_, attribute("4", integer(1))])))
    bad("time_malformed", "A signing time of no format",
        signed(signer([type_, attribute("5", tlv(0x17, b"26")), digest_of()])), "signing time")
    bad("33_attributes", "One attribute too many",
        signed(signer(usual + [seq(oid(f"1.2.3.{i}"), set_(NULL)) for i in range(30)])), "signed attributes")
    bad("sha1", "A SHA-1 digest",
        signed(signer([type_, digest_of(hash_="sha1")], hash_="sha1", algorithm=seq(oid("1.2.840.10045.4.1")))), "SHA-1")
    bad("unknown_digest", "An unknown digest", signed(seq(
        integer(1), ISSUER_AND_SERIAL, seq(oid("1.2.3")), ctx(0, *usual), ECDSA_SHA256, octets(b"s"))), "not taken")
    bad("signature_sha1", "ecdsa-with-SHA1", signed(signer(algorithm=seq(oid("1.2.840.10045.4.1")))), "not taken")
    bad("rsa_algorithm_on_ec", "An algorithm that does not fit the key", signed(signer(algorithm=RSA_SHA256)), "not fit")
    bad("key_id_version_1", "A key identifier in version 1",
        signed(signer(sid=ctx(0, b"s" * 20, constructed=False))), "version")
    bad("issuer_version_3", "Issuer and serial in version 3", signed(signer(version=3)), "version")
    bad("extra_field", "A field too many", signed(signer(), tail=NULL))
    bad("signer_extra_field", "A field too many in the signer", signed(signer(tail=NULL)))


def key_packages(keys):
    def ok(name_, what, der):
        case("key_package", name_, what, der)

    def bad(name_, what, der, reason=""):
        case("key_package", name_, what, der, reject=reason)

    one = keys["p256"].pkcs8
    ok("p256", "A P-256 key", seq(one))
    ok("rsa2048", "An RSA key", seq(keys["rsa2048"].pkcs8))
    ok("ed25519", "An Ed25519 key", seq(keys["ed25519"].pkcs8))
    bad("empty", "Nothing", b"", "SEQUENCE")
    bad("no_key", "An empty package", seq(), "no key")
    bad("two_keys", "Two keys", seq(one, keys["p384"].pkcs8), "more than one")
    bad("bare", "A key without its package", one)
    bad("set", "A SET OF keys", set_(one), "SEQUENCE")
    bad("trailing_data", "Octets after it", seq(one) + b"\0", "bytes follow")
    bad("truncated", "The last octet is missing", seq(one)[:-1], "SEQUENCE")
    bad("indefinite_length", "BER's indefinite length", indefinite(seq(one)), "SEQUENCE")
    bad("not_a_key", "A certificate", seq(keys["small"]), "PKCS#8")
    bad("key_octets", "A key in an OCTET STRING", seq(octets(one)), "no key")


def smime_capabilities(_):
    def ok(name_, what, der):
        case("smime_capabilities", name_, what, der)

    def bad(name_, what, der, reason="SMIMECapabilities"):
        case("smime_capabilities", name_, what, der, reject=reason)

    aes = seq(oid(AES + "42"))
    ok("empty_list", "No capability", seq())
    ok("aes256_cbc", "One", seq(aes))
    # RFC 3565 5, RFC 5753 6.
    ok("rfc3565", "RFC 3565's octets", bytes.fromhex("301a300b0609608648016503040102" "300b060960864801650304012a"))
    ok("ecdh", "RFC 5753's octets of ECDH with SHA-256 and AES-128 wrap",
       bytes.fromhex("3017301506062b81040" "10b01300b0609608648016503040105"))
    ok("64", "As many as are taken", seq(*[seq(oid(f"1.2.3.{i}")) for i in range(64)]))
    ok("twice", "One twice", seq(aes, aes))
    ok("parameters", "Parameters of any type", seq(seq(oid("1.2.3"), integer(40)), seq(oid("1.2.4"), NULL)))
    bad("65", "One too many", seq(*[seq(oid(f"1.2.3.{i}")) for i in range(65)]), "64")
    bad("empty", "Nothing", b"")
    bad("set", "A SET", set_(aes))
    bad("trailing_data", "Octets after it", seq(aes) + b"\0")
    bad("truncated", "The last octet is missing", seq(aes)[:-1])
    bad("indefinite_length", "BER's indefinite length", indefinite(seq(aes)))
    bad("not_an_entry", "An OID alone", seq(oid("1.2.3")))
    bad("no_oid", "An entry without an OID", seq(seq(NULL)))
    bad("two_parameters", "Two parameters", seq(seq(oid("1.2.3"), NULL, NULL)))
    bad("parameters_cut", "Parameters that end early", seq(seq(oid("1.2.3"), b"\x04\x05a")))
