#include "common/pki/certificate.h"

#include <set>

#include "absl/strings/match.h"
#include "common/crypto/public_key.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

// RFC 7030 A.1's are among them.
TEST(CertificateTest, EveryCaseComesBackFromItsParts) {
  testdata::ExpectRoundTrips(
      "certificate", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<Certificate> certificate = ParseCertificateDer(der);
        if (!certificate.ok()) {
          return certificate.status();
        }
        EXPECT_EQ(certificate->der, ToBytes(der));
        certificate->der.clear();
        return SerializeCertificateDer(*certificate);
      });
}

// What our writer can say, it says in the same octets.
TEST(CertificateTest, TbsOfOurProfileIsBuiltAgain) {
  std::set<std::string> rebuilt;
  for (const testdata::Case& test : testdata::LoadCases("certificate")) {
    if (!test.accept) continue;
    const absl::StatusOr<Certificate> found = ParseCertificateDer(test.data);
    ASSERT_TRUE(found.ok());
    CertificateTemplate contents;
    contents.serial = found->serial;
    contents.issuer = found->issuer;
    contents.subject = found->subject;
    contents.not_before = found->not_before;
    contents.not_after = found->not_after;
    contents.spki = found->spki;
    contents.extensions = found->extensions;
    const absl::StatusOr<Bytes> tbs = SerializeTbsCertificateDer(
        contents, SignatureAlgorithm::kEcdsaP256Sha256);
    if (!tbs.ok() || *tbs != found->tbs_der) continue;
    rebuilt.insert(test.name);
    EXPECT_EQ(*AssembleCertificateDer(
                  *tbs, SignatureAlgorithm::kEcdsaP256Sha256, found->signature),
              found->der);
  }
  // Not: v2, RSA, v3 without extensions, the serial 0, odd times.
  EXPECT_EQ(rebuilt,
            (std::set<std::string>{
                "aki_issuer_and_serial", "ca", "empty_subject", "leaf",
                "leap_day", "no_expiry", "serial_20", "serial_20_and_zero",
                "unknown_critical", "v1", "year_1950", "year_2050"}));
}

TEST(CertificateTest, DecodesTheUsualExtensions) {
  const absl::StatusOr<Certificate> leaf =
      ParseCertificateDer(testdata::LoadCase("certificate", "leaf").data);
  ASSERT_TRUE(leaf.ok());
  EXPECT_EQ(leaf->SerialHex(), "05");
  EXPECT_EQ(leaf->issuer.ToText(), "CN=Test CA");
  EXPECT_EQ(leaf->subject.ToText(), "CN=gw-17");
  EXPECT_EQ(leaf->key_usage, kDigitalSignature);
  EXPECT_EQ(leaf->extended_key_usage,
            std::vector<der::Oid>{oids::KpClientAuth()});
  EXPECT_EQ(leaf->basic_constraints, BasicConstraints{});
  EXPECT_EQ(leaf->sans,
            std::vector<GeneralName>{*GeneralName::Dns("gw-17.example")});
  EXPECT_EQ(leaf->subject_key_id, Bytes(20, 's'));
  EXPECT_EQ(leaf->authority_key_id, Bytes(20, 'a'));
  EXPECT_EQ(absl::FormatTime(leaf->not_after, absl::UTCTimeZone()),
            "2034-01-01T00:00:00+00:00");
}

TEST(CertificateTest, AbsentExtensionsAreAbsent) {
  const absl::StatusOr<Certificate> v1 =
      ParseCertificateDer(testdata::LoadCase("certificate", "v1").data);
  ASSERT_TRUE(v1.ok());
  EXPECT_FALSE(v1->key_usage.has_value());
  EXPECT_FALSE(v1->basic_constraints.has_value());
  EXPECT_TRUE(v1->extended_key_usage.empty());
  EXPECT_TRUE(v1->sans.empty());
  EXPECT_TRUE(v1->subject_key_id.empty());
}

// openssl's names, serials and dates of all that both can read.
TEST(CertificateTest, OpensslSeesTheSame) {
  for (const testdata::Case& test : testdata::LoadCases("certificate")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<Certificate> found = ParseCertificateDer(test.data);
    ASSERT_TRUE(found.ok());
    const std::string path = testdata::WriteScratch("certificate", test.data);
    const auto seen = testdata::RunOpenssl(
        "x509 -noout -serial -startdate -enddate -dateopt iso_8601 "
        "-nameopt RFC2253,utf8,-esc_msb -subject -inform DER -in " +
        path);
    ASSERT_EQ(seen.exit_code, 0) << seen.output;
    std::string serial = found->SerialHex();
    if (serial.size() > 2 && absl::StartsWith(serial, "00")) {
      serial = serial.substr(2);
    }
    EXPECT_TRUE(absl::StrContainsIgnoreCase(seen.output, "serial=" + serial))
        << serial << seen.output;
    for (const auto& [name, time] :
         {std::pair("notBefore=", found->not_before),
          std::pair("notAfter=", found->not_after)}) {
      EXPECT_TRUE(absl::StrContains(
          seen.output, name + absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time,
                                               absl::UTCTimeZone())))
          << seen.output;
    }
    EXPECT_TRUE(absl::StrContains(seen.output,
                                  "subject=" + found->subject.common_name()) ||
                absl::StrContains(seen.output,
                                  "subject=CN=" + found->subject.common_name()))
        << seen.output;
  }
}

