// Group commit by what it is for: records per sync of the log. Counted, not
// timed.
#include <stdlib.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "server/store/bench/fleet.h"
#include "server/store/bench/load.h"
#include "server/store/open_store.h"
#include "server/store/power_cut/power_cut_vfs.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {
namespace {

class GroupCommitTest : public testing::Test {
 protected:
  static constexpr int64_t kDevices = 4000;

  static void SetUpTestSuite() {
    InstallPowerCutVfs({.sync_delay = absl::Milliseconds(5)});
  }
  void SetUp() override {
    std::string folder = testing::TempDir() + "/group.XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    const StoreOptions options = {.path = folder + "/bestow.db"};
    ASSERT_TRUE(CreateStore(options).ok());
    auto store = OpenStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    auto connection = SqliteConnection::Open(
        options.path, SqliteConnection::Mode::kReadWrite);
    ASSERT_TRUE(connection.ok()) << connection.status();
    ASSERT_TRUE(InWriteTransaction(**connection, [&] {
                  return fleet_.AddDevices(**connection, kDevices);
                }).ok());
  }
  void Enroll(int clients, int64_t records) {
    auto took = RunLoad(
        *store_, [this] { return fleet_.Enroll(); }, clients, records);
    ASSERT_TRUE(took.ok()) << took.status();
  }

  std::unique_ptr<Store> store_;
  Fleet fleet_;
};

TEST_F(GroupCommitTest, ASlowDiskSyncsTwentyRecordsOrMoreAtOnce) {
  constexpr int64_t kRecords = 4000;
  const int64_t before = CountPowerCutVfs().log_syncs;
  Enroll(/*clients=*/200, kRecords);
  const int64_t syncs = CountPowerCutVfs().log_syncs - before;
  EXPECT_GE(kRecords / syncs, 20) << syncs << " syncs";
  RecordProperty("records_per_sync", static_cast<int>(kRecords / syncs));
}

// A lone client's record is written when it comes: nothing is waited for.
TEST_F(GroupCommitTest, ALoneClientHasACommitOfItsOwn) {
  constexpr int64_t kRecords = 100;
  const int64_t syncs = CountPowerCutVfs().log_syncs;
  const int64_t commits = store_->commit_count();
  Enroll(/*clients=*/1, kRecords);
  EXPECT_EQ(store_->commit_count() - commits, kRecords);
  // A checkpoint, and the log's beginning anew, sync it as well.
  EXPECT_GE(CountPowerCutVfs().log_syncs - syncs, kRecords);
}

}  // namespace
}  // namespace bestow::server
