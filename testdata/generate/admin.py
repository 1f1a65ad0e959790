"""JSON as the operator's tool and the server exchange it."""

from asn1 import case


def admin_json(_):
    def ok(name_, what, text):
        case("admin_json", name_, what, text)

    def bad(name_, what, text, reason="not JSON"):
        case("admin_json", name_, what, text, reject=reason)

    ok("call", "A call", '{"operation":"revoke","arguments":{"serial":"0a1b","reason":"keyCompromise"}}')
    ok("order", "Members in their order", '{"b":1,"a":2}')
    ok("numbers", "Numbers", "[0,-1,9223372036854775807,18446744073709551615,0.5]")
    ok("words", "Words", '[true,false,null,"",{},[]]')
    ok("escapes", "Escapes that have to be", r'"\"\\\b\f\n\r\t\u0001"')
    ok("utf8", "UTF-8 as it is", '"gr\u00fc\u00df \u2603 \U0001f600"')
    ok("deep_16", "16 arrays, the most", "[" * 16 + "]" * 16)
    ok("brackets_in_text", "Brackets in a text count for nothing", '"' + "[" * 40 + '"')
    bad("empty", "Nothing", "")
    bad("deep_17", "17 arrays", "[" * 17 + "]" * 17, "too deep")
    bad("deep_mixed", "17 objects and arrays", '{"a":[' * 9 + "]}" * 9, "too deep")
    bad("deep_open", "A thousand that never close", "[" * 1000, "too deep")
    bad("deep_after_close", "Closed before it is opened", "]" * 20 + "[" * 20)
    bad("two_values", "Two values", "{}{}")
    bad("trailing_comma", "A comma too many", "[1,]")
    bad("comment", "A comment", "// a\n{}")
    bad("single_quotes", "Single quotes", "{'a':1}")
    bad("bare_key", "A key without quotes", "{a:1}")
    bad("open_object", "An object that is not closed", '{"a":1')
    bad("open_text", "A text that is not closed", '"a')
    bad("escape_end", "A text that ends in an escape", '"\\')
    bad("unknown_escape", "An escape that nobody knows", r'"\q"')
    bad("half_pair", "Half of a surrogate pair", r'"\ud800"')
    bad("control", "A control character in a text", '"a\nb"')
    bad("leading_zero", "A number with a zero in front", "[01]")
    bad("plus", "A plus sign", "[+1]")
    bad("nan", "Not a number", "[NaN]")
    bad("too_large", "A number beyond all doubles", "[1e999]")
    bad("word", "A word in capitals", "[TRUE]")
