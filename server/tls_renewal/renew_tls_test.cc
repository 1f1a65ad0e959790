#include "server/tls_renewal/renew_tls.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint_walk.h"
#include "common/base/file.h"
#include "common/pki/path.h"
#include "gtest/gtest.h"
#include "server/admin/init.h"
#include "server/admin/new_ca.h"
#include "server/admin/state_folder.h"
#include "server/admin/tls_files.h"
#include "server/store/open_store.h"
#include "server/tls_renewal/tls_task.h"

namespace bestow::server {
namespace {

namespace fs = std::filesystem;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kDay = absl::Hours(24);

class RenewTlsTest : public testing::Test {
 protected:
  RenewTlsTest() : paths_(NewFolder()) {
    InitOptions options;
    options.folder = paths_.folder;
    options.hostnames = {"est.example"};
    options.listen = {"127.0.0.1:0"};
    options.ca_name = "Test CA";
    EXPECT_TRUE(InitState(options, kNow).ok());
    auto store = OpenStore({.path = paths_.database});
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    state_ = Load();
  }
  ~RenewTlsTest() override { SetFailpointHandler(nullptr); }

  static std::string NewFolder() {
    static int count = 0;
    return absl::StrCat(getenv("TEST_TMPDIR"), "/tls", getpid(), "_", count++);
  }
  std::shared_ptr<ServerState> Load() {
    auto state = LoadState(paths_);
    EXPECT_TRUE(state.ok()) << state.status();
    return std::make_shared<ServerState>(*std::move(state));
  }
  absl::StatusOr<TlsFiles> Renew(absl::Time now = kNow) {
    return RenewTls(paths_.tls_folder, state_->materials.tls_certificate,
                    state_->tls_signer, state_->materials.cas.at("ca"),
                    state_->config, *store_, now);
  }
  std::vector<CertificateRecord> Records() {
    std::vector<CertificateRecord> records;
    EXPECT_TRUE(store_
                    ->ForEachCertificate([&](const CertificateRecord& record) {
                      records.push_back(record);
                    })
                    .ok());
    return records;
  }
  TlsTask MakeTask() {
    return TlsTask({paths_.tls_folder, [this] { return state_; },
                    [this](TlsFiles files) {
                      ++served_;
                      auto changed = std::make_shared<ServerState>(*state_);
                      changed->SetTls(files.chain, files.signer);
                      state_ = changed;
                      return absl::OkStatus();
                    },
                    store_.get()});
  }

  const StatePaths paths_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<ServerState> state_;
  int served_ = 0;
};

TEST_F(RenewTlsTest, IsRecordedAndOnTheDisk) {
  const Certificate before = state_->materials.tls_certificate;
  auto files = Renew(kNow + kDay);
  ASSERT_TRUE(files.ok()) << files.status();
  const Certificate& after = files->chain.front();
  EXPECT_EQ(after.sans, before.sans);
  EXPECT_EQ(after.extended_key_usage, before.extended_key_usage);
  EXPECT_NE(after.spki, before.spki);
  EXPECT_EQ(after.not_after, kNow + kDay + state_->config.tls.validity);
  auto anchors = *TrustAnchors::Create({state_->ca_certificate()});
  EXPECT_TRUE(
      anchors->Verify(after, {}, PathPurpose::kTlsServer, kNow + kDay).ok());
  // Nobody can be authenticated by it.
  EXPECT_FALSE(
      anchors->Verify(after, {}, PathPurpose::kTlsClient, kNow + kDay).ok());

  auto loaded = Load();
  EXPECT_EQ(loaded->tls_chain, files->chain);
  EXPECT_EQ(loaded->tls_chain.size(), 2u);
  EXPECT_EQ(loaded->tls_signer->public_key_spki(), after.spki);
  struct stat st;
  ASSERT_EQ(stat(paths_.tls_key.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);

  const std::vector<CertificateRecord> records = Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].certificate, after.der);
  EXPECT_EQ(records[0].identity, kServerIdentity);
  EXPECT_EQ(records[0].operation, kTlsOperation);
  auto audit = store_->LastAudit();
  ASSERT_TRUE(audit.ok()) << audit.status();
  EXPECT_EQ(audit->entry.action, kTlsOperation);
  EXPECT_EQ(audit->entry.outcome, "issued");
  EXPECT_EQ(audit->entry.serial, after.serial);
  // And once more, of the same identity.
  EXPECT_TRUE(Renew(kNow + 2 * kDay).ok());
  EXPECT_EQ(Records().size(), 2u);
}

TEST_F(RenewTlsTest, KeepsItsKeyWhenToldTo) {
  state_->config.tls.new_key = false;
  const std::string key = *ReadFile(paths_.tls_key, 10000);
  auto files = Renew();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->chain[0].spki, state_->materials.tls_certificate.spki);
  EXPECT_EQ(*ReadFile(paths_.tls_key, 10000), key);
  EXPECT_EQ(Load()->tls_chain, files->chain);
}

