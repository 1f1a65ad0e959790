// bestow-agent as people run it: the real binary on swtpm and a real server.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/credentials/credential_store.h"
#include "agent/enroll/testing/est_test_server.h"
#include "common/base/file.h"
#include "common/net/event_loop.h"
#include "common/tpm/testing/swtpm.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Result {
  int code = -1;
  std::string out;  // both streams
};

// The server runs on a thread of its own; only before and after it does the
// test touch it.
class ServerThread {
 public:
  ServerThread()
      : loop_(*EventLoop::Create()),
        server_(std::make_unique<EstTestServer>(*loop_)),
        thread_([this] { loop_->Run(); }) {}
  ~ServerThread() { Stop(); }
  void Stop() {
    if (!thread_.joinable()) return;
    loop_->Stop();
    thread_.join();
    server_.reset();
  }
  EstTestServer& server() { return *server_; }

 private:
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<EstTestServer> server_;
  std::thread thread_;
};

class CommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
    std::filesystem::create_directory(folder_);
    auto swtpm = Swtpm::Start();
    ASSERT_TRUE(swtpm.ok()) << swtpm.status();
    swtpm_ = *std::move(swtpm);
    Write("secret", "s3cret\n");
    Write("ca.pem",
          SerializeCertificatePem(server_.server().ca().certificate().der));
    config_ = absl::StrCat(
        "state_dir = \"", folder_, "/state\"\n[server]\nurl = \"",
        server_.server().url(), "\"\nca_file = \"", folder_,
        "/ca.pem\"\n[tpm]\ntcti = \"", swtpm_->tcti(),
        "\"\n[identity]\nusername = \"gw-17\"\nsecret_file = \"", folder_,
        "/secret\"\n[renewal]\nretry_min = \"100ms\"\nretry_max = \"1s\"\n");
    Write("agent.toml", config_);
  }

  void Write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(
        WriteFileAtomically(folder_ + "/" + name, AsBytes(content), 0600).ok());
  }
  void Change(const std::string& from, const std::string& to) {
    const std::string changed = absl::StrReplaceAll(config_, {{from, to}});
    ASSERT_NE(changed, config_) << from;
    Write("agent.toml", changed);
  }

  std::string Binary() {
    return absl::StrCat(getenv("TEST_SRCDIR"), "/bestow/agent/bestow-agent");
  }
  Result Run(const std::string& arguments) {
    const std::string command =
        absl::StrCat("timeout 60 ", Binary(), " ", arguments, " 2>&1");
    FILE* pipe = popen(command.c_str(), "r");
    CHECK(pipe != nullptr);
    Result result;
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) {
      result.out.append(buffer, n);
    }
    const int wait_status = pclose(pipe);
    result.code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
    return result;
  }
  Result Do(const std::string& command) {
    return Run(absl::StrCat(command, " --config=", folder_, "/agent.toml"));
  }
  void ExpectFails(const Result& result, int code,
                   const std::vector<std::string>& says) {
    EXPECT_EQ(result.code, code) << result.out;
    for (const std::string& text : says) {
      EXPECT_THAT(result.out, HasSubstr(text));
    }
  }

  ServerThread server_;
  std::string folder_;
  std::string config_;
  std::unique_ptr<Swtpm> swtpm_;
};

TEST_F(CommandsTest, HelpTeachesAndMistakesInUsageAreTwo) {
  const Result help = Run("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("run"), HasSubstr("status"),
                              HasSubstr("ca_sha256"), HasSubstr("--once")));
  EXPECT_EQ(Run("").code, 2);
  EXPECT_EQ(Run("renew").code, 2);
  EXPECT_EQ(Run("run status").code, 2);
  EXPECT_EQ(Run("run --no_such_flag").code, 2);
}

TEST_F(CommandsTest, EnrollsOnceThenHasNothingToDo) {
  ExpectFails(Do("status"), 1, {"none", "has not run yet"});
  Result result = Do("check");
  EXPECT_EQ(result.code, 0) << result.out;
  result = Do("run --once");
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("made a key in the TPM"),
                    HasSubstr("enrolled: CN=gw-17"), HasSubstr("renews at ")));
  result = Do("run --once");
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_THAT(result.out, ::testing::Not(HasSubstr("enrolled:")));

  // Without the TPM.
  swtpm_->Stop();
  result = Do("status");
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("valid"), HasSubstr("CN=gw-17"),
                    HasSubstr("CN=test CA"), HasSubstr("not running")));
  result = Do("status default --json");
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_THAT(
      result.out,
      AllOf(StartsWith("{"), HasSubstr("\"identity\": \"default\""),
            HasSubstr("\"state\": \"valid\""), HasSubstr("\"pending\": false"),
            HasSubstr("\"last_error\": null")));
  ExpectFails(Do("status web"), 2, {"no identity \"web\""});
  ExpectFails(Do("check"), 1,
              {"ok     credential on disk", "WRONG  TPM at", "no TPM answers"});
  ASSERT_TRUE(swtpm_->Resume().ok());
  EXPECT_EQ(Do("check").code, 0);
}

