"""Private keys under passphrases: PKCS#8 and PKCS#12, by openssl and by hand."""

import tempfile

from asn1 import NULL, boolean, case, ctx, indefinite, integer, octets, oid, openssl, seq

PASSPHRASE = "correct horse"
PBES2, PBKDF2, SCRYPT = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"
SHA1, SHA224, SHA256 = "1.2.840.113549.2.7", "1.2.840.113549.2.8", "1.2.840.113549.2.9"
AES256, AES256_GCM = "2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.46"
DES_EDE3 = "1.2.840.113549.3.7"
DATA, ENCRYPTED_DATA, SIGNED_DATA = (
    "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6", "1.2.840.113549.1.7.2")
SHROUDED, CERT_BAG = "1.2.840.113549.1.12.10.1.2", "1.2.840.113549.1.12.10.1.3"
PBE_3DES, PBE_DES_MD5 = "1.2.840.113549.1.12.1.3", "1.2.840.113549.1.5.3"
SALT, IV = b"s" * 16, b"i" * 16


def pbkdf2(iterations=2048, salt=SALT, length=b"", prf=SHA256):
    return seq(oid(PBKDF2), seq(octets(salt), integer(iterations), length,
                                seq(oid(prf), NULL) if prf else b""))


def scrypt(n=16, r=8, p=1, length=b""):
    return seq(oid(SCRYPT), seq(octets(SALT), integer(n), integer(r), integer(p), length))


def pbes2(kdf=None, cipher=AES256, iv=IV):
    return seq(oid(PBES2), seq(kdf or pbkdf2(), seq(oid(cipher), octets(iv))))


def encrypted(algorithm, data=b"e" * 64):
    return seq(algorithm, octets(data))


def encrypted_pkcs8(keys):
    def ok(name_, what, der, **notes):
        case("encrypted_pkcs8", name_, what, der, **notes)

    def bad(name_, what, der, reason):
        case("encrypted_pkcs8", name_, what, der, reject=reason)

    def by_openssl(key, *arguments):
        return openssl("pkcs8", "-topk8", "-outform", "DER", "-passout", "pass:" + PASSPHRASE,
                       *arguments, data=keys[key].pem)

    known = {"passphrase": PASSPHRASE}
    good = by_openssl("p256", "-v2", "aes256", "-iter", "2048")
    ok("aes256", "openssl -v2 aes256: PBKDF2 with HMAC-SHA-256", good, **known)
    ok("aes128", "openssl -v2 aes128", by_openssl("p384", "-v2", "aes128", "-iter", "2048"), **known)
    for sha in ("SHA1", "SHA384", "SHA512"):
        ok("hmac_" + sha.lower(), "PBKDF2 with HMAC-" + sha,
           by_openssl("p256", "-v2", "aes256", "-v2prf", "hmacWith" + sha, "-iter", "2048"), **known)
    ok("3des", "openssl -v2 des3, as `openssl req -newkey` writes too",
       by_openssl("p256", "-v2", "des3", "-iter", "2048"), **known)
    ok("rsa", "An RSA key", by_openssl("rsa2048", "-v2", "aes256", "-iter", "2048"), **known)
    ok("scrypt", "openssl -scrypt", by_openssl("p256", "-scrypt"), **known)
    ok("key_length", "The cipher's key length written out",
       encrypted(pbes2(pbkdf2(length=integer(32)))))
    ok("sha1_written", "The default PRF written out", encrypted(pbes2(pbkdf2(prf=SHA1))))
    ok("most_iterations", "Ten million iterations", encrypted(pbes2(pbkdf2(10_000_000))))
    ok("most_scrypt", "As much scrypt as is taken", encrypted(pbes2(scrypt(1 << 15, 8, 16))))

    bad("too_many_iterations", "One more", encrypted(pbes2(pbkdf2(10_000_001))), "more work")
    bad("huge_iterations", "2^62 iterations", encrypted(pbes2(pbkdf2(1 << 62))), "more work")
    bad("no_iterations", "Zero iterations", encrypted(pbes2(pbkdf2(0))), "malformed")
    bad("negative_iterations", "-1 iterations", encrypted(pbes2(pbkdf2(-1))), "malformed")
    bad("scrypt_memory", "scrypt with a GiB", encrypted(pbes2(scrypt(1 << 20))), "more work")
    bad("scrypt_p", "scrypt that is run a thousand times", encrypted(pbes2(scrypt(1 << 14, 8, 1024))),
        "more work")
    bad("scrypt_p_memory", "scrypt's p takes memory too", encrypted(pbes2(scrypt(2, 8, 1 << 17))),
        "more work")
    bad("scrypt_overflow", "n * r * p is 2^96", encrypted(pbes2(scrypt(1 << 32, 1 << 32, 1 << 32))),
        "more work")
    bad("scrypt_n", "scrypt's n is no power of two", encrypted(pbes2(scrypt(1000))), "malformed")
    bad("scrypt_n_one", "scrypt's n is 1", encrypted(pbes2(scrypt(1))), "malformed")
    bad("scrypt_n_large", "n is not below 2^(128 * r / 8) (RFC 7914 6)",
        encrypted(pbes2(scrypt(1 << 16, 1))), "malformed")
    bad("scrypt_r", "scrypt's r is 0", encrypted(pbes2(scrypt(r=0))), "malformed")
    bad("scrypt_p_zero", "scrypt's p is 0", encrypted(pbes2(scrypt(p=0))), "malformed")
    bad("key_length_wrong", "Another key length than the cipher's",
        encrypted(pbes2(pbkdf2(length=integer(16)))), "malformed")
    bad("salt_empty", "No salt", encrypted(pbes2(pbkdf2(salt=b""))), "malformed")
    bad("salt_long", "A salt of 129 octets", encrypted(pbes2(pbkdf2(salt=b"s" * 129))), "malformed")
    bad("iv_short", "An IV of 15 octets", encrypted(pbes2(iv=IV[1:])), "malformed")
    bad("iv_3des", "3DES with an IV of 16 octets", encrypted(pbes2(cipher=DES_EDE3)), "malformed")
    bad("prf", "HMAC with SHA-224", encrypted(pbes2(pbkdf2(prf=SHA224))), "is not read")
    bad("cipher", "AES-GCM", encrypted(pbes2(cipher=AES256_GCM)), "is not read")
    bad("kdf", "A key derivation nobody knows", encrypted(pbes2(seq(oid("1.2.3"), seq()))), "are not read")
    bad("des", "3DES by the scheme of PKCS#12",
        encrypted(seq(oid(PBE_3DES), seq(octets(SALT), integer(2048)))), "is not read")
    bad("pbes1", "PBES1 with DES and MD5",
        encrypted(seq(oid(PBE_DES_MD5), seq(octets(SALT[:8]), integer(2048)))), "is not read")
    bad("plain", "A key that is not encrypted", keys["p256"].pkcs8, "malformed")
    bad("trailing_data", "Octets after the key", good + b"\0", "malformed")
    bad("truncated", "The last octet is missing", good[:-1], "malformed")
    bad("indefinite_length", "BER's indefinite length", indefinite(good), "malformed")
    bad("empty", "Nothing", b"", "malformed")


