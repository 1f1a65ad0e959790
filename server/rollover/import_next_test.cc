#include "server/rollover/import_next.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/admin/ca_folder.h"
#include "server/admin/state_files.h"
#include "server/ca/certificate_authority.h"
#include "server/ca/sign_certificate.h"
#include "server/rollover/rollover_folder.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

// An issuing CA in a folder, below a root whose key is elsewhere.
class ImportNextTest : public testing::Test {
 protected:
  ImportNextTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
    std::filesystem::remove_all(folder_);
    EXPECT_TRUE(MakeDirectory(folder_, kFolderMode).ok());
    const CaPaths paths(folder_);
    EXPECT_TRUE(
        CreateFileDurably(paths.key, key_->ToPkcs8Pem()->bytes(), 0600).ok());
    EXPECT_TRUE(
        CreateFileDurably(
            paths.certificate,
            AsBytes(SerializeCertificatePem(
                        Below(root_, *root_key_, "Plant CA", *key_).der) +
                    SerializeCertificatePem(root_.der)),
            0644)
            .ok());
    NextFiles files;
    files.key_pem = *next_key_->ToPkcs8Pem();
    files.request_pem = "a request";
    files.plan.switch_at = kNow + kYear;
    EXPECT_TRUE(PrepareNext(paths, files).ok());
  }
  static Certificate Root(const std::string& name, Signer& key) {
    CertificateTemplate root;
    root.subject = *Name::FromCommonName(name);
    return Sign(root, root.subject, key, key, 1);
  }
  static Certificate Below(const Certificate& issuer, Signer& issuer_key,
                           const std::string& name, const Signer& key) {
    CertificateTemplate contents;
    contents.subject = *Name::FromCommonName(name);
    return Sign(contents, issuer.subject, issuer_key, key, 0);
  }
  static Certificate Sign(CertificateTemplate contents, const Name& issuer,
                          Signer& issuer_key, const Signer& key,
                          int path_length) {
    contents.serial = RandomSerial();
    contents.issuer = issuer;
    contents.not_before = kNow;
    contents.not_after = kNow + 5 * kYear;
    contents.spki = key.public_key_spki();
    contents.extensions = {
        {oids::SubjectKeyIdentifier(), false,
         *SerializeSubjectKeyIdentifier(KeyIdentifier(contents.spki))},
        {oids::BasicConstraints(), true,
         *SerializeBasicConstraints(
             {.is_ca = true,
              .path_length = static_cast<uint64_t>(path_length)})},
        {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign)}};
    auto made = SignCertificate(contents, issuer_key);
    EXPECT_TRUE(made.ok()) << made.status();
    return *made;
  }
  absl::Status Import(const std::vector<Certificate>& certificates) {
    return ImportIntoNext(folder_, certificates, {}).status();
  }
  CaBundle Load() {
    auto ca = LoadCa(folder_);
    EXPECT_TRUE(ca.ok()) << ca.status();
    return *std::move(ca);
  }
  void ExpectRefused(const std::vector<Certificate>& certificates,
                     std::string_view why) {
    const absl::Status status = Import(certificates);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), why)) << status;
    EXPECT_FALSE(Load().next.has_value());
  }

  const std::shared_ptr<SoftwareSigner> root_key_ = *SoftwareSigner::Generate();
  const std::shared_ptr<SoftwareSigner> key_ = *SoftwareSigner::Generate();
  const std::shared_ptr<SoftwareSigner> next_key_ = *SoftwareSigner::Generate();
  const Certificate root_ = Root("Fleet Root", *root_key_);
  std::string folder_;
};

TEST_F(ImportNextTest, TakesWhatTheIssuerSigned) {
  const Certificate next = Below(root_, *root_key_, "Plant CA", *next_key_);
  // In any order.
  auto chain = ImportIntoNext(folder_, {root_, next}, {});
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_EQ(*chain, (std::vector<Certificate>{next, root_}));
  const CaBundle ca = Load();
  ASSERT_TRUE(ca.next.has_value());
  EXPECT_EQ(ca.next->chain, *chain);
  EXPECT_EQ(ca.next->switch_at, kNow + kYear);
  // Both chains are shown; there is one root.
  EXPECT_EQ(ca.All().size(), 3u);
  ASSERT_TRUE(SwitchToNext(CaPaths(folder_), next).ok());
  ASSERT_TRUE(FinishRollover(CaPaths(folder_)).ok());
  EXPECT_EQ(Load().chain, *chain);
  EXPECT_EQ(Load().All().size(), 3u);
  // None waits any more.
  EXPECT_TRUE(absl::IsFailedPrecondition(Import({next, root_})));
}

TEST_F(ImportNextTest, RefusesWhatDoesNotFit) {
  const std::shared_ptr<SoftwareSigner> other = *SoftwareSigner::Generate();
  ExpectRefused({Below(root_, *root_key_, "Plant CA", *other), root_}, "key");
  ExpectRefused({Below(root_, *root_key_, "Plant 2 CA", *next_key_), root_},
                "another name");
  ExpectRefused({Below(root_, *root_key_, "Plant CA", *next_key_)}, "");
  // Another root, without today's word for it.
  const Certificate other_root = Root("Fleet Root", *other);
  ExpectRefused({Below(other_root, *other, "Plant CA", *next_key_), other_root},
                "NewWithOld");
}

// The root rolls over at the same time.
TEST_F(ImportNextTest, TakesANewRootWithItsLinks) {
  const std::shared_ptr<SoftwareSigner> new_key = *SoftwareSigner::Generate();
  const Certificate new_root = Root("Fleet Root", *new_key);
  const Certificate next = Below(new_root, *new_key, "Plant CA", *next_key_);
  const Certificate old_with_new =
      *CreateLinkCertificate(root_, new_root, *new_key);
  const Certificate new_with_old =
      *CreateLinkCertificate(new_root, root_, *root_key_);
  ExpectRefused({next, new_root, old_with_new}, "NewWithOld");
  auto chain = ImportIntoNext(
      folder_, {root_, new_with_old, new_root, old_with_new, next}, {});
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_EQ(*chain, (std::vector<Certificate>{next, new_root}));
  ASSERT_TRUE(SwitchToNext(CaPaths(folder_), next).ok());
  ASSERT_TRUE(FinishRollover(CaPaths(folder_)).ok());
  const CaBundle ca = Load();
  EXPECT_EQ(ca.chain, *chain);
  EXPECT_EQ(ca.rollover,
            (std::vector<Certificate>{root_, old_with_new, new_with_old}));
}

}  // namespace
}  // namespace bestow::server
