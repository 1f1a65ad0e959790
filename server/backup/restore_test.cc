#include "server/backup/restore.h"

#include <stdlib.h>

#include <filesystem>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "gtest/gtest.h"
#include "server/admin/init.h"
#include "server/admin/state_folder.h"
#include "server/backup/backup.h"
#include "server/backup/sealed_stream.h"
#include "server/store/open_store.h"
#include "server/store/setting_names.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {
namespace {

class RestoreTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = testing::TempDir() + "/restore.XXXXXX";
    ASSERT_NE(mkdtemp(base_.data()), nullptr);
    state_ = base_ + "/server";
    InitOptions init;
    init.folder = state_;
    init.listen = {"127.0.0.1:0"};
    init.hostnames = {"localhost"};
    init.ca_name = "Test CA";
    ASSERT_TRUE(InitState(init, Now()).ok());
    auto store = OpenStore({.path = StatePaths(state_).database});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    ASSERT_TRUE(store_
                    ->AddSecret("gateway-17", AsBytes("secret"), Now(),
                                Now() + absl::Hours(24))
                    .ok());
    ASSERT_TRUE(
        store_
            ->AppendAndWait(
                {Now(), "server", "local", "start", "done", "", "", "", {}})
            .ok());
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(base_);
  }

  static absl::Time Now() { return absl::FromUnixSeconds(1795262400); }

  absl::StatusOr<BackupReport> Backup(const std::string& name,
                                      std::string_view passphrase = "") {
    BackupOptions options;
    options.state_dir = state_;
    options.file = base_ + "/" + name;
    options.passphrase = Secret(passphrase);
    options.scrypt_log2_n = kMinSealedLog2N;
    options.now = Now();
    options.actor = "operator test";
    return MakeBackup(*store_, options);
  }
  RestoreOptions From(const std::string& name) {
    RestoreOptions options;
    options.file = base_ + "/" + name;
    options.state_dir = base_ + "/new";
    options.now = Now() + absl::Hours(1);
    options.actor = "operator test";
    return options;
  }
  // Nothing but what was there before is beside the backups.
  void ExpectNothingNew() {
    EXPECT_FALSE(std::filesystem::exists(base_ + "/new"));
    for (const auto& entry : std::filesystem::directory_iterator(base_)) {
      EXPECT_FALSE(absl::StrContains(entry.path().string(), "restoring"))
          << entry.path();
    }
  }
  void ExpectSameFile(const std::string& name) {
    auto before = ReadFile(state_ + "/" + name, 1 << 20);
    auto after = ReadFile(base_ + "/new/" + name, 1 << 20);
    ASSERT_TRUE(before.ok()) << before.status();
    ASSERT_TRUE(after.ok()) << after.status();
    EXPECT_EQ(*before, *after) << name;
    EXPECT_EQ(std::filesystem::status(state_ + "/" + name).permissions(),
              std::filesystem::status(base_ + "/new/" + name).permissions());
  }

  std::string base_, state_;
  std::unique_ptr<Store> store_;
};

TEST_F(RestoreTest, AServerComesBackAsItWas) {
  ASSERT_TRUE(
      store_->FindOrAddSetting(kNonceKeySetting, AsBytes("sealed")).ok());
  auto made = Backup("b.tar");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->files, 7u);
  EXPECT_EQ(made->plain_keys.size(), 3u);  // the CA's, the seal's, TLS's
  EXPECT_EQ(made->audit_sequence, 1);
  EXPECT_EQ(made->audit_broken_at, 0);
  EXPECT_EQ(store_->LastAudit()->entry.action, "backup");

  auto restored = Restore(From("b.tar"));
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_TRUE(restored->problem.ok());
  for (const char* name :
       {"bestow-server.toml", "ca/ca.pem", "ca/ca.key.pem", "tls/server.pem",
        "tls/server.key.pem", "seal.key"}) {
    ExpectSameFile(name);
  }
  const StatePaths paths(base_ + "/new");
  EXPECT_TRUE(LoadState(paths).ok());
  auto store = OpenStore({.path = paths.database});
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->FindIdentity("gateway-17").ok());
  EXPECT_EQ(AsText(*(*store)->FindSetting(kRestoredSetting)),
            "2026-11-21T12:00:00Z");
  EXPECT_TRUE(
      absl::IsNotFound((*store)->FindSetting(kNonceKeySetting).status()));
  // What a power cut takes nothing from.
  auto file = SqliteConnection::Open(paths.database,
                                     SqliteConnection::Mode::kReadWrite);
  ASSERT_TRUE(file.ok()) << file.status();
  auto mode = (*file)->Prepare("PRAGMA journal_mode");
  ASSERT_TRUE(mode.ok() && mode->ExpectRow("mode").ok());
  EXPECT_EQ(mode->Text(0), "wal");
  auto last = (*store)->LastAudit();
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->sequence, 2);
  EXPECT_EQ(last->entry.action, "restore");
  EXPECT_TRUE(absl::StrContains(last->entry.detail,
                                "1 one-time secrets that were not used"))
      << last->entry.detail;
  ASSERT_EQ(std::filesystem::status(base_ + "/new").permissions(),
            std::filesystem::perms::owner_all);
}

