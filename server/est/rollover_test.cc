// A CA changes its key under devices that have certificates by the old one.
#include "common/pki/path.h"
#include "gtest/gtest.h"
#include "server/ca/ca_bundle.h"
#include "server/est/service_fixture.h"

namespace bestow::server {
namespace {

class RolloverTest : public ServiceFixture {
 protected:
  // The new key under the same name; with or without the old one's word.
  void RollOver(bool with_old) {
    new_key_ = *SoftwareSigner::Generate(KeyType::kEcP384);
    new_root_ = *CreateRootCertificate("Test CA", *new_key_, clock_.Now(),
                                       absl::Hours(24 * 3650));
    const Certificate& old_root = ca_->certificate();
    std::vector<Certificate> rollover;
    if (with_old) {
      rollover = {old_root,
                  *CreateLinkCertificate(old_root, new_root_, *new_key_)};
    }
    auto bundle = MakeCaBundle({new_root_}, rollover, new_key_);
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    other_cas_.insert_or_assign("cas/new", *std::move(bundle));
    Config config;
    config.service.ca = "cas/new";
    Configure(config);
  }

  std::shared_ptr<SoftwareSigner> new_key_;
  Certificate new_root_;
};

TEST_F(RolloverTest, TheOldKeysCertificatesAreRenewedByTheNewKey) {
  const Certificate first =
      IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)));
  RollOver(true);
  const Certificate renewed =
      IssuedBy(Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first)));
  auto new_anchor = *TrustAnchors::Create({new_root_});
  EXPECT_TRUE(
      new_anchor->Verify(renewed, {}, PathPurpose::kTlsClient, clock_.Now())
          .ok());
  EXPECT_EQ(renewed.authority_key_id, new_root_.subject_key_id);
  // And again, by what the new key signed.
  IssuedBy(Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(renewed)));
}

TEST_F(RolloverTest, WithoutTheOldCertificateTheOldOnesAreRefused) {
  const Certificate first =
      IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)));
  RollOver(false);
  EXPECT_EQ(Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first)).status,
            403);
}

}  // namespace
}  // namespace bestow::server