// Every step fails, or the process ends there: key and certificate that are
// read belong together, and no certificate is in use without its record.
TEST_F(RenewTlsTest, MayBreakOffAnywhere) {
  const Secret key_pem(*ReadFile(paths_.tls_key, 10000));
  const std::vector<Certificate> old_chain = state_->tls_chain;
  auto new_key = *SoftwareSigner::Generate();
  const CaBundle& ca = state_->materials.cas.at("ca");
  std::vector<Certificate> new_chain;
  ca.authority->Issue(*TlsServerContents({"est.example"}, kDay),
                      new_key->public_key_spki(), kNow,
                      [&](absl::StatusOr<Certificate> issued) {
                        new_chain = {*std::move(issued), old_chain[1]};
                      });
  const Secret new_pem = *new_key->ToPkcs8Pem();
  for (const bool die : {false, true}) {
    bool seen_old = false, seen_new = false;
    for (int at = 1;; ++at) {
      ASSERT_LT(at, 100);
      SCOPED_TRACE(absl::StrCat(die ? "ends" : "fails", " at ", at));
      ASSERT_TRUE(ReplaceTlsFiles(paths_.tls_folder, key_pem, old_chain).ok());
      bool over = false;
      if (die) {
        const pid_t child = fork();
        if (child == 0) {
          FailAtPass(at, true);
          _exit(ReplaceTlsFiles(paths_.tls_folder, new_pem, new_chain).ok()
                    ? 0
                    : 1);
        }
        int wait_status = 0;
        ASSERT_EQ(waitpid(child, &wait_status, 0), child);
        over = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
      } else {
        FailAtPass(at, false);
        const absl::Status status =
            ReplaceTlsFiles(paths_.tls_folder, new_pem, new_chain);
        SetFailpointHandler(nullptr);
        over = PassedFailpoints() < at;
        EXPECT_EQ(Load()->tls_chain == new_chain, status.ok()) << status;
      }
      const auto loaded = Load();
      const bool is_new = loaded->tls_chain == new_chain;
      EXPECT_TRUE(is_new || loaded->tls_chain == old_chain);
      (is_new ? seen_new : seen_old) = true;
      if (over) break;
    }
    EXPECT_TRUE(seen_old && seen_new);
  }
  fs::remove_all(paths_.tls_folder + "/.renewal");
}

TEST_F(RenewTlsTest, TheTaskRenewsInTimeAndServes) {
  TlsTask task = MakeTask();
  const Certificate before = state_->materials.tls_certificate;
  const absl::Time due = task.Run(kNow);
  EXPECT_GT(due, kNow);
  EXPECT_LT(due, before.not_after);
  EXPECT_EQ(task.Run(due - absl::Seconds(1)), due);
  EXPECT_EQ(served_, 0);
  EXPECT_GT(task.Run(due), due);
  EXPECT_EQ(served_, 1);
  const Certificate after = state_->materials.tls_certificate;
  EXPECT_GT(after.not_after, before.not_after);
  EXPECT_EQ(Load()->materials.tls_certificate, after);
  // And from then on by the new one.
  const absl::Time next = task.Run(due + absl::Hours(2));
  EXPECT_GT(next, due + kDay);
  EXPECT_EQ(served_, 1);
}

