#include "common/pki/crl.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/pki/certificate.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

constexpr int64_t kStart = 1704067200;  // 2024-01-01

TEST(CrlTest, EveryCase) {
  testdata::ExpectRoundTrips("crl", [](ByteView der) -> absl::StatusOr<Bytes> {
    absl::StatusOr<Crl> crl = ParseCrlDer(der);
    if (!crl.ok()) return crl.status();
    return SerializeCrlDer(*crl);
  });
}

TEST(CrlTest, OpensslReadsWhatWeTake) {
  for (const testdata::Case& test : testdata::LoadCases("crl")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<Crl> crl = ParseCrlDer(test.data);
    ASSERT_TRUE(crl.ok()) << crl.status();
    const auto seen =
        testdata::RunOpenssl("crl -inform DER -noout -text -in " +
                             testdata::WriteScratch("case.crl", test.data));
    ASSERT_EQ(seen.exit_code, 0) << seen.output;
    for (const CrlEntry& entry : crl->contents.entries) {
      EXPECT_TRUE(absl::StrContainsIgnoreCase(
          seen.output,
          absl::StrCat("Serial Number: ", HexEncode(entry.serial))))
          << seen.output;
    }
    EXPECT_EQ(crl->contents.entries.empty(),
              absl::StrContains(seen.output, "No Revoked Certificates"));
  }
}

struct TestCa {
  TestCa() : signer(*SoftwareSigner::Generate()) {
    CertificateTemplate root;
    root.serial = {0x01};
    root.issuer = root.subject = *Name::FromCommonName("Test CA");
    root.not_before = absl::FromUnixSeconds(kStart);
    root.not_after = root.not_before + absl::Hours(24 * 3650);
    root.spki = signer->public_key_spki();
    root.extensions = {
        {oids::BasicConstraints(), true, *SerializeBasicConstraints({true, 0})},
        {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign | kCrlSign)},
        {oids::SubjectKeyIdentifier(), false,
         *SerializeSubjectKeyIdentifier(KeyIdentifier(root.spki))}};
    pem = testdata::WriteScratch("ca.pem",
                                 AsBytes(SerializeCertificatePem(Issue(root))));
    CertificateTemplate leaf = root;
    leaf.serial = {0x55};
    leaf.subject = *Name::FromCommonName("gw-17");
    leaf.extensions = {
        {oids::AuthorityKeyIdentifier(), false,
         *SerializeAuthorityKeyIdentifier(KeyIdentifier(root.spki))}};
    leaf_pem = testdata::WriteScratch(
        "leaf.pem", AsBytes(SerializeCertificatePem(Issue(leaf))));
  }

  Bytes Issue(const CertificateTemplate& contents) {
    const Bytes tbs =
        *SerializeTbsCertificateDer(contents, signer->algorithm());
    return *AssembleCertificateDer(tbs, signer->algorithm(),
                                   *SignAndWait(*signer, tbs));
  }

  CrlContents Contents() {
    CrlContents contents;
    contents.issuer = *Name::FromCommonName("Test CA");
    contents.this_update = absl::FromUnixSeconds(kStart);
    contents.next_update = contents.this_update + absl::Hours(24 * 7);
    contents.authority_key_id = KeyIdentifier(signer->public_key_spki());
    contents.number = 7;
    return contents;
  }

  absl::StatusOr<Bytes> Sign(const CrlContents& contents) {
    const absl::StatusOr<Bytes> tbs =
        SerializeTbsCrlDer(contents, signer->algorithm());
    if (!tbs.ok()) return tbs.status();
    return AssembleCrlDer(*tbs, signer->algorithm(),
                          *SignAndWait(*signer, *tbs));
  }

  // What `openssl verify` says of the leaf, with these CRLs.
  testdata::OpensslResult VerifyLeaf(const std::string& flags) {
    return testdata::RunOpenssl(absl::StrCat("verify -attime ", kStart + 3600,
                                             " -crl_check ", flags, " -CAfile ",
                                             pem, " ", leaf_pem));
  }

  const std::unique_ptr<SoftwareSigner> signer;
  std::string pem, leaf_pem;
};

CrlEntry Entry(uint8_t serial,
               RevocationReason reason = RevocationReason::kUnspecified) {
  return {{serial}, absl::FromUnixSeconds(kStart - 60), reason, std::nullopt};
}

std::string WritePem(const std::string& name, ByteView der) {
  return testdata::WriteScratch(name, AsBytes(SerializeCrlPem(der)));
}

