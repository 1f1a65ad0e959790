"""WWW-Authenticate and Authorization headers."""

from asn1 import case


def challenges(_):
    def ok(name_, what, text, read):
        case("http_challenge", name_, what, text, read=read)

    def bad(name_, what, text, reason="malformed"):
        case("http_challenge", name_, what, text, reject=reason)

    ok("basic", "Basic with a realm", 'Basic realm="estrealm"', "Basic(realm=estrealm)")
    ok("rfc7030_a3", "RFC 7030 A.3", 'Digest qop="auth", realm="estrealm", nonce="1368141352"',
       "Digest(qop=auth,realm=estrealm,nonce=1368141352)")
    ok("rfc9110_11_6_1", "RFC 9110 11.6.1: a scheme without parameters, and another",
       'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
       'Basic(realm=simple) Newauth(realm=apps,type=1,title=Login to "apps")')
    ok("scheme_alone", "Schemes alone", "Negotiate, NTLM", "Negotiate() NTLM()")
    ok("token68", "A token68, and what follows it", "Negotiate YWJj==, Basic realm=x",
       "Negotiate[YWJj==] Basic(realm=x)")
    ok("token68_no_pad", "A token68 without padding", "Negotiate a/b+c", "Negotiate[a/b+c]")
    ok("token68_pad", "One that looks like a name with its =", "Negotiate YWI=", "Negotiate[YWI=]")
    ok("scheme_then_challenge", "A scheme alone before one with parameters", 'Negotiate, Digest realm="a", nonce="b"',
       "Negotiate() Digest(realm=a,nonce=b)")
    ok("commas", "Empty list elements", ', Basic realm="a" , , b=c ,', "Basic(realm=a,b=c)")
    ok("white_space", "White space around =", 'Basic \t realm \t=  "a"\t,\tb = c', "Basic(realm=a,b=c)")
    ok("upper_case", "Names in another case", 'BASIC REALM="A"', "BASIC(realm=A)")
    ok("empty_value", "An empty quoted string", 'Basic realm=""', "Basic(realm=)")
    ok("comma_quoted", "A comma within quotes", 'Digest qop="auth,auth-int"', "Digest(qop=auth,auth-int)")
    ok("utf8", "UTF-8 within quotes", 'Basic realm="Büro"', "Basic(realm=Büro)")
    ok("16", "As many challenges as are taken", ", ".join(["A"] * 16), " ".join(["A()"] * 16))
    bad("17", "One more", ", ".join(["A"] * 17), "too many")
    bad("17_parameters", "More parameters than anybody needs",
        "A " + ", ".join(f"p{i}=1" for i in range(17)))
    bad("empty", "Nothing", "", "no challenge")
    bad("commas_alone", "Commas alone", " , ,", "no challenge")
    bad("open_quote", "An open quote", 'Basic realm="a')
    bad("escape_at_end", "A backslash at the end", 'Basic realm="a\\')
    bad("control", "A control character", 'Basic realm="a\x01b"')
    bad("escaped_control", "An escaped one", 'Basic realm="a\\\x01b"')
    bad("nul", "A NUL in a scheme", "Ba\0sic")
    bad("line_end", "A line end", 'Basic realm="a\r\nb"')
    bad("twice", "A parameter twice", 'Basic realm="a", Realm="b"')
    bad("no_scheme", "A parameter without a scheme", 'realm="a"')
    bad("no_comma", "No comma between parameters", 'Basic realm="a" b=c')
    bad("after_token68", "Something after a token68", "Negotiate YWJj== x")
    bad("quoted_scheme", "A scheme in quotes", '"Basic" realm=a')
    bad("slash_scheme", "A scheme that is no token", "Ba/sic realm=a")
    bad("long", "Over 8 KiB", 'Basic realm="' + "a" * 8192 + '"', "too long")


