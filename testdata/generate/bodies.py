"""CSR attributes, base64 bodies, multipart bodies, paths, PEM."""

from asn1 import *
from requests import attribute


def csr_attrs(_):
    def ok(name_, what, der):
        case("csr_attrs", name_, what, der)

    def bad(name_, what, der):
        case("csr_attrs", name_, what, der, reject="CsrAttrs")

    password = oid("1.2.840.113549.1.9.7")
    ok("empty", "No item", seq())
    ok("challenge_password", "challengePassword alone", seq(password))
    ok("ec_p256", "Please make a P-256 key", seq(attribute("1.2.840.10045.2.1", oid("1.2.840.10045.3.1.7"))))
    ok("values_unsorted", "A SET OF out of order is kept as found",
       seq(attribute("1.2.3", integer(9), integer(5))))
    ok("64_items", "As many as are taken", seq(*[password] * 64))
    bad("65_items", "One too many", seq(*[password] * 65))
    bad("nothing", "No octets", b"")
    bad("truncated", "The last octet is missing", seq(password)[:-1])
    bad("trailing_data", "One octet follows", seq(password) + b"\0")
    bad("indefinite_length", "BER's indefinite length", indefinite(seq(password)))
    bad("non_minimal_length", "A length with a leading zero", long_length(seq(password)))
    bad("set", "A SET", set_(password))
    bad("text_item", "A UTF8String as an item", seq(utf8("challengePassword")))
    ok("no_values", "ecPublicKey without a curve (RFC 9908 3.2)", seq(attribute("1.2.840.10045.2.1")))
    bad("value_beside_set", "An attribute whose value is no SET", seq(seq(oid("1.2.3"), NULL)))
    bad("oid_broken", "An OID that ends within an arc", seq(b"\x06\x01\x80"))
    bad("oid_empty", "An OID without octets", seq(b"\x06\x00"))


