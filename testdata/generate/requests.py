"""PKCS#10 requests, names, extensions, general names, keys."""

from asn1 import *

EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
PASSWORD = "1.2.840.113549.1.9.7"
ID_AA = "1.2.840.113549.1.9.16.2."
DECRYPT_KEY, ASYMMETRIC_DECRYPT_KEY = ID_AA + "37", ID_AA + "54"
OTP, REVOCATION, LINKING = ID_AA + "56", ID_AA + "57", ID_AA + "58"
SMIME_CAPABILITIES = "1.2.840.113549.1.9.15"
CHANGE_SUBJECT_NAME = "1.3.6.1.5.5.7.7.36"
def attribute(type_, *values):
    return seq(oid(type_), set_(*values))


def info(key, *attributes, subject=None, version=0, tail=b""):
    return seq(integer(version), name("gw-17") if subject is None else subject,
               key.spki, ctx(0, *attributes), tail)


def request(key, info_, algorithm=ECDSA_SHA256, digest="-sha256", signature=None):
    signature = key.sign(info_, digest) if signature is None else signature
    return seq(info_, algorithm, bits(signature))


def extension_request(*extensions):
    return attribute(EXTENSION_REQUEST, seq(*extensions))


DNS = ctx(2, b"gw-17.example", constructed=False)
IP = ctx(7, bytes([192, 0, 2, 1]), constructed=False)


