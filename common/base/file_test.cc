#include "common/base/file.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <vector>

#include "common/base/failpoint.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr size_t kMaxBytes = 1 << 20;

std::string g_failing;  // the failpoint that fails
bool FailNamed(std::string_view name) { return name == g_failing; }

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string pattern = ::testing::TempDir() + "/fileXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~FileTest() override { SetFailpointHandler(nullptr); }

  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    DIR* dir = opendir(folder_.c_str());
    while (const dirent* entry = readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    closedir(dir);
    return names;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat st;
    EXPECT_EQ(stat(path.c_str(), &st), 0);
    return st.st_mode & 07777;
  }

  std::string folder_;
};

TEST_F(FileTest, WritesAndReplacesWithExactMode) {
  const mode_t old_umask = umask(077);
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("one"), 0644).ok());
  EXPECT_EQ(*ReadFile(path, kMaxBytes), "one");
  EXPECT_EQ(ModeOf(path), 0644);
  const std::string big(300'000, 'x');
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes(big), 0600).ok());
  EXPECT_EQ(*ReadFile(path, kMaxBytes), big);
  EXPECT_EQ(ModeOf(path), 0600);
  ASSERT_TRUE(WriteFileAtomically(path, {}, 0600).ok());
  EXPECT_EQ(*ReadFile(path, kMaxBytes), "");
  EXPECT_THAT(Names(), UnorderedElementsAre("a"));
  umask(old_umask);
}

TEST_F(FileTest, FailureBeforeTheRenameLeavesTheOldFileWhole) {
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("old"), 0600).ok());
  SetFailpointHandler(&FailNamed);
  for (const char* step : {"file.write", "file.fsync", "file.rename"}) {
    SCOPED_TRACE(step);
    g_failing = step;
    const absl::Status status = WriteFileAtomically(path, AsBytes("new"), 0600);
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    EXPECT_EQ(*ReadFile(path, kMaxBytes), "old");
    EXPECT_FALSE(CreateFileDurably(Path("b"), AsBytes("new"), 0600).ok());
    EXPECT_THAT(Names(), UnorderedElementsAre("a")) << "a temporary stayed";
  }
}

TEST_F(FileTest, FailureToSyncTheFolderIsToldAndLeavesTheNewFileWhole) {
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("old"), 0600).ok());
  SetFailpointHandler(&FailNamed);
  g_failing = "file.fsync_directory";
  EXPECT_FALSE(WriteFileAtomically(path, AsBytes("new"), 0600).ok());
  EXPECT_EQ(*ReadFile(path, kMaxBytes), "new");
  EXPECT_THAT(Names(), UnorderedElementsAre("a"));
}

TEST_F(FileTest, CreateDoesNotReplace) {
  const std::string path = Path("a");
  ASSERT_TRUE(CreateFileDurably(path, AsBytes("one"), 0600).ok());
  EXPECT_EQ(CreateFileDurably(path, AsBytes("two"), 0600).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(path, kMaxBytes), "one");
  EXPECT_THAT(Names(), UnorderedElementsAre("a"));
}

TEST_F(FileTest, OneOfManyCreatorsWins) {
  const std::string path = Path("a");
  std::vector<absl::Status> results(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      results[i] = CreateFileDurably(path, AsBytes(std::to_string(i)), 0600);
    });
  }
  for (std::thread& t : threads) t.join();
  size_t winners = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].ok()) {
      EXPECT_EQ(results[i].code(), absl::StatusCode::kAlreadyExists)
          << results[i];
      continue;
    }
    ++winners;
    EXPECT_EQ(*ReadFile(path, kMaxBytes), std::to_string(i));
  }
  EXPECT_EQ(winners, 1u);
  EXPECT_THAT(Names(), UnorderedElementsAre("a"));
}

TEST_F(FileTest, ReadNamesWhatIsWrong) {
  EXPECT_EQ(ReadFile(Path("none"), kMaxBytes).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(ReadFile(folder_, kMaxBytes).ok());
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("12345"), 0600).ok());
  EXPECT_EQ(*ReadFile(path, 5), "12345");
  const absl::Status status = ReadFile(path, 4).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
}

TEST_F(FileTest, WriteIntoNowhereFails) {
  EXPECT_EQ(WriteFileAtomically(Path("no/a"), AsBytes("x"), 0600).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(FileTest, MakesFolders) {
  const std::string path = Path("d");
  const mode_t old_umask = umask(077);
  EXPECT_TRUE(MakeDirectory(path, 0755).ok());
  umask(old_umask);
  EXPECT_EQ(ModeOf(path), 0755);
  EXPECT_TRUE(MakeDirectory(path, 0700).ok()) << "it is there";
  EXPECT_EQ(ModeOf(path), 0755) << "an existing folder is left as it is";
  ASSERT_TRUE(WriteFileAtomically(Path("f"), AsBytes("x"), 0600).ok());
  EXPECT_EQ(MakeDirectory(Path("f"), 0700).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MakeDirectory(Path("x/y"), 0700).code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace bestow
