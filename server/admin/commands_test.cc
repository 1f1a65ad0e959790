#include "server/admin/commands.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/crypto/key_type.h"
#include "gtest/gtest.h"
#include "server/admin/ca_folder.h"
#include "server/admin/identity_commands.h"
#include "server/admin/new_ca.h"
#include "server/admin/request_commands.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/auth/password.h"
#include "server/auth/sealed_records.h"

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
  void AddToConfig(const std::string& text) {
    std::ofstream(StatePaths(folder_).config, std::ios::app) << text;
  }
  void Clear() {
    out_.str("");
    err_.str("");
  }
  int AddUser(const std::string& name, bool replace = false) {
    return AddUserCommand(console_, {folder_, name}, {password_file_, replace});
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
    auto store = OpenStateStore(StatePaths(folder_));
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
    EXPECT_EQ(AddSecretCommand(console_, {folder_, name}, {"1h"}), kExitFailed);
    EXPECT_EQ(out_.str(), "");
  }
}

TEST_F(CommandsTest, RefusesBadPasswordFiles) {
  for (const char* text : {"", "\n", "a\nb\n", "a\x01"}) {
    WritePassword(text);
    EXPECT_EQ(AddUser("gw-17"), kExitFailed) << text;
  }
  EXPECT_EQ(AddUserCommand(console_, {folder_, "a"}, {folder_ + "/none"}),
            kExitFailed);
}

TEST_F(CommandsTest, PrintsTheSecretAlone) {
  EXPECT_EQ(AddSecretCommand(console_, {folder_, "gw-17"}, {"24h"}), kExitOk)
      << err_.str();
  std::string secret = out_.str();
  ASSERT_EQ(secret.size(), 33u);
  ASSERT_EQ(secret.back(), '\n');
  secret.pop_back();
  EXPECT_EQ(err_.str().find(secret), std::string::npos);
  auto store = OpenStateStore(StatePaths(folder_));
  ASSERT_TRUE(store.ok());
  auto identity = (*store)->FindIdentity("gw-17");
  ASSERT_TRUE(identity.ok());
  EXPECT_TRUE((*store)
                  ->FindSecret(identity->id, HashOneTimeSecret(Secret(secret)))
                  .ok());
  for (const char* duration : {"", "0", "-1h", "tomorrow"}) {
    EXPECT_EQ(AddSecretCommand(console_, {folder_, "gw-17"}, {duration}),
              kExitUsage);
  }
}