def requests(keys):
    k = keys["p256"]

    def ok(name_, what, der, **notes):
        case("pkcs10", name_, what, der,
             **{"signature": "ok", "key": "strong", **notes})

    def bad(name_, what, der, reason):
        case("pkcs10", name_, what, der, reject=reason)

    plain = request(k, info(k))
    ok("p256_no_attributes", "A P-256 request with an empty [0]", plain)
    omitted = seq(integer(0), name("gw-17"), k.spki)
    ok("attributes_omitted", "No [0] at all, which RFC 2986 forbids and clients write",
       request(k, omitted))
    ok("challenge_utf8", "A challengePassword as UTF8String",
       request(k, info(k, attribute(PASSWORD, utf8("pä\"ß")))))
    ok("challenge_empty", "An empty challengePassword is one",
       request(k, info(k, attribute(PASSWORD, printable("")))))
    others = seq(DNS, IP, ctx(7, bytes(15) + b"\1", constructed=False),
                 ctx(1, b"a@example", constructed=False), ctx(6, b"urn:x:1", constructed=False),
                 ctx(4, name("dir")), ctx(8, oid("1.2.3")[2:], constructed=False),
                 ctx(0, oid("1.2.3"), ctx(0, utf8("other"))))
    ok("every_general_name", "A subjectAltName with every usual kind of name",
       request(k, info(k, extension_request(ext(SAN, others)))))
    ok("no_subject_critical_san", "An empty subject and a critical subjectAltName",
       request(k, info(k, extension_request(ext(SAN, seq(DNS), True)), subject=seq())))
    ok("unknown_attribute", "An attribute type that nobody knows",
       request(k, info(k, attribute("1.2.3.4", NULL, integer(5)))))
    ok("values_unsorted", "A SET OF out of DER's order is kept as found",
       request(k, info(k, attribute("1.2.3.4", integer(9), integer(5)))))
    ok("attributes_unsorted", "The attributes out of DER's order",
       request(k, info(k, attribute("1.2.3.4", NULL), attribute("1.2.3", NULL))))
    ok("32_attributes", "As many attributes as are taken",
       request(k, info(k, *[attribute(f"1.2.3.{i}", NULL) for i in range(32)])))
    for type_, name_ in ((OTP, "otp_challenge"), (REVOCATION, "revocation_challenge"),
                         (LINKING, "est_identity_linking")):
        ok(name_, f"RFC 7894's {name_}", request(k, info(k, attribute(type_, printable("abc+/=")))),
           **{name_: "abc+/="})
        bad(name_ + "_two_values", "It is single-valued",
            request(k, info(k, attribute(type_, printable("a"), printable("b")))), "DirectoryString")
        bad(name_ + "_empty", "A DirectoryString is not empty",
            request(k, info(k, attribute(type_, printable("")))), "DirectoryString")
        bad(name_ + "_256", "256 characters", request(k, info(k, attribute(type_, printable("a" * 256)))),
            "DirectoryString")
    ok("otp_challenge_utf8_255", "255 characters of more octets",
       request(k, info(k, attribute(OTP, utf8("ä" * 255)))), otp_challenge="ä" * 255)
    ok("otp_challenge_bmp", "As BMPString, a DirectoryString too",
       request(k, info(k, attribute(OTP, tlv(0x1E, "aß".encode("utf-16-be"))))), otp_challenge="aß")
    bad("otp_challenge_ia5", "An IA5String is no DirectoryString",
        request(k, info(k, attribute(OTP, tlv(0x16, b"a")))), "otpChallenge")
    bad("otp_challenge_octets", "An OCTET STRING", request(k, info(k, attribute(OTP, octets(b"a")))),
        "otpChallenge")
    bad("otp_challenge_bad_utf8", "Broken UTF-8",
        request(k, info(k, attribute(OTP, tlv(0x0C, b"\xc0\x80")))), "otpChallenge")
    bad("otp_challenge_twice", "The attribute twice",
        request(k, info(k, *[attribute(OTP, printable("a"))] * 2)), "twice")
    ok("every_challenge", "All four challenges, each by itself",
       request(k, info(k, attribute(PASSWORD, printable("1")), attribute(OTP, printable("2")),
                       attribute(REVOCATION, printable("3")), attribute(LINKING, printable("4")))),
       otp_challenge="2", revocation_challenge="3", est_identity_linking="4")
    for type_, name_ in ((DECRYPT_KEY, "decrypt_key_identifier"),
                         (ASYMMETRIC_DECRYPT_KEY, "asymmetric_decrypt_key_identifier")):
        ok(name_, "An OCTET STRING", request(k, info(k, attribute(type_, octets(b"key 1")))),
           **{name_: b"key 1".hex()})
        ok(name_ + "_255", "The longest that is taken", request(k, info(k, attribute(type_, octets(bytes(255))))),
           **{name_: bytes(255).hex()})
        bad(name_ + "_256", "One octet more", request(k, info(k, attribute(type_, octets(bytes(256))))),
            "1 to 255 octets")
        bad(name_ + "_empty", "No octet", request(k, info(k, attribute(type_, octets()))), "1 to 255 octets")
        bad(name_ + "_text", "A UTF8String", request(k, info(k, attribute(type_, utf8("key 1")))),
            "OCTET STRING")
        bad(name_ + "_two_values", "Two values",
            request(k, info(k, attribute(type_, octets(b"a"), octets(b"b")))), "OCTET STRING")
    capability = seq(oid("2.16.840.1.101.3.4.1.45"))
    ok("smime_capabilities", "What /serverkeygen may encrypt with",
       request(k, info(k, attribute(SMIME_CAPABILITIES, seq(capability)))),
       smime_capabilities=seq(capability).hex())
    bad("smime_capabilities_two_values", "Two values",
        request(k, info(k, attribute(SMIME_CAPABILITIES, seq(capability), seq(capability)))), "SMIMECapabilities")
    bad("smime_capabilities_set", "A SET in place of the SEQUENCE",
        request(k, info(k, attribute(SMIME_CAPABILITIES, set_(capability)))), "SMIMECapabilities")
    bad("smime_capabilities_long", "More than anybody needs",
        request(k, info(k, attribute(SMIME_CAPABILITIES, seq(*[capability] * 400)))), "SMIMECapabilities")
    ok("change_subject_name", "New names for a renewal",
       request(k, info(k, attribute(CHANGE_SUBJECT_NAME, seq(name("new"), seq(DNS))))),
       change_subject_name="CN=new")
    bad("change_subject_name_neither", "Neither of the names",
        request(k, info(k, attribute(CHANGE_SUBJECT_NAME, seq()))), "ChangeSubjectName")
    bad("change_subject_name_two_values", "Two values",
        request(k, info(k, attribute(CHANGE_SUBJECT_NAME, seq(name("a")), seq(name("b"))))), "more than one value")
    p384 = keys["p384"]
    ok("p384", "A P-384 key and SHA-384",
       request(p384, info(p384), seq(oid("1.2.840.10045.4.3.3")), "-sha384"))
    r = keys["rsa2048"]
    ok("rsa2048", "An RSA-2048 key", request(r, info(r), RSA_SHA256))
    ok("rsa2048_no_parameters", "sha256WithRSAEncryption without NULL (RFC 4055 5)",
       request(r, info(r), seq(oid("1.2.840.113549.1.1.11"))))
    r = keys["rsa1024"]
    ok("rsa1024", "RSA-1024: signed well, too weak", request(r, info(r), RSA_SHA256), key="weak")
    r = keys["rsa_e3"]
    ok("rsa_exponent_3", "RSA-2048 with the exponent 3", request(r, info(r), RSA_SHA256), key="weak")
    c = keys["secp256k1"]
    ok("unknown_curve", "A key on secp256k1", request(c, info(c)), key="weak", signature="unsupported")
    c = keys["p521"]
    ok("p521", "A key on P-521, which is not issued for", request(c, info(c)), key="weak")
    c = keys["ed25519"]
    ok("ed25519", "An Ed25519 key", request(c, info(c), seq(oid("1.3.101.112")), signature=b"\0" * 64),
       key="weak", signature="wrong")
    ok("wrong_signature", "The signature of other octets",
       request(k, info(k), signature=k.sign(b"other")), signature="wrong")
    ok("foreign_signature", "Signed by another key than the request's",
       request(keys["p256b"], info(k)), signature="wrong")
    ok("sha1_signature", "ecdsa-with-SHA1",
       request(k, info(k), seq(oid("1.2.840.10045.4.1")), "-sha1"), signature="unsupported")
    ok("rsa_algorithm_on_ec", "An algorithm that does not fit the key",
       request(k, info(k), RSA_SHA256), signature="unsupported")
    ok("ecdsa_with_null", "ecdsa-with-SHA256 with a NULL, which RFC 5758 forbids",
       request(k, info(k), seq(oid("1.2.840.10045.4.3.2"), NULL)), signature="unsupported")

    reason = "PKCS#10"
    bad("empty", "Nothing at all", b"", reason)
    bad("truncated", "The last octet is missing", plain[:-1], reason)
    bad("truncated_header", "The first three octets alone", plain[:3], reason)
    bad("trailing_data", "One octet follows", plain + b"\0", "bytes follow")
    bad("twice", "Two requests, one after the other", plain + plain, "bytes follow")
    bad("pem", "PEM instead of DER", openssl("req", "-inform", "DER", data=plain), reason)
    bad("indefinite_length", "BER's indefinite length", indefinite(plain), reason)
    bad("non_minimal_length", "A length with a leading zero", long_length(plain), reason)
    bad("version_1", "Version v2", request(k, info(k, version=1)), "version")
    bad("version_negative", "Version -1", request(k, info(k, version=-1)), reason)
    password = attribute(PASSWORD, printable("a"))
    bad("duplicate_attribute", "challengePassword twice", request(k, info(k, password, password)), "twice")
    ku = ext(KEY_USAGE, bits(b"\x80", 7), True)
    bad("duplicate_extension", "keyUsage twice", request(k, info(k, extension_request(ku, ku))), "twice")
    bad("two_extension_requests", "extensionRequest with two values",
        request(k, info(k, attribute(EXTENSION_REQUEST, seq(ku), seq(ku)))), "more than one value")
    bad("extension_request_empty", "extensionRequest without an extension",
        request(k, info(k, extension_request())), "list of extensions")
    ok("critical_false", "critical FALSE written out, which DER leaves out and clients write",
       request(k, info(k, extension_request(seq(oid(SAN), boolean(False), octets(seq(DNS)))))))

    bad("critical_not_der", "critical as 01, which only BER takes for TRUE",
        request(k, info(k, extension_request(seq(oid(SAN), b"\1\1\1", octets(seq(DNS)))))), "2.5.29.17")
    bad("attribute_without_values", "An empty SET of values",
        request(k, info(k, attribute("1.2.3"))), "attribute")
    bad("attribute_without_set", "A value beside the SET",
        request(k, info(k, seq(oid("1.2.3"), NULL))), "attribute")
    bad("33_attributes", "One attribute more than is taken",
        request(k, info(k, *[attribute(f"1.2.3.{i}", NULL) for i in range(33)])), "too many")
    bad("challenge_two_values", "challengePassword is single-valued",
        request(k, info(k, attribute(PASSWORD, printable("a"), printable("b")))), "challengePassword")
    bad("challenge_256", "A challengePassword of 256 octets",
        request(k, info(k, attribute(PASSWORD, printable("a" * 256)))), "challengePassword")
    bad("challenge_not_text", "A challengePassword that is an INTEGER",
        request(k, info(k, attribute(PASSWORD, integer(5)))), "challengePassword")
    bad("challenge_bad_utf8", "A challengePassword in broken UTF-8",
        request(k, info(k, attribute(PASSWORD, tlv(0x0C, b"\xc0\x80")))), "challengePassword")
    bad("san_ip_5", "An IP address of five octets",
        request(k, info(k, extension_request(ext(SAN, seq(ctx(7, bytes(5), constructed=False)))))), "general names")
    bad("san_nul", "A DNS name with a NUL in it",
        request(k, info(k, extension_request(ext(SAN, seq(ctx(2, b"a\0b", constructed=False)))))), "general names")
    bad("san_empty", "A subjectAltName without a name",
        request(k, info(k, extension_request(ext(SAN, seq())))), "general names")
    bad("san_trailing", "Octets after the subjectAltName",
        request(k, info(k, extension_request(ext(SAN, seq(DNS) + b"\0")))), "general names")
    bad("extra_field", "A field after the attributes", request(k, info(k, tail=NULL)), "attributes")
    bad("attributes_primitive", "[0] without the constructed bit",
        request(k, seq(integer(0), name("a"), k.spki, b"\x80\x00")), "attributes")
    bad("signature_unused_bits", "A signature with unused bits",
        seq(info(k), ECDSA_SHA256, bits(b"\xf0", 4)), reason)
    bad("signature_missing", "No signature", seq(info(k), ECDSA_SHA256), reason)
    bad("signature_octets", "The signature as OCTET STRING", seq(info(k), ECDSA_SHA256, octets(b"a")), reason)
    bad("no_spki", "A request without a key",
        request(k, seq(integer(0), name("a"), ctx(0))), "SubjectPublicKeyInfo")
    bad("subject_set", "A subject that is a SET", request(k, info(k, subject=set_())), "subject")
    bad("certificate", "A certificate in place of a request", keys["certificate"], reason)


