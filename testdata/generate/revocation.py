"""CRLs, OCSP requests and responses, and the extensions that lead to them."""

import base64
import hashlib
import tempfile

from asn1 import *

THIS, NEXT = tlv(0x17, b"240101000000Z"), tlv(0x17, b"240108000000Z")
THEN = tlv(0x18, b"20240101000000Z")
LATER = tlv(0x18, b"20240108000000Z")
CRL_NUMBER, REASON, INVALIDITY, DELTA, IDP, FRESHEST = (
    "2.5.29.20", "2.5.29.21", "2.5.29.24", "2.5.29.27", "2.5.29.28", "2.5.29.46")
SHA1 = seq(oid("1.3.14.3.2.26"), NULL)
SHA256 = seq(oid("2.16.840.1.101.3.4.2.1"), NULL)
NONCE = "1.3.6.1.5.5.7.48.1.2"
AKI_VALUE = seq(ctx(0, b"a" * 20, constructed=False))
URI = ctx(6, b"http://pki.example.net/ca.crl", constructed=False)
DNS = ctx(2, b"gw-17.example", constructed=False)


def enumerated(n):
    return tlv(0x0A, bytes([n]))


def point(*names):
    return seq(ctx(0, ctx(0, *names)))


def crls(keys):
    ca = keys["ca"]

    def ok(name_, what, der):
        case("crl", name_, what, der)

    def bad(name_, what, der, reason="CRL"):
        case("crl", name_, what, der, reject=reason)

    def entry(serial, *extensions, date=THIS):
        return seq(integer(serial) if isinstance(serial, int) else serial, date,
                   seq(*extensions) if extensions else b"")

    def reason(n, critical=False):
        return ext(REASON, enumerated(n), critical)

    usual = [ext(AKI, AKI_VALUE), ext(CRL_NUMBER, integer(7))]

    def one(*entries, version=integer(1), algorithm=ECDSA_SHA256, issuer=None, dates=(THIS, NEXT),
            extensions=None, tail=b"", revoked=None):
        if revoked is None:
            revoked = seq(*entries) if entries else b""
        if extensions is None:
            extensions = usual
        tbs = seq(version, algorithm, name("Test CA") if issuer is None else issuer, *dates, revoked,
                  ctx(0, seq(*extensions)) if extensions else b"", tail)
        return seq(tbs, ECDSA_SHA256, bits(ca.sign(tbs)))

    def filled(**fields):
        return one(entry(5), **fields)

    def delta(*entries, base=ext(DELTA, integer(3), True), more=()):
        return one(*entries, extensions=usual + [base, *more])

    plain = filled()
    ok("one", "One entry without a reason", plain)
    ok("empty_list", "Nothing is revoked", one())
    ok("reasons", "Every reason of a full CRL",
       one(*[entry(n + 1, reason(n)) for n in (0, 1, 2, 3, 4, 5, 6, 9, 10)]))
    ok("invalidity_date", "A reason and an invalidity date", one(entry(5, reason(1), ext(INVALIDITY, THEN))))
    ok("delta", "A delta CRL with an entry that goes", delta(entry(5, reason(8))))
    ok("freshest", "A full CRL that says where its deltas are", filled(extensions=usual + [ext(FRESHEST, seq(point(URI)))]))
    ok("scope", "User certificates alone",
       filled(extensions=usual + [ext(IDP, seq(ctx(0, ctx(0, URI)), ctx(1, b"\xff", constructed=False)), True)]))
    ok("unknown_extension", "Extensions that nobody knows and that are not critical",
       one(entry(5, ext("1.2.3", b"")), extensions=usual + [ext("1.2.3", b"")]))
    ok("year_2050", "Until 2050, as GeneralizedTime", filled(dates=(THIS, tlv(0x18, b"20500101000000Z"))))

    bad("empty", "Nothing", b"")
    bad("truncated", "The last octet is missing", plain[:-1])
    bad("trailing_data", "One octet follows", plain + b"\0", "bytes follow")
    bad("indefinite_length", "BER's indefinite length", indefinite(plain))
    bad("non_minimal_length", "A length with a leading zero", long_length(plain))
    bad("v1", "Version 1", one(entry(5), version=b"", extensions=[]), "version")
    bad("version_3", "Version 3", filled(version=integer(2)), "version")
    bad("algorithms_differ", "Another algorithm within than without",
        filled(algorithm=seq(oid("1.2.840.10045.4.3.3"))), "differ")
    bad("issuer_empty", "No issuer", filled(issuer=seq()), "issuer is empty")
    bad("issuer_malformed", "An issuer that is none", filled(issuer=seq(NULL)))
    bad("no_next_update", "No nextUpdate", filled(dates=(THIS,)), "nextUpdate")
    bad("no_dates", "No date at all", filled(dates=()), "thisUpdate")
    bad("month_13", "Month 13", filled(dates=(THIS, tlv(0x17, b"241301000000Z"))), "nextUpdate")
    bad("list_empty", "An empty list of entries", one(revoked=seq()), "empty")
    bad("list_of_null", "An entry that is none", one(revoked=seq(NULL)), "entry")
    bad("serial_negative", "A negative serial", one(entry(-5)), "serial")
    bad("serial_21", "A serial of 21 octets", one(entry(1 << 166)), "serial")
    bad("serial_missing", "An entry without its serial", one(entry(b"")), "serial")
    bad("entry_without_date", "An entry without its date", one(entry(5, date=b"")), "date")
    bad("reason_7", "The reason that is not used", one(entry(5, reason(7))), "reason")
    bad("reason_11", "A reason that does not exist", one(entry(5, reason(11))), "reason")
    bad("reason_integer", "A reason as INTEGER", one(entry(5, ext(REASON, integer(1)))), "reason")
    bad("reason_two_octets", "A reason in two octets", one(entry(5, ext(REASON, tlv(0x0A, b"\0\1")))), "reason")
    bad("reason_twice", "Two reasons", one(entry(5, reason(1), reason(2))), "twice")
    bad("reason_trailing", "Octets after a reason", one(entry(5, ext(REASON, enumerated(1) + NULL))), "reason")
    bad("removed_on_full", "removeFromCRL on a full CRL", one(entry(5, reason(8))), "removeFromCRL")
    bad("invalidity_utc", "An invalidity date as UTCTime", one(entry(5, ext(INVALIDITY, THIS))), "invalidity")
    bad("invalidity_fraction", "A fraction of a second",
        one(entry(5, ext(INVALIDITY, tlv(0x18, b"20240101000000.5Z")))), "invalidity")
    bad("entry_critical", "A critical entry extension that nobody knows",
        one(entry(5, ext("1.2.3", b"", True))), "critical")
    bad("certificate_issuer", "An entry of another issuer",
        one(entry(5, ext("2.5.29.29", seq(ctx(4, name("x"))), True))), "critical")
    bad("entry_extensions_empty", "An empty list of entry extensions",
        one(seq(integer(5), THIS, seq())), "extensions")
    bad("entry_extra_field", "A field after an entry's extensions",
        one(seq(integer(5), THIS, seq(reason(1)), NULL)), "extensions")
    bad("critical", "A critical extension that nobody knows",
        filled(extensions=usual + [ext("1.2.3", b"", True)]), "critical")
    bad("no_extensions", "No extensions", filled(extensions=[]), "after the entries")
    bad("no_number", "No CRL number", filled(extensions=usual[:1]), "number")
    bad("number_negative", "A negative CRL number",
        filled(extensions=[usual[0], ext(CRL_NUMBER, integer(-7))]), "number")
    bad("number_text", "A CRL number that is text", filled(extensions=[usual[0], ext(CRL_NUMBER, utf8("7"))]), "number")
    bad("number_64_bits", "A CRL number of more than 63 bits",
        filled(extensions=[usual[0], ext(CRL_NUMBER, integer(1 << 63))]), "number")
    bad("number_twice", "Two CRL numbers", filled(extensions=usual + usual[1:]), "twice")
    bad("no_key_id", "No key identifier", filled(extensions=usual[1:]), "key identifier")
    bad("key_id_left_out", "An authority key identifier without the key's",
        filled(extensions=[ext(AKI, seq()), usual[1]]), "key identifier")
    bad("base_not_before", "A base that is not before the delta", delta(base=ext(DELTA, integer(7), True)), "base")
    bad("base_text", "A base number that is text", delta(base=ext(DELTA, utf8("3"), True)), "base")
    bad("delta_with_freshest", "A delta that says where deltas are",
        delta(more=[ext(FRESHEST, seq(point(URI)))]), "freshestCRL")
    bad("freshest_reasons", "Deltas for some reasons alone",
        filled(extensions=usual + [ext(FRESHEST, seq(seq(ctx(0, ctx(0, URI)), ctx(1, b"\x05\x60", constructed=False))))]),
        "freshestCRL")
    bad("indirect", "An indirect CRL",
        filled(extensions=usual + [ext(IDP, seq(ctx(4, b"\xff", constructed=False)), True)]), "indirect")
    bad("scope_two", "User and CA certificates alone",
        filled(extensions=usual + [ext(IDP, seq(ctx(1, b"\xff", constructed=False),
                                                ctx(2, b"\xff", constructed=False)), True)]), "issuingDistributionPoint")
    bad("scope_empty", "A scope that says nothing", filled(extensions=usual + [ext(IDP, seq(), True)]),
        "issuingDistributionPoint")
    bad("scope_false", "FALSE written out",
        filled(extensions=usual + [ext(IDP, seq(ctx(1, b"\0", constructed=False)), True)]), "issuingDistributionPoint")
    bad("extra_field", "A field after the extensions", filled(tail=NULL), "after the entries")
    bad("no_signature", "Two fields of three", seq(seq(integer(1)), ECDSA_SHA256))
    bad("certificate", "A certificate in place of a CRL", load("certificate", "leaf"))