TEST(CrlTest, OpensslVerifiesWhatWeBuild) {
  TestCa ca;
  CrlContents contents = ca.Contents();
  contents.entries = {Entry(0x11, RevocationReason::kKeyCompromise),
                      Entry(0x12)};
  contents.entries[1].invalidity_date = absl::FromUnixSeconds(kStart - 3600);
  contents.freshest_crl = {
      *DistributionPointAt({"http://pki.example.net/crl/ca.delta.crl"})};
  contents.issuing_distribution_point = IssuingDistributionPoint();
  contents.issuing_distribution_point->only_has_user_certs = true;
  const absl::StatusOr<Bytes> der = ca.Sign(contents);
  ASSERT_TRUE(der.ok()) << der.status();
  const std::string path = WritePem("full.crl", *der);
  const auto verdict = testdata::RunOpenssl("crl -noout -verify -CAfile " +
                                            ca.pem + " -in " + path);
  EXPECT_EQ(verdict.exit_code, 0) << verdict.output;
  const auto text = testdata::RunOpenssl("crl -noout -text -in " + path).output;
  for (const std::string_view part :
       {"Version 2", "Last Update: Jan  1 00:00:00 2024 GMT",
        "Next Update: Jan  8 00:00:00 2024 GMT", "X509v3 CRL Number",
        "Serial Number: 11", "Key Compromise", "Serial Number: 12",
        "Invalidity Date", "Dec 31 23:00:00 2023 GMT", "X509v3 Freshest CRL",
        "http://pki.example.net/crl/ca.delta.crl",
        "Issuing Distribution Point: critical", "Only User Certificates"}) {
    EXPECT_TRUE(absl::StrContains(text, part)) << part << "\n" << text;
  }
}

TEST(CrlTest, WhatIsWrittenReadsTheSame) {
  TestCa ca;
  CrlContents contents = ca.Contents();
  for (const int reason : {0, 1, 2, 3, 4, 5, 6, 8, 9, 10}) {
    contents.entries.push_back(Entry(static_cast<uint8_t>(reason + 1),
                                     *RevocationReasonFromNumber(reason)));
  }
  contents.entries[3].invalidity_date = absl::FromUnixSeconds(kStart - 3600);
  contents.base_number = 3;
  const absl::StatusOr<Crl> crl = ParseCrlDer(*ca.Sign(contents));
  ASSERT_TRUE(crl.ok()) << crl.status();
  EXPECT_EQ(crl->contents.issuer, contents.issuer);
  EXPECT_EQ(crl->contents.this_update, contents.this_update);
  EXPECT_EQ(crl->contents.next_update, contents.next_update);
  EXPECT_EQ(crl->contents.entries, contents.entries);
  EXPECT_EQ(crl->contents.authority_key_id, contents.authority_key_id);
  EXPECT_EQ(crl->contents.number, 7u);
  EXPECT_EQ(crl->contents.base_number, 3u);
  EXPECT_TRUE(VerifySignature(crl->signature_algorithm,
                              ca.signer->public_key_spki(), crl->tbs_der,
                              crl->signature)
                  .ok());
}

// The accepted twin of each refusal is the first check.
TEST(CrlTest, OpensslRefusesTheRevokedOne) {
  TestCa ca;
  CrlContents contents = ca.Contents();
  contents.entries = {Entry(0x54)};
  const std::string clean = WritePem("clean.crl", *ca.Sign(contents));
  EXPECT_EQ(ca.VerifyLeaf("-CRLfile " + clean).exit_code, 0);
  contents.entries.push_back(Entry(0x55, RevocationReason::kSuperseded));
  const auto verdict =
      ca.VerifyLeaf("-CRLfile " + WritePem("full.crl", *ca.Sign(contents)));
  EXPECT_NE(verdict.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(verdict.output, "certificate revoked"))
      << verdict.output;
}

TEST(CrlTest, OpensslAddsTheDelta) {
  TestCa ca;
  const auto verify = [&](const CrlContents& full, const CrlContents& delta) {
    const Bytes full_der = *ca.Sign(full), delta_der = *ca.Sign(delta);
    const std::string both =
        SerializeCrlPem(full_der) + SerializeCrlPem(delta_der);
    return ca.VerifyLeaf("-extended_crl -use_deltas -CRLfile " +
                         testdata::WriteScratch("both.crl", AsBytes(both)));
  };
  CrlContents full = ca.Contents(), delta = ca.Contents();
  full.freshest_crl = {*DistributionPointAt({"http://pki.example.net/d.crl"})};
  delta.number = 8;
  delta.base_number = 7;
  EXPECT_EQ(verify(full, delta).exit_code, 0);
  delta.entries = {Entry(0x55, RevocationReason::kCertificateHold)};
  const auto revoked = verify(full, delta);
  EXPECT_NE(revoked.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(revoked.output, "certificate revoked"))
      << revoked.output;
  full.entries = delta.entries;
  delta.entries = {Entry(0x55, RevocationReason::kRemoveFromCrl)};
  EXPECT_EQ(verify(full, delta).exit_code, 0);
}

