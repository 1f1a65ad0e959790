#include "agent/credentials/state_folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/credentials/credential_store.h"
#include "common/base/failpoint.h"
#include "common/base/failpoint_walk.h"
#include "common/base/file.h"
#include "common/tls/test_ca.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StateFolderTest : public ::testing::Test {
 protected:
  StateFolderTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
    fs::remove_all(folder_);
  }
  ~StateFolderTest() override { SetFailpointHandler(nullptr); }

  std::unique_ptr<StateFolder> Open() {
    auto state = StateFolder::Open(folder_);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *std::move(state) : nullptr;
  }
  std::string InState(std::string_view name) {
    return absl::StrCat(folder_, "/", name);
  }
  void Write(std::string_view name, std::string_view content) {
    ASSERT_TRUE(
        WriteFileAtomically(InState(name), AsBytes(content), 0600).ok());
  }
  std::string Read(std::string_view name) {
    return ReadFile(InState(name), 1 << 16).value_or("<not there>");
  }
  // A folder as version 1 left it, after two enrollments, in the midst of a
  // third.
  void MakeVersion1() {
    static const Credential* const credential = [] {
      const TestCa ca("CA");
      FakeTpm tpm;
      auto* made = new Credential;
      made->key = *tpm.CreateKey(KeyType::kEcP256);
      made->certificate = *ParseCertificateDer(
          ca.Issue(TestClientLeaf(), *TpmPublicToSpki(made->key.public_blob)));
      made->obtained_at = absl::FromUnixSeconds(1'800'000'000);
      return made;
    }();
    credential_ = *credential;
    fs::remove_all(folder_);
    // Its layout is an identity's, with format and lock beside.
    auto store = CredentialStore::Open(folder_);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Save(credential_).ok());
    ASSERT_TRUE((*store)->Save(credential_).ok());
    fs::create_directory(InState("pending"));
    fs::create_directories(InState("server-keys/web.1"));
    fs::create_symlink("web.1", InState("server-keys/web"));
    for (std::string_view name :
         {"pending/key.pem", "cacerts.pem", "agenda.toml", "status.toml",
          "server-keys/web.1/cert.pem", "lock"}) {
      Write(name, name);
    }
    Write("format", "bestow-agent state 1\n");
  }
  // What other programs point at leads to what it did.
  void ExpectReachable(const std::string& when) {
    EXPECT_EQ(Read("current/cert.pem"),
              SerializeCertificatePem(credential_.certificate.der))
        << when;
    EXPECT_EQ(Read("server-keys/web/cert.pem"), "server-keys/web.1/cert.pem")
        << when;
    // And readers find the credential.
    auto found = FindIdentityFolder(folder_, "default");
    ASSERT_TRUE(found.ok()) << when << ": " << found.status();
    auto current = CredentialReader(*found).Current();
    ASSERT_TRUE(current.ok()) << when << ": " << current.status();
    EXPECT_EQ(*current, credential_) << when;
  }
  void ExpectMigrated(const std::string& when) {
    ExpectReachable(when);
    EXPECT_EQ(Read("format"), "bestow-agent state 2\n") << when;
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    EXPECT_THAT(names,
                ::testing::UnorderedElementsAre("format", "lock", "identities",
                                                "current", "server-keys"))
        << when;
    const std::string base = "identities/default/";
    EXPECT_EQ(fs::read_symlink(InState("current")), base + "current") << when;
    EXPECT_EQ(fs::read_symlink(InState("server-keys")), base + "server-keys")
        << when;
    EXPECT_EQ(fs::read_symlink(InState(base + "current")), "generations/2");
    for (std::string_view name :
         {"pending/key.pem", "cacerts.pem", "agenda.toml", "status.toml",
          "server-keys/web.1/cert.pem"}) {
      EXPECT_EQ(Read(base + std::string(name)), name) << when;
    }
    EXPECT_TRUE(fs::is_directory(InState(base + "generations/1"))) << when;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      EXPECT_FALSE(absl::EndsWith(entry.path().string(), ".new"))
          << when << ": " << entry.path();
    }
  }

  std::string folder_;
  Credential credential_;
};

