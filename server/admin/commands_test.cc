#include "server/admin/commands.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "gtest/gtest.h"
#include "server/admin/ca_folder.h"
#include "server/admin/new_ca.h"
#include "server/admin/state_folder.h"

namespace bestow::server {
namespace {

class CommandsTest : public testing::Test {
 protected:
  void SetUp() override {
    static int count = 0;
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/commands", getpid(), "_",
                           count++);
    ASSERT_EQ(InitCommand(console_,
                          {folder_, "est.example", "127.0.0.1:0", "Test CA"}),
              kExitOk)
        << err_.str();
    Clear();
  }
  void AddToConfig(const std::string& text) {
    std::ofstream(StatePaths(folder_).config, std::ios::app) << text;
  }
  void Clear() {
    out_.str("");
    err_.str("");
  }

  std::string folder_;
  std::ostringstream out_, err_;
  SystemClock clock_;
  Console console_{out_, err_, clock_};
};

TEST_F(CommandsTest, InitSaysTheFingerprintAndWhatIsNext) {
  const std::string other = folder_ + "_b";
  EXPECT_EQ(InitCommand(console_, {other, "", "[::]:0,192.0.2.1:1", "B CA"}),
            kExitOk);
  EXPECT_TRUE(absl::StrContains(out_.str(), "CA SHA-256 fingerprint: "));
  EXPECT_TRUE(absl::StrContains(
      out_.str(), "Server names: localhost, 127.0.0.1, ::1, 192.0.2.1\n"))
      << out_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "bestow-server run --state_dir="));
  EXPECT_EQ(InitCommand(console_, {other, "", "127.0.0.1:0", "B CA"}),
            kExitState);
  EXPECT_EQ(InitCommand(console_, {other, "", "", "B CA"}), kExitUsage);
  EXPECT_EQ(
      InitCommand(console_, {folder_ + "/no/such/folder", "", "a:1", "B"}),
      kExitFailed);
}

TEST_F(CommandsTest, InitTakesTheTypeOfTheCasKey) {
  const std::string other = folder_ + "_rsa";
  EXPECT_EQ(InitCommand(console_,
                        {other, "est.example", "127.0.0.1:0", "R", "rsa-2048"}),
            kExitOk);
  auto state = LoadState(StatePaths(other));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*KeyTypeOfSpki(state->ca_certificate().spki), KeyType::kRsa2048);
  EXPECT_EQ(*KeyTypeOfSpki(state->materials.tls_certificate.spki),
            KeyType::kEcP256);
  EXPECT_EQ(InitCommand(console_, {folder_ + "_x", "a", "a:1", "R", "rsa-1"}),
            kExitUsage);
}

TEST_F(CommandsTest, ChecksWithoutServing) {
  EXPECT_EQ(CheckCommand(console_, folder_), kExitOk) << err_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "without a label: CA CN=Test CA"));
  AddToConfig("[labels.plant]\nca = \"cas/plant\"\n");
  EXPECT_EQ(CheckCommand(console_, folder_), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "label plant: ")) << err_.str();
  ASSERT_TRUE(AddCa(StatePaths(folder_), "plant", "plant", KeyType::kEcP256,
                    console_.clock.Now())
                  .ok());
  Clear();
  EXPECT_EQ(CheckCommand(console_, folder_), kExitOk) << err_.str();
  EXPECT_TRUE(absl::StrContains(
      out_.str(), "label plant: CA CN=plant in cas/plant (ec-p256, until "));
  AddToConfig("[labels.plant.profil]\n");
  EXPECT_EQ(CheckCommand(console_, folder_), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "did you mean profile?"))
      << err_.str();
}

}  // namespace
}  // namespace bestow::server