def change_subject_names(_):
    def ok(name_, what, der, subject, sans=""):
        case("change_subject_name", name_, what, der, subject=subject, sans=sans)

    def bad(name_, what, der, reason="ChangeSubjectName"):
        case("change_subject_name", name_, what, der, reject=reason)

    dns = "dns:gw-17.example"
    both = seq(name("new"), seq(DNS))
    ok("both", "Subject and subjectAltName", both, "'CN=new'", dns)
    ok("subject", "The subject alone", seq(name("new")), "'CN=new'")
    ok("sans", "The subjectAltName alone", seq(seq(DNS, IP)), "none", dns + " ip:192.0.2.1")
    ok("empty_subject", "An empty SEQUENCE is the empty Name", seq(seq()), "''")
    ok("empty_subject_sans", "The same, and a subjectAltName", seq(seq(), seq(DNS)), "''", dns)
    ok("directory_san", "A directoryName is a GeneralName, not the Name", seq(seq(ctx(4, name("d")))),
       "none", "dirname:CN=d")
    bad("neither", "Neither, where at least one must be", seq(), "neither")
    bad("empty_sans", "GeneralNames without one", seq(name("a"), seq()), "general names")
    bad("sans_first", "The wrong order", seq(seq(DNS), name("a")), "follows")
    bad("two_subjects", "Two subjects", seq(name("a"), name("b")), "general names")
    bad("two_sans", "Two lists of GeneralNames", seq(seq(DNS), seq(DNS)), "follows")
    bad("three", "A field more", seq(name("a"), seq(DNS), NULL), "follows")
    bad("subject_bad_text", "An @ in a PrintableString", seq(seq(rdn(CN, printable("a@b")))), "name")
    bad("san_ip_5", "An address of five octets", seq(seq(ctx(7, bytes(5), constructed=False))), "general names")
    bad("set", "A SET", set_(name("a")))
    bad("subject_set", "A subject that is a SET", seq(set_(name("a"))))
    bad("general_names_tagged", "A tag that the module does not have", seq(ctx(1, DNS)))
    bad("trailing_data", "Octets after it", both + b"\0")
    bad("truncated", "The last octet is missing", both[:-1])
    bad("indefinite_length", "BER's indefinite length", indefinite(both))
    bad("nothing", "No octets", b"")