// The first was made to last for months; those that follow are for seconds.
TEST_F(RenewTlsTest, TheTaskKeepsUpWithShortLives) {
  TlsTask task = MakeTask();
  auto changed = std::make_shared<ServerState>(*state_);
  changed->config.tls.validity = absl::Seconds(6);
  changed->config.tls.fraction = 0.5;
  changed->config.hostnames = {"other.example"};
  state_ = changed;
  absl::Time now = kNow;
  for (int i = 1; i <= 4; ++i) {
    now = std::max(now, task.Run(now));
    if (served_ < i) now = std::max(now, task.Run(now));
    EXPECT_EQ(served_, i);
    EXPECT_LE(now - kNow, i * absl::Seconds(4));
    EXPECT_LT(now, state_->materials.tls_certificate.not_after);
  }
}

TEST_F(RenewTlsTest, TheTaskTriesAgainLaterAndLater) {
  TlsTask task = MakeTask();
  const absl::Time due = task.Run(kNow);
  // Its folder is gone.
  fs::rename(paths_.tls_folder, paths_.tls_folder + ".away");
  const absl::Time second = task.Run(due);
  EXPECT_EQ(second, due + absl::Minutes(1));
  // Woken before: it keeps its pace.
  EXPECT_EQ(task.Run(due + absl::Seconds(1)), second);
  EXPECT_EQ(task.Run(second), second + absl::Minutes(2));
  // The clock was wrong, and is set back: a wait can't be that long.
  task.Run(due + 10 * kDay);
  EXPECT_LE(task.Run(due + kDay), due + kDay + absl::Hours(1));
  fs::rename(paths_.tls_folder + ".away", paths_.tls_folder);
  task.Run(due + 2 * kDay);
  EXPECT_EQ(served_, 1);
  EXPECT_EQ(Load()->materials.tls_certificate,
            state_->materials.tls_certificate);
  bool told = false;
  auto audit = store_->ReadAudit(0, 100);
  ASSERT_TRUE(audit.ok()) << audit.status();
  for (const AuditRecord& record : *audit) {
    told = told || (record.entry.action == kTlsOperation &&
                    record.entry.outcome == "failed");
  }
  EXPECT_TRUE(told);
}

TEST_F(RenewTlsTest, TheTaskLeavesAForeignCertificateAlone) {
  auto other = *MakeCa("Elsewhere", KeyType::kEcP256, kNow);
  auto changed = std::make_shared<ServerState>(*state_);
  changed->SetTls({other.certificate}, other.key);
  state_ = changed;
  TlsTask task = MakeTask();
  EXPECT_EQ(task.Run(kNow + 3650 * kDay), absl::InfiniteFuture());
  EXPECT_EQ(served_, 0);
}

TEST(TlsRetryDelayTest, DoublesWithinBounds) {
  const absl::Duration long_time = 60 * kDay;
  EXPECT_EQ(TlsRetryDelay(0, long_time), absl::Minutes(1));
  EXPECT_EQ(TlsRetryDelay(1, long_time), absl::Minutes(1));
  EXPECT_EQ(TlsRetryDelay(3, long_time), absl::Minutes(4));
  EXPECT_EQ(TlsRetryDelay(1000, long_time), absl::Hours(1));
  EXPECT_EQ(TlsRetryDelay(1000, absl::Minutes(50)), absl::Minutes(5));
  EXPECT_EQ(TlsRetryDelay(1, absl::Seconds(5)), absl::Seconds(1));
  EXPECT_EQ(TlsRetryDelay(9, -kDay), absl::Hours(1));
}

}  // namespace
}  // namespace bestow::server
