#include "server/admin/init.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/pki/oids.h"
#include "common/pki/path.h"
#include "common/tpm/testing/swtpm.h"
#include "gtest/gtest.h"
#include "server/admin/ca_folder.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/ca/ca_key.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

int g_fail_at = 0;
bool FailAtNth(std::string_view) { return --g_fail_at == 0; }

class InitTest : public testing::Test {
 protected:
  void SetUp() override {
    static int count = 0;
    options_.folder =
        absl::StrCat(getenv("TEST_TMPDIR"), "/init", getpid(), "_", count++);
    options_.hostnames = {"est.example", "127.0.0.1"};
    options_.listen = {"127.0.0.1:0"};
    options_.ca_name = "Test CA";
  }
  void TearDown() override { SetFailpointHandler(nullptr); }

  static mode_t ModeOf(const std::string& path) {
    struct stat st;
    EXPECT_EQ(stat(path.c_str(), &st), 0) << path;
    return st.st_mode & 0777;
  }

  InitOptions options_;
};

TEST_F(InitTest, MakesAStateThatLoads) {
  auto fingerprint = InitState(options_, kNow);
  ASSERT_TRUE(fingerprint.ok()) << fingerprint.status();
  const StatePaths paths(options_.folder);
  auto state = LoadState(paths);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*fingerprint, HexEncode(Sha256(state->ca_certificate().der)));
  EXPECT_EQ(state->ca_certificate().subject.ToText(), "CN=Test CA");
  EXPECT_EQ(state->config.listen, options_.listen);
  EXPECT_EQ(state->config.hostnames, options_.hostnames);
  // RFC 7030 3.6.1; the chain carries the CA, for agents with a fingerprint.
  ASSERT_EQ(state->tls_chain.size(), 2u);
  EXPECT_EQ(state->tls_chain[1], state->ca_certificate());
  EXPECT_EQ(state->materials.tls_certificate.extended_key_usage,
            (std::vector<der::Oid>{oids::KpServerAuth(), oids::KpCmcRa()}));
  EXPECT_TRUE(MatchesHost(state->materials.tls_certificate, "est.example"));
  EXPECT_TRUE(MatchesHost(state->materials.tls_certificate, "127.0.0.1"));
  EXPECT_TRUE(OpenStateStore(paths).ok());

  EXPECT_EQ(ModeOf(options_.folder), 0700u);
  EXPECT_EQ(ModeOf(paths.ca_key), 0600u);
  EXPECT_EQ(ModeOf(paths.tls_key), 0600u);
  EXPECT_EQ(ModeOf(paths.database), 0600u);
  EXPECT_FALSE(std::filesystem::exists(paths.staging));
}

TEST_F(InitTest, PutsTheCaKeyUnderAPassphrase) {
  options_.ca_keys.passphrase_file =
      absl::StrCat(getenv("TEST_TMPDIR"), "/\"passphrase\"");
  ASSERT_TRUE(WriteFileAtomically(options_.ca_keys.passphrase_file,
                                  AsBytes("correct horse"), 0600)
                  .ok());
  ASSERT_TRUE(InitState(options_, kNow).ok());
  const StatePaths paths(options_.folder);
  EXPECT_TRUE(absl::StrContains(*ReadFile(paths.ca_key, 100000),
                                "BEGIN ENCRYPTED PRIVATE KEY"));
  // The config says where the passphrase is.
  auto state = LoadState(paths);
  ASSERT_TRUE(state.ok()) << state.status();
  ASSERT_TRUE(WriteFileAtomically(options_.ca_keys.passphrase_file,
                                  AsBytes("another"), 0600)
                  .ok());
  state = LoadState(paths);
  EXPECT_EQ(state.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(state.status().message(), "is not this key's"))
      << state.status();
}

TEST_F(InitTest, LeavesNothingWhenThePassphraseCantBeRead) {
  options_.ca_keys.passphrase_file = "/nowhere/passphrase";
  const absl::Status status = InitState(options_, kNow).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_FALSE(std::filesystem::exists(options_.folder));
}

