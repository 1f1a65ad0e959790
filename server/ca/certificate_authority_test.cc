#include "server/ca/certificate_authority.h"

#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "common/crypto/public_key.h"
#include "common/pki/certificate.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/extension.h"
#include "common/pki/name_constraints.h"
#include "common/pki/oids.h"
#include "common/pki/path.h"
#include "gtest/gtest.h"
#include "server/ca/sign_certificate.h"
#include "testdata/openssl.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

class CertificateAuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    signer_ = *SoftwareSigner::Generate();
    auto root = CreateRootCertificate("Test CA", *signer_, kNow, 10 * kYear);
    ASSERT_TRUE(root.ok()) << root.status();
    auto ca = CertificateAuthority::Create(*root, signer_);
    ASSERT_TRUE(ca.ok()) << ca.status();
    ca_ = *ca;
    device_ = *SoftwareSigner::Generate();
    contents_.subject = *Name::FromText("CN=gw-17");
    contents_.sans = {*GeneralName::Dns("gw-17.example")};
    contents_.key_usage = kDigitalSignature;
    contents_.extended_key_usage = {oids::KpClientAuth()};
    contents_.validity = absl::Hours(1);
    contents_.backdate = absl::Minutes(5);
  }

  absl::StatusOr<Certificate> Issue(absl::Time now) {
    absl::StatusOr<Certificate> result = absl::UnknownError("not called");
    ca_->Issue(contents_, device_->public_key_spki(), now,
               [&](absl::StatusOr<Certificate> issued) {
                 result = std::move(issued);
               });
    return result;
  }

  std::shared_ptr<SoftwareSigner> signer_;
  std::unique_ptr<SoftwareSigner> device_;
  std::shared_ptr<const CertificateAuthority> ca_;
  SubscriberContents contents_;
};

TEST_F(CertificateAuthorityTest, MakesARoot) {
  const Certificate& root = ca_->certificate();
  EXPECT_EQ(root.subject.ToText(), "CN=Test CA");
  EXPECT_EQ(root.subject, root.issuer);
  EXPECT_EQ(root.basic_constraints,
            (BasicConstraints{.is_ca = true, .path_length = 0}));
  EXPECT_EQ(root.key_usage, kDigitalSignature | kKeyCertSign | kCrlSign);
  EXPECT_EQ(root.not_after, kNow + 10 * kYear);
  EXPECT_FALSE(root.subject_key_id.empty());
  EXPECT_TRUE(VerifySignature(root.signature_algorithm, root.spki, root.tbs_der,
                              root.signature)
                  .ok());
}

TEST_F(CertificateAuthorityTest, IssuesWhatItIsTold) {
  auto leaf = Issue(kNow + absl::Milliseconds(700));
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(leaf->subject, contents_.subject);
  EXPECT_EQ(leaf->issuer, ca_->certificate().subject);
  EXPECT_EQ(leaf->sans, contents_.sans);
  EXPECT_EQ(leaf->not_before, kNow - absl::Minutes(5));
  EXPECT_EQ(leaf->not_after, kNow + absl::Hours(1));
  EXPECT_EQ(leaf->spki, device_->public_key_spki());
  EXPECT_EQ(leaf->key_usage, kDigitalSignature);
  EXPECT_EQ(leaf->extended_key_usage, contents_.extended_key_usage);
  EXPECT_EQ(leaf->basic_constraints, BasicConstraints{});
  EXPECT_EQ(leaf->authority_key_id, ca_->certificate().subject_key_id);
  EXPECT_EQ(leaf->subject_key_id, KeyIdentifier(leaf->spki));
  auto anchors = TrustAnchors::Create({ca_->certificate()});
  ASSERT_TRUE(anchors.ok());
  EXPECT_TRUE(
      (*anchors)->Verify(*leaf, {}, PathPurpose::kTlsClient, kNow).ok());
}

TEST_F(CertificateAuthorityTest, MarksTheSansCriticalWithoutASubject) {
  contents_.subject = Name();
  auto leaf = Issue(kNow);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  for (const Extension& extension : leaf->extensions) {
    if (extension.id != oids::SubjectAltName()) continue;
    EXPECT_TRUE(extension.critical);
  }
}

TEST_F(CertificateAuthorityTest, SerialsAreLongPositiveAndDifferent) {
  std::set<Bytes> seen;
  std::set<Bytes> tails;
  for (int i = 0; i < 50; ++i) {
    auto leaf = Issue(kNow);
    ASSERT_TRUE(leaf.ok());
    EXPECT_EQ(leaf->serial.size(), 18u);
    EXPECT_EQ(leaf->serial[0] & 0xc0, 0x40);
    EXPECT_TRUE(seen.insert(leaf->serial).second);
    // All but the time is random.
    EXPECT_TRUE(
        tails.insert(Bytes(leaf->serial.begin() + 6, leaf->serial.end()))
            .second);
  }
}

// The store's index grows at its end (FlatCostTest).
TEST_F(CertificateAuthorityTest, SerialsSortByTheirTime) {
  Bytes last;
  for (int i = 0; i < 50; ++i) {
    auto leaf = Issue(kNow + i * absl::Milliseconds(1));
    ASSERT_TRUE(leaf.ok());
    EXPECT_LT(last, leaf->serial);
    last = leaf->serial;
  }
}