def authorizations(_):
    def ok(name_, what, text, **notes):
        case("http_digest", name_, what, text, **notes)

    def bad(name_, what, text, reason):
        case("http_digest", name_, what, text, reject=reason)

    md5, sha256 = "8ca523f5e9506fed4657c9700eebdbec", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    good = {"username": '"Mufasa"', "realm": '"http-auth@example.org"', "uri": '"/dir/index.html"',
            "nonce": '"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"', "nc": "00000001",
            "cnonce": '"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"', "qop": "auth",
            "response": f'"{md5}"', "opaque": '"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'}

    def header(scheme="Digest", **changes):
        values = {k: v for k, v in {**good, **changes}.items() if v is not None}
        return scheme + " " + ", ".join(f"{k}={v}" for k, v in values.items())

    # RFC 7616 3.9.1, its line breaks taken out.
    ok("rfc7616_md5", "RFC 7616 3.9.1, MD5", header(algorithm="MD5"), password="Circle of Life")
    ok("rfc7616_sha256", "RFC 7616 3.9.1, SHA-256", header(algorithm="SHA-256", response=f'"{sha256}"'),
       password="Circle of Life")
    ok("rfc7030_a3", "RFC 7030 A.3, which quotes qop",
       'Digest username="estuser", realm="estrealm", nonce="1368141352", '
       'uri="/.well-known/est/simpleenroll", cnonce="MTYwMzg3", nc=00000001, qop="auth", '
       'response="144cc27f96046f1d70eb16db20f75f22"')
    ok("no_algorithm", "No algorithm is MD5", header(), password="Circle of Life")
    ok("no_opaque", "opaque left out", header(opaque=None), password="Circle of Life")
    ok("all_quoted", "What need not be quoted, quoted", header(nc='"00000001"', qop='"auth"', algorithm='"MD5"'),
       password="Circle of Life")
    ok("unquoted_response", "What should be quoted, not quoted", header(response=md5), password="Circle of Life")
    ok("upper_case", "Names, scheme and digest in upper case",
       header(response=f'"{md5.upper()}"').replace("Digest", "DIGEST").replace("username", "USERNAME"),
       password="Circle of Life")
    ok("escaped", "An escaped quote in the name", header(username='"a\\"b"'))
    ok("empty_realm", "An empty realm", header(realm='""'))
    ok("userhash_false", "userhash=false is the default", header(userhash="false"), password="Circle of Life")
    ok("unknown_parameter", "A parameter that nobody knows", header(auth_param='"x"'), password="Circle of Life")
    for name_ in ("username", "realm", "nonce", "uri", "response", "cnonce", "nc"):
        bad("no_" + name_, "Without " + name_, header(**{name_: None}), "have to be there")
        if name_ != "realm":
            bad("empty_" + name_, f"An empty {name_}", header(**{name_: '""'}), "have to be there")
        limit = 2048 if name_ == "uri" else 256
        bad("long_" + name_, f"A {name_} that is too long", header(**{name_: f'"{"a" * (limit + 1)}"'}),
            "have to be there")
    bad("no_qop", "Without qop, as RFC 2069 had it", header(qop=None), "qop")
    bad("auth_int", "qop=auth-int", header(qop="auth-int"), "qop")
    bad("qop_list", "A list for qop", header(qop='"auth,auth-int"'), "qop")
    bad("twice", "A parameter twice", header(USERNAME='"x"'), "malformed")
    bad("nc_7", "nc of seven digits", header(nc="0000001"), "nc")
    bad("nc_9", "nc of nine digits", header(nc="000000001"), "nc")
    bad("nc_letters", "nc that is no number", header(nc="0000000g"), "nc")
    bad("nc_sign", "nc with a sign", header(nc="+0000001"), "nc")
    bad("nc_0x", "nc with 0x", header(nc="0x000001"), "nc")
    bad("nc_zero", "nc counts from one", header(nc="00000000"), "nc")
    bad("md5_sess", "MD5-sess", header(algorithm="MD5-sess"), "algorithm")
    bad("sha512_256", "SHA-512-256", header(algorithm="SHA-512-256"), "algorithm")
    bad("sha256_short", "An MD5 digest that is said to be SHA-256", header(algorithm="SHA-256"), "response")
    bad("response_not_hex", "A response that is not hexadecimal", header(response='"' + "g" * 32 + '"'), "response")
    bad("userhash", "A hashed name, which no challenge asked for", header(userhash="true"), "name")
    bad("username_star", "A name in the extended notation", header(**{"username*": "UTF-8''a"}), "name")
    bad("basic", "Basic", "Basic YTpi", "scheme")
    bad("other_scheme", "Another scheme", header("Digestive"), "scheme")
    bad("empty", "Nothing", "", "scheme")
    bad("scheme_alone", "The scheme alone", "Digest", "have to be there")
    bad("token68", "A token68", "Digest YTpi", "malformed")
    bad("two", "Two credentials", header() + ", Basic YTpi", "malformed")
    bad("open_quote", "An open quote", header()[:-1], "malformed")
    bad("control", "A control character in the name", header(username='"a\x01"'), "malformed")