def cert_id(key, serial=5, algorithm=SHA1, digest=hashlib.sha1):
    # The BIT STRING's content begins at the last 0x03 0x42 0x00 of a P-256 key.
    public = key.spki[-65:]
    return seq(algorithm, octets(digest(name("Test CA")).digest()), octets(digest(public).digest()),
               integer(serial) if isinstance(serial, int) else serial)


def ocsp_requests(keys):
    ca = keys["ca"]
    id_ = cert_id(ca)

    def ok(name_, what, der):
        case("ocsp_request", name_, what, der)

    def bad(name_, what, der, reason="OCSP"):
        case("ocsp_request", name_, what, der, reject=reason)

    def request(*singles, version=b"", requestor=b"", extensions=(), tail=b"", after=b"", list_=None):
        return seq(seq(version, requestor, seq(*singles) if list_ is None else list_,
                       ctx(2, seq(*extensions)) if extensions else b"", after), tail)

    def nonce(value):
        return ext(NONCE, octets(value))

    plain = request(seq(id_))
    ok("sha1", "One certificate by SHA-1, as RFC 5019 has it", plain)
    ok("sha256", "One certificate by SHA-256", request(seq(cert_id(ca, 5, SHA256, hashlib.sha256))))
    ok("sha1_no_null", "A hash without NULL", request(seq(cert_id(ca, 5, seq(oid("1.3.14.3.2.26"))))))
    ok("other_hash", "A hash that no CA here is known by",
       request(seq(cert_id(ca, 5, seq(oid("2.16.840.1.101.3.4.2.3"), NULL), hashlib.sha512))))
    ok("two", "Two certificates", request(seq(id_), seq(cert_id(ca, 6))))
    ok("32", "As many as are taken", request(*[seq(cert_id(ca, n)) for n in range(1, 33)]))
    ok("nonce_1", "A nonce of one octet", request(seq(id_), extensions=[nonce(b"n")]))
    ok("nonce_32", "RFC 8954's nonce", request(seq(id_), extensions=[nonce(b"n" * 32)]))
    ok("nonce_128", "RFC 9654's longest nonce", request(seq(id_), extensions=[nonce(b"n" * 128)]))
    ok("signed", "A signed request with its name",
       request(seq(id_), requestor=ctx(1, ctx(4, name("gw-17"))),
               tail=ctx(0, seq(ECDSA_SHA256, bits(b"x"), ctx(0, seq(keys["certificate"]))))))
    ok("single_extension", "An extension of one request", request(seq(id_, ctx(0, seq(ext("1.2.3", b""))))))
    with tempfile.TemporaryDirectory() as folder:
        for file, der in (("ca", keys["ca_certificate"]), ("leaf", keys["certificate"])):
            with open(f"{folder}/{file}.pem", "wb") as out:
                out.write(openssl("x509", "-inform", "DER", data=der))
        openssl("ocsp", "-issuer", folder + "/ca.pem", "-cert", folder + "/leaf.pem", "-reqout", folder + "/out")
        with open(folder + "/out", "rb") as made:
            ok("openssl", "What openssl ocsp asks", made.read())

    bad("empty", "Nothing", b"")
    bad("truncated", "The last octet is missing", plain[:-1])
    bad("trailing_data", "One octet follows", plain + b"\0", "bytes follow")
    bad("indefinite_length", "BER's indefinite length", indefinite(plain))
    bad("non_minimal_length", "A length with a leading zero", long_length(plain))
    bad("nothing_asked", "An empty list", request(), "nothing")
    bad("no_list", "No list", request(list_=b""), "list")
    bad("33", "One too many", request(*[seq(cert_id(ca, n)) for n in range(1, 34)]), "too many")
    bad("too_long", "More than 16 KiB", request(seq(id_, ctx(0, seq(ext("1.2.3", b"x" * 16384))))), "too long")
    bad("version_written", "The default version written out", request(seq(id_), version=ctx(0, integer(0))), "version")
    bad("version_2", "Version 2", request(seq(id_), version=ctx(0, integer(1))), "version")
    bad("requestor_bad", "A requestor's name that is none", request(seq(id_), requestor=ctx(1, NULL)), "requestor")
    bad("requestor_two", "Two requestors", request(seq(id_), requestor=ctx(1, DNS, DNS)), "requestor")
    bad("nonce_empty", "RFC 8954: a nonce of no octet", request(seq(id_), extensions=[nonce(b"")]), "nonce")
    bad("nonce_129", "A nonce that is too long", request(seq(id_), extensions=[nonce(b"n" * 129)]), "nonce")
    bad("nonce_bare", "A nonce that is no OCTET STRING", request(seq(id_), extensions=[ext(NONCE, b"n" * 16)]), "nonce")
    bad("nonce_twice", "Two nonces", request(seq(id_), extensions=[nonce(b"a"), nonce(b"b")]), "twice")
    bad("critical", "A critical extension that nobody knows",
        request(seq(id_), extensions=[ext("1.2.3", b"", True)]), "critical")
    bad("single_critical", "The same of one request",
        request(seq(id_, ctx(0, seq(ext("1.2.3", b"", True))))), "critical")
    bad("extensions_empty", "An empty list of extensions", seq(seq(seq(seq(id_)), ctx(2, seq()))), "extensions")
    bad("id_cut", "A CertID without its serial", request(seq(cert_id(ca, b""))), "CertID")
    bad("id_extra", "A CertID with a field more", request(seq(cert_id(ca, integer(5) + NULL))), "CertID")
    bad("serial_negative", "A negative serial", request(seq(cert_id(ca, -5))), "CertID")
    bad("serial_21", "A serial of 21 octets", request(seq(cert_id(ca, 1 << 166))), "CertID")
    bad("serial_non_minimal", "A serial with a leading zero", request(seq(cert_id(ca, b"\x02\x02\x00\x05"))), "CertID")
    bad("hash_long", "A hash of 65 octets",
        request(seq(seq(SHA1, octets(b"x" * 65), octets(b"x" * 20), integer(5)))), "CertID")
    bad("single_extra", "A single request with a field more", request(seq(id_, NULL)), "single request")
    bad("single_null", "A single request that is none", request(NULL), "single request")
    bad("extra_field", "A field after the extensions", request(seq(id_), after=NULL), "after the list")
    bad("signature_bad", "A signature that is none", request(seq(id_), tail=ctx(0, seq(NULL))))
    bad("signature_certs", "A signature whose certificates are none",
        request(seq(id_), tail=ctx(0, seq(ECDSA_SHA256, bits(b"x"), ctx(0, seq(NULL))))))
    bad("after_signature", "A field after it all", request(seq(id_), tail=NULL))


