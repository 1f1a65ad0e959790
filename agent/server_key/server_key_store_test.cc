#include "agent/server_key/server_key_store.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/failpoint_walk.h"
#include "common/base/file.h"
#include "common/pki/certificate.h"
#include "common/tls/test_ca.h"
#include "common/tpm/fake_tpm.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ServerKeyStoreTest : public ::testing::Test {
 protected:
  ServerKeyStoreTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
    Reset();
  }
  ~ServerKeyStoreTest() override { SetFailpointHandler(nullptr); }

  void Reset() {
    fs::remove_all(folder_);
    fs::create_directory(folder_);
  }
  ServerKey MakeKey(const std::string& name) {
    ServerKey key;
    key.key = *SealPrivateKey(tpm_, Secret(name));
    key.certificate = *ParseCertificateDer(
        ca_.Issue({.common_name = name}, ca_.certificate().spki));
    key.chain = {key.certificate};
    return key;
  }
  std::unique_ptr<ServerKeyStore> Open() {
    auto store = ServerKeyStore::Open(folder_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::vector<std::string> Files() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_ + "/server-keys")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  static bool Same(const ServerKey& a, const ServerKey& b) {
    return a.key == b.key && a.certificate == b.certificate &&
           a.chain == b.chain;
  }

  std::string folder_;
  FakeTpm tpm_;
  TestCa ca_{"Test CA"};
};

TEST_F(ServerKeyStoreTest, KeepsKeysByName) {
  const ServerKey a = MakeKey("a"), b = MakeKey("b");
  ASSERT_TRUE(Open()->Save("broker", a).ok());
  ASSERT_TRUE(Open()->Save("web", b).ok());
  EXPECT_TRUE(Same(*ReadServerKey(folder_, "broker"), a));
  EXPECT_TRUE(Same(*ReadServerKey(folder_, "web"), b));
  auto none = ReadServerKey(folder_, "bro");
  EXPECT_EQ(none.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("get bro"));
  // Software finds the files under names that stay.
  EXPECT_EQ(*ReadFile(folder_ + "/server-keys/web/cert.pem", 1 << 20),
            SerializeCertificatePem(b.certificate.der));
  ServerKey bare = b;
  bare.chain.clear();
  ASSERT_TRUE(Open()->Save("web", bare).ok());
  EXPECT_TRUE(Same(*ReadServerKey(folder_, "web"), bare));
}

TEST_F(ServerKeyStoreTest, ReplacingLeavesNothingOfTheOldOne) {
  auto store = Open();
  ServerKey last;
  for (int i = 0; i < 12; ++i) {
    last = MakeKey(absl::StrCat("key ", i));
    ASSERT_TRUE(store->SaveRequestKey("web", last.key).ok());
    ASSERT_TRUE(store->Save("web", last).ok());
  }
  EXPECT_TRUE(Same(*ReadServerKey(folder_, "web"), last));
  EXPECT_THAT(Files(),
              ::testing::UnorderedElementsAre("lock", "web", "web.12"));
}

