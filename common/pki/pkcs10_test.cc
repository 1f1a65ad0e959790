#include "common/pki/pkcs10.h"

#include "absl/strings/match.h"
#include "common/crypto/public_key.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

// RFC 7030 A.3 and A.4 are among them.
TEST(Pkcs10Test, EveryCaseComesBackFromItsParts) {
  testdata::ExpectRoundTrips(
      "pkcs10", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(der);
        if (!request.ok()) return request.status();
        EXPECT_EQ(request->der, ToBytes(der));
        // From the parts and nothing else.
        request->der.clear();
        request->info_der.clear();
        return SerializePkcs10Der(*request);
      });
}

TEST(Pkcs10Test, SignatureAndKeyOfEveryCase) {
  for (const testdata::Case& test : testdata::LoadCases("pkcs10")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(test.data);
    ASSERT_TRUE(request.ok()) << request.status();
    const std::string signature = test.notes.at("signature");
    const absl::StatusCode expected = signature == "ok" ? absl::StatusCode::kOk
                                      : signature == "wrong"
                                          ? absl::StatusCode::kPermissionDenied
                                          : absl::StatusCode::kInvalidArgument;
    EXPECT_EQ(VerifyPkcs10Signature(*request).code(), expected);
    EXPECT_EQ(CheckPublicKeyStrength(request->spki).ok(),
              test.notes.at("key") == "strong");
  }
}

// RFC 7894 3, RFC 4108 2.2.5, RFC 7030 4.4.1.2, RFC 6402 2.8: a case's notes
// say what its attributes hold.
TEST(Pkcs10Test, AttributesOfEveryCase) {
  size_t seen = 0;
  for (const testdata::Case& test : testdata::LoadCases("pkcs10")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(test.data);
    ASSERT_TRUE(request.ok()) << request.status();
    const auto hex = [](const std::optional<Bytes>& octets) {
      return octets.has_value() ? std::optional(HexEncode(*octets))
                                : std::nullopt;
    };
    std::optional<std::string> changed;
    if (request->change_subject_name.has_value()) {
      changed = request->change_subject_name->subject->ToText();
    }
    const std::pair<const char*, std::optional<std::string>> found[] = {
        {"otp_challenge", request->otp_challenge},
        {"revocation_challenge", request->revocation_challenge},
        {"est_identity_linking", request->est_identity_linking},
        {"decrypt_key_identifier", hex(request->decrypt_key_identifier)},
        {"asymmetric_decrypt_key_identifier",
         hex(request->asymmetric_decrypt_key_identifier)},
        {"smime_capabilities", hex(request->smime_capabilities)},
        {"change_subject_name", changed},
    };
    for (const auto& [name, value] : found) {
      const auto note = test.notes.find(name);
      EXPECT_EQ(value, note == test.notes.end() ? std::nullopt
                                                : std::optional(note->second))
          << name;
      seen += value.has_value();
    }
  }
  EXPECT_EQ(seen, 14u);
}

// Java's and old embedded libraries write the default out. Certificates and
// CSR attributes are held to DER (ExtensionTest).
TEST(Pkcs10Test, TakesACriticalFalseThatIsWrittenOut) {
  const absl::StatusOr<Pkcs10Request> request =
      ParsePkcs10Der(testdata::LoadCase("pkcs10", "critical_false").data);
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_EQ(request->requested_extensions.size(), 1u);
  EXPECT_FALSE(request->requested_extensions[0].critical);
  EXPECT_EQ(request->requested_sans.size(), 1u);
}

TEST(Pkcs10Test, OpensslJudgesSignaturesAlike) {
  for (const testdata::Case& test : testdata::LoadCases("pkcs10")) {
    // openssl is laxer with algorithms: only clear verdicts are compared.
    if (!test.accept || test.notes.at("signature") == "unsupported") continue;
    SCOPED_TRACE(test.name);
    const std::string path = testdata::WriteScratch("request", test.data);
    const auto result =
        testdata::RunOpenssl("req -verify -noout -inform DER -in " + path);
    EXPECT_EQ(absl::StrContains(result.output, "verify OK"),
              test.notes.at("signature") == "ok")
        << result.output;
  }
}