// It may have served a key since.
TEST_F(RestoreTest, AOneTimeSecretThatWasNotUsedIsVoid) {
  const int64_t id = store_->FindIdentity("gateway-17")->id;
  const int64_t secret = store_->FindSecret(id, AsBytes("secret"))->id;
  EXPECT_TRUE(store_->CheckUnused(id, secret, Now()).ok());
  ASSERT_TRUE(Backup("b.tar").ok());
  auto restored = Restore(From("b.tar"));
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->voided_secrets, 1);
  auto store = OpenStore({.path = StatePaths(base_ + "/new").database});
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(absl::IsPermissionDenied(
      (*store)->CheckUnused(id, secret, Now() + absl::Hours(1))));
}

TEST_F(RestoreTest, WritesOverNothing) {
  ASSERT_TRUE(Backup("b.tar").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Backup("b.tar").status()));
  ASSERT_TRUE(MakeDirectory(base_ + "/new", 0700).ok());
  EXPECT_TRUE(Restore(From("b.tar")).ok());  // an empty one
  EXPECT_TRUE(absl::IsAlreadyExists(Restore(From("b.tar")).status()));
}

TEST_F(RestoreTest, ABackupBelongsElsewhere) {
  for (const char* name : {"server/b.tar", "server/ca/b.tar"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Backup(name).status())) << name;
  }
}

TEST_F(RestoreTest, NoByteOfADamagedBackupIsWritten) {
  ASSERT_TRUE(Backup("b.tar").ok());
  auto whole = ReadFile(base_ + "/b.tar", 1 << 20);
  ASSERT_TRUE(whole.ok()) << whole.status();
  for (size_t at = 100; at < whole->size(); at += whole->size() / 13) {
    std::string damaged = *whole;
    damaged[at] ^= 0x10;
    const std::string name = absl::StrCat("damaged", at);
    ASSERT_TRUE(
        CreateFileDurably(base_ + "/" + name, AsBytes(damaged), 0600).ok());
    EXPECT_FALSE(Restore(From(name)).ok()) << at;
    ExpectNothingNew();
  }
  ASSERT_TRUE(CreateFileDurably(base_ + "/cut",
                                AsBytes(whole->substr(0, whole->size() - 1)),
                                0600)
                  .ok());
  EXPECT_TRUE(absl::IsDataLoss(Restore(From("cut")).status()));
  ExpectNothingNew();
}

TEST_F(RestoreTest, ASealedOneComesBackByItsPassphraseAlone) {
  ASSERT_TRUE(Backup("b.sealed", "correct horse").ok());
  RestoreOptions options = From("b.sealed");
  EXPECT_TRUE(absl::IsUnauthenticated(Restore(options).status()));
  options.passphrase = Secret("horse");
  EXPECT_TRUE(absl::IsPermissionDenied(Restore(options).status()));
  ExpectNothingNew();
  options.passphrase = Secret("correct horse");
  auto restored = Restore(options);
  EXPECT_TRUE(restored.ok()) << restored.status();
}

TEST_F(RestoreTest, AKeyThatIsAnothersIsRefusedUnlessTheOperatorWantsIt) {
  auto other = ReadFile(state_ + "/tls/server.key.pem", 1 << 16);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(
      WriteFileAtomically(state_ + "/ca/ca.key.pem", AsBytes(*other), 0600)
          .ok());
  ASSERT_TRUE(Backup("b.tar").ok());
  const absl::Status refused = Restore(From("b.tar")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "--incomplete")) << refused;
  ExpectNothingNew();
  RestoreOptions options = From("b.tar");
  options.incomplete = true;
  auto restored = Restore(options);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_FALSE(restored->problem.ok());
}

TEST_F(RestoreTest, AnotherConfigMayTakeItsPlace) {
  ASSERT_TRUE(Backup("b.tar").ok());
  RestoreOptions options = From("b.tar");
  options.config = base_ + "/other.toml";
  ASSERT_TRUE(
      CreateFileDurably(options.config, AsBytes("nonsense = true\n"), 0600)
          .ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore(options).status()));
  auto config = ReadFile(state_ + "/bestow-server.toml", 1 << 16);
  ASSERT_TRUE(config.ok());
  ASSERT_TRUE(
      WriteFileAtomically(options.config, AsBytes("# moved\n" + *config), 0600)
          .ok());
  ASSERT_TRUE(Restore(options).ok());
  EXPECT_TRUE(absl::StartsWith(
      *ReadFile(base_ + "/new/bestow-server.toml", 1 << 16), "# moved\n"));
}

// Others write while the copy is made: it is of one moment.
TEST_F(RestoreTest, ARunningServerIsBackedUpAsOfOneMoment) {
  ASSERT_TRUE(Backup("1.tar").ok());
  ASSERT_TRUE(store_
                  ->AddSecret("gateway-18", AsBytes("another"), Now(),
                              Now() + absl::Hours(24))
                  .ok());
  ASSERT_TRUE(Restore(From("1.tar")).ok());
  auto store = OpenStore({.path = StatePaths(base_ + "/new").database});
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(absl::IsNotFound((*store)->FindIdentity("gateway-18").status()));
}

}  // namespace
}  // namespace bestow::server