def names(_):
    def ok(name_, what, der, text):
        case("name", name_, what, der, text=text)

    def bad(name_, what, der):
        case("name", name_, what, der, reject="name")

    ok("empty", "No RDN", seq(), "")
    ok("common_name", "One common name", name("gw-17"), "CN=gw-17")
    ok("three", "Country, organisation, common name",
       seq(rdn("2.5.4.6", printable("DE")), rdn(O, utf8("Acme, Inc.")), rdn(CN, utf8("x"))),
       "C=DE,O=Acme\\, Inc.,CN=x")
    ok("multi_valued", "Two attributes in one RDN",
       seq(set_(seq(oid(CN), utf8("a")), seq(oid(O), utf8("b")))), "CN=a+O=b")
    ok("bmp", "A BMPString", seq(rdn(CN, tlv(0x1E, "Zürich".encode("utf-16-be")))), "CN=Zürich")
    ok("universal", "A UniversalString", seq(rdn(CN, tlv(0x1C, "a😀".encode("utf-32-be")))), "CN=a😀")
    ok("teletex", "A TeletexString, read as Latin-1", seq(rdn(CN, tlv(0x14, b"\xe9t\xe9"))), "CN=été")
    ok("ia5_dc", "domainComponent as IA5String",
       seq(rdn("0.9.2342.19200300.100.1.25", tlv(0x16, b"example"))), "DC=example")
    ok("numeric", "A NumericString", seq(rdn("2.5.4.5", tlv(0x12, b"12 34"))), "serialNumber=12 34")
    ok("visible", "A VisibleString", seq(rdn(CN, tlv(0x1A, b"v@x"))), "CN=v@x")
    ok("control_characters", "Text that could forge a log line", name("a\nb\x1b[2J"), "CN=a\\0Ab\\1B[2J")
    ok("bidi", "A right-to-left override", name("a\u202eb"), "CN=a\\E2\\80\\AEb")
    ok("spaces", "White space at both ends", name(" a "), "CN=\\ a\\ ")
    ok("unknown_type", "An attribute type without a short name", seq(rdn("1.2.3", utf8("x"))), "1.2.3=x")
    ok("64_attributes", "As many attributes as are taken", seq(*[rdn(CN, utf8("a"))] * 64),
       ",".join(["CN=a"] * 64))
    bad("65_attributes", "One attribute too many", seq(*[rdn(CN, utf8("a"))] * 65))
    bad("empty_rdn", "An empty SET", seq(set_()))
    bad("printable_at", "An @ in a PrintableString", seq(rdn(CN, printable("a@b"))))
    bad("ia5_latin1", "An 8-bit character in an IA5String", seq(rdn(CN, tlv(0x16, b"\xe9"))))
    bad("numeric_letter", "A letter in a NumericString", seq(rdn(CN, tlv(0x12, b"a"))))
    bad("visible_control", "A control character in a VisibleString", seq(rdn(CN, tlv(0x1A, b"\n"))))
    bad("utf8_overlong", "UTF-8 that is longer than need be", seq(rdn(CN, tlv(0x0C, b"\xc0\xaf"))))
    bad("utf8_surrogate", "A surrogate in UTF-8", seq(rdn(CN, tlv(0x0C, b"\xed\xa0\x80"))))
    bad("utf8_cut", "UTF-8 that ends within a character", seq(rdn(CN, tlv(0x0C, b"\xe2\x82"))))
    bad("utf8_too_high", "UTF-8 beyond U+10FFFF", seq(rdn(CN, tlv(0x0C, b"\xf4\x90\x80\x80"))))
    bad("bmp_odd", "A BMPString of three octets", seq(rdn(CN, tlv(0x1E, b"\0a\0"))))
    bad("bmp_surrogate", "A surrogate in a BMPString", seq(rdn(CN, tlv(0x1E, b"\xd8\0"))))
    bad("universal_too_high", "A UniversalString beyond U+10FFFF", seq(rdn(CN, tlv(0x1C, b"\0\x11\0\0"))))
    bad("integer_value", "An INTEGER as value", seq(rdn(CN, integer(1))))
    bad("constructed_string", "A string in pieces (BER)", seq(rdn(CN, tlv(0x2C, utf8("a")))))
    bad("value_missing", "A type alone", seq(set_(seq(oid(CN)))))
    bad("value_twice", "Two values for one type", seq(set_(seq(oid(CN), utf8("a"), utf8("b")))))
    bad("bad_oid", "An OID with a leading 80", seq(set_(seq(b"\x06\x02\x80\x01", utf8("a")))))
    bad("trailing_data", "Octets after the name", name("a") + b"\0")
    bad("truncated", "The last octet is missing", name("a")[:-1])
    bad("indefinite_length", "BER's indefinite length", indefinite(name("a")))
    bad("not_a_sequence", "A SET", set_())