def ocsp_responses(keys):
    ca = keys["ca"]
    id_ = cert_id(ca)
    by_key = ctx(2, octets(hashlib.sha1(ca.spki[-65:]).digest()))
    good, unknown = ctx(0, constructed=False), ctx(2, constructed=False)

    def ok(name_, what, der):
        case("ocsp_response", name_, what, der)

    def bad(name_, what, der, reason="OCSP"):
        case("ocsp_response", name_, what, der, reject=reason)

    def single(status=good, dates=(THEN, ctx(0, LATER)), tail=b""):
        return seq(id_, status, *dates, tail)

    def response(*singles, version=b"", responder=by_key, produced=THEN, extensions=(), after=b"",
                 certs=b"", type_="1.3.6.1.5.5.7.48.1.1", status=0, basic_tail=b"", tail=b""):
        data = seq(version, responder, produced, seq(*singles),
                   ctx(1, seq(*extensions)) if extensions else b"", after)
        basic = seq(data, ECDSA_SHA256, bits(ca.sign(data)), certs, basic_tail)
        return seq(enumerated(status), ctx(0, seq(oid(type_), octets(basic))), tail)

    def revoked(*fields):
        return ctx(1, *fields)

    plain = response(single())
    ok("good", "A good certificate, by key", plain)
    ok("unknown", "A certificate that nobody issued", response(single(unknown)))
    ok("revoked", "A revoked certificate without a reason", response(single(revoked(THEN))))
    ok("revoked_reason", "A revoked certificate with its reason", response(single(revoked(THEN, ctx(0, enumerated(1))))))
    ok("by_name", "By name", response(single(), responder=ctx(1, name("Test CA"))))
    ok("no_next_update", "Without nextUpdate", response(single(dates=(THEN,))))
    ok("nonce", "With a nonce", response(single(), extensions=[ext(NONCE, octets(b"n" * 32))]))
    ok("delegated", "With the responder's certificate", response(single(), certs=ctx(0, seq(keys["certificate"]))))
    ok("single_extension", "An extension of one answer", response(single(tail=ctx(1, seq(ext("1.2.3", b""))))))
    ok("two", "Two answers", response(single(), single(unknown)))
    for number, name_ in ((1, "malformed_request"), (2, "internal_error"), (3, "try_later"),
                          (5, "sig_required"), (6, "unauthorized")):
        ok(name_, "An error without an answer", seq(enumerated(number)))

    bad("empty", "Nothing", b"")
    bad("truncated", "The last octet is missing", plain[:-1])
    bad("trailing_data", "One octet follows", plain + b"\0", "bytes follow")
    bad("indefinite_length", "BER's indefinite length", indefinite(plain))
    bad("non_minimal_length", "A length with a leading zero", long_length(plain))
    bad("too_long", "More than 64 KiB", response(single(), certs=ctx(0, seq(seq(octets(b"x" * 65536))))), "too long")
    bad("status_4", "The status that is not used", seq(enumerated(4)))
    bad("status_7", "A status that does not exist", seq(enumerated(7)))
    bad("status_negative", "A negative status", seq(tlv(0x0A, b"\xff")))
    bad("success_without_answer", "Success without an answer", seq(enumerated(0)), "belong together")
    bad("error_with_answer", "An error with an answer", response(single(), status=2), "belong together")
    bad("other_type", "Not a basic response", response(single(), type_="1.2.3"), "basic")
    bad("version_written", "The default version written out",
        response(single(), version=ctx(0, integer(0))), "version")
    bad("no_responder", "No responder", response(single(), responder=b""), "responder")
    bad("key_hash_19", "A key's hash of 19 octets", response(single(), responder=ctx(2, octets(b"k" * 19))), "responder")
    bad("name_empty", "A responder without a name", response(single(), responder=ctx(1, seq())), "responder")
    bad("produced_utc", "producedAt as UTCTime", response(single(), produced=THIS), "producedAt")
    bad("nothing_said", "No answer", response(), "producedAt")
    bad("33", "One too many", response(*[single()] * 33), "too many")
    bad("single_null", "An answer that is none", response(NULL), "single response")
    bad("good_with_content", "good with content", response(single(ctx(0, b"x", constructed=False))), "single response")
    bad("status_3_of_certificate", "A certificate's status that does not exist",
        response(single(ctx(3, constructed=False))), "single response")
    bad("revoked_without_time", "Revoked, nobody knows when", response(single(revoked())), "single response")
    bad("revoked_reason_7", "The reason that is not used",
        response(single(revoked(THEN, ctx(0, enumerated(7))))), "single response")
    bad("revoked_extra", "A field after the reason",
        response(single(revoked(THEN, ctx(0, enumerated(1)), NULL))), "single response")
    bad("this_update_utc", "thisUpdate as UTCTime", response(single(dates=(THIS,))), "single response")
    bad("next_update_utc", "nextUpdate as UTCTime", response(single(dates=(THEN, ctx(0, NEXT)))), "nextUpdate")
    bad("single_critical", "A critical extension of one answer",
        response(single(tail=ctx(1, seq(ext("1.2.3", b"", True))))), "critical")
    bad("critical", "A critical extension that nobody knows",
        response(single(), extensions=[ext("1.2.3", b"", True)]), "critical")
    bad("nonce_empty", "A nonce of no octet", response(single(), extensions=[ext(NONCE, octets())]), "nonce")
    bad("certs_empty", "An empty list of certificates", response(single(), certs=ctx(0, seq())), "certificates")
    bad("certs_9", "One certificate too many",
        response(single(), certs=ctx(0, seq(*[keys["small"]] * 9))), "certificates")
    bad("extra_field", "A field after the extensions", response(single(), after=NULL), "producedAt")
    bad("basic_extra", "A field after the certificates", response(single(), basic_tail=NULL), "basic")
    bad("after_answer", "A field after it all", response(single(), tail=NULL))