CertificateTemplate Contents(const Signer& signer) {
  CertificateTemplate contents;
  contents.serial = {0x05};
  contents.issuer = contents.subject = *Name::FromCommonName("Self");
  contents.not_before = absl::FromUnixSeconds(1704067200);
  contents.not_after = contents.not_before + absl::Hours(24 * 3650);
  contents.spki = signer.public_key_spki();
  return contents;
}

TEST(CertificateTest, OpensslVerifiesWhatWeBuild) {
  const auto signer = *SoftwareSigner::Generate();
  CertificateTemplate contents = Contents(*signer);
  contents.extensions = {
      {oids::BasicConstraints(), true, *SerializeBasicConstraints({true, 0})},
      {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign | kCrlSign)},
      {oids::SubjectKeyIdentifier(), false,
       *SerializeSubjectKeyIdentifier(KeyIdentifier(contents.spki))}};
  const absl::StatusOr<Bytes> tbs =
      SerializeTbsCertificateDer(contents, signer->algorithm());
  ASSERT_TRUE(tbs.ok()) << tbs.status();
  const absl::StatusOr<Bytes> signature = SignAndWait(*signer, *tbs);
  ASSERT_TRUE(signature.ok());
  const absl::StatusOr<Bytes> der =
      AssembleCertificateDer(*tbs, signer->algorithm(), *signature);
  ASSERT_TRUE(der.ok());
  const absl::StatusOr<Certificate> back = ParseCertificateDer(*der);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(VerifySignature(back->signature_algorithm, back->spki,
                              back->tbs_der, back->signature)
                  .ok());
  const std::string path =
      testdata::WriteScratch("ca.pem", AsBytes(SerializeCertificatePem(*der)));
  const auto verdict = testdata::RunOpenssl(
      "verify -x509_strict -check_ss_sig -attime 1704100000 -CAfile " + path +
      " " + path);
  EXPECT_EQ(verdict.exit_code, 0) << verdict.output;
  const auto text = testdata::RunOpenssl("x509 -noout -text -in " + path);
  EXPECT_TRUE(absl::StrContains(text.output, "CA:TRUE, pathlen:0"));
  EXPECT_TRUE(absl::StrContains(text.output, "Certificate Sign, CRL Sign"));
}

TEST(CertificateTest, RefusesToBuildNonsense) {
  const auto signer = *SoftwareSigner::Generate();
  const auto fails = [&](const CertificateTemplate& contents) {
    return !SerializeTbsCertificateDer(contents, signer->algorithm()).ok();
  };
  ASSERT_FALSE(fails(Contents(*signer)));
  for (const Bytes& serial : {Bytes{}, Bytes{0x00}, Bytes{0x80},
                              Bytes(21, 0x01), Bytes{0x00, 0x01}}) {
    CertificateTemplate contents = Contents(*signer);
    contents.serial = serial;
    EXPECT_TRUE(fails(contents)) << HexEncode(serial);
  }
  CertificateTemplate contents = Contents(*signer);
  contents.not_after = contents.not_before - absl::Seconds(1);
  EXPECT_TRUE(fails(contents));
  contents.not_after = absl::InfiniteFuture();
  EXPECT_TRUE(fails(contents));
}

TEST(CertificatePemTest, EveryCase) {
  for (const testdata::Case& test : testdata::LoadCases("pem")) {
    SCOPED_TRACE(test.name);
    const auto certificates = ParseCertificatesPem(AsText(test.data), 4);
    testdata::ExpectStatus(test, certificates.status());
    if (!certificates.ok()) continue;
    EXPECT_EQ(std::to_string(certificates->size()),
              test.notes.at("certificates"));
    std::string written;
    for (const Certificate& certificate : *certificates) {
      written += SerializeCertificatePem(certificate.der);
    }
    EXPECT_EQ(*ParseCertificatesPem(written, 4), *certificates);
    if (test.name == "one") {
      EXPECT_EQ(written, AsText(test.data));
    }
  }
}

}  // namespace
}  // namespace bestow
