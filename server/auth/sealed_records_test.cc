#include "server/auth/sealed_records.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

std::shared_ptr<const SecretSealer> Sealer() {
  return *SecretSealer::FromKey(Secret(Bytes(SecretSealer::kKeyBytes, 5)));
}

// RFC 7616 3.9.1: H(A1) as `printf 'Mufasa:http-auth@example.org:Circle of
// Life' | openssl md5` (and -sha256) gives it.
TEST(SealedRecordsTest, KeepsHa1OfBothAlgorithms) {
  const auto sealer = Sealer();
  auto secrets =
      SealDigestSecrets(*sealer, "Mufasa", {"http-auth@example.org", "other"},
                        Secret("Circle of Life"));
  ASSERT_TRUE(secrets.ok()) << secrets.status();
  ASSERT_EQ(secrets->size(), 4u);
  EXPECT_EQ((*secrets)[0].algorithm, "MD5");
  EXPECT_EQ((*secrets)[1].algorithm, "SHA-256");
  EXPECT_EQ((*secrets)[3].realm, "other");
  auto md5 = OpenDigestSecret(*sealer, "Mufasa", (*secrets)[0]);
  ASSERT_TRUE(md5.ok()) << md5.status();
  EXPECT_EQ(md5->text(), "3d78807defe7de2157e2b0b6573a855f");
  auto sha256 = OpenDigestSecret(*sealer, "Mufasa", (*secrets)[1]);
  ASSERT_TRUE(sha256.ok()) << sha256.status();
  EXPECT_EQ(sha256->text(),
            "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
}

// A row that is moved to another user, realm or algorithm is good for nothing.
TEST(SealedRecordsTest, AHa1IsGoodForItsRowAlone) {
  const auto sealer = Sealer();
  auto secrets = SealDigestSecrets(*sealer, "a", {"r"}, Secret("p"));
  ASSERT_TRUE(secrets.ok());
  const DigestSecret good = (*secrets)[0];
  EXPECT_TRUE(OpenDigestSecret(*sealer, "a", good).ok());
  EXPECT_TRUE(absl::IsDataLoss(OpenDigestSecret(*sealer, "b", good).status()));
  DigestSecret moved = good;
  moved.realm = "r2";
  EXPECT_TRUE(absl::IsDataLoss(OpenDigestSecret(*sealer, "a", moved).status()));
  moved = good;
  moved.algorithm = "SHA-256";
  EXPECT_TRUE(absl::IsDataLoss(OpenDigestSecret(*sealer, "a", moved).status()));
}

TEST(SealedRecordsTest, ASharedKeyIsGoodForItsRowAlone) {
  const auto sealer = Sealer();
  const Bytes identifier = {1, 2, 3};
  auto sealed = SealPreSharedKey(*sealer, "a", identifier, Secret("key"));
  ASSERT_TRUE(sealed.ok());
  const PreSharedKey good{identifier, 1, "a", *sealed};
  auto opened = OpenPreSharedKey(*sealer, good);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->text(), "key");
  PreSharedKey moved = good;
  moved.identity = "b";
  EXPECT_TRUE(absl::IsDataLoss(OpenPreSharedKey(*sealer, moved).status()));
  moved = good;
  moved.key_identifier = {1, 2, 4};
  EXPECT_TRUE(absl::IsDataLoss(OpenPreSharedKey(*sealer, moved).status()));
  // Nor for the other purpose.
  DigestSecret digest;
  digest.sealed_ha1 = good.sealed_key;
  EXPECT_FALSE(OpenDigestSecret(*sealer, "a", digest).ok());
}

}  // namespace
}  // namespace bestow::server
