#include "server/admin/run_lock.h"

#include <cstdlib>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace bestow::server {
namespace {

TEST(RunLockTest, IsTakenOnceAndFreeAgain) {
  const StatePaths paths(std::string(getenv("TEST_TMPDIR")));
  std::optional<RunLock> first;
  {
    auto taken = RunLock::Take(paths);
    ASSERT_TRUE(taken.ok()) << taken.status();
    first.emplace(*std::move(taken));
  }
  const absl::Status second = RunLock::Take(paths).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  first.reset();
  EXPECT_TRUE(RunLock::Take(paths).ok());
}

TEST(RunLockTest, SaysWhichFolderIsMissing) {
  const StatePaths paths(std::string(getenv("TEST_TMPDIR")) + "/none");
  const absl::Status status = RunLock::Take(paths).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_NE(status.message().find("/none/.running"), std::string::npos);
}

}  // namespace
}  // namespace bestow::server
