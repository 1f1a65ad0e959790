#include "server/ca/tls_chain.h"

#include <memory>

#include "common/pki/path.h"
#include "gtest/gtest.h"
#include "server/ca/certificate_authority.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

class TlsChainTest : public testing::Test {
 protected:
  Certificate Root(const std::string& name, Signer& key) {
    return *CreateRootCertificate(name, key, kNow, 10 * kYear);
  }
  Certificate Leaf(const CaBundle& ca) {
    absl::StatusOr<Certificate> leaf = absl::UnknownError("not called");
    ca.authority->Issue(
        *TlsServerContents({"est.example"}, kYear), tls_key_->public_key_spki(),
        kNow,
        [&](absl::StatusOr<Certificate> issued) { leaf = std::move(issued); });
    EXPECT_TRUE(leaf.ok()) << leaf.status();
    return *leaf;
  }
  // Over what TLS sends, for who trusts `root` alone.
  bool Verifies(const std::vector<Certificate>& sent, const Certificate& root) {
    return (*TrustAnchors::Create({root}))
        ->Verify(sent.front(), {sent.begin() + 1, sent.end()},
                 PathPurpose::kTlsServer, kNow)
        .ok();
  }

  const std::shared_ptr<SoftwareSigner> old_key_ = *SoftwareSigner::Generate();
  const std::shared_ptr<SoftwareSigner> new_key_ = *SoftwareSigner::Generate();
  const std::shared_ptr<SoftwareSigner> tls_key_ = *SoftwareSigner::Generate();
  const Certificate old_root_ = Root("Fleet CA", *old_key_);
  const Certificate new_root_ = Root("Fleet CA", *new_key_);
  const std::vector<Certificate> links_ = {
      old_root_, *CreateLinkCertificate(old_root_, new_root_, *new_key_),
      *CreateLinkCertificate(new_root_, old_root_, *old_key_)};
  const CaBundle old_ca_ = *MakeCaBundle({old_root_}, {}, old_key_);
  const CaBundle new_ca_ = *MakeCaBundle({new_root_}, links_, new_key_);
};

TEST_F(TlsChainTest, LeavesAChainAloneWithoutARollover) {
  const std::vector<Certificate> chain = {Leaf(old_ca_), old_root_};
  const CaBundles cas = {{"ca", old_ca_}};
  EXPECT_EQ(FindIssuer(chain[0], cas), &cas.at("ca"));
  EXPECT_EQ(TlsChain(chain, cas), chain);
}

TEST_F(TlsChainTest, LeavesAChainFromElsewhereAlone) {
  const std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
  // Of the same name too.
  const CaBundle elsewhere = *MakeCaBundle({Root("Fleet CA", *key)}, {}, key);
  const std::vector<Certificate> chain = {Leaf(elsewhere)};
  const CaBundles cas = {{"ca", new_ca_}};
  EXPECT_EQ(FindIssuer(chain[0], cas), nullptr);
  EXPECT_EQ(TlsChain(chain, cas), chain);
}

// Before, at and after the switch, whichever root a client knows.
TEST_F(TlsChainTest, LeadsToBothRootsDuringARollover) {
  CaBundle ahead = old_ca_;
  ASSERT_TRUE(SetNext(new_ca_, kNow, ahead).ok());
  CaBundle after = new_ca_;
  ASSERT_TRUE(AddFormer(old_ca_, after).ok());
  const std::vector<Certificate> by_old = {Leaf(old_ca_), old_root_};
  const std::vector<Certificate> by_new = {Leaf(new_ca_), new_root_};
  // As the file has it, a client of the other root has no path.
  EXPECT_FALSE(Verifies(by_old, new_root_));
  EXPECT_FALSE(Verifies(by_new, old_root_));
  for (const auto& [chain, ca] :
       {std::pair{by_old, ahead}, {by_old, after}, {by_new, after}}) {
    const std::vector<Certificate> sent = TlsChain(chain, {{"ca", ca}});
    EXPECT_EQ(sent.front(), chain.front());
    EXPECT_EQ(sent.size(), 5u);
    EXPECT_TRUE(Verifies(sent, old_root_));
    EXPECT_TRUE(Verifies(sent, new_root_));
    // The links stand before the roots.
    EXPECT_TRUE(sent[3] == old_root_ || sent[3] == new_root_);
    EXPECT_TRUE(sent[4] == old_root_ || sent[4] == new_root_);
  }
}

}  // namespace
}  // namespace bestow::server