TEST(Pkcs10Test, AnyByteOfTheInfoOrSignatureCounts) {
  const Bytes der = testdata::LoadCase("pkcs10", "p256_no_attributes").data;
  for (size_t i = 0; i < der.size(); ++i) {
    Bytes changed = der;
    changed[i] ^= 0x01;
    const absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(changed);
    EXPECT_FALSE(request.ok() && VerifyPkcs10Signature(*request).ok()) << i;
  }
}

TEST(Pkcs10Test, NoTruncationIsTaken) {
  const Bytes der =
      testdata::LoadCase("pkcs10", "rfc7030_a3_simpleenroll").data;
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(ParsePkcs10Der(ByteView(der).first(size)).ok()) << size;
  }
}

// RFC 7030 A.3: the password is the tls-unique of that session.
TEST(Pkcs10Test, Rfc7030A3CarriesItsChallengePassword) {
  const absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(
      testdata::LoadCase("pkcs10", "rfc7030_a3_simpleenroll").data);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->subject.ToText(), "CN=demostep4 1368141352");
  EXPECT_EQ(request->challenge_password, "+rrCir/7+EYu50T4");
  EXPECT_TRUE(request->requested_extensions.empty());
}

TEST(Pkcs10Test, Rfc7030A4CarriesItsSubject) {
  const absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(
      testdata::LoadCase("pkcs10", "rfc7030_a4_serverkeygen").data);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->subject.ToText(),
            "CN=serverKeyGen req by client in demo step 12 1368141955,"
            "serialNumber=PID:Widget SN:10");
}

Pkcs10Template Wanted(const Signer& signer) {
  Pkcs10Template wanted;
  wanted.subject = *Name::FromCommonName("gw-17");
  wanted.spki = signer.public_key_spki();
  return wanted;
}

absl::StatusOr<Bytes> Sign(const Pkcs10Template& wanted, Signer& signer) {
  absl::StatusOr<Bytes> info = SerializePkcs10InfoDer(wanted);
  if (!info.ok()) return info.status();
  absl::StatusOr<Bytes> signature = SignAndWait(signer, *info);
  if (!signature.ok()) return signature.status();
  return AssemblePkcs10Der(*info, signer.algorithm(), *signature);
}

TEST(Pkcs10Test, WhatWeBuildSaysWhatWasWanted) {
  const auto signer = *SoftwareSigner::Generate();
  Pkcs10Template wanted = Wanted(*signer);
  wanted.sans = {*GeneralName::Dns("gw-17.example"),
                 *GeneralName::Ip("192.0.2.1")};
  wanted.extensions = {{.id = oids::KeyUsage(),
                        .critical = true,
                        .value = *SerializeKeyUsage(kDigitalSignature)}};
  wanted.attributes = {{der::OidLiteral("1.2.3"), {{0x05, 0x00}}}};
  wanted.challenge_password = "secret";
  const absl::StatusOr<Bytes> der = Sign(wanted, *signer);
  ASSERT_TRUE(der.ok()) << der.status();
  const absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(*der);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_TRUE(VerifyPkcs10Signature(*request).ok());
  EXPECT_EQ(request->subject, wanted.subject);
  EXPECT_EQ(request->spki, wanted.spki);
  EXPECT_EQ(request->requested_sans, wanted.sans);
  EXPECT_EQ(request->challenge_password, "secret");
  EXPECT_EQ(request->requested_extensions.size(), 2u);
  EXPECT_EQ(request->attributes.size(), 3u);
  EXPECT_FALSE(request->attributes_omitted);
  EXPECT_EQ(*SerializePkcs10Der(*request), *der);

  const std::string path = testdata::WriteScratch("built", *der);
  const auto seen = testdata::RunOpenssl(
      "req -verify -noout -text -nameopt RFC2253 -inform DER -in " + path);
  EXPECT_EQ(seen.exit_code, 0) << seen.output;
  for (const char* text :
       {"verify OK", "CN=gw-17", "DNS:gw-17.example, IP Address:192.0.2.1",
        "challengePassword", "Digital Signature"}) {
    EXPECT_TRUE(absl::StrContains(seen.output, text)) << text << seen.output;
  }
}