TEST_F(CertificateAuthorityTest, NothingOutlivesTheCa) {
  contents_.validity = 20 * kYear;
  auto leaf = Issue(kNow);
  ASSERT_TRUE(leaf.ok());
  EXPECT_EQ(leaf->not_after, ca_->certificate().not_after);
  EXPECT_EQ(Issue(kNow + 10 * kYear).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Issue(kNow - kYear).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(CertificateAuthorityTest, RefusesAKeyOrCertificateThatIsNoCas) {
  std::shared_ptr<Signer> other = *SoftwareSigner::Generate();
  EXPECT_TRUE(absl::IsInvalidArgument(
      CertificateAuthority::Create(ca_->certificate(), other).status()));
  auto leaf = Issue(kNow);
  ASSERT_TRUE(leaf.ok());
  std::shared_ptr<Signer> device = std::move(device_);
  EXPECT_TRUE(absl::IsInvalidArgument(
      CertificateAuthority::Create(*leaf, device).status()));
}

std::string OpensslText(const Certificate& certificate) {
  return testdata::RunOpenssl(
             "x509 -noout -text -inform DER -in " +
             testdata::WriteScratch("issued.der", certificate.der))
      .output;
}

TEST_F(CertificateAuthorityTest, SaysWhereItPublishes) {
  EXPECT_FALSE(absl::StrContains(OpensslText(*Issue(kNow)), "URI:"));
  auto ca = ca_->WithUrls({"http://pki.example.net/ocsp/ca",
                           "http://pki.example.net/ca/ca.cer",
                           "http://pki.example.net/crl/ca.crl",
                           "http://pki.example.net/crl/ca.delta.crl"});
  ASSERT_TRUE(ca.ok()) << ca.status();
  ca_ = *ca;
  const std::string text = OpensslText(*Issue(kNow));
  for (const std::string_view part :
       {"OCSP - URI:http://pki.example.net/ocsp/ca",
        "CA Issuers - URI:http://pki.example.net/ca/ca.cer",
        "X509v3 CRL Distribution Points",
        "URI:http://pki.example.net/crl/ca.crl", "X509v3 Freshest CRL",
        "URI:http://pki.example.net/crl/ca.delta.crl"}) {
    EXPECT_TRUE(absl::StrContains(text, part)) << part << "\n" << text;
  }
  EXPECT_FALSE(ca_->WithUrls({"pki.example.net"}).ok());
  EXPECT_FALSE(ca_->WithUrls({"", "", "/crl/ca.crl"}).ok());
}

TEST_F(CertificateAuthorityTest, AnOcspRespondersStatusIsNowhere) {
  ca_ = *ca_->WithUrls({"http://pki.example.net/ocsp/ca", "", "", ""});
  contents_.extended_key_usage = {oids::KpOcspSigning()};
  contents_.ocsp_no_check = true;
  const std::string text = OpensslText(*Issue(kNow));
  EXPECT_TRUE(absl::StrContains(text, "OCSP No Check")) << text;
  EXPECT_FALSE(absl::StrContains(text, "URI:")) << text;
}

TEST_F(CertificateAuthorityTest, NamesItsPolicies) {
  contents_.policies = {
      *PolicyOf("1.3.6.1.4.1.99999.1", "http://pki.example.net/cps")};
  const std::string text = OpensslText(*Issue(kNow));
  EXPECT_TRUE(absl::StrContains(text, "Policy: 1.3.6.1.4.1.99999.1")) << text;
  EXPECT_TRUE(absl::StrContains(text, "CPS: http://pki.example.net/cps"));
}

// RFC 5280 4.2.1.10
TEST_F(CertificateAuthorityTest, KeepsToItsNameConstraints) {
  NameConstraints constraints;
  constraints.permitted = {*NameSubtree::FromText("dns:devices.example")};
  const auto constrained = [&](const Bytes& value) {
    CertificateTemplate root;
    root.serial = {0x01};
    root.issuer = root.subject = *Name::FromCommonName("Narrow CA");
    root.not_before = kNow;
    root.not_after = kNow + kYear;
    root.spki = signer_->public_key_spki();
    root.extensions = {
        {oids::BasicConstraints(), true,
         *SerializeBasicConstraints({true, {}})},
        {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign)},
        {oids::NameConstraints(), true, value}};
    return CertificateAuthority::Create(*SignCertificate(root, *signer_),
                                        signer_);
  };
  auto ca = constrained(*SerializeNameConstraints(constraints));
  ASSERT_TRUE(ca.ok()) << ca.status();
  ca_ = *ca;
  EXPECT_EQ(ca_->name_constraints(), constraints);
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(kNow).status()));
  contents_.sans = {*GeneralName::Dns("gw-17.devices.example")};
  EXPECT_TRUE(Issue(kNow).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(constrained({0x30, 0x00}).status()));
}

// RFC 7030 3.6.1
TEST_F(CertificateAuthorityTest, TheServersCertificateCarriesCmcRa) {
  auto contents = TlsServerContents({"localhost", "127.0.0.1"}, kYear);
  ASSERT_TRUE(contents.ok()) << contents.status();
  contents_ = *contents;
  auto leaf = Issue(kNow);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(leaf->extended_key_usage,
            (std::vector<der::Oid>{oids::KpServerAuth(), oids::KpCmcRa()}));
  EXPECT_TRUE(MatchesHost(*leaf, "localhost"));
  EXPECT_TRUE(MatchesHost(*leaf, "127.0.0.1"));
  EXPECT_FALSE(MatchesHost(*leaf, "127.0.0.2"));
  auto anchors = TrustAnchors::Create({ca_->certificate()});
  ASSERT_TRUE(anchors.ok());
  EXPECT_TRUE(
      (*anchors)->Verify(*leaf, {}, PathPurpose::kTlsServer, kNow).ok());
  EXPECT_FALSE(TlsServerContents({}, kYear).ok());
  EXPECT_FALSE(TlsServerContents({"a b"}, kYear).ok());
}

}  // namespace
}  // namespace bestow::server
