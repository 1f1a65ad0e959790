#include "server/backup/archive.h"

#include <stdlib.h>

#include <cstdio>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "common/base/file.h"
#include "gtest/gtest.h"
#include "server/backup/sealed_stream.h"
#include "server/backup/stream_fixture.h"

namespace bestow::server {
namespace {

class ArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/archive.XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    Add("bestow.db", std::string(2'000, 'd'));
    Add("state/bestow-server.toml", "[service]\n");
    Add("state/empty", "");
    manifest_.made_at = absl::FromUnixSeconds(1795262400);
    manifest_.audit_hash = Bytes(32, 0);
  }

  void Add(const std::string& name, const std::string& content) {
    const std::string path = folder_ + "/" + std::to_string(contents_.size());
    ASSERT_TRUE(CreateFileDurably(path, AsBytes(content), 0600).ok());
    auto digest = DigestFile(path);
    ASSERT_TRUE(digest.ok()) << digest.status();
    EXPECT_EQ(digest->size, content.size());
    manifest_.parts.push_back({name, 0600, digest->size, digest->sha256});
    // One from a file, the others from memory.
    PartContent part;
    if (contents_.empty()) {
      part.file = path;
    } else {
      part.bytes = Secret(std::string_view(content));
    }
    contents_.push_back(std::move(part));
    expected_[name] = content;
  }

  Bytes Write() {
    Bytes archive;
    MemorySink sink(&archive);
    const absl::Status status = WriteArchive(manifest_, contents_, sink);
    EXPECT_TRUE(status.ok()) << status;
    return archive;
  }

  absl::Status Read(const Bytes& archive,
                    std::map<std::string, std::string>* found = nullptr) {
    MemorySource source(archive);
    return ReadArchive(source,
                       [&](const BackupPart& part, ByteView piece) {
                         if (found != nullptr) {
                           (*found)[part.name] += std::string(AsText(piece));
                         }
                         return absl::OkStatus();
                       })
        .status();
  }

  std::string folder_;
  Manifest manifest_;
  std::vector<PartContent> contents_;
  std::map<std::string, std::string> expected_;
};

TEST_F(ArchiveTest, WhatWasWrittenComesBack) {
  std::map<std::string, std::string> found;
  ASSERT_TRUE(Read(Write(), &found).ok());
  EXPECT_EQ(found, expected_);
}

// Any tar reads it.
TEST_F(ArchiveTest, TarListsAndUnpacksIt) {
  const std::string path = folder_ + "/backup.tar";
  ASSERT_TRUE(CreateFileDurably(path, Write(), 0600).ok());
  ASSERT_EQ(system(("cd " + folder_ +
                    " && tar -xf backup.tar && cmp bestow.db 0 &&"
                    " cmp state/bestow-server.toml 1 && cmp state/empty 2 &&"
                    " sha256sum -c manifest.sha256")
                       .c_str()),
            0);
}

TEST_F(ArchiveTest, AnyOctetThatChangesIsNoticed) {
  const Bytes archive = Write();
  for (size_t at = 0; at < archive.size(); at += 37) {
    Bytes changed = archive;
    changed[at] ^= 0x01;
    EXPECT_FALSE(Read(changed).ok()) << at;
  }
}

TEST_F(ArchiveTest, AnyEndThatIsMissingIsNoticed) {
  const Bytes archive = Write();
  for (size_t size = 0; size < archive.size(); size += 900) {
    Bytes cut(archive.begin(), archive.begin() + static_cast<long>(size));
    EXPECT_FALSE(Read(cut).ok()) << size;
  }
  Bytes more = archive;
  more.push_back(0);
  EXPECT_TRUE(absl::IsDataLoss(Read(more)));
}

TEST_F(ArchiveTest, PartsInAnotherOrderAreNoticed) {
  std::swap(manifest_.parts[1], manifest_.parts[2]);
  Bytes archive;
  MemorySink sink(&archive);
  EXPECT_FALSE(WriteArchive(manifest_, contents_, sink).ok());
  EXPECT_TRUE(archive.empty());
}

TEST_F(ArchiveTest, AFileThatChangedSinceItWasHashedIsNoticed) {
  ASSERT_TRUE(
      WriteFileAtomically(contents_[0].file, AsBytes("another"), 0600).ok());
  Bytes archive;
  MemorySink sink(&archive);
  EXPECT_TRUE(absl::IsAborted(WriteArchive(manifest_, contents_, sink)));
}

TEST_F(ArchiveTest, WhatIsNoBackupIsSaidToBeNone) {
  for (const std::string& content :
       {std::string(), std::string("hello"), std::string(2000, 'x'),
        std::string(2000, '\0')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Read(ToBytes(AsBytes(content)))));
  }
}

TEST_F(ArchiveTest, FilesComeUnderTheirNameWholeAndNeverOverAnother) {
  const std::string path = folder_ + "/backup";
  {
    auto sink = CreateFileSink(path);
    ASSERT_TRUE(sink.ok()) << sink.status();
    ASSERT_TRUE((*sink)->Write(AsBytes("half")).ok());
    EXPECT_FALSE(ReadFile(path, 100).ok());
  }
  EXPECT_FALSE(ReadFile(path + ".partial", 100).ok());
  auto sink = CreateFileSink(path);
  ASSERT_TRUE(sink.ok());
  ASSERT_TRUE((*sink)->Write(AsBytes("whole")).ok());
  ASSERT_TRUE((*sink)->Finish().ok());
  EXPECT_EQ(*ReadFile(path, 100), "whole");
  EXPECT_TRUE(absl::IsAlreadyExists(CreateFileSink(path).status()));
}

TEST_F(ArchiveTest, ASealedFileOpensByItsPassphraseAlone) {
  const std::string path = folder_ + "/sealed";
  auto sink = CreateFileSink(path);
  ASSERT_TRUE(sink.ok());
  auto sealing =
      SealInto(*std::move(sink), Secret("correct horse"), kMinSealedLog2N);
  ASSERT_TRUE(sealing.ok()) << sealing.status();
  ASSERT_TRUE(WriteArchive(manifest_, contents_, **sealing).ok());
  const auto ignore = [](const BackupPart&, ByteView) {
    return absl::OkStatus();
  };
  auto right = OpenBackup(path, Secret("correct horse"));
  ASSERT_TRUE(right.ok()) << right.status();
  EXPECT_TRUE(ReadArchive(**right, ignore).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(OpenBackup(path, Secret()).status()));
  auto wrong = OpenBackup(path, Secret("horse"));
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  EXPECT_TRUE(absl::IsPermissionDenied(ReadArchive(**wrong, ignore).status()));
  EXPECT_TRUE(absl::IsNotFound(OpenBackup(path + "x", Secret()).status()));
}

}  // namespace
}  // namespace bestow::server
