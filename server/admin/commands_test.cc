#include "server/admin/commands.h"

#include <unistd.h>

#include <cstdlib>
#include <future>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "gtest/gtest.h"
#include "server/admin/state_folder.h"
#include "server/admin/usage.h"
#include "server/auth/password.h"
#include "server/store/sqlite_store.h"

namespace bestow::server {
namespace {

class CommandsTest : public testing::Test {
 protected:
  void SetUp() override {
    static int count = 0;
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/commands", getpid(), "_",
                           count++);
    password_file_ = folder_ + ".password";
    ASSERT_EQ(InitCommand(console_,
                          {folder_, "est.example", "127.0.0.1:0", "Test CA"}),
              kExitOk)
        << err_.str();
    WritePassword("open sesame\n");
    Clear();
  }
  void WritePassword(const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(password_file_, AsBytes(text), 0600).ok());
  }
  void Clear() {
    out_.str("");
    err_.str("");
  }
  int AddUser(const std::string& name, bool replace = false) {
    return AddUserCommand(console_, folder_, name, password_file_, replace);
  }

  std::string folder_;
  std::string password_file_;
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

TEST_F(CommandsTest, AddsAUserWhosePasswordVerifies) {
  EXPECT_EQ(AddUser("gw-17"), kExitOk) << err_.str();
  EXPECT_EQ(out_.str().find("sesame"), std::string::npos);
  {
    auto store = SqliteStore::Open(StatePaths(folder_).database, {});
    ASSERT_TRUE(store.ok());
    auto identity = (*store)->FindIdentity("gw-17");
    ASSERT_TRUE(identity.ok());
    EXPECT_TRUE(VerifyPassword(Secret("open sesame"), identity->password_hash));
  }
  EXPECT_EQ(AddUser("gw-17"), kExitFailed);
  EXPECT_TRUE(absl::StrContains(err_.str(), "--replace")) << err_.str();
  EXPECT_EQ(AddUser("gw-17", true), kExitOk);
}

TEST_F(CommandsTest, RefusesIdentitiesThatMayNotBe) {
  for (const char* name : {"est.example", "EST.example", "a b", "", "a:b"}) {
    Clear();
    EXPECT_EQ(AddUser(name), kExitFailed) << name;
    EXPECT_FALSE(err_.str().empty());
    EXPECT_EQ(AddSecretCommand(console_, folder_, name, "1h"), kExitFailed);
    EXPECT_EQ(out_.str(), "");
  }
}

TEST_F(CommandsTest, RefusesBadPasswordFiles) {
  for (const char* text : {"", "\n", "a\nb\n", "a\x01"}) {
    WritePassword(text);
    EXPECT_EQ(AddUser("gw-17"), kExitFailed) << text;
  }
  EXPECT_EQ(AddUserCommand(console_, folder_, "a", folder_ + "/none", false),
            kExitFailed);
}

TEST_F(CommandsTest, PrintsTheSecretAlone) {
  EXPECT_EQ(AddSecretCommand(console_, folder_, "gw-17", "24h"), kExitOk)
      << err_.str();
  std::string secret = out_.str();
  ASSERT_EQ(secret.size(), 33u);
  ASSERT_EQ(secret.back(), '\n');
  secret.pop_back();
  EXPECT_EQ(err_.str().find(secret), std::string::npos);
  auto store = SqliteStore::Open(StatePaths(folder_).database, {});
  ASSERT_TRUE(store.ok());
  auto identity = (*store)->FindIdentity("gw-17");
  ASSERT_TRUE(identity.ok());
  EXPECT_TRUE((*store)
                  ->FindSecret(identity->id, HashOneTimeSecret(Secret(secret)))
                  .ok());
  for (const char* duration : {"", "0", "-1h", "tomorrow"}) {
    EXPECT_EQ(AddSecretCommand(console_, folder_, "gw-17", duration),
              kExitUsage);
  }
}

TEST_F(CommandsTest, ListsWhatIsIssued) {
  EXPECT_EQ(ListCommand(console_, folder_, false), kExitOk);
  EXPECT_EQ(out_.str(), "No certificate has been issued yet.\n");
  Clear();
  EXPECT_EQ(ListCommand(console_, folder_, true), kExitOk);
  EXPECT_EQ(out_.str(), "[]\n");
  ASSERT_EQ(AddUser("gw-17"), kExitOk);
  {
    auto store = SqliteStore::Open(StatePaths(folder_).database, {});
    ASSERT_TRUE(store.ok());
    Issuance issuance;
    issuance.record.serial = {0x40, 0xab};
    issuance.record.identity_id = (*store)->FindIdentity("gw-17")->id;
    issuance.record.operation = "simpleenroll";
    issuance.record.subject = "CN=\"gw\\17";
    issuance.record.not_before = absl::FromUnixSeconds(0);
    issuance.record.not_after = absl::FromUnixSeconds(86400);
    issuance.record.issued_at = absl::FromUnixSeconds(0);
    issuance.record.key_sha256 = {1, 2};
    std::promise<void> done;
    (*store)->Issue(issuance, [&](absl::StatusOr<Issued> result) {
      EXPECT_TRUE(result.ok()) << result.status();
      done.set_value();
    });
    done.get_future().wait();
  }
  Clear();
  EXPECT_EQ(ListCommand(console_, folder_, true), kExitOk);
  EXPECT_EQ(out_.str(),
            "[\n  {\"serial\": \"40ab\", \"identity\": \"gw-17\", \"subject\": "
            "\"CN=\\\"gw\\\\17\", \"not_before\": \"1970-01-01T00:00:00Z\", "
            "\"not_after\": \"1970-01-02T00:00:00Z\", \"key_sha256\": "
            "\"0102\", \"operation\": \"simpleenroll\"}\n]\n");
  Clear();
  EXPECT_EQ(ListCommand(console_, folder_, false), kExitOk);
  EXPECT_TRUE(absl::StrContains(out_.str(), "serial      40ab\n"));
}

TEST_F(CommandsTest, AFolderThatIsNoStateIsExitCode3) {
  const std::string none = folder_ + "_none";
  EXPECT_EQ(ListCommand(console_, none, false), kExitState);
  EXPECT_EQ(AddUserCommand(console_, none, "a", password_file_, false),
            kExitState);
  EXPECT_EQ(AddSecretCommand(console_, none, "a", "1h"), kExitState);
}

TEST(UsageTest, TeachesEveryCommand) {
  for (const CommandUsage& command : AllCommands()) {
    EXPECT_EQ(FindCommand(command.name), &command);
    EXPECT_TRUE(absl::StrContains(OverviewText(), command.name));
    for (std::string_view flag : command.flags) {
      EXPECT_TRUE(absl::StrContains(command.text, absl::StrCat("--", flag)))
          << command.name << " " << flag;
    }
  }
  EXPECT_EQ(FindCommand("nothing"), nullptr);
}

}  // namespace
}  // namespace bestow::server
