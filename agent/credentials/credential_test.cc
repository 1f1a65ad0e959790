#include "agent/credentials/credential.h"

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/credentials/credential_store.h"
#include "common/base/file.h"
#include "common/crypto/signer.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::HasSubstr;

Credential MakeCredential() {
  FakeTpm tpm;
  Credential credential;
  credential.key = *tpm.CreateKey(KeyType::kEcP256);
  CertificateTemplate contents;
  contents.serial = {0x17};
  contents.issuer = contents.subject = *Name::FromCommonName("gw-17");
  contents.not_before = absl::FromUnixSeconds(1'800'000'000);
  contents.not_after = absl::FromUnixSeconds(1'900'000'000);
  contents.spki = *TpmPublicToSpki(credential.key.public_blob);
  constexpr auto kAlgorithm = SignatureAlgorithm::kEcdsaP256Sha256;
  Bytes tbs = *SerializeTbsCertificateDer(contents, kAlgorithm);
  credential.certificate = *ParseCertificateDer(*AssembleCertificateDer(
      tbs, kAlgorithm, *tpm.Sign(credential.key, kAlgorithm, tbs)));
  credential.obtained_at = absl::FromUnixSeconds(1'800'000'060);
  return credential;
}

class CredentialTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/credential");
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  std::string folder_;
};

TEST_F(CredentialTest, TheNameOfTheStorageRootIsKept) {
  for (const Bytes& name : {Bytes(), Bytes{0x00, 0x0b, 0xff}, Bytes(66, 1)}) {
    Credential credential = MakeCredential();
    credential.key.parent_name = name;
    ASSERT_TRUE(WriteCredentialFiles(folder_, credential).ok());
    auto back = ReadCredentialFiles(folder_);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, credential);
    EXPECT_EQ(back->key.parent_name, name);
  }
}

// A power cut right after the switch to the new generation.
TEST_F(CredentialTest, APendingKeyThatBecameCurrentIsKnownBesideItsRootsName) {
  Credential credential = MakeCredential();
  credential.key.parent_name = Bytes(34, 7);
  auto store = CredentialStore::Open(folder_ + "/state");
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Save(credential).ok());
  ASSERT_TRUE((*store)->SavePendingKey(credential.key).ok());
  EXPECT_EQ(*(*store)->PendingKey(), std::nullopt);
  ASSERT_TRUE((*store)->SavePendingKey(MakeCredential().key).ok());
  EXPECT_TRUE((*store)->PendingKey()->has_value());
}

TEST_F(CredentialTest, ANameThatIsNoneIsDamage) {
  ASSERT_TRUE(WriteCredentialFiles(folder_, MakeCredential()).ok());
  const std::string path = folder_ + "/meta.toml";
  const std::string meta = *ReadFile(path, 4096);
  auto read_with = [&](const std::string& line) {
    EXPECT_TRUE(
        WriteFileAtomically(path, AsBytes(absl::StrCat(meta, line)), 0644)
            .ok());
    return ReadCredentialFiles(folder_).status();
  };
  EXPECT_TRUE(read_with("parent_name = \"000b17\"\n").ok());
  for (const std::string& value :
       {std::string("\"\""), std::string("\"000\""), std::string("\"00xx\""),
        std::string("17"), absl::StrCat("\"", std::string(134, 'a'), "\"")}) {
    const absl::Status status =
        read_with(absl::StrCat("parent_name = ", value, "\n"));
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr("parent_name"));
  }
}

}  // namespace
}  // namespace bestow::agent