TEST(Pkcs10Test, WhatWeBuildHasEveryAttribute) {
  const auto signer = *SoftwareSigner::Generate();
  Pkcs10Template wanted = Wanted(*signer);
  wanted.challenge_password = "password";
  wanted.otp_challenge = "123456";
  wanted.revocation_challenge = "Widerruf\xC3\xBC";
  wanted.est_identity_linking = "AAECAwQ+/w==";
  wanted.decrypt_key_identifier = Bytes{1, 2, 3};
  wanted.asymmetric_decrypt_key_identifier = Bytes{4, 5};
  wanted.smime_capabilities = Bytes{0x30, 0x00};
  wanted.change_subject_name = ChangeSubjectName{
      *Name::FromCommonName("new"), {*GeneralName::Dns("new.example")}};
  const absl::StatusOr<Bytes> der = Sign(wanted, *signer);
  ASSERT_TRUE(der.ok()) << der.status();
  const absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(*der);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->attributes.size(), 8u);
  EXPECT_EQ(request->challenge_password, wanted.challenge_password);
  EXPECT_EQ(request->otp_challenge, wanted.otp_challenge);
  EXPECT_EQ(request->revocation_challenge, wanted.revocation_challenge);
  EXPECT_EQ(request->est_identity_linking, wanted.est_identity_linking);
  EXPECT_EQ(request->decrypt_key_identifier, wanted.decrypt_key_identifier);
  EXPECT_EQ(request->asymmetric_decrypt_key_identifier,
            wanted.asymmetric_decrypt_key_identifier);
  EXPECT_EQ(request->smime_capabilities, wanted.smime_capabilities);
  EXPECT_EQ(request->change_subject_name, wanted.change_subject_name);
  // RFC 7894 3: PrintableString where it can be, else UTF8String.
  for (const CsrAttribute& attribute : request->attributes) {
    if (attribute.type == oids::RevocationChallenge()) {
      EXPECT_EQ(attribute.values[0][0], CBS_ASN1_UTF8STRING);
    } else if (attribute.type == oids::EstIdentityLinking() ||
               attribute.type == oids::OtpChallenge()) {
      EXPECT_EQ(attribute.values[0][0], CBS_ASN1_PRINTABLESTRING);
    }
  }
}

// RFC 2986 4: the attributes are not OPTIONAL.
TEST(Pkcs10Test, WritesAnEmptySetOfAttributes) {
  const auto signer = *SoftwareSigner::Generate();
  const absl::StatusOr<Bytes> info = SerializePkcs10InfoDer(Wanted(*signer));
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(Bytes(info->end() - 2, info->end()), Bytes({0xA0, 0x00}));
}

TEST(Pkcs10Test, SansAreCriticalWithoutASubject) {
  const auto signer = *SoftwareSigner::Generate();
  Pkcs10Template wanted = Wanted(*signer);
  wanted.subject = Name();
  wanted.sans = {*GeneralName::Dns("a")};
  const absl::StatusOr<Bytes> der = Sign(wanted, *signer);
  ASSERT_TRUE(der.ok());
  const absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(*der);
  ASSERT_TRUE(request.ok());
  ASSERT_EQ(request->requested_extensions.size(), 1u);
  EXPECT_TRUE(request->requested_extensions[0].critical);
}

TEST(Pkcs10Test, RefusesToBuildNonsense) {
  const auto signer = *SoftwareSigner::Generate();
  Pkcs10Template wanted = Wanted(*signer);
  wanted.challenge_password = std::string(256, 'a');
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
  wanted.challenge_password = "\xFF";
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
  wanted.challenge_password.reset();
  wanted.otp_challenge = "";
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
  wanted.otp_challenge = std::string(256, 'a');
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
  wanted.otp_challenge = "\xFF";
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
  wanted.otp_challenge = std::string(255, 'a');
  EXPECT_TRUE(SerializePkcs10InfoDer(wanted).ok());
  wanted.decrypt_key_identifier = Bytes();
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
  wanted.decrypt_key_identifier = Bytes(256);
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
  wanted.decrypt_key_identifier = Bytes(255);
  EXPECT_TRUE(SerializePkcs10InfoDer(wanted).ok());
  wanted.change_subject_name = ChangeSubjectName{};
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
  wanted.change_subject_name.reset();
  wanted.attributes = {{der::Oid{}, {{0x05, 0x00}}}};
  EXPECT_FALSE(SerializePkcs10InfoDer(wanted).ok());
}

}  // namespace
}  // namespace bestow