def content_info(type_, content):
    return seq(oid(type_), ctx(0, content))


def shrouded(algorithm):
    return seq(oid(SHROUDED), ctx(0, encrypted(algorithm)))


def safe(*bags):
    return content_info(DATA, octets(seq(*bags)))


def mac(iterations=2048):
    return seq(seq(seq(oid("2.16.840.1.101.3.4.2.1"), NULL), octets(b"m" * 32)), octets(SALT),
               integer(iterations))


def pfx(*safes, mac_data=None, version=3, type_=DATA):
    return seq(integer(version), content_info(type_, octets(seq(*safes))),
               mac() if mac_data is None else mac_data)


def pkcs12(keys):
    def ok(name_, what, der, **notes):
        case("pkcs12", name_, what, der, **notes)

    def bad(name_, what, der, reason, **notes):
        case("pkcs12", name_, what, der, reject=reason, **notes)

    def by_openssl(*arguments):
        with keys["ca"].file() as key, tempfile.NamedTemporaryFile(suffix=".pem") as certificate:
            certificate.write(openssl("x509", "-inform", "DER", data=keys["ca_certificate"]))
            certificate.flush()
            return openssl("pkcs12", "-export", "-inkey", key.name, "-in", certificate.name,
                           "-passout", "pass:" + PASSPHRASE, *arguments)

    known = {"passphrase": PASSPHRASE}
    good = by_openssl()
    ok("openssl", "openssl pkcs12 -export", good, **known)
    ok("3des", "openssl pkcs12 -export -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",
       by_openssl("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"), **known)
    ok("most_iterations", "Ten million iterations in all",
       pfx(safe(shrouded(pbes2(pbkdf2(9_000_000)))), mac_data=mac(1_000_000)))

    bad("mac_iterations", "The MAC's iterations are too many", pfx(safe(), mac_data=mac(1 << 40)), "more work")
    bad("mac_no_iterations", "The MAC has no iterations", pfx(safe(), mac_data=mac(0)), "malformed")
    bad("key_iterations", "The key's iterations are too many",
        pfx(safe(shrouded(pbes2(pbkdf2(10_000_001))))), "more work")
    bad("key_iterations_3des", "Those of PKCS#12's own scheme are too many",
        pfx(safe(shrouded(seq(oid(PBE_3DES), seq(octets(SALT), integer(1 << 40)))))), "more work")
    bad("sum_of_iterations", "Each is allowed, both together are too many",
        pfx(safe(shrouded(pbes2(pbkdf2(9_000_000)))), mac_data=mac(1_000_001)), "more work")
    bad("encrypted_iterations", "The certificates' iterations are too many",
        pfx(content_info(ENCRYPTED_DATA, seq(integer(0), seq(
            oid(DATA), pbes2(pbkdf2(10_000_001)), ctx(0, b"e" * 64, constructed=False))))), "more work")
    bad("bags", "33 bags", pfx(safe(*[shrouded(pbes2())] * 33)), "malformed")
    bad("des_md5", "A key under DES and MD5",
        pfx(safe(shrouded(seq(oid(PBE_DES_MD5), seq(octets(SALT[:8]), integer(1)))))), "is not read")
    bad("no_mac", "No MAC", pfx(safe(), mac_data=b""), "no MAC")
    bad("signed", "Signed in place of a MAC", pfx(safe(), type_=SIGNED_DATA), "no MAC")
    bad("enveloped", "Encrypted to a certificate",
        pfx(content_info("1.2.840.113549.1.7.3", NULL)), "to a certificate")
    bad("version", "Version 4", pfx(safe(), version=4), "malformed")
    bad("boolean", "A BOOLEAN for a bag", pfx(safe(boolean(True))), "malformed")
    bad("trailing_data", "Octets after it", good + b"\0", "malformed")
    bad("truncated", "The last octet is missing", good[:-1], "malformed")
    bad("indefinite_length", "BER's indefinite length", indefinite(good), "BER")
    bad("empty", "Nothing", b"", "malformed")