def csr_template(_):
    ID_AA = "1.2.840.113549.1.9.16.2."
    EXTENSION_REQUEST, EXTENSIONS = "1.2.840.113549.1.9.14", ID_AA + "62"
    OU = "2.5.4.11"
    p256 = seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"))
    rsa_ = seq(oid("1.2.840.113549.1.1.1"), NULL)

    def to_fill(type_):
        return set_(seq(oid(type_)))

    def ext_to_fill(id_):
        return seq(oid(id_))

    def template(subject=b"", key=b"", attributes=(), version=0, tail=b""):
        return seq(integer(version), subject, key, ctx(1, *attributes), tail)

    def ok(name_, what, der, demands):
        case("csr_template", name_, what, der, demands=demands)

    def bad(name_, what, der, reason="CSR template"):
        case("csr_template", name_, what, der, reject=reason)

    names_ = seq(ctx(2, b"www.myServer.com", constructed=False), ctx(7, b"", constructed=False))
    subject = seq(to_fill(CN), rdn(OU, utf8("myDept")), rdn(OU, utf8("myGroup")))
    partial = attribute(EXTENSIONS, seq(ext(SAN, names_), ext(KEY_USAGE, bits(b"\x88", 3), True), ext_to_fill(EKU)))
    ok("rfc9908_example", "The example of RFC 9908 3.4", template(subject, ctx(0, p256), [partial]),
       "2.5.4.3=? 2.5.4.11=myDept 2.5.4.11=myGroup | 1.2.840.10045.2.1 1.2.840.10045.3.1.7 | "
       "2.5.29.17 !2.5.29.15 2.5.29.37=?")
    ok("empty", "No demand at all", template(), "| |")
    ok("attributes_omitted", "The [1] is missing, which the module does not allow", seq(integer(0)), "| |")
    ok("subject_alone", "A subject to be filled in", template(seq(to_fill(CN))), "2.5.4.3=? | |")
    ok("empty_subject", "An empty subject", template(seq()), "| |")
    ok("multi_valued", "Two attributes in one RDN", template(seq(set_(seq(oid(CN)), seq(oid(O), utf8("b"))))),
       "2.5.4.3=? +2.5.4.10=b | |")
    ok("bmp", "A value of another string type", template(seq(rdn(CN, tlv(0x1E, "ü".encode("utf-16-be"))))), "2.5.4.3=ü | |")
    modulus = integer((1 << 3071) | 1)
    ok("rsa_3072", "An RSA key of a size", template(key=ctx(0, rsa_, bits(seq(modulus, integer(65537))))),
       "| 1.2.840.113549.1.1.1 3072 |")
    ok("rsa", "An RSA key of any size", template(key=ctx(0, rsa_)), "| 1.2.840.113549.1.1.1 |")
    ok("ed25519", "An algorithm without parameters", template(key=ctx(0, seq(oid("1.3.101.112")))), "| 1.3.101.112 |")
    ok("extension_request", "Extensions with all their values",
       template(attributes=[attribute(EXTENSION_REQUEST, seq(ext(BC, seq())))]), "| | 2.5.29.19")
    ok("challenge_password", "An attribute of another kind, without values",
       template(attributes=[attribute("1.2.840.113549.1.9.7")]), "| |")
    good = template(subject, ctx(0, p256), [partial])
    bad("nothing", "No octets", b"")
    bad("version_1", "Version v2", template(version=1), "version")
    bad("no_version", "No version", seq(ctx(1)))
    bad("truncated", "The last octet is missing", good[:-1])
    bad("trailing_data", "One octet follows", good + b"\0")
    bad("indefinite_length", "BER's indefinite length", indefinite(good))
    bad("extra_field", "A field after the attributes", template(tail=NULL))
    bad("wrong_order", "The key before the subject", seq(integer(0), ctx(0, p256), subject, ctx(1)))
    bad("key_untagged", "The key without its tag", seq(integer(0), subject, seq(p256), ctx(1)))
    bad("attributes_set", "The attributes as SET", seq(integer(0), set_()))
    bad("empty_rdn", "An empty RDN", template(seq(set_())), "RDN")
    bad("no_type", "An RDN's attribute without a type", template(seq(set_(seq(utf8("a"))))), "subject")
    bad("two_values", "An RDN's attribute with two values", template(seq(set_(seq(oid(CN), utf8("a"), utf8("b"))))), "subject")
    bad("value_integer", "A value that is no text", template(seq(rdn(CN, integer(1)))), "text")
    bad("value_bad_utf8", "Broken UTF-8", template(seq(rdn(CN, tlv(0x0C, b"\xff")))), "text")
    bad("65_attributes", "Too long a subject", template(seq(*[to_fill(CN)] * 65)), "too many")
    bad("no_algorithm", "A key without an algorithm", template(key=ctx(0)), "algorithm")
    bad("rsa_not_a_key", "A placeholder that is no key", template(key=ctx(0, rsa_, bits(b"x"))), "placeholder")
    bad("rsa_negative", "A negative modulus", template(key=ctx(0, rsa_, bits(seq(integer(-5), integer(3))))), "placeholder")
    bad("rsa_zero", "A modulus of zero", template(key=ctx(0, rsa_, bits(seq(integer(0), integer(3))))), "placeholder")
    bad("rsa_huge", "A modulus of 16,392 bits",
        template(key=ctx(0, rsa_, bits(seq(integer(1 << 16391), integer(3))))), "placeholder")
    bad("key_octets", "The placeholder as OCTET STRING", template(key=ctx(0, p256, octets(b"x"))), "key")
    bad("key_extra", "A field after the placeholder", template(key=ctx(0, p256, bits(b"x"), NULL)), "key")
    bad("both_extensions", "Both kinds of extension requests (RFC 9908 3.4)",
        template(attributes=[partial, attribute(EXTENSION_REQUEST, seq(ext(BC, seq())))]), "twice")
    bad("two_templates", "Two extensionReqTemplates (RFC 9908 3.4)", template(attributes=[partial, partial]), "twice")
    bad("extensions_two_values", "Two values (RFC 9908 3.4)",
        template(attributes=[attribute(EXTENSIONS, seq(ext_to_fill(EKU)), seq(ext_to_fill(BC)))]), "one value")
    bad("extensions_no_value", "No value", template(attributes=[attribute(EXTENSIONS)]), "one value")
    bad("extensions_empty", "No extension", template(attributes=[attribute(EXTENSIONS, seq())]), "extensions")
    bad("extension_twice", "An extension twice",
        template(attributes=[attribute(EXTENSIONS, seq(ext_to_fill(EKU), ext_to_fill(EKU)))]), "twice")
    bad("request_without_value", "id-ExtensionReq without a value",
        template(attributes=[attribute(EXTENSION_REQUEST, seq(ext_to_fill(EKU)))]), "no value")
    bad("critical_false", "The default written out",
        template(attributes=[attribute(EXTENSIONS, seq(seq(oid(EKU), boolean(False))))]), "extension")
    bad("extension_bits", "A value that is no OCTET STRING",
        template(attributes=[attribute(EXTENSIONS, seq(seq(oid(EKU), bits(b"x"))))]), "extension")
    bad("attribute_twice", "An attribute twice", template(attributes=[attribute("1.2.3", NULL)] * 2), "twice")
    bad("33_attributes", "One attribute too many",
        template(attributes=[attribute(f"1.2.3.{i}", NULL) for i in range(33)]), "too many")
    bad("csr", "A whole request, as the draft's example once was", load("csr_attrs", "draft_csr_template"))