TEST_F(ServerKeyStoreTest, FilesAreForTheirOwnerAlone) {
  auto store = Open();
  ASSERT_TRUE(store->Save("web", MakeKey("x")).ok());
  ASSERT_TRUE(store->SaveRequestKey("web", MakeKey("x").key).ok());
  struct stat st;
  for (std::string name : {"web/key.sealed", "web.request"}) {
    ASSERT_EQ(stat((folder_ + "/server-keys/" + name).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0600u) << name;
  }
  ASSERT_EQ(stat((folder_ + "/server-keys").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
}

TEST_F(ServerKeyStoreTest, ARequestKeyOutlivesARestart) {
  const SealedKey key = MakeKey("x").key;
  EXPECT_EQ(*Open()->RequestKey("web"), std::nullopt);
  ASSERT_TRUE(Open()->SaveRequestKey("web", key).ok());
  EXPECT_EQ(*Open()->RequestKey("web"), key);
  EXPECT_EQ(*Open()->RequestKey("other"), std::nullopt);
  Open()->DropRequestKey("web");
  EXPECT_EQ(*Open()->RequestKey("web"), std::nullopt);
}

// A one-time secret may be bound to it: only what is lost is replaced.
TEST_F(ServerKeyStoreTest, ARequestKeyThatCantBeReadNowIsNotNone) {
  auto store = Open();
  const SealedKey key = MakeKey("x").key;
  ASSERT_TRUE(store->SaveRequestKey("web", key).ok());
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {0, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto out_of_descriptors = store->RequestKey("web");
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_FALSE(out_of_descriptors.ok());
  EXPECT_EQ(*store->RequestKey("web"), key);

  const std::string path = folder_ + "/server-keys/web.request";
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("damaged"), 0600).ok());
  EXPECT_EQ(*store->RequestKey("web"), std::nullopt);
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(store->RequestKey("web").ok());
}

TEST_F(ServerKeyStoreTest, SavesNothingThatItWouldNotReadBack) {
  auto store = Open();
  ServerKey key = MakeKey("x");
  key.chain.assign(16, key.certificate);
  ASSERT_TRUE(store->Save("web", key).ok());
  EXPECT_TRUE(Same(*ReadServerKey(folder_, "web"), key));

  ServerKey too_many = key;
  too_many.chain.push_back(key.certificate);
  ServerKey long_chain = key;
  long_chain.chain.resize(1);
  long_chain.chain[0].der.resize(200'000);  // 270,833 bytes of PEM
  ServerKey long_certificate = key;
  long_certificate.certificate.der.resize(200'000);
  for (const ServerKey& refused : {too_many, long_chain, long_certificate}) {
    EXPECT_EQ(store->Save("web", refused).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(Same(*ReadServerKey(folder_, "web"), key));
  }
}

TEST_F(ServerKeyStoreTest, ClearsNothingOfALinkThatCantBeRead) {
  const ServerKey key = MakeKey("x");
  ASSERT_TRUE(Open()->Save("web", key).ok());
  const std::string link = folder_ + "/server-keys/web";
  const fs::path target = fs::read_symlink(link);
  fs::remove(link);
  fs::create_directory(link);  // not a link
  Open();
  fs::remove(link);
  fs::create_symlink(target, link);
  EXPECT_TRUE(Same(*ReadServerKey(folder_, "web"), key));
  // No link at all: a save that was cut off.
  fs::remove(link);
  Open();
  EXPECT_THAT(Files(), ::testing::ElementsAre("lock"));
}

TEST_F(ServerKeyStoreTest, NamesStayInTheirFolder) {
  for (std::string name : {"", ".", "..", "a/b", "../x", "a.b", "-a", "_a",
                           "a b", "a\n", "lock", "ä"}) {
    EXPECT_FALSE(CheckServerKeyName(name).ok()) << name;
    EXPECT_FALSE(ReadServerKey(folder_, name).ok()) << name;
    EXPECT_FALSE(Open()->Save(name, MakeKey("x")).ok()) << name;
    EXPECT_FALSE(Open()->SaveRequestKey(name, MakeKey("x").key).ok()) << name;
  }
  EXPECT_FALSE(CheckServerKeyName(std::string(65, 'a')).ok());
  for (std::string name : {"a", "0", "web-1_b", "request"}) {
    EXPECT_TRUE(CheckServerKeyName(name).ok()) << name;
  }
  EXPECT_TRUE(CheckServerKeyName(std::string(64, 'a')).ok());
}

TEST_F(ServerKeyStoreTest, TwoProcessesDoNotFetchAtOnce) {
  auto store = Open();
  EXPECT_EQ(ServerKeyStore::Open(folder_).status().code(),
            absl::StatusCode::kAlreadyExists);
  store.reset();
  EXPECT_TRUE(ServerKeyStore::Open(folder_).ok());
}

TEST_F(ServerKeyStoreTest, NamesTheDamagedFile) {
  ASSERT_TRUE(Open()->Save("web", MakeKey("x")).ok());
  for (std::string name : {"key.sealed", "cert.pem", "chain.pem"}) {
    const std::string path = folder_ + "/server-keys/web/" + name;
    const std::string whole = *ReadFile(path, 1 << 20);
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes("x"), 0600).ok());
    auto key = ReadServerKey(folder_, "web");
    EXPECT_EQ(key.status().code(), absl::StatusCode::kDataLoss) << name;
    EXPECT_THAT(std::string(key.status().message()), HasSubstr(name));
    fs::remove(path);
    EXPECT_EQ(ReadServerKey(folder_, "web").status().code(),
              absl::StatusCode::kDataLoss);
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes(whole), 0600).ok());
  }
  EXPECT_TRUE(ReadServerKey(folder_, "web").ok());
}

// Every step of a save fails once: the old or the new key is there, and a
// second try succeeds.
TEST_F(ServerKeyStoreTest, EveryStepMayFail) {
  const ServerKey old_one = MakeKey("old"), new_one = MakeKey("new");
  int at = 1;
  for (;; ++at) {
    ASSERT_LT(at, 200);
    Reset();
    auto store = Open();
    ASSERT_TRUE(store->Save("web", old_one).ok());
    ASSERT_TRUE(store->SaveRequestKey("web", new_one.key).ok());
    FailAtPass(at, /*die=*/false);
    const absl::Status status = store->Save("web", new_one);
    SetFailpointHandler(nullptr);
    auto key = ReadServerKey(folder_, "web");
    ASSERT_TRUE(key.ok()) << "step " << at << ": " << key.status();
    EXPECT_TRUE(Same(*key, status.ok() ? new_one : old_one)) << "step " << at;
    if (!status.ok()) {
      EXPECT_EQ(*store->RequestKey("web"), new_one.key) << "step " << at;
    }
    ASSERT_TRUE(store->Save("web", new_one).ok()) << "step " << at;
    EXPECT_TRUE(Same(*ReadServerKey(folder_, "web"), new_one));
    EXPECT_EQ(Files().size(), 3u) << "step " << at;
    if (PassedFailpoints() < at) break;
  }
  EXPECT_GT(at, 15);  // it went through all of them
}

// The process ends at every step: after a restart the old or the new one is
// there, whole, and nothing is left over.
TEST_F(ServerKeyStoreTest, TheProcessMayEndAtEveryStep) {
  const ServerKey old_one = MakeKey("old"), new_one = MakeKey("new");
  bool seen_old = false, seen_new = false;
  for (int at = 1;; ++at) {
    ASSERT_LT(at, 200);
    Reset();
    ASSERT_TRUE(Open()->Save("web", old_one).ok());
    const pid_t child = fork();
    if (child == 0) {
      auto store = ServerKeyStore::Open(folder_);
      if (!store.ok()) _exit(1);
      FailAtPass(at, /*die=*/true);
      if (!(*store)->SaveRequestKey("web", new_one.key).ok()) _exit(1);
      _exit((*store)->Save("web", new_one).ok() ? 0 : 1);
    }
    int wait_status = 0;
    ASSERT_EQ(waitpid(child, &wait_status, 0), child);
    ASSERT_TRUE(WIFEXITED(wait_status));
    auto key = ReadServerKey(folder_, "web");
    ASSERT_TRUE(key.ok()) << "step " << at << ": " << key.status();
    const bool is_new = Same(*key, new_one);
    EXPECT_TRUE(is_new || Same(*key, old_one)) << "step " << at;
    (is_new ? seen_new : seen_old) = true;
    auto store = Open();
    for (const std::string& name : Files()) {
      EXPECT_TRUE(name == "lock" || name == "web" || name == "web.request" ||
                  name == (is_new ? "web.2" : "web.1"))
          << "step " << at << ": " << name;
    }
    if (WEXITSTATUS(wait_status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(wait_status), kEndedAtFailpoint);
  }
  EXPECT_TRUE(seen_old && seen_new);
}

}  // namespace
}  // namespace bestow::agent