TEST(CrlTest, RefusesToBuildNonsense) {
  TestCa ca;
  CrlContents good = ca.Contents();
  good.number = 9;
  good.base_number = 8;
  good.entries = {Entry(0x55, RevocationReason::kRemoveFromCrl)};
  ASSERT_TRUE(ca.Sign(good).ok());
  struct Case {
    std::string_view reason;
    void (*spoil)(CrlContents&);
  };
  for (const Case& test : {
           Case{"issuer", [](CrlContents& c) { c.issuer = Name(); }},
           Case{"ends", [](CrlContents& c) { c.next_update = c.this_update; }},
           Case{"key identifier",
                [](CrlContents& c) { c.authority_key_id.clear(); }},
           Case{"removeFromCRL", [](CrlContents& c) { c.base_number.reset(); }},
           Case{"base", [](CrlContents& c) { c.base_number = c.number; }},
           Case{"freshestCRL",
                [](CrlContents& c) {
                  c.freshest_crl = {*DistributionPointAt({"http://x/d"})};
                }},
           Case{"freshestCRL with reasons",
                [](CrlContents& c) {
                  c.base_number.reset();
                  c.entries.clear();
                  c.freshest_crl = {*DistributionPointAt({"http://x/d"})};
                  c.freshest_crl[0].reasons = 1u << 1;
                }},
           Case{"serial", [](CrlContents& c) { c.entries[0].serial = {0}; }},
           Case{"serial", [](CrlContents& c) { c.entries[0].serial = {0x80}; }},
           Case{"serial",
                [](CrlContents& c) { c.entries[0].serial = Bytes(21, 1); }},
           Case{"issuingDistributionPoint",
                [](CrlContents& c) { c.issuing_distribution_point.emplace(); }},
       }) {
    CrlContents contents = good;
    test.spoil(contents);
    const absl::StatusOr<Bytes> tbs =
        SerializeTbsCrlDer(contents, ca.signer->algorithm());
    EXPECT_EQ(tbs.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(tbs.status().message(), test.reason))
        << tbs.status() << test.reason;
  }
}

TEST(CrlTest, HoldsAHundredThousand) {
  TestCa ca;
  CrlContents contents = ca.Contents();
  constexpr uint32_t kCount = 100'000;
  for (uint32_t i = 0; i < kCount; ++i) {
    CrlEntry entry = Entry(0x40, RevocationReason::kKeyCompromise);
    for (const int shift : {16, 8, 0}) {
      entry.serial.push_back(static_cast<uint8_t>(i >> shift));
    }
    contents.entries.push_back(std::move(entry));
  }
  const absl::StatusOr<Crl> crl = ParseCrlDer(*ca.Sign(contents));
  ASSERT_TRUE(crl.ok()) << crl.status();
  EXPECT_EQ(crl->contents.entries, contents.entries);
  EXPECT_EQ(testdata::RunOpenssl("crl -noout -verify -CAfile " + ca.pem +
                                 " -in " + WritePem("many.crl", crl->der))
                .exit_code,
            0);
}

TEST(RevocationReasonTest, NamesAndNumbers) {
  for (const int number : {0, 1, 2, 3, 4, 5, 6, 8, 9, 10}) {
    const auto reason = RevocationReasonFromNumber(number);
    ASSERT_TRUE(reason.has_value()) << number;
    EXPECT_EQ(RevocationReasonFromName(RevocationReasonName(*reason)), reason);
  }
  EXPECT_EQ(RevocationReasonFromName("KEYCOMPROMISE"),
            RevocationReason::kKeyCompromise);
  for (const uint64_t number : {7u, 11u, 256u}) {
    EXPECT_EQ(RevocationReasonFromNumber(number), std::nullopt) << number;
  }
  for (const std::string_view name : {"", "compromise", "keyCompromise "}) {
    EXPECT_EQ(RevocationReasonFromName(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace bestow