def transfer_encoding(_):
    def ok(name_, what, text, value):
        case("transfer_encoding", name_, what, text, hex=value.hex())

    def bad(name_, what, text):
        case("transfer_encoding", name_, what, text, reject="base64")

    long = bytes(range(256))
    plain = base64.b64encode(long).decode()

    def wrap(width, end):
        return "".join(plain[i:i + width] + end for i in range(0, len(plain), width))

    ok("one_line", "One line", plain, long)
    ok("one_line_lf", "One line and a LF", plain + "\n", long)
    ok("wrapped_64_lf", "Lines of 64", wrap(64, "\n"), long)
    ok("wrapped_76_crlf", "Lines of 76 with CR LF, as MIME has them", wrap(76, "\r\n"), long)
    ok("wrapped_1", "A line end after each character", wrap(1, "\r\n"), long)
    ok("white_space", "Spaces and tabs all over", " A\tA \r\n= = ", b"\0")
    ok("empty", "Nothing", "", b"")
    ok("blank", "White space alone", " \r\n", b"")
    ok("one_pad", "One pad character", "AAA=", b"\0\0")
    ok("alphabet", "The last two of the alphabet", "+/+/", bytes.fromhex("fbffbf"))
    bad("no_padding", "Padding left out", "AAA")
    bad("one_character", "One character of a group", "AAAAA")
    bad("pad_only", "Pad characters alone", "====")
    bad("pad_three", "Three pad characters", "A===")
    bad("pad_extra", "A group of padding after a whole one", "AAAA====")
    bad("pad_inside", "Padding within", "AA==AAAA")
    bad("pad_bits_1", "Set pad bits before one pad character", "AAB=")
    bad("pad_bits_2", "Set pad bits before two pad characters", "AB==")
    bad("url_alphabet", "base64url", "-_-_")
    bad("der", "DER instead of base64", "0\x03\x02\x01\x05AB")
    bad("nul", "A NUL", "AAA\0")
    bad("high", "An octet over 127", "AAA\u00e9")
    bad("pem", "PEM instead of base64", "-----BEGIN X-----\nAAAA\n-----END X-----\n")
    bad("vertical_tab", "White space of another kind", "AA\x0bAA")