def extensions(_):
    def ok(name_, what, der):
        case("extensions", name_, what, der)

    def bad(name_, what, der):
        case("extensions", name_, what, der, reject="")

    one = ext("1.2.3", b"x")
    ok("one", "One unknown extension", seq(one))
    ok("critical", "A critical one", seq(ext("1.2.3", b"", True)))
    ok("64", "As many as are taken", seq(*[ext(f"1.2.3.{i}", b"") for i in range(64)]))
    bad("65", "One too many", seq(*[ext(f"1.2.3.{i}", b"") for i in range(65)]))
    bad("empty", "No extension", seq())
    bad("duplicate", "One type twice", seq(one, one))
    bad("critical_false", "The default written out", seq(seq(oid("1.2.3"), boolean(False), octets(b""))))
    bad("no_value", "An extension without its value", seq(seq(oid("1.2.3"))))
    bad("value_not_octets", "The value as UTF8String", seq(seq(oid("1.2.3"), utf8("a"))))
    bad("extra_field", "A field after the value", seq(seq(oid("1.2.3"), octets(b""), NULL)))
    bad("no_id", "An extension without an OID", seq(seq(octets(b""))))
    bad("trailing_data", "Octets after the list", seq(one) + b"\0")
    bad("truncated", "The last octet is missing", seq(one)[:-1])
    bad("non_minimal_length", "A length with a leading zero", long_length(seq(one)))