def ocsp_gets(keys):
    plain = base64.b64encode(load("ocsp_request", "sha1")).decode()
    escaped = plain.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    case("ocsp_get", "escaped", "Base64 with escapes, as RFC 6960 A.1 has it", escaped)
    case("ocsp_get", "all_escaped", "Every character an escape", "".join("%%%02X" % ord(c) for c in plain))
    case("ocsp_get", "lower_case", "Lower-case escapes", escaped.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"))
    case("ocsp_get", "bare", "Base64 as it is", plain)
    for name_, what, text in [
            ("empty", "Nothing", ""),
            ("half_escape", "Half an escape at the end", escaped[:-3] + "%3"),
            ("percent_alone", "A percent sign at the end", escaped[:-3] + "%"),
            ("escape_not_hex", "An escape that is none", "%ZZ" + escaped),
            ("escaped_space", "An escaped space", "%20" + escaped),
            ("escaped_nul", "An escaped NUL", escaped + "%00"),
            ("space", "A space", " " + escaped),
            ("url_alphabet", "Base64url", "-_" + escaped),
            ("query", "A query", escaped + "?x"),
            ("twice_escaped", "Escapes escaped", escaped.replace("%", "%25")),
            ("no_padding", "No padding", plain.rstrip("=") + "A" * ((4 - len(plain.rstrip("="))) % 4 == 0) if not plain.endswith("=") else plain.rstrip("=")),
            ("padding_inside", "Padding within", "MA==" + escaped),
            ("too_long", "Over 2,048 octets", "A" * 2052)]:
        case("ocsp_get", name_, what, text, reject="OCSP")


def authority_info_access(keys):
    def ok(name_, what, der):
        case("authority_info_access", name_, what, der)

    def bad(name_, what, der):
        case("authority_info_access", name_, what, der, reject="authorityInfoAccess")

    def place(method, location=URI):
        return seq(oid(method), location)

    ocsp, issuers = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"
    plain = seq(place(ocsp), place(issuers))
    ok("both", "OCSP and the CA's certificate", plain)
    ok("directory", "A place in a directory", seq(place(issuers, ctx(4, name("Test CA")))))
    ok("other_method", "A method that nobody knows", seq(place("1.2.3")))
    ok("64", "As many as are taken", seq(*[place(ocsp)] * 64))
    bad("empty", "Nothing", b"")
    bad("empty_list", "An empty list", seq())
    bad("truncated", "The last octet is missing", plain[:-1])
    bad("trailing_data", "One octet follows", plain + b"\0")
    bad("indefinite_length", "BER's indefinite length", indefinite(plain))
    bad("no_location", "A method without a place", seq(seq(oid(ocsp))))
    bad("no_method", "A place without its method", seq(seq(URI)))
    bad("uri_nul", "A NUL in a URI", seq(place(ocsp, ctx(6, b"http://a\0b", constructed=False))))
    bad("extra_field", "A field after the place", seq(seq(oid(ocsp), URI, NULL)))
    bad("65", "One too many", seq(*[place(ocsp)] * 65))


def distribution_points(keys):
    def ok(name_, what, der):
        case("distribution_points", name_, what, der)

    def bad(name_, what, der):
        case("distribution_points", name_, what, der, reject="distribution point")

    ldap = ctx(6, b"ldap://pki.example.net/cn=ca", constructed=False)
    issuer = ctx(2, ctx(4, name("Test CA")))
    relative = ctx(0, ctx(1, seq(oid(CN), utf8("ca"))))
    plain = seq(point(URI))
    ok("one", "One URI", plain)
    ok("two_places", "Two places of one CRL", seq(point(URI, ldap)))
    ok("two", "Two points", seq(point(URI), point(ldap)))
    ok("reasons", "For some reasons alone", seq(seq(ctx(0, ctx(0, URI)), ctx(1, b"\x05\x60", constructed=False))))
    ok("issuer", "By its issuer", seq(seq(issuer)))
    ok("relative", "By a name relative to the issuer", seq(seq(relative, issuer)))
    bad("empty", "Nothing", b"")
    bad("empty_list", "An empty list", seq())
    bad("empty_point", "A point without a field", seq(seq()))
    bad("reasons_alone", "Reasons alone", seq(seq(ctx(1, b"\x05\x60", constructed=False))))
    bad("reasons_padded", "Reasons with trailing zero bits",
        seq(seq(ctx(0, ctx(0, URI)), ctx(1, b"\x00\x60", constructed=False))))
    bad("no_names", "A name without names", seq(seq(ctx(0, ctx(0)))))
    bad("empty_name", "A name that is neither", seq(seq(ctx(0))))
    bad("both_names", "Both names of a choice", seq(seq(ctx(0, ctx(0, URI), ctx(1, seq(oid(CN), utf8("ca")))))))
    bad("uri_bare", "A URI in place of names", seq(seq(ctx(0, URI))))
    bad("wrong_order", "The issuer first", seq(seq(issuer, ctx(0, ctx(0, URI)))))
    bad("issuer_empty", "An empty issuer", seq(seq(ctx(2))))
    bad("truncated", "The last octet is missing", plain[:-1])
    bad("trailing_data", "One octet follows", plain + b"\0")
    bad("indefinite_length", "BER's indefinite length", indefinite(plain))
    bad("65", "One too many", seq(*[point(URI)] * 65))


def certificate_policies(keys):
    def ok(name_, what, der):
        case("certificate_policies", name_, what, der)

    def bad(name_, what, der, reason="certificatePolicies"):
        case("certificate_policies", name_, what, der, reject=reason)

    def policy(id_, *qualifiers):
        return seq(oid(id_), seq(*qualifiers) if qualifiers else b"")

    def cps(text, tag=0x16):
        return seq(oid("1.3.6.1.5.5.7.2.1"), tlv(tag, text))

    notice = seq(oid("1.3.6.1.5.5.7.2.2"), seq(utf8("All rights reserved")))
    plain = seq(policy("1.3.6.1.4.1.99999.1", cps(b"http://pki.example.net/cps")))
    ok("cps", "A policy with its practice statement", plain)
    ok("plain", "A policy alone", seq(policy("1.3.6.1.4.1.99999.1")))
    ok("any", "anyPolicy", seq(policy("2.5.29.32.0")))
    ok("notice", "A user notice, which is kept as it is", seq(policy("1.3.6.1.4.1.99999.1", cps(b"http://x/"), notice)))
    ok("two", "Two policies", seq(policy("1.3.6.1.4.1.99999.1"), policy("1.3.6.1.4.1.99999.2")))
    bad("empty", "Nothing", b"")
    bad("empty_list", "An empty list", seq())
    bad("empty_policy", "A policy without its name", seq(seq()))
    bad("qualifiers_empty", "An empty list of qualifiers", seq(seq(oid("1.2.3"), seq())))
    bad("qualifier_cut", "A qualifier without its value", seq(policy("1.2.3", seq(oid("1.3.6.1.5.5.7.2.1")))))
    bad("cps_utf8", "A URI as UTF8String", seq(policy("1.2.3", cps(b"http://x/", 0x0C))))
    bad("cps_8bit", "A URI with a high bit", seq(policy("1.2.3", cps(b"http://\xe4/"))))
    bad("cps_empty", "An empty URI", seq(policy("1.2.3", cps(b""))))
    bad("twice", "A policy twice", seq(policy("1.2.3"), policy("1.2.3")), "twice")
    bad("extra_field", "A field after the qualifiers", seq(seq(oid("1.2.3"), seq(notice), NULL)))
    bad("17_qualifiers", "A qualifier too many", seq(policy("1.2.3", *[notice] * 17)))
    bad("65", "A policy too many", seq(*[policy(f"1.2.{n}") for n in range(65)]))
    bad("truncated", "The last octet is missing", plain[:-1])
    bad("trailing_data", "One octet follows", plain + b"\0")
    bad("indefinite_length", "BER's indefinite length", indefinite(plain))


def name_constraints(keys):
    def ok(name_, what, der):
        case("name_constraints", name_, what, der)

    def bad(name_, what, der):
        case("name_constraints", name_, what, der, reject="nameConstraints")

    def text(kind, value):
        return ctx(kind, value, constructed=False)

    def tree(base, tail=b""):
        return seq(base, tail)

    def permitted(*bases):
        return ctx(0, *[tree(b) for b in bases])

    dns = text(2, b"devices.example")
    net = text(7, bytes([10, 0, 0, 0, 255, 0, 0, 0]))
    plain = seq(permitted(dns))
    ok("dns", "A domain", plain)
    ok("every_kind", "Every kind that has rules",
       seq(permitted(dns, net, text(7, b"\x20\x01\x0d\xb8" + b"\0" * 12 + b"\xff" * 4 + b"\0" * 12),
                     text(1, b"example.com"), text(1, b"root@example.com"), text(1, b".example.com"),
                     text(6, b".example.com"), ctx(4, seq(rdn(O, utf8("Acme")))))))
    ok("excluded", "What is left out", seq(ctx(1, tree(text(2, b"secret.example")))))
    ok("both", "Some, but not all", seq(permitted(dns), ctx(1, tree(text(2, b"secret.devices.example")))))
    ok("everything_excluded", "No DNS name, no address",
       seq(ctx(1, tree(text(2, b"")), tree(text(7, b"\0" * 8)), tree(text(7, b"\0" * 32)))))
    ok("other_name", "A kind without rules", seq(permitted(ctx(0, oid("1.2.3"), ctx(0, NULL)))))
    bad("empty", "Nothing", b"")
    bad("neither", "RFC 5280: an empty SEQUENCE", seq())
    bad("permitted_empty", "An empty list", seq(ctx(0)))
    bad("excluded_empty", "An empty list beside one", seq(permitted(dns), ctx(1)))
    bad("wrong_order", "What is left out first", seq(ctx(1, tree(dns)), permitted(dns)))
    bad("extra_field", "A third list", seq(permitted(dns), ctx(2, tree(dns))))
    bad("minimum_1", "A minimum", seq(ctx(0, tree(dns, ctx(0, b"\1", constructed=False)))))
    bad("minimum_0", "The default written out", seq(ctx(0, tree(dns, ctx(0, b"\0", constructed=False)))))
    bad("maximum", "A maximum", seq(ctx(0, tree(dns, ctx(1, b"\3", constructed=False)))))
    bad("ip_4", "An address without its mask", seq(permitted(text(7, b"\x0a\0\0\0"))))
    bad("ip_12", "Neither IPv4 nor IPv6", seq(permitted(text(7, b"\0" * 12))))
    bad("ip_mask", "A mask with a hole", seq(permitted(text(7, b"\x0a\0\0\0\xff\0\xff\0"))))
    bad("dns_nul", "A NUL in a domain", seq(permitted(text(2, b"a\0b"))))
    bad("dns_wildcard", "An asterisk", seq(permitted(text(2, b"*.example"))))
    bad("uri_whole", "A whole URI in place of a host", seq(permitted(text(6, b"http://example.com"))))
    bad("email_no_host", "A mailbox without a host", seq(permitted(text(1, b"root@"))))
    bad("directory_bad", "A directory name that is none", seq(permitted(ctx(4, NULL))))
    bad("base_missing", "A subtree without its base", seq(ctx(0, seq())))
    bad("base_number", "A kind that does not exist", seq(permitted(text(9, b"x"))))
    bad("257", "One too many", seq(permitted(*[dns] * 257)))
    bad("truncated", "The last octet is missing", plain[:-1])
    bad("trailing_data", "One octet follows", plain + b"\0")
    bad("indefinite_length", "BER's indefinite length", indefinite(plain))