def multipart(_):
    def ok(name_, what, text, parts):
        case("multipart", name_, what, text, boundary="b", parts=parts)

    def bad(name_, what, text):
        case("multipart", name_, what, text, reject="multipart", boundary="b")

    ok("crlf", "Two parts", "--b\r\nA: 1\r\n\r\nx\r\n--b\r\nB: 2\r\n\r\ny\r\n--b--\r\n", 2)
    ok("lf", "Line ends without CR", "--b\nA: 1\n\nx\n--b--\n", 1)
    ok("preamble_epilogue", "Text before and after", "before\r\n--b\r\n\r\nx\r\n--b--\r\nafter\r\n--b\r\n", 1)
    ok("no_headers", "A part without headers", "--b\r\n\r\nx\r\n--b--", 1)
    ok("empty_body", "A part without a body", "--b\r\nA: 1\r\n\r\n\r\n--b--", 1)
    ok("dashes_inside", "A boundary in the middle of a line", "--b\r\n\r\nx --b\r\n--b--", 1)
    ok("blank_lines", "A body of blank lines", "--b\r\n\r\n\r\n\r\n\r\n--b--", 1)
    bad("empty", "Nothing", "")
    bad("no_boundary", "No boundary line", "x\r\n")
    bad("not_closed", "No closing boundary", "--b\r\n\r\nx\r\n--b\r\n")
    bad("no_parts", "The closing boundary alone", "--b--\r\n")
    bad("cut_off", "Cut off within a part", "--b\r\nA: 1\r\n")
    bad("no_blank_line", "Headers without a blank line", "--b\r\nA: 1\r\n--b--")
    bad("boundary_and_more", "A longer boundary than ours", "--b\r\n\r\nx\r\n--bc\r\n--b--")
    ok("padding", "Spaces and tabs after boundaries (RFC 2046 5.1.1)", "--b \t\r\nA: 1\r\n\r\nx\r\n--b-- \r\n", 1)
    ok("mixed_line_ends", "CR LF and LF", "--b\r\nA: 1\n\r\nx\n--b\n\ny\r\n--b--", 2)
    ok("blank_line_padded", "Spaces in the blank line", "--b\r\nA: 1\r\n \r\nx\r\n--b--", 1)
    ok("header_folded", "A folded header", "--b\r\nA: 1\r\n 2\r\n\r\nx\r\n--b--", 1)
    ok("header_space", "A space before the colon", "--b\r\nA : 1\r\n\r\nx\r\n--b--", 1)
    ok("rfc2046_5_1_1", "RFC 2046 5.1.1's example of a body without a line end at its end, and one with it",
       "This is the preamble.  It is to be ignored.\r\n--b\r\n\r\nimplicitly typed\r\n--b\r\n"
       "Content-type: text/plain; charset=us-ascii\r\n\r\nexplicitly typed\r\n\r\n--b--\r\n\r\nepilogue\r\n", 2)
    bad("first_and_more", "Text after the first boundary", "--b x\r\n\r\nx\r\n--b--")
    bad("boundary_and_cr", "CR alone after a boundary", "--b\r\r\n\r\nx\r\n--b--")
    bad("padding_alone", "Cut off after a boundary's padding", "--b\r\n\r\nx\r\n--b  ")
    bad("close_padded", "Space within the closing dashes", "--b\r\n\r\nx\r\n--b -- \r\n")
    bad("empty_part", "Nothing between two boundaries", "--b\r\n--b--")
    bad("close_and_more", "Text on the closing boundary's line", "--b\r\n\r\nx\r\n--b--x")
    bad("fold_first", "A folded line without one before it", "--b\r\n A: 1\r\n\r\nx\r\n--b--")
    bad("header_name_space", "A space within a header's name", "--b\r\nA b: 1\r\n\r\nx\r\n--b--")
    bad("header_no_name", "A header without a name", "--b\r\n: 1\r\n\r\nx\r\n--b--")
    bad("header_without_colon", "A header without a colon", "--b\r\nA\r\n\r\nx\r\n--b--")
    bad("17_parts", "One part too many", "--b\r\n\r\nx\r\n" * 17 + "--b--")