def general_names(_):
    def ok(name_, what, der, text):
        case("general_names", name_, what, der, text=text)

    def bad(name_, what, *names_):
        case("general_names", name_, what, seq(*names_), reject="general names")

    ok("dns", "A host name", seq(DNS), "dns:gw-17.example")
    ok("ipv4_ipv6", "Both kinds of address",
       seq(IP, ctx(7, bytes.fromhex("20010db8") + bytes(11) + b"\1", constructed=False)),
       "ip:192.0.2.1 ip:2001:db8::1")
    ok("uri_email", "URI and mailbox",
       seq(ctx(6, b"urn:dev:1", constructed=False), ctx(1, b"a@b.example", constructed=False)),
       "uri:urn:dev:1 email:a@b.example")
    ok("directory", "A directory name", seq(ctx(4, name("a"))), "dirname:CN=a")
    ok("registered_id", "An OID", seq(ctx(8, oid("1.2.3")[2:], constructed=False)), "rid:1.2.3")
    bad("empty", "No name")
    bad("dns_empty", "An empty host name", ctx(2, constructed=False))
    bad("dns_nul", "A NUL in a host name", ctx(2, b"a\0b", constructed=False))
    bad("dns_8bit", "A host name that is not IA5", ctx(2, b"\xfc", constructed=False))
    bad("dns_constructed", "A host name in pieces", ctx(2, tlv(0x16, b"a")))
    bad("ip_3", "An address of three octets", ctx(7, b"abc", constructed=False))
    bad("ip_8", "Address and mask belong into name constraints", ctx(7, bytes(8), constructed=False))
    bad("directory_implicit", "A directory name without its explicit tag", ctx(4, rdn(CN, utf8("a"))))
    bad("directory_two", "Two names in one", ctx(4, name("a"), name("b")))
    bad("unknown_kind", "Tag [9]", ctx(9, b"a", constructed=False))
    bad("universal_tag", "An IA5String without a context tag", tlv(0x16, b"a"))
    bad("registered_id_bad", "A broken OID", ctx(8, b"\x80\x01", constructed=False))
    bad("other_name_bad", "otherName without a value", ctx(0, oid("1.2.3")))
    bad("65", "One too many", *[DNS] * 65)