TEST_F(InitTest, ReadsThePassphraseFromACredential) {
  const std::string folder = absl::StrCat(getenv("TEST_TMPDIR"), "/creds");
  ASSERT_TRUE(MakeDirectory(folder, 0700).ok());
  options_.ca_keys.passphrase_file = folder + "/ca-passphrase";
  ASSERT_TRUE(WriteFileAtomically(options_.ca_keys.passphrase_file,
                                  AsBytes("correct horse"), 0400)
                  .ok());
  ASSERT_TRUE(InitState(options_, kNow).ok());
  const StatePaths paths(options_.folder);
  CaKeysConfig config;
  config.passphrase_credential = "ca-passphrase";
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_TRUE(
      absl::StrContains(CaKeyOptionsOf(config, paths).status().message(),
                        "LoadCredential=ca-passphrase"));
  setenv("CREDENTIALS_DIRECTORY", folder.c_str(), 1);
  auto options = CaKeyOptionsOf(config, paths);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(LoadCa(paths.ca_folder, *options).ok());
  unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(InitTest, MakesTheCaKeyInTheTpm) {
  auto swtpm = Swtpm::Start();
  ASSERT_TRUE(swtpm.ok()) << swtpm.status();
  options_.ca_key_storage = KeyStorage::kTpm;
  options_.ca_keys.tpm = (*swtpm)->tcti();
  ASSERT_TRUE(InitState(options_, kNow).ok());
  const StatePaths paths(options_.folder);
  EXPECT_EQ(*CaKeyStorage(paths.ca_key), KeyStorage::kTpm);
  EXPECT_EQ(*CaKeyStorage(paths.tls_key), KeyStorage::kFile);
  auto state = LoadState(paths);
  EXPECT_TRUE(state.ok()) << state.status();
}

TEST_F(InitTest, RefusesAFolderThatHoldsAState) {
  ASSERT_TRUE(InitState(options_, kNow).ok());
  const StatePaths paths(options_.folder);
  const std::string before = *ReadFile(paths.ca_certificate, 100000);
  EXPECT_TRUE(absl::IsAlreadyExists(InitState(options_, kNow).status()));
  EXPECT_EQ(*ReadFile(paths.ca_certificate, 100000), before);
}

TEST_F(InitTest, RefusesToOverwriteWhatIsNotItsOwn) {
  ASSERT_TRUE(MakeDirectory(options_.folder, 0755).ok());
  ASSERT_TRUE(MakeDirectory(options_.folder + "/ca", 0755).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(InitState(options_, kNow).status()));
  EXPECT_TRUE(std::filesystem::exists(options_.folder + "/ca"));
}

// Every write, fsync and rename fails once: the folder is then no state, and
// the next init makes one.
TEST_F(InitTest, CanBeRunAgainAfterAnyFailure) {
  const std::string base = options_.folder;
  SetFailpointHandler(&FailAtNth);
  int failures = 0;
  for (int n = 1;; ++n) {
    options_.folder = absl::StrCat(base, "_", n);
    g_fail_at = n;
    auto result = InitState(options_, kNow);
    const bool reached = g_fail_at <= 0;
    g_fail_at = 0;
    if (!reached) {
      EXPECT_TRUE(result.ok()) << result.status();
      break;
    }
    ++failures;
    EXPECT_FALSE(result.ok()) << n;
    auto again = InitState(options_, kNow);
    // The state may be whole when only the last fsync failed.
    EXPECT_TRUE(again.ok() || absl::IsAlreadyExists(again.status()))
        << n << again.status();
    EXPECT_TRUE(LoadState(StatePaths(options_.folder)).ok()) << n;
  }
  EXPECT_GT(failures, 10);
}

TEST_F(InitTest, RefusesNamesThatFitNoCertificate) {
  options_.hostnames = {"not a host"};
  EXPECT_TRUE(absl::IsInvalidArgument(InitState(options_, kNow).status()));
  EXPECT_FALSE(std::filesystem::exists(options_.folder));
}

TEST_F(InitTest, SaysWhatIsWrongWithAFolder) {
  auto state = LoadState(StatePaths(options_.folder));
  EXPECT_EQ(state.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(state.status().message(), "bestow-server init"))
      << state.status();

  ASSERT_TRUE(InitState(options_, kNow).ok());
  const StatePaths paths(options_.folder);
  std::ofstream(paths.config, std::ios::app) << "\n[limits2]\n";
  state = LoadState(paths);
  EXPECT_TRUE(absl::StrContains(state.status().message(),
                                absl::StrCat(paths.config, ":")))
      << state.status();
  EXPECT_TRUE(absl::StrContains(state.status().message(), "limits"));
}

TEST_F(InitTest, RefusesAKeyThatIsNotItsCertificates) {
  ASSERT_TRUE(InitState(options_, kNow).ok());
  const StatePaths paths(options_.folder);
  const std::string tls_key = *ReadFile(paths.tls_key, 100000);
  ASSERT_TRUE(WriteFileAtomically(paths.ca_key, AsBytes(tls_key), 0600).ok());
  auto state = LoadState(paths);
  EXPECT_EQ(state.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(state.status().message(), "from one backup"))
      << state.status();
}

}  // namespace
}  // namespace bestow::server