def server_key(_):
    key, certs, sealed = (f"Content-Type: {t}\r\nContent-Transfer-Encoding: base64\r\n" for t in (
        "application/pkcs8", "application/pkcs7-mime; smime-type=certs-only",
        "application/pkcs7-mime; smime-type=server-generated-key"))
    key_text, certs_text = (base64.b64encode(t).decode() for t in (b"key", b"certificates"))

    def body(*parts, boundary="b", end="\r\n"):
        return "".join(f"--{boundary}{end}{headers}{end}{text}{end}" for headers, text in parts) + f"--{boundary}--{end}"

    def ok(name_, what, text, read="plain key certificates"):
        case("server_key", name_, what, text, read=read)

    def bad(name_, what, text, reason="serverkeygen reply"):
        case("server_key", name_, what, text, reject=reason)

    good = body((key, key_text), (certs, certs_text))
    ok("plain", "A PKCS#8 key and its certificates", good)
    ok("encrypted", "The key in EnvelopedData", body((sealed, key_text), (certs, certs_text)),
       "encrypted key certificates")
    ok("certificate_first", "The other order", body((certs, certs_text), (key, key_text)))
    ok("preamble_epilogue", "Preamble and epilogue are ignored", "hello\r\n" + good + "bye\r\n")
    ok("lf", "Line ends without CR", good.replace("\r\n", "\n"))
    ok("wrapped", "Base64 in short lines", body((key, "a2\r\nV5\r\n"), (certs, certs_text)))
    ok("no_cte", "Without Content-Transfer-Encoding (RFC 8951 2.1)",
       body(("Content-Type: application/pkcs8\r\n", key_text), (certs, certs_text)))
    ok("binary_cte", "Another Content-Transfer-Encoding is ignored (RFC 8951 2.1)",
       good.replace("base64\r\n", "binary\r\n"))
    ok("no_smime_type", "Certificates without a smime-type", good.replace("; smime-type=certs-only", ""))
    ok("quoted_smime_type", "smime-type in quotes and another case",
       good.replace("smime-type=certs-only", 'SMIME-Type = "Certs-Only"'))
    ok("folded", "A folded Content-Type", good.replace("; smime", ";\r\n smime"))
    ok("padding", "White space after boundaries", good.replace("--b\r\n", "--b \t\r\n"))
    bad("one_part", "The key alone", body((key, key_text)), "two parts")
    bad("three_parts", "A part too many", body((key, key_text), (certs, certs_text), (certs, certs_text)), "two parts")
    bad("two_keys", "Two keys", body((key, key_text), (sealed, key_text)), "no certificate")
    bad("two_certificates", "Certificates twice", body((certs, certs_text), (certs, certs_text)), "no key")
    bad("text", "A part of text", body(("Content-Type: text/plain\r\n", key_text), (certs, certs_text)), "another type")
    bad("no_type", "A part without a type", body(("", key_text), (certs, certs_text)), "another type")
    bad("other_smime_type", "Another smime-type", good.replace("certs-only", "signed-data"), "another type")
    bad("not_base64", "A part that is not base64", body((key, "a2V5!"), (certs, certs_text)), "base64")
    bad("der", "DER in place of base64", body((key, "0\x03\x02\x01\x05"), (certs, certs_text)), "base64")
    bad("empty_key", "A key of no octets", body((key, ""), (certs, certs_text)), "empty")
    bad("empty_certificates", "Certificates of no octets", body((key, key_text), (certs, " ")), "empty")
    bad("not_closed", "Cut off", good[:-6], "multipart")
    bad("other_boundary", "Another boundary", body((key, key_text), (certs, certs_text), boundary="c"), "multipart")
    bad("empty", "Nothing", "", "multipart")
    bad("certs_only", "The reply of /simpleenroll", certs_text, "multipart")