def public_keys(keys):
    def ok(name_, what, spki):
        case("public_key", name_, what, spki)

    def bad(name_, what, spki, reason=""):
        case("public_key", name_, what, spki, reject=reason)

    ok("p256", "P-256", keys["p256"].spki)
    ok("p384", "P-384", keys["p384"].spki)
    ok("rsa2048", "RSA-2048", keys["rsa2048"].spki)
    ok("rsa4096", "RSA-4096", keys["rsa4096"].spki)
    bad("rsa1024", "RSA-1024", keys["rsa1024"].spki, "1024 bits")
    bad("rsa2047", "RSA with 2047 bits", keys["rsa2047"].spki, "2047 bits")
    bad("rsa4104", "RSA over 4096 bits",
        seq(seq(oid("1.2.840.113549.1.1.1"), NULL),
            bits(seq(integer((1 << 4103) | 1), integer(65537)))), "4104 bits")
    bad("rsa_exponent_3", "RSA with the exponent 3", keys["rsa_e3"].spki, "exponent")
    bad("rsa_even", "An even modulus",
        seq(seq(oid("1.2.840.113549.1.1.1"), NULL),
            bits(seq(integer(1 << 2047), integer(65537)))), "")
    bad("rsa_without_null", "rsaEncryption without its NULL",
        seq(seq(oid("1.2.840.113549.1.1.1")), bits(seq(integer((1 << 2047) | 1), integer(65537)))), "malformed")
    bad("p521", "P-521", keys["p521"].spki, "curve")
    bad("p224", "P-224", keys["p224"].spki, "curve")
    bad("secp256k1", "secp256k1", keys["secp256k1"].spki)
    bad("ed25519", "Ed25519", keys["ed25519"].spki)
    algorithm = seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"))
    point = keys["p256"].spki[-64:]
    bad("compressed", "A compressed point",
        seq(algorithm, bits(bytes([2 + point[63] % 2]) + point[:32])), "not uncompressed")
    bad("off_curve", "A point beside the curve",
        seq(algorithm, bits(b"\4" + point[:63] + bytes([point[63] ^ 1]))), "off its curve")
    bad("infinity", "The point at infinity", seq(algorithm, bits(b"\0")))
    bad("coordinate_too_big", "A coordinate over the prime", seq(algorithm, bits(b"\4" + b"\xff" * 64)))
    bad("trailing_data", "Octets after the key", keys["p256"].spki + b"\0")
    bad("truncated", "The last octet is missing", keys["p256"].spki[:-1])
    bad("empty", "Nothing", b"")


def private_keys(keys):
    def ok(name_, what, der):
        case("pkcs8", name_, what, der)

    def bad(name_, what, der):
        case("pkcs8", name_, what, der, reject="PKCS#8")

    good = keys["p256"].pkcs8
    ok("p256", "openssl's PKCS#8 of a P-256 key", good)
    ok("ed25519", "openssl's PKCS#8 of an Ed25519 key", keys["ed25519"].pkcs8)
    algorithm = seq(oid("1.3.101.112"))
    key = octets(octets(b"k" * 32))
    ok("attributes", "With attributes [0]",
       seq(integer(0), algorithm, key, ctx(0, attribute("1.2.3", NULL))))
    ok("public_key", "Version 2 with a public key [1] (RFC 8410 10.3)",
       seq(integer(1), algorithm, key, ctx(1, b"\0" + b"p" * 32, constructed=False)))
    bad("public_key_v1", "A public key in version 1",
        seq(integer(0), algorithm, key, ctx(1, b"\0p", constructed=False)))
    bad("public_key_bits", "A public key with unused bits",
        seq(integer(1), algorithm, key, ctx(1, b"\4p", constructed=False)))
    bad("version_2", "Version 3", seq(integer(2), algorithm, key))
    bad("attributes_bad", "An attribute that is none", seq(integer(0), algorithm, key, ctx(0, NULL)))
    bad("no_key", "No key", seq(integer(0), algorithm))
    bad("trailing_data", "Octets after the key", good + b"\0")
    bad("truncated", "The last octet is missing", good[:-1])
    bad("indefinite_length", "BER's indefinite length", indefinite(good))
    bad("sec1", "An ECPrivateKey without its PKCS#8 around it",
        openssl("ec", "-outform", "DER", data=keys["p256"].pem))
