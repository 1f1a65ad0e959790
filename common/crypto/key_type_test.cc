#include "common/crypto/key_type.h"

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"

namespace bestow {
namespace {

TEST(KeyTypeTest, NamesComeBack) {
  std::set<std::string_view> names;
  for (KeyType type : kKeyTypes) {
    names.insert(KeyTypeName(type));
    const absl::StatusOr<KeyType> back = KeyTypeByName(KeyTypeName(type));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, type);
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"ec-p256", "ec-p384", "rsa-2048",
                                               "rsa-3072", "ed25519"}));
}

TEST(KeyTypeTest, UnknownNameListsTheKnownOnes) {
  for (const char* name : {"", "rsa", "EC-P256", "rsa-4096", "ec-p256 "}) {
    const absl::Status status = KeyTypeByName(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_TRUE(absl::StrContains(
        status.message(), "ec-p256, ec-p384, rsa-2048, rsa-3072, ed25519"))
        << status;
  }
}

TEST(KeyTypeTest, OfEverySpki) {
  for (const auto& [name, type] : {std::pair("p256", KeyType::kEcP256),
                                   std::pair("p384", KeyType::kEcP384),
                                   std::pair("rsa2048", KeyType::kRsa2048),
                                   std::pair("ed25519", KeyType::kEd25519)}) {
    const absl::StatusOr<KeyType> found =
        KeyTypeOfSpki(testdata::LoadCase("public_key", name).data);
    ASSERT_TRUE(found.ok()) << name << found.status();
    EXPECT_EQ(*found, type) << name;
  }
  for (const char* name :
       {"p224", "p521", "secp256k1", "rsa1024", "rsa2047", "rsa4096",
        "off_curve", "infinity", "trailing_data", "truncated", "empty"}) {
    EXPECT_EQ(KeyTypeOfSpki(testdata::LoadCase("public_key", name).data)
                  .status()
                  .code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
}

}  // namespace
}  // namespace bestow