def renewal_info(_):
    def id_ok(name_, what, text):
        case("renewal_info_id", name_, what, text)

    def id_bad(name_, what, text):
        case("renewal_info_id", name_, what, text, reject="identifier")

    def b64url(octets_):
        return base64.urlsafe_b64encode(octets_).decode().rstrip("=")

    id_ok("rfc9773", "RFC 9773 4.1's example", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    id_ok("short", "The shortest", "AQ.AQ")
    id_ok("long", "The longest", b64url(bytes(64)) + "." + b64url(bytes(21)))
    id_ok("alphabet", "The two characters of base64url", "-_-_.-_-_")
    id_bad("long_key", "A key identifier of 65 octets", b64url(bytes(65)) + ".AQ")
    id_bad("long_serial", "A serial number of 22 octets", "AQ." + b64url(bytes(22)))
    id_bad("no_dot", "No dot", "AQAQ")
    id_bad("two_dots", "Two dots", "AQ.AQ.AQ")
    id_bad("no_key", "No key identifier", ".AQ")
    id_bad("no_serial", "No serial number", "AQ.")
    id_bad("padding", "Padding", "AQ==.AQ")
    id_bad("pad_bits", "Set pad bits", "AR.AQ")
    id_bad("plain_base64", "base64's alphabet", "+/+/.AQ")
    id_bad("space", "A space", "A Q.AQ")
    id_bad("one_character", "One character of a group", "A.AQ")
    id_bad("nul", "A NUL", "AQ.AQ\0")
    id_bad("empty", "Nothing", "")

    def ok(name_, what, text, read="2025-01-02T04:00:00+00:00 2025-01-03T04:00:00+00:00"):
        case("renewal_info", name_, what, text, read=read)

    def bad(name_, what, text, reason="renewal information"):
        case("renewal_info", name_, what, text, reject=reason)

    start, end = '"start": "2025-01-02T04:00:00Z"', '"end": "2025-01-03T04:00:00Z"'

    def window(*members, more=""):
        return '{"suggestedWindow": {%s}%s}' % (", ".join(members), more)

    ok("rfc9773", "RFC 9773 4.2's example, a day of it",
       window(start, end, more=', "explanationURL": "https://acme.example.com/docs/ari"'),
       "2025-01-02T04:00:00+00:00 2025-01-03T04:00:00+00:00 https://acme.example.com/docs/ari")
    ok("window", "The window alone", window(start, end))
    ok("offset", "Other time zones", window('"start": "2025-01-02T05:00:00+01:00"', '"end": "2025-01-02T20:00:00-08:00"'))
    ok("fraction", "A fraction of a second", window('"start": "2025-01-02T04:00:00.5Z"', end),
       "2025-01-02T04:00:00.5+00:00 2025-01-03T04:00:00+00:00")
    ok("more_members", "Members that nobody knows", window(start, end, '"x": [1, {"y": null}]', more=', "z": true'))
    ok("white_space", "White space", " \r\n\t" + window(start, end).replace(":", " : ", 1) + "\n")
    ok("escaped_name", "An escaped letter in a name", window(start, end).replace("suggested", "sugg\\u0065sted"))
    ok("url_script", "A URL of another kind is left out", window(start, end, more=', "explanationURL": "javascript:x"'))
    ok("url_control", "A URL with a line end is left out", window(start, end, more=', "explanationURL": "https://a\\nb"'))
    ok("url_long", "A long URL is left out", window(start, end, more=', "explanationURL": "https://' + "a" * 993 + '"'))
    bad("empty", "Nothing", "", "not JSON")
    bad("text", "No JSON", "try again later", "not JSON")
    bad("truncated", "Cut off", window(start, end)[:-1], "not JSON")
    bad("trailing", "Something follows", window(start, end) + "x", "not JSON")
    bad("bad_escape", "An escape that is none", window(start, end).replace("suggested", "\\q"), "not JSON")
    bad("surrogate", "Half a surrogate pair", window(start, end, '"x": "\\ud800"'), "not JSON")
    bad("no_window", "No window", "{}", "suggestedWindow")
    bad("array", "An array", "[" + window(start, end) + "]", "suggestedWindow")
    bad("window_twice", "Two windows", window(start, end)[:-1] + "," + window(start, end)[1:], "suggestedWindow")
    bad("window_text", "A window that is text", '{"suggestedWindow": "2025"}', "RFC 3339")
    bad("no_start", "No start", window(end), "RFC 3339")
    bad("no_end", "No end", window(start), "RFC 3339")
    bad("start_twice", "Two starts", window(start, start, end), "RFC 3339")
    bad("start_number", "A number", window('"start": 1735790400', end), "RFC 3339")
    bad("start_object", "An object", window('"start": {}', end), "RFC 3339")
    bad("start_null", "null", window('"start": null', end), "RFC 3339")
    bad("start_date", "A date alone", window('"start": "2025-01-02"', end), "RFC 3339")
    bad("start_zoneless", "No time zone", window('"start": "2025-01-02T04:00:00"', end), "RFC 3339")
    bad("start_february_30", "No such day", window('"start": "2025-02-30T04:00:00Z"', end), "RFC 3339")
    bad("infinite", "A word of absl's", window(start, '"end": "infinite-future"'), "RFC 3339")
    bad("start_space", "White space before the time", window('"start": " 2025-01-02T04:00:00Z"', end), "RFC 3339")
    bad("equal", "It ends when it starts", window(start, start.replace("start", "end")), "ends before")
    bad("backwards", "It ends before it starts", window(end.replace("end", "start"), start.replace("start", "end")),
        "ends before")
    bad("deep", "Deeply nested", "[" * 17 + "]" * 17, "too much")
    bad("long", "Over 4 KiB", window(start, end) + " " * 4096, "too much")


def paths(_):
    def ok(name_, what, text, operation, label="", argument=""):
        target = f"{operation} {label}".strip() + (f" / {argument}" if argument else "")
        case("est_path", name_, what, text, target=target)

    def bad(name_, what, text):
        case("est_path", name_, what, text, reject="")

    root = "/.well-known/est/"
    for operation in ("cacerts", "simpleenroll", "simplereenroll", "csrattrs", "serverkeygen", "fullcmc"):
        ok(operation, "Without a label", root + operation, operation)
        ok(operation + "_label", "With a label", root + "plant-1/" + operation, operation, "plant-1")
        bad(operation + "_as_label", "An operation as label (RFC 7030 3.2.2)", root + operation + "/cacerts")
    ok("label_unreserved", "Every kind of unreserved character", root + "a.B_9~-/cacerts", "cacerts", "a.B_9~-")
    ok("label_64", "The longest label", root + "a" * 64 + "/cacerts", "cacerts", "a" * 64)
    bad("label_65", "A longer label", root + "a" * 65 + "/cacerts")
    bad("label_empty", "An empty label", root + "/cacerts")
    bad("label_dot", "A dot-segment", root + "./cacerts")
    bad("label_dots", "A dot-segment upwards", root + "../cacerts")
    bad("label_percent", "A percent-encoded label", root + "a%62/cacerts")
    bad("label_space", "A space in a label", root + "a b/cacerts")
    info = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    ok("renewal_info", "Renewal information", root + "renewal-info/" + info, "renewal-info", argument=info)
    ok("renewal_info_label", "With a label", root + "plant-1/renewal-info/" + info, "renewal-info", "plant-1", info)
    ok("renewal_info_operation", "An argument that is an operation's name is an argument",
       root + "renewal-info/cacerts", "renewal-info", argument="cacerts")
    ok("renewal_info_256", "The longest argument", root + "renewal-info/" + "a" * 256, "renewal-info",
       argument="a" * 256)
    bad("renewal_info_257", "A longer one", root + "renewal-info/" + "a" * 257)
    bad("renewal_info_alone", "Without an argument", root + "renewal-info")
    bad("renewal_info_empty", "An empty argument", root + "renewal-info/")
    bad("renewal_info_two", "Two arguments", root + "renewal-info/a/b")
    bad("renewal_info_dots", "A dot-segment as argument", root + "renewal-info/..")
    bad("renewal_info_percent", "A percent-encoded argument", root + "renewal-info/%61")
    bad("renewal_info_label_alone", "With a label, without an argument", root + "a/renewal-info")
    bad("argument", "An argument where none belongs", root + "a/cacerts/b")
    bad("label_crls", "An operation of RFC 8295 that is not served, as label", root + "crls/cacerts")
    bad("label_nonce", "One of a draft's", root + "nonce/cacerts")
    bad("label_alone", "A label alone", root + "plant-1")
    bad("two_labels", "Two labels", root + "a/b/cacerts")
    bad("trailing_slash", "A slash at the end", root + "cacerts/")
    bad("upper_case", "Another case", root + "CACERTS")
    bad("query", "A query", root + "cacerts?x=1")
    bad("percent", "A percent-encoded operation", root + "%63acerts")
    bad("operation_unknown", "No operation of EST", root + "enroll")
    bad("operation_not_served", "An operation that we don't serve", root + "crls")
    bad("prefix_alone", "The prefix alone", root)
    bad("prefix_case", "The prefix in another case", "/.Well-Known/est/cacerts")
    bad("prefix_missing", "No prefix", "/cacerts")
    bad("double_slash", "Two slashes first", "/" + root + "cacerts")
    bad("nul", "A NUL at the end", root + "cacerts\0")
    bad("empty", "Nothing", "")


def pem(keys):
    text = openssl("x509", "-inform", "DER", data=keys["certificate"]).decode()

    def ok(name_, what, data, count):
        case("pem", name_, what, data, certificates=count)

    def bad(name_, what, data):
        case("pem", name_, what, data, reject="")

    ok("one", "One certificate", text, 1)
    ok("two", "Two certificates with text around", "leaf:\n" + text + "issuer:\n" + text + "end\n", 2)
    ok("crlf", "Line ends with CR", text.replace("\n", "\r\n"), 1)
    bad("empty", "Nothing", "")
    bad("text", "Text without a block", "no certificate here\n")
    bad("five", "More than were asked for", text * 5)
    bad("no_end", "No END line", text[:text.index("-----END")])
    bad("other_label_at_end", "BEGIN and END differ", text.replace("END CERTIFICATE", "END CERT"))
    bad("key", "A key among certificates", text + keys["p256"].pem.decode())
    bad("not_base64", "A character that is not base64", text.replace("\nMII", "\n!II"))
    bad("trailing_data", "A certificate and an octet",
        "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(keys["certificate"] + b"\0").decode()
        + "\n-----END CERTIFICATE-----\n")
    bad("headers", "Headers in a block (RFC 1421)", text.replace("-----\n", "-----\nA: b\n\n", 1))


def der(_):
    def ok(name_, what, data):
        case("der", name_, what, data)

    def bad(name_, what, data):
        case("der", name_, what, data, reject="")

    ok("primitives", "One of each primitive type",
       seq(boolean(True), integer(-129), integer(128), bits(b"\xa0", 5), octets(b"x"), NULL,
           oid("2.999.1"), utf8("ü"), printable("a"), tlv(0x17, b"491231235959Z"),
           tlv(0x18, b"20500101000000Z")))
    ok("nested", "Sixty levels", __import__("functools").reduce(lambda x, _: seq(x), range(60), NULL))
    ok("high_tag", "A tag number over 30", b"\x9f\x81\x00\x01x")
    ok("long", "A length of two octets", octets(bytes(300)))
    bad("indefinite", "BER's indefinite length", b"\x30\x80\x00\x00")
    bad("non_minimal_1", "A length under 128 in the long form", b"\x04\x81\x01x")
    bad("non_minimal_2", "A length with a leading zero", b"\x04\x82\x00\x80" + bytes(128))
    bad("length_missing", "A tag alone", b"\x30")
    bad("length_cut", "A length cut off", b"\x04\x82\x01")
    bad("length_reserved", "The length FF", b"\x04\xff")
    bad("content_cut", "Less content than said", b"\x04\x05abc")
    bad("length_huge", "A length of four gigabytes", b"\x04\x84\xff\xff\xff\xff")
    bad("high_tag_low_number", "Tag number 30 in the long form", b"\x9f\x1e\x00")
    bad("high_tag_leading_zero", "A tag number with a leading zero", b"\x9f\x80\x21\x00")
    bad("high_tag_cut", "A tag number cut off", b"\x9f\x81")
