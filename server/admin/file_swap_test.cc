#include "server/admin/file_swap.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint_walk.h"
#include "common/base/file.h"
#include "gtest/gtest.h"
#include "server/admin/state_files.h"

namespace bestow::server {
namespace {

namespace fs = std::filesystem;

class FileSwapTest : public testing::Test {
 protected:
  FileSwapTest() { Reset(); }
  ~FileSwapTest() override { SetFailpointHandler(nullptr); }

  // "a" and "gone" are there, "new" is not; source/ has the new ones.
  void Reset() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_ + "/source");
    for (const auto& [name, content] : {std::pair{"/a", "a 1"},
                                        {"/gone", "gone 1"},
                                        {"/source/a", "a 2"},
                                        {"/source/new", "new 2"}}) {
      ASSERT_TRUE(
          CreateFileDurably(folder_ + name, AsBytes(content), 0600).ok());
    }
  }
  absl::Status Swap() {
    absl::Status status = SwapFiles(folder_,
                                    {{"a", folder_ + "/source/a"},
                                     {"gone", ""},
                                     {"new", folder_ + "/source/new"}},
                                    &committed_);
    return status;
  }
  std::string Read(const std::string& name) {
    auto content = ReadFile(SwapPath(folder_, name), 100);
    return content.ok() ? *content : "";
  }
  // What SwapPath() gives is all of the one or all of the other.
  bool IsNew() {
    const std::string all =
        absl::StrCat(Read("a"), "|", Read("gone"), "|", Read("new"));
    EXPECT_TRUE(all == "a 1|gone 1|" || all == "a 2||new 2") << all;
    return all == "a 2||new 2";
  }
  void ExpectTidy() {
    EXPECT_FALSE(PathExists(folder_ + "/.swap"));
    EXPECT_FALSE(PathExists(folder_ + "/.swap.new"));
    EXPECT_EQ(PathExists(folder_ + "/gone"), !IsNew());
  }

  std::string folder_;
  bool committed_ = false;
};

TEST_F(FileSwapTest, ReplacesAddsAndRemoves) {
  EXPECT_FALSE(IsNew());
  ASSERT_TRUE(Swap().ok());
  EXPECT_TRUE(committed_);
  EXPECT_TRUE(IsNew());
  ExpectTidy();
  EXPECT_EQ(*ReadFile(folder_ + "/a", 100), "a 2");
  ASSERT_TRUE(FinishSwap(folder_).ok());
  EXPECT_TRUE(IsNew());
}

TEST_F(FileSwapTest, RefusesWhatIsNotThere) {
  EXPECT_FALSE(
      SwapFiles(folder_, {{"a", folder_ + "/source/none"}}, &committed_).ok());
  EXPECT_FALSE(committed_);
  EXPECT_FALSE(IsNew());
  ExpectTidy();
  EXPECT_FALSE(FolderLock::Take(folder_ + "/none", true).ok());
}

TEST_F(FileSwapTest, EveryStepMayFail) {
  int at = 1;
  for (;; ++at) {
    ASSERT_LT(at, 100);
    Reset();
    FailAtPass(at, /*die=*/false);
    const absl::Status status = Swap();
    SetFailpointHandler(nullptr);
    EXPECT_EQ(IsNew(), committed_) << "step " << at << " " << status;
    const bool done = PassedFailpoints() < at;
    EXPECT_EQ(status.ok(), done) << "step " << at;
    ASSERT_TRUE(FinishSwap(folder_).ok());
    ExpectTidy();
    EXPECT_EQ(IsNew(), committed_) << "step " << at;
    ASSERT_TRUE(Swap().ok()) << "step " << at;
    EXPECT_TRUE(IsNew());
    if (done) break;
  }
  EXPECT_GT(at, 8);
}

TEST_F(FileSwapTest, TheProcessMayEndAtEveryStep) {
  bool seen_old = false, seen_new = false;
  for (int at = 1;; ++at) {
    ASSERT_LT(at, 100);
    Reset();
    const pid_t child = fork();
    if (child == 0) {
      FailAtPass(at, /*die=*/true);
      _exit(Swap().ok() ? 0 : 1);
    }
    int wait_status = 0;
    ASSERT_EQ(waitpid(child, &wait_status, 0), child);
    ASSERT_TRUE(WIFEXITED(wait_status));
    const bool is_new = IsNew();
    (is_new ? seen_new : seen_old) = true;
    ASSERT_TRUE(FinishSwap(folder_).ok()) << "step " << at;
    EXPECT_EQ(IsNew(), is_new) << "step " << at;
    ExpectTidy();
    if (WEXITSTATUS(wait_status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(wait_status), kEndedAtFailpoint);
  }
  EXPECT_TRUE(seen_old && seen_new);
}

}  // namespace
}  // namespace bestow::server
