#include "server/rollover/rollover_task.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "gtest/gtest.h"
#include "server/admin/init.h"
#include "server/admin/new_ca.h"
#include "server/rollover/rollover_folder.h"
#include "server/rollover/successor.h"
#include "server/store/open_store.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kDay = absl::Hours(24);

class RolloverTaskTest : public testing::Test {
 protected:
  RolloverTaskTest() : paths_(NewFolder()) {
    InitOptions options;
    options.folder = paths_.folder;
    options.hostnames = {"est.example"};
    options.listen = {"127.0.0.1:0"};
    options.ca_name = "Test CA";
    EXPECT_TRUE(InitState(options, kNow).ok());
    EXPECT_TRUE(AddCa(paths_, "plant", "Plant", KeyType::kEcP256, kNow).ok());
    std::ofstream(paths_.config, std::ios::app)
        << "[labels.a]\nca = \"cas/plant\"\n[labels.b]\nca = \"cas/plant\"\n";
    store_ = *OpenStore({.path = paths_.database});
    auto state = LoadState(paths_);
    EXPECT_TRUE(state.ok()) << state.status();
    state_ = std::make_shared<ServerState>(*std::move(state));
  }
  static std::string NewFolder() {
    static int count = 0;
    return absl::StrCat(getenv("TEST_TMPDIR"), "/state", getpid(), "_",
                        count++);
  }
  CaPaths Folder(const std::string& name) {
    return CaPaths(FolderOfCa(paths_.folder, name));
  }
  // A next key, valid from kNow minus a day for `validity`.
  Certificate Prepare(const std::string& name, const RolloverPlan& plan,
                      absl::Duration validity = 365 * kDay) {
    auto key = *SoftwareSigner::Generate();
    Successor successor =
        *MakeSuccessor(*LoadCa(Folder(name).folder), *key, kNow, validity);
    NextFiles files;
    files.key_pem = *key->ToPkcs8Pem();
    files.chain = successor.chain;
    files.rollover = successor.rollover;
    files.plan = plan;
    EXPECT_TRUE(PrepareNext(Folder(name), files).ok());
    return successor.chain[0];
  }
  RolloverTask MakeTask() {
    RolloverTask::Options options;
    options.state_folder = paths_.folder;
    options.state = [this] { return state_; };
    options.load = [this](const std::string& name) {
      return LoadCa(Folder(name).folder);
    };
    options.serve = [this](const std::string& name, CaBundle ca) {
      ++served_;
      if (!serve_.ok()) return serve_;
      auto changed = std::make_shared<ServerState>(*state_);
      changed->materials.cas.insert_or_assign(name, std::move(ca));
      state_ = changed;
      return absl::OkStatus();
    };
    options.store = store_.get();
    return RolloverTask(options);
  }
  const Certificate& Serving(const std::string& name) {
    return state_->materials.cas.at(name).authority->certificate();
  }
  RolloverStage Stage(const std::string& name) {
    return ReadRollover(Folder(name))->stage;
  }
  std::vector<RenewalOrder> Orders() {
    std::vector<RenewalOrder> orders;
    EXPECT_TRUE(store_
                    ->ForEachRenewalOrder([&](const RenewalOrder& order) {
                      orders.push_back(order);
                    })
                    .ok());
    return orders;
  }
  int SwitchesInAudit() {
    int count = 0;
    const auto records = store_->ReadAudit(0, 100);
    EXPECT_TRUE(records.ok()) << records.status();
    for (const AuditRecord& record : *records) {
      if (record.entry.action == "ca switch") ++count;
    }
    return count;
  }

  const StatePaths paths_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<ServerState> state_;
  int served_ = 0;
  absl::Status serve_;
};

TEST_F(RolloverTaskTest, SwitchesAtItsDateAndAsksToRenew) {
  RolloverTask task = MakeTask();
  EXPECT_EQ(task.Run(kNow), absl::InfiniteFuture());
  const Certificate next = Prepare("cas/plant", {kNow + kDay, absl::Hours(6)});
  Prepare("ca", {kNow + 2 * kDay, absl::ZeroDuration()});
  EXPECT_EQ(task.Run(kNow), kNow + kDay);
  EXPECT_EQ(task.Run(kNow + kDay - absl::Seconds(1)), kNow + kDay);
  EXPECT_EQ(served_, 0);
  EXPECT_EQ(task.Run(kNow + kDay), kNow + 2 * kDay);
  EXPECT_EQ(served_, 1);
  EXPECT_EQ(Serving("cas/plant"), next);
  EXPECT_EQ(state_->materials.cas.at("cas/plant").former.size(), 1u);
  EXPECT_EQ(Stage("cas/plant"), RolloverStage::kNone);
  EXPECT_EQ(Stage("ca"), RolloverStage::kAhead);
  EXPECT_EQ(SwitchesInAudit(), 1);
  // Of the labels that have this CA.
  const std::vector<RenewalOrder> orders = Orders();
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[0].label, "a");
  EXPECT_EQ(orders[1].label, "b");
  EXPECT_EQ(orders[0].issued_before, kNow + kDay);
  EXPECT_EQ(orders[0].window_end, kNow + kDay + absl::Hours(6));
  EXPECT_EQ(task.Run(kNow + 2 * kDay), absl::InfiniteFuture());
  EXPECT_EQ(Orders().size(), 2u);
}