TEST_F(CommandsTest, SigtermEndsTheDaemon) {
  constexpr absl::Duration kPatience = absl::Seconds(60);
  const absl::Time started = absl::Now();
  const pid_t pid = fork();
  if (pid == 0) {
    const std::string config = "--config=" + folder_ + "/agent.toml";
    execl(Binary().c_str(), "bestow-agent", "run", config.c_str(), nullptr);
    _exit(127);
  }
  // Its certificate is there a moment before it says that it waits.
  for (Result status = Do("status");
       status.code != 0 || !absl::StrContains(status.out, "running, waiting");
       status = Do("status")) {
    ASSERT_LT(absl::Now() - started, kPatience) << status.out;
  }
  // A second one keeps out of it.
  ExpectFails(Do("run --once"), 3, {"another bestow-agent"});
  ASSERT_EQ(kill(pid, SIGTERM), 0);
  int wait_status = 0;
  ASSERT_EQ(waitpid(pid, &wait_status, 0), pid);
  EXPECT_TRUE(WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0);
}

TEST_F(CommandsTest, AWrongTctiIsNamedWithWhatToDo) {
  Change(swtpm_->tcti(), "device:/dev/no-such-tpm");
  ExpectFails(Do("run --once"), 1,
              {"no TPM answers", "device:/dev/no-such-tpm", "tpm.tcti"});
  ExpectFails(Do("status"), 1, {"last error", "device:/dev/no-such-tpm"});
  ExpectFails(Do("check"), 1, {"WRONG  TPM at device:/dev/no-such-tpm"});
}

TEST_F(CommandsTest, ATypoInTheConfigIsNamedWithItsLine) {
  Change("url =", "ulr =");
  for (std::string command : {"run", "status", "check"}) {
    ExpectFails(Do(command), 3,
                {"agent.toml:3: server.ulr", "did you mean \"url\"?"});
  }
  ExpectFails(Run("run --config=/no/such.toml"), 3, {"/no/such.toml"});
}

TEST_F(CommandsTest, AStateFolderThatCantBeWrittenIsNamed) {
  Change(folder_ + "/state", "/proc/bestow");
  ExpectFails(Do("run --once"), 3, {"/proc/bestow"});
}

TEST_F(CommandsTest, AStateFolderOfANewerVersionIsLeftAlone) {
  ASSERT_EQ(Do("run --once").code, 0);
  Write("state/format", "bestow-agent state 3\n");
  const std::string cert = *ReadFile(folder_ + "/state/current/cert.pem", 9999);
  for (std::string command : {"run --once", "check"}) {
    ExpectFails(Do(command), 3, {"newer bestow-agent"});
  }
  ExpectFails(Do("status"), 1, {"newer bestow-agent"});
  EXPECT_EQ(*ReadFile(folder_ + "/state/current/cert.pem", 9999), cert);
}

TEST_F(CommandsTest, AServerThatIsDownOrNotTrustedIsNamed) {
  Write("ca.pem", SerializeCertificatePem(TestCa("other").certificate().der));
  ExpectFails(Do("run --once"), 1, {"127.0.0.1", "certificate"});
  server_.Stop();
  ExpectFails(Do("run --once"), 1, {"127.0.0.1", "refused"});
  Write("ca.pem", "x");
  ExpectFails(Do("run --once"), 3, {"CA file", "ca.pem"});
}

TEST_F(CommandsTest, AnIdentityThatCantBeginHoldsUpNoOther) {
  ASSERT_EQ(Do("run --once").code, 0);
  const std::string shared = config_.substr(0, config_.find("[identity]"));
  const auto identity = [this](std::string name, std::string more) {
    return absl::StrCat("[identities.", name, "]\nusername = \"gw-17\"\n",
                        "secret_file = \"", folder_, "/secret\"\n", more);
  };
  Write("agent.toml",
        shared + "[renewal]\nretry_min = \"100ms\"\n" + identity("first", "") +
            identity("second", "[identities.second.server]\nca_file = \"" +
                                   folder_ + "/none.pem\"\n") +
            identity("third", "key_type = \"rsa-2048\"\n"));
  const Result result = Do("run --once");
  EXPECT_EQ(result.code, 3) << result.out;
  EXPECT_THAT(
      result.out,
      AllOf(HasSubstr("first: enrolled: CN=gw-17"),
            HasSubstr("second: problem: "), HasSubstr("none.pem"),
            HasSubstr("third: enrolled: CN=gw-17"),
            // Of the config before.
            HasSubstr("state/identities/default is of an identity that the "
                      "config does not name")));
  ExpectFails(Do("status"), 1,
              {"IDENTITY", "first", "second    none", "third     valid",
               "second: last error"});
  EXPECT_EQ(Do("status third").code, 0);
  ExpectFails(Do("check"), 3,
              {"ok     first: credential on disk", "WRONG  second: CA file",
               "ok     third: the credential's key signs in the TPM"});
  // The one that was taken out is as it was.
  EXPECT_TRUE(ReadFile(folder_ + "/state/current/cert.pem", 9999).ok());
  ExpectFails(Do("server-key show x --identity=fourth"), 2, {"fourth"});
}

TEST_F(CommandsTest, SecretsAreNotForOthers) {
  std::filesystem::permissions(folder_ + "/secret",
                               std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  ExpectFails(Do("check"), 3, {"WRONG  secret file", "chmod 600"});
}

}  // namespace
}  // namespace bestow::agent