TEST_F(CommandsTest, ListsWhatIsIssued) {
  EXPECT_EQ(CertificatesListCommand(console_, folder_, false), kExitOk);
  EXPECT_EQ(out_.str(), "No certificate has been issued yet.\n");
  Clear();
  EXPECT_EQ(CertificatesListCommand(console_, folder_, true), kExitOk);
  EXPECT_EQ(out_.str(), "[]\n");
  ASSERT_EQ(AddUser("gw-17"), kExitOk);
  {
    auto store = OpenStateStore(StatePaths(folder_));
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
  EXPECT_EQ(CertificatesListCommand(console_, folder_, true), kExitOk);
  EXPECT_EQ(out_.str(),
            "[\n  {\"serial\": \"40ab\", \"identity\": \"gw-17\", \"label\": "
            "\"\", \"subject\": \"CN=\\\"gw\\\\17\", \"not_before\": "
            "\"1970-01-01T00:00:00Z\", "
            "\"not_after\": \"1970-01-02T00:00:00Z\", \"key_sha256\": "
            "\"0102\", \"operation\": \"simpleenroll\"}\n]\n");
  Clear();
  EXPECT_EQ(CertificatesListCommand(console_, folder_, false), kExitOk);
  EXPECT_TRUE(absl::StrContains(out_.str(), "serial      40ab\n"));
}

TEST_F(CommandsTest, AFolderThatIsNoStateIsExitCode3) {
  const std::string none = folder_ + "_none";
  EXPECT_EQ(CertificatesListCommand(console_, none, false), kExitState);
  EXPECT_EQ(AddUserCommand(console_, {none, "a"}, {password_file_}),
            kExitState);
  EXPECT_EQ(AddSecretCommand(console_, {none, "a"}, {"1h"}), kExitState);
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

TEST_F(CommandsTest, IdentitiesAreGoodForTheLabelsThatTheyGet) {
  AddToConfig("[labels.plant]\nprofile.subject = \"O=P,CN={identity}\"\n");
  const auto labels_of = [this](const std::string& name) {
    auto store = OpenStateStore(StatePaths(folder_));
    return (*store)->FindIdentity(name)->labels;
  };
  using Labels = std::vector<std::string>;
  EXPECT_EQ(AddIdentityCommand(console_, {folder_, "a"}), kExitOk);
  EXPECT_EQ(labels_of("a"), Labels{""});
  EXPECT_EQ(AddIdentityCommand(console_, {folder_, "b", "plant"}), kExitOk);
  EXPECT_EQ(labels_of("b"), Labels{"plant"});
  EXPECT_EQ(AddSecretCommand(console_, {folder_, "c", "plant, ."}, {"1h"}),
            kExitOk);
  EXPECT_EQ(labels_of("c"), (Labels{"", "plant"}));
  EXPECT_EQ(AddIdentityCommand(console_, {folder_, "a", "plant"}), kExitOk);
  EXPECT_EQ(labels_of("a"), (Labels{"", "plant"}));
  Clear();
  EXPECT_EQ(AddIdentityCommand(console_, {folder_, "d", "plnt"}), kExitFailed);
  EXPECT_TRUE(absl::StrContains(err_.str(), "it has: ., plant")) << err_.str();
  EXPECT_EQ(AddIdentityCommand(console_, {folder_, "est.example", "plant"}),
            kExitFailed);
}

TEST_F(CommandsTest, RegistrationAuthoritiesAreMadeByTheOperator) {
  const auto is_ra = [this] {
    auto store = OpenStateStore(StatePaths(folder_));
    return (*store)->FindIdentity("ra-1")->is_ra;
  };
  EXPECT_EQ(AddIdentityCommand(console_, {folder_, "ra-1"}), kExitOk);
  EXPECT_FALSE(is_ra());
  EXPECT_EQ(AddIdentityCommand(console_, {folder_, "ra-1", "", true}), kExitOk);
  EXPECT_TRUE(is_ra());
  EXPECT_EQ(AddSecretCommand(console_, {folder_, "ra-1"}, {"1h"}), kExitOk);
  EXPECT_TRUE(is_ra());
  EXPECT_EQ(AddIdentityCommand(console_, {folder_, "ra-1", "", false}),
            kExitOk);
  EXPECT_FALSE(is_ra());
}

TEST_F(CommandsTest, DigestIsForThoseWhoAskForIt) {
  const auto secrets = [this](const std::string& name) {
    auto store = OpenStateStore(StatePaths(folder_));
    auto identity = (*store)->FindIdentity(name);
    return *(*store)->FindDigestSecrets(identity->id, "Bestow", "MD5");
  };
  ASSERT_EQ(AddUser("plain"), kExitOk);
  EXPECT_TRUE(secrets("plain").empty());
  Clear();
  ASSERT_EQ(AddUserCommand(console_, {folder_, "digest"},
                           {password_file_, false, true}),
            kExitOk);
  EXPECT_EQ(secrets("digest").size(), 1u);
  EXPECT_TRUE(absl::StrContains(err_.str(), "Digest is off in the config"));
  const std::string config = StatePaths(folder_).config;
  const std::string turned_on = absl::StrReplaceAll(
      *ReadFile(config, 100000), {{"digest = \"off\"", "digest = \"md5\""}});
  ASSERT_TRUE(WriteFileAtomically(config, AsBytes(turned_on), 0600).ok());
  Clear();
  ASSERT_EQ(AddSecretCommand(console_, {folder_, "secret"}, {"1h", true}),
            kExitOk);
  EXPECT_EQ(secrets("secret").size(), 1u);
  EXPECT_FALSE(absl::StrContains(err_.str(), "Digest is off"));
}

TEST_F(CommandsTest, ShowsAPreSharedKeyOnce) {
  ASSERT_EQ(AddPskCommand(console_, {folder_, "gw-17"}, ""), kExitOk)
      << err_.str();
  const std::vector<std::string> lines = absl::StrSplit(out_.str(), '\n');
  ASSERT_EQ(lines.size(), 3u);
  std::string_view id = lines[0], key = lines[1];
  ASSERT_TRUE(absl::ConsumePrefix(&id, "key_identifier "));
  ASSERT_TRUE(absl::ConsumePrefix(&key, "key "));
  std::string identifier, key_bytes;
  ASSERT_TRUE(absl::HexStringToBytes(id, &identifier));
  ASSERT_TRUE(absl::HexStringToBytes(key, &key_bytes));
  auto state = LoadState(StatePaths(folder_));
  ASSERT_TRUE(state.ok());
  {
    auto store = OpenStateStore(StatePaths(folder_));
    auto found = (*store)->FindPreSharedKey(AsBytes(identifier));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->identity, "gw-17");
    EXPECT_EQ(OpenPreSharedKey(*state->sealer, *found)->text(), key_bytes);
  }
  // A file's is not shown.
  for (const char* text :
       {"00112233445566778899aabbccddeeff\n",
        "00112233445566778899aabbccddeeff00112233445566778899"
        "aabbccddeeff"}) {
    WritePassword(text);
    Clear();
    EXPECT_EQ(AddPskCommand(console_, {folder_, "gw-17"}, password_file_),
              kExitOk);
    EXPECT_FALSE(absl::StrContains(out_.str(), "key 0011"));
  }
  for (const char* text :
       {"", "0011\n", "zz112233445566778899aabbccddeeff\n"}) {
    WritePassword(text);
    EXPECT_EQ(AddPskCommand(console_, {folder_, "gw-17"}, password_file_),
              kExitFailed)
        << text;
  }
}

TEST_F(CommandsTest, DecidesWhatWaits) {
  EXPECT_EQ(RequestsListCommand(console_, folder_, false), kExitOk);
  EXPECT_EQ(out_.str(), "No request waits.\n");
  ASSERT_EQ(AddIdentityCommand(console_, {folder_, "gw-17"}), kExitOk);
  std::string id;
  {
    auto store = OpenStateStore(StatePaths(folder_));
    PendingRequest request;
    request.identity_id = (*store)->FindIdentity("gw-17")->id;
    request.identity = "gw-17";
    request.key_sha256 = Bytes(32, 7);
    request.operation = "simpleenroll";
    request.subject = "CN=gw-17";
    request.csr = {1};
    request.created_at = clock_.Now();
    request.expires_at = clock_.Now() + absl::Hours(1);
    std::promise<int64_t> added;
    (*store)->FindOrAddPending(request, 10,
                               [&](absl::StatusOr<PendingRequest> result) {
                                 added.set_value(result.ok() ? result->id : 0);
                               });
    id = absl::StrCat(added.get_future().get());
  }
  Clear();
  EXPECT_EQ(RequestsListCommand(console_, folder_, true), kExitOk);
  EXPECT_TRUE(absl::StrContains(
      out_.str(), absl::StrCat("{\"id\": \"", id,
                               "\", \"state\": \"waiting\", \"label\": \"\", "
                               "\"identity\": \"gw-17\"")))
      << out_.str();
  EXPECT_EQ(ApproveCommand(console_, folder_, id), kExitOk) << err_.str();
  Clear();
  EXPECT_EQ(DenyCommand(console_, folder_, id, "not on the list"), kExitOk);
  EXPECT_EQ(RequestsListCommand(console_, folder_, false), kExitOk);
  EXPECT_TRUE(absl::StrContains(out_.str(), "refused: not on the list"));
  EXPECT_EQ(DenyCommand(console_, folder_, id, ""), kExitUsage);
  EXPECT_EQ(DenyCommand(console_, folder_, id, "a\nb"), kExitUsage);
  EXPECT_EQ(ApproveCommand(console_, folder_, "x"), kExitUsage);
  EXPECT_EQ(ApproveCommand(console_, folder_, "-1"), kExitUsage);
  EXPECT_EQ(ApproveCommand(console_, folder_, id + "0"), kExitFailed);
}

TEST_F(CommandsTest, OrdersRenewals) {
  EXPECT_EQ(RenewalsAddCommand(console_, folder_, {"", "", "24h"}), kExitOk);
  EXPECT_EQ(RenewalsAddCommand(console_, folder_,
                               {".", "2025-11-21T12:00:00Z", "1h"}),
            kExitOk)
      << err_.str();
  std::vector<RenewalOrder> orders;
  {
    auto store = OpenStateStore(StatePaths(folder_));
    ASSERT_TRUE((*store)
                    ->ForEachRenewalOrder([&](const RenewalOrder& order) {
                      orders.push_back(order);
                    })
                    .ok());
  }
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[0].label, std::nullopt);
  EXPECT_EQ(orders[0].window_end - orders[0].window_start, absl::Hours(24));
  EXPECT_EQ(orders[1].label, "");
  EXPECT_EQ(orders[1].issued_before, absl::FromUnixSeconds(1763726400));
  EXPECT_EQ(RenewalsAddCommand(console_, folder_, {"", "", ""}), kExitUsage);
  EXPECT_EQ(RenewalsAddCommand(console_, folder_, {"", "", "0"}), kExitUsage);
  EXPECT_EQ(RenewalsAddCommand(console_, folder_, {"", "noon", "1h"}),
            kExitUsage);
  for (const char* future : {"9000-01-01T00:00:00Z", "infinite-future"}) {
    EXPECT_EQ(RenewalsAddCommand(console_, folder_, {"", future, "1h"}),
              kExitUsage);
  }
  EXPECT_EQ(RenewalsAddCommand(console_, folder_, {"none", "", "1h"}),
            kExitFailed);
}

}  // namespace
}  // namespace bestow::server