TEST_F(StateFolderTest, HasAFolderForEachIdentityAndLinksToTheDefaultOne) {
  auto state = Open();
  EXPECT_THAT(state->Identities(), IsEmpty());
  EXPECT_EQ(*state->IdentityFolder("web"), InState("identities/web"));
  EXPECT_FALSE(fs::is_symlink(InState("current")));
  EXPECT_EQ(*state->IdentityFolder("default"), InState("identities/default"));
  EXPECT_THAT(state->Identities(), ElementsAre("default", "web"));
  EXPECT_EQ(fs::read_symlink(InState("current")), "identities/default/current");
  for (std::string name : {"", "..", "a/b", "A"}) {
    EXPECT_FALSE(state->IdentityFolder(name).ok()) << name;
  }
  for (std::string_view name : {"", "identities", "identities/web"}) {
    struct stat st;
    ASSERT_EQ(stat(InState(name).c_str(), &st), 0) << name;
    EXPECT_EQ(st.st_mode & 07777, 0700u) << name;
  }
  EXPECT_EQ(*FindIdentityFolder(folder_, "web"), InState("identities/web"));
  EXPECT_EQ(FindIdentityFolder(folder_ + "x", "web").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(StateFolderTest, TwoAgentsDoNotShareAFolder) {
  EXPECT_FALSE(AgentRuns(folder_));
  auto state = Open();
  EXPECT_TRUE(AgentRuns(folder_));
  EXPECT_EQ(StateFolder::Open(folder_).status().code(),
            absl::StatusCode::kAlreadyExists);
  state.reset();
  EXPECT_FALSE(AgentRuns(folder_));
  EXPECT_TRUE(StateFolder::Open(folder_).ok());
}

TEST_F(StateFolderTest, RefusesANewerFormatAndWhatIsNone) {
  struct {
    std::string text, says;
  } const kCases[] = {{"bestow-agent state 3\n", "newer bestow-agent"},
                      {"bestow-agent state 0\n", "is state_dir right"},
                      {"bestow-agent state\n", "is state_dir right"},
                      {"something else", "is state_dir right"},
                      {std::string(100, '1'), "is state_dir right"}};
  Open();
  for (const auto& c : kCases) {
    Write("format", c.text);
    for (const absl::Status& status :
         {StateFolder::Open(folder_).status(),
          FindIdentityFolder(folder_, "default").status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
    }
    EXPECT_EQ(Read("format"), c.text);
  }
  // Credentials of nobody knows which format.
  fs::remove(InState("format"));
  fs::create_directories(InState("identities/web"));
  EXPECT_THAT(std::string(StateFolder::Open(folder_).status().message()),
              HasSubstr("damaged"));
  fs::remove_all(InState("identities"));
  fs::create_directory(InState("generations"));
  EXPECT_THAT(std::string(StateFolder::Open(folder_).status().message()),
              HasSubstr("damaged"));
}

TEST_F(StateFolderTest, SaysWhichFolderCantBeWritten) {
  for (std::string folder : {"/proc/bestow-agent", "/dev/null/state"}) {
    auto state = StateFolder::Open(folder);
    ASSERT_FALSE(state.ok());
    EXPECT_THAT(std::string(state.status().message()), HasSubstr(folder));
  }
}

TEST_F(StateFolderTest, Version1BecomesTheDefaultIdentity) {
  MakeVersion1();
  // Before: a reader needs no migration.
  EXPECT_EQ(*FindIdentityFolder(folder_, "default"), folder_);
  ExpectReachable("before");
  auto state = Open();
  ExpectMigrated("after");
  EXPECT_THAT(state->Identities(), ElementsAre("default"));
  state.reset();
  Open();
  ExpectMigrated("opened again");
}

TEST_F(StateFolderTest, Version1ThatNeverEnrolledBecomesItToo) {
  fs::create_directories(InState("generations"));
  Write("format", "bestow-agent state 1\n");
  Write("agenda.toml", "x");
  Open();
  EXPECT_EQ(Read("identities/default/agenda.toml"), "x");
  EXPECT_TRUE(fs::is_directory(InState("identities/default/generations")));
  EXPECT_FALSE(fs::exists(fs::symlink_status(InState("generations"))));
}

// Each step fails once: the next try ends well, and at any time the credential
// is where it is looked for.
TEST_F(StateFolderTest, EveryStepOfTheMigrationMayFail) {
  int at = 1;
  for (;; ++at) {
    ASSERT_LT(at, 200);
    MakeVersion1();
    FailAtPass(at, /*die=*/false);
    const bool migrated = StateFolder::Open(folder_).ok();
    SetFailpointHandler(nullptr);
    ExpectReachable(absl::StrCat("step ", at));
    Open();
    ExpectMigrated(absl::StrCat("step ", at));
    if (PassedFailpoints() < at) {
      EXPECT_TRUE(migrated);
      break;
    }
  }
  EXPECT_GT(at, 15);  // it went through all of them
}

TEST_F(StateFolderTest, TheProcessMayEndAtEveryStepOfTheMigration) {
  for (int at = 1;; ++at) {
    ASSERT_LT(at, 200);
    MakeVersion1();
    const pid_t child = fork();
    if (child == 0) {
      FailAtPass(at, /*die=*/true);
      _exit(StateFolder::Open(folder_).ok() ? 0 : 1);
    }
    int wait_status = 0;
    ASSERT_EQ(waitpid(child, &wait_status, 0), child);
    ASSERT_TRUE(WIFEXITED(wait_status));
    const std::string when = absl::StrCat("ended at step ", at);
    ExpectReachable(when);
    // Whatever moved: an agent of version 1 keeps out of it.
    if (fs::exists(InState("identities"))) {
      EXPECT_EQ(Read("format"), "bestow-agent state 2\n") << when;
    }
    Open();
    ExpectMigrated(when);
    if (WEXITSTATUS(wait_status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(wait_status), kEndedAtFailpoint);
  }
}

// On a file system that can't exchange two names there is a moment in which
// they lead nowhere, but nothing is lost.
TEST_F(StateFolderTest, WithoutAnExchangeItEndsTheSameAfterEveryStep) {
  bool ended_well = false;
  for (int at = 1; !ended_well; ++at) {
    ASSERT_LT(at, 200);
    MakeVersion1();
    const pid_t child = fork();
    if (child == 0) {
      FailAtPass(at, /*die=*/true);
      SetFailpointHandler([](std::string_view name) {
        return FailpointWalk::Pass(name) || name == "state.exchange";
      });
      _exit(StateFolder::Open(folder_).ok() ? 0 : 1);
    }
    int wait_status = 0;
    ASSERT_EQ(waitpid(child, &wait_status, 0), child);
    ASSERT_TRUE(WIFEXITED(wait_status));
    ended_well = WEXITSTATUS(wait_status) == 0;
    if (ended_well) ExpectMigrated("whole");
    SetFailpointHandler(
        [](std::string_view name) { return name == "state.exchange"; });
    Open();
    SetFailpointHandler(nullptr);
    ExpectMigrated(absl::StrCat("ended at step ", at));
    EXPECT_TRUE(ended_well || WEXITSTATUS(wait_status) == kEndedAtFailpoint);
  }
}

}  // namespace
}  // namespace bestow::agent
