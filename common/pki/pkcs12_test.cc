#include "common/pki/pkcs12.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/signer.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"

namespace bestow {
namespace {

// Those that say more work than they may are refused before any is done: the
// test would not end otherwise.
TEST(Pkcs12Test, ChecksEveryCase) {
  for (const testdata::Case& c : testdata::LoadCases("pkcs12")) {
    const absl::Status status = CheckPkcs12Der(c.data);
    EXPECT_EQ(status.ok(), c.accept) << c.name << ": " << status;
    if (c.accept) continue;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.name;
    EXPECT_TRUE(absl::StrContains(status.message(), c.reason))
        << c.name << ": " << status;
    const Secret passphrase(std::string_view("correct horse"));
    EXPECT_EQ(ParsePkcs12Der(c.data, passphrase).status(), status) << c.name;
  }
}

TEST(Pkcs12Test, OpensUnderItsPassphraseAlone) {
  int opened = 0;
  for (const testdata::Case& c : testdata::LoadCases("pkcs12")) {
    const auto passphrase = c.notes.find("passphrase");
    if (passphrase == c.notes.end()) continue;
    SCOPED_TRACE(c.name);
    const auto contents =
        ParsePkcs12Der(c.data, Secret(std::string_view(passphrase->second)));
    ASSERT_TRUE(contents.ok()) << contents.status();
    const auto key =
        SoftwareSigner::FromPkcs8Der(contents->private_key.bytes());
    ASSERT_TRUE(key.ok()) << key.status();
    ASSERT_EQ(contents->certificates.size(), 1u);
    EXPECT_EQ(contents->certificates[0].spki, (*key)->public_key_spki());
    for (const std::string& wrong :
         {std::string(), std::string("correct hors"),
          absl::StrCat(passphrase->second, std::string(1, '\0'))}) {
      EXPECT_EQ(ParsePkcs12Der(c.data, Secret(wrong)).status().code(),
                absl::StatusCode::kPermissionDenied)
          << wrong;
    }
    ++opened;
  }
  EXPECT_GE(opened, 2);
}

// The MAC covers it: no octet can be changed unnoticed.
TEST(Pkcs12Test, NoChangedOctetGoesUnnoticed) {
  const testdata::Case c = testdata::LoadCase("pkcs12", "openssl");
  const Secret passphrase(std::string_view("correct horse"));
  const auto whole = ParsePkcs12Der(c.data, passphrase);
  ASSERT_TRUE(whole.ok());
  for (size_t i = 0; i < c.data.size(); i += 7) {
    Bytes changed = c.data;
    changed[i] ^= 0x10;
    const auto contents = ParsePkcs12Der(changed, passphrase);
    if (!contents.ok()) continue;
    // What is beside the MAC'd content (a NULL's form, say) changes nothing.
    EXPECT_TRUE(contents->private_key.bytes() == whole->private_key.bytes())
        << i;
    EXPECT_EQ(contents->certificates, whole->certificates) << i;
  }
}

TEST(Pkcs12Test, RefusesOver256KiB) {
  EXPECT_TRUE(absl::StrContains(
      CheckPkcs12Der(Bytes((size_t{256} << 10) + 1)).message(), "256 KiB"));
}

}  // namespace
}  // namespace bestow
