#include "common/est_client/trust.h"

#include <memory>
#include <string>

#include "common/crypto/public_key.h"
#include "common/crypto/signer.h"
#include "common/pki/certs_only.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "common/tls/test_ca.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;

Bytes Fingerprint(const Certificate& certificate) {
  const Sha256Digest digest = Sha256(certificate.der);
  return Bytes(digest.begin(), digest.end());
}

struct Ca {
  std::unique_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
  Certificate certificate;
};

// `issuer` null: self-signed.
Ca MakeCa(const std::string& name, const Ca* issuer) {
  Ca ca;
  CertificateTemplate contents;
  contents.serial = {0x01};
  contents.subject = *Name::FromCommonName(name);
  contents.issuer =
      issuer == nullptr ? contents.subject : issuer->certificate.subject;
  contents.not_before = absl::Now() - absl::Hours(1);
  contents.not_after = absl::Now() + absl::Hours(1);
  contents.spki = ca.key->public_key_spki();
  contents.extensions = {
      {oids::BasicConstraints(), true,
       *SerializeBasicConstraints({.is_ca = true})},
      {oids::KeyUsage(), true,
       *SerializeKeyUsage(kKeyCertSign | kDigitalSignature)}};
  SoftwareSigner& signer = issuer == nullptr ? *ca.key : *issuer->key;
  const Bytes tbs = *SerializeTbsCertificateDer(contents, signer.algorithm());
  ca.certificate = *ParseCertificateDer(*AssembleCertificateDer(
      tbs, signer.algorithm(), *SignAndWait(signer, tbs)));
  return ca;
}

class TrustTest : public ::testing::Test {
 protected:
  Certificate Leaf(const TestCa& ca) {
    return *ParseCertificateDer(
        ca.Issue(TestClientLeaf(), key_->public_key_spki()));
  }
  absl::StatusOr<IssuedCredential> Check(const std::vector<Bytes>& certificates,
                                         const Trust& trust) {
    return CheckIssued(*SerializeCertsOnlyDer(certificates),
                       key_->public_key_spki(), trust, absl::Now());
  }
  TestCa ca_{"CA"};
  TestCa other_{"other"};
  std::unique_ptr<SoftwareSigner> key_ = *SoftwareSigner::Generate();
};

TEST_F(TrustTest, NothingIsTrustedUntilSomethingIs) {
  auto trust = MakeTrust({}, {}, Fingerprint(ca_.certificate()));
  ASSERT_TRUE(trust.ok());
  EXPECT_EQ(trust->anchors, nullptr);
  // An end entity's certificate in /cacerts makes no anchor.
  trust = MakeTrust({}, {Leaf(ca_)}, std::nullopt);
  ASSERT_TRUE(trust.ok());
  EXPECT_EQ(trust->anchors, nullptr);
  EXPECT_EQ(trust->intermediates.size(), 1u);
  EXPECT_FALSE(Check({Leaf(ca_).der}, *trust).ok());
}

TEST_F(TrustTest, BootstrapWantsThePinnedCertificate) {
  auto pinned = FindPinned({other_.certificate(), ca_.certificate()},
                           Fingerprint(ca_.certificate()));
  ASSERT_TRUE(pinned.ok());
  EXPECT_EQ(*pinned, ca_.certificate());
  EXPECT_EQ(FindPinned({other_.certificate()}, Fingerprint(ca_.certificate()))
                .status()
                .code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(FindPinned({ca_.certificate()}, {}).ok());
}

TEST_F(TrustTest, AnchorsAreTheConfiguredAndTheLearnedOnesOnce) {
  auto trust = MakeTrust({ca_.certificate()},
                         {ca_.certificate(), other_.certificate()}, {});
  ASSERT_TRUE(trust.ok());
  EXPECT_EQ(trust->anchors->certificates().size(), 2u);
  EXPECT_TRUE(trust->intermediates.empty());
}

TEST_F(TrustTest, FindsTheCertificateByItsKey) {
  const Trust trust = *MakeTrust({ca_.certificate()}, {}, {});
  const Bytes stranger = ca_.Issue(
      TestClientLeaf(), (*SoftwareSigner::Generate())->public_key_spki());
  auto issued = Check({stranger, Leaf(ca_).der}, trust);
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(issued->certificate.spki, key_->public_key_spki());
  EXPECT_FALSE(Check({stranger}, trust).ok());
}

TEST_F(TrustTest, TheChainIsInOrderWithoutTheRoot) {
  const Ca root = MakeCa("root", nullptr);
  const Ca upper = MakeCa("upper", &root);
  const Ca lower = MakeCa("lower", &upper);
  const Ca leaf = MakeCa("leaf", &lower);
  const Trust trust = *MakeTrust(
      {}, {root.certificate, lower.certificate, upper.certificate}, {});
  auto issued = CheckIssued(*SerializeCertsOnlyDer({leaf.certificate.der}),
                            leaf.key->public_key_spki(), trust, absl::Now());
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_THAT(issued->chain,
              ::testing::ElementsAre(lower.certificate, upper.certificate));
  // A pinned CA is an anchor though another one issued it.
  const Trust pinned =
      *MakeTrust({}, {lower.certificate}, Fingerprint(lower.certificate));
  EXPECT_NE(pinned.anchors, nullptr);
}

TEST_F(TrustTest, RefusesWhatCantBeUsed) {
  const Trust trust = *MakeTrust({ca_.certificate()}, {}, {});
  EXPECT_FALSE(Check({Leaf(other_).der}, trust).ok());
  TestCa::Leaf leaf = TestClientLeaf();
  leaf.not_after = absl::Now() - absl::Minutes(1);
  EXPECT_THAT(
      std::string(Check({ca_.Issue(leaf, key_->public_key_spki())}, trust)
                      .status()
                      .message()),
      HasSubstr("expired"));
  leaf = TestClientLeaf();
  leaf.not_before = absl::Now() + absl::Hours(1);
  EXPECT_FALSE(Check({ca_.Issue(leaf, key_->public_key_spki())}, trust).ok());
  // Renewal authenticates with it.
  EXPECT_FALSE(
      Check({ca_.Issue(TestServerLeaf(), key_->public_key_spki())}, trust)
          .ok());
}

}  // namespace
}  // namespace bestow