TEST(LabelsOfTest, AreThoseThatTheCaSignsFor) {
  Config config;
  ServiceConfig plain, forwards, local;
  plain.label = "plain";
  forwards.label = "forwards";
  forwards.upstream.connection.server.host = "est.example";
  local = forwards;
  local.label = "local";
  local.upstream.local_ca = "cas/edge";
  config.labels = {plain, forwards, local};
  EXPECT_EQ(LabelsOf(config, "ca"), (std::vector<std::string>{"", "plain"}));
  EXPECT_EQ(LabelsOf(config, "cas/edge"), std::vector<std::string>{"local"});
}

TEST_F(RolloverTaskTest, WaitsForTheOperatorWithoutADate) {
  Prepare("ca", {});
  RolloverTask task = MakeTask();
  EXPECT_EQ(task.Run(kNow + 30 * kDay), absl::InfiniteFuture());
  EXPECT_EQ(Stage("ca"), RolloverStage::kAhead);
}

// The server ended between the switch on the disk and the rest.
TEST_F(RolloverTaskTest, GoesOnAfterACrash) {
  const Certificate next = Prepare("ca", {kNow + kDay, absl::Hours(1)});
  ASSERT_TRUE(SwitchToNext(Folder("ca"), next).ok());
  RolloverTask task = MakeTask();
  EXPECT_EQ(task.Run(kNow), absl::InfiniteFuture());
  EXPECT_EQ(Serving("ca"), next);
  EXPECT_EQ(Stage("ca"), RolloverStage::kNone);
  EXPECT_EQ(Orders().size(), 1u);
  EXPECT_EQ(SwitchesInAudit(), 1);
}

TEST_F(RolloverTaskTest, TriesAgainWhatFailed) {
  const Certificate next = Prepare("ca", {kNow, absl::ZeroDuration()});
  RolloverTask task = MakeTask();
  serve_ = absl::InternalError("no");
  EXPECT_EQ(task.Run(kNow), kNow + absl::Minutes(1));
  EXPECT_EQ(served_, 1);
  EXPECT_EQ(Stage("ca"), RolloverStage::kSwitched);
  EXPECT_EQ(SwitchesInAudit(), 0);
  serve_ = absl::OkStatus();
  EXPECT_EQ(task.Run(kNow + absl::Minutes(1)), absl::InfiniteFuture());
  EXPECT_EQ(Serving("ca"), next);
  EXPECT_EQ(SwitchesInAudit(), 1);
}

// What can't issue, or can't be loaded, is not switched to; others are.
TEST_F(RolloverTaskTest, DoesNotSwitchToWhatCannotIssue) {
  const Certificate old = Serving("ca");
  Prepare("ca", {kNow + 2 * kDay, absl::ZeroDuration()}, kDay);
  const Certificate plant = Prepare("cas/plant", {kNow, absl::ZeroDuration()});
  RolloverTask task = MakeTask();
  EXPECT_EQ(task.Run(kNow + 2 * kDay), kNow + 2 * kDay + absl::Minutes(1));
  EXPECT_EQ(Serving("ca"), old);
  EXPECT_EQ(Stage("ca"), RolloverStage::kAhead);
  EXPECT_EQ(Serving("cas/plant"), plant);

  ASSERT_TRUE(DropNext(Folder("ca")).ok());
  Prepare("ca", {kNow, absl::ZeroDuration()});
  const CaPaths broken(Folder("ca").next_folder);
  ASSERT_TRUE(WriteFileAtomically(broken.key, AsBytes("nothing"), 0600).ok());
  EXPECT_EQ(task.Run(kNow + kDay), kNow + kDay + absl::Minutes(1));
  EXPECT_EQ(Stage("ca"), RolloverStage::kAhead);
  EXPECT_EQ(LoadCertificatesPem(Folder("ca").certificate, 10)->front(), old);
}

}  // namespace
}  // namespace bestow::server
