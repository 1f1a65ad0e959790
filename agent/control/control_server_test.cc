#include "agent/control/control_server.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/net/event_loop.h"
#include "common/net/unix_call.h"
#include "common/net/unix_socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uid_t kNobody = 65534;

// Two identities, one of which can't be renewed.
class FakeTarget : public ControlTarget {
 public:
  std::vector<std::string> Names() const override { return {"gw", "web"}; }
  DeviceStatus StatusOf(const std::string& name) const override {
    asked.push_back("status " + name);
    DeviceStatus status;
    status.identity = name;
    status.daemon_runs = true;
    return status;
  }
  void RenewNow(const std::string& name, Done done) override {
    asked.push_back("renew " + name);
    waiting[name] = std::move(done);
    if (waiting.size() == wanted) AnswerAll();
  }
  absl::Status SetPaused(const std::string& name, bool paused) override {
    asked.push_back((paused ? "pause " : "resume ") + name);
    if (name == "gw" && !paused) return absl::InternalError("the disk is full");
    return absl::OkStatus();
  }
  // The last asked for comes first.
  void AnswerAll() {
    for (auto it = waiting.rbegin(); it != waiting.rend(); ++it) {
      it->second({.identity = it->first,
                  .done = it->first == "gw",
                  .message = it->first == "gw" ? "renewed" : "a \"reason\""});
    }
    waiting.clear();
  }

  size_t wanted = 1;
  std::map<std::string, Done> waiting;
  mutable std::vector<std::string> asked;
};

class ControlServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static int count = 0;
    folder_ = absl::StrCat("/tmp/bestow_control_", getpid(), "_", count++);
    ASSERT_EQ(mkdir(folder_.c_str(), 0700), 0);
    loop_ = *EventLoop::Create();
    auto server = ControlServer::Create(
        *loop_, folder_, target_,
        [this](const std::string& line) { log_.push_back(line); });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void TearDown() override {
    server_.reset();
    EXPECT_NE(access(ControlSocketPath(folder_).c_str(), F_OK), 0);
    rmdir(folder_.c_str());
  }

  // From another thread, while the loop runs on this one.
  absl::StatusOr<HttpResponse> Ask(const std::string& method,
                                   const std::string& target,
                                   bool as_text = false,
                                   uid_t uid = static_cast<uid_t>(-1)) {
    absl::StatusOr<HttpResponse> response = absl::UnknownError("not asked");
    std::thread client([&] {
      const absl::Cleanup stop = [this] { loop_->Stop(); };
      // This thread's alone: glibc's seteuid() would change them all.
      ASSERT_EQ(syscall(SYS_setresuid, -1, uid, -1), 0);
      auto fd = ConnectUnix(ControlSocketPath(folder_), "agent");
      ASSERT_TRUE(fd.ok()) << fd.status();
      HttpRequest request{.method = method, .target = target};
      if (as_text) request.headers = {{"Accept", "text/plain"}};
      response = CallUnix(*fd, std::move(request), {});
    });
    loop_->Run();
    client.join();
    return response;
  }
  void ExpectAnswer(const absl::StatusOr<HttpResponse>& response,
                    const std::string& exit_code, const std::string& body) {
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 200) << response->body;
    EXPECT_EQ(FindHeader(response->headers, "Exit-Code"), exit_code);
    EXPECT_EQ(response->body, body);
  }

  std::string folder_;
  FakeTarget target_;
  std::vector<std::string> log_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlServerTest, StatusIsAsTheCommandShowsIt) {
  auto response = Ask("GET", "/status");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->body, HasSubstr("{\n\"identities\": [\n"));
  EXPECT_EQ(FindHeader(response->headers, "Exit-Code"), "1");
  response = Ask("GET", "/status?identity=web", /*as_text=*/true);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->body, HasSubstr("credential:  none\n"));
  EXPECT_THAT(target_.asked,
              ElementsAre("status gw", "status web", "status web"));
}

TEST_F(ControlServerTest, RenewAnswersWhenItIsKnownHowItWent) {
  ExpectAnswer(Ask("POST", "/renew?identity=gw", true), "0", "gw: renewed\n");
  target_.wanted = 2;
  ExpectAnswer(Ask("POST", "/renew"), "1",
               "{\"identities\": [\n"
               "{\"identity\": \"gw\", \"done\": true, "
               "\"message\": \"renewed\"},\n"
               "{\"identity\": \"web\", \"done\": false, "
               "\"message\": \"a \\\"reason\\\"\"}\n]}\n");
  EXPECT_THAT(target_.asked, ElementsAre("renew gw", "renew gw", "renew web"));
  EXPECT_EQ(log_.size(), 2u);
}

TEST_F(ControlServerTest, PausesAndResumes) {
  ExpectAnswer(Ask("POST", "/pause", true), "0", "gw: paused\nweb: paused\n");
  ExpectAnswer(Ask("POST", "/resume", true), "1",
               "gw: the disk is full\nweb: resumed\n");
  ExpectAnswer(Ask("POST", "/resume?identity=web", true), "0",
               "web: resumed\n");
}

TEST_F(ControlServerTest, RefusesWhatItDoesNotKnow) {
  const struct {
    const char *method, *target;
    int status;
  } kCases[] = {
      {"GET", "/", 404},
      {"GET", "/stat", 404},
      {"POST", "/status", 404},
      {"GET", "/renew", 405},
      {"GET", "/pause", 405},
      {"POST", "/renew?identity=other", 404},
      {"POST", "/renew?identity=", 404},
      {"POST", "/renew?identity=gw&identity=web", 404},
      {"POST", "/renew?", 400},
      {"POST", "/renew?name=gw", 400},
  };
  for (const auto& c : kCases) {
    auto response = Ask(c.method, c.target);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, c.status) << c.method << " " << c.target;
  }
  EXPECT_THAT(target_.asked, ElementsAre());
}

TEST_F(ControlServerTest, TheSocketIsForItsOwnerAlone) {
  struct stat there {};
  ASSERT_EQ(stat(ControlSocketPath(folder_).c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 07777, 0600u);
}

// As root alone can a test be somebody else.
TEST_F(ControlServerTest, AnotherUserIsHungUpOnAndLogged) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  // The kernel must not be what refuses.
  ASSERT_EQ(chmod(folder_.c_str(), 0711), 0);
  ASSERT_EQ(chmod(ControlSocketPath(folder_).c_str(), 0666), 0);
  const auto response = Ask("POST", "/pause", false, kNobody);
  EXPECT_TRUE(absl::IsPermissionDenied(response.status())) << response.status();
  EXPECT_THAT(target_.asked, ElementsAre());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("uid 65534 is neither root nor")));
}

TEST(AdmitToControlTest, RootAndTheAgentsUserMayAndNobodyElse) {
  const struct {
    const char* what;
    SocketPeer peer;
    bool admitted;
  } kCases[] = {
      {"root", {0, {0}}, true},
      {"the agent's user", {990, {990}}, true},
      {"another", {1000, {1000}}, false},
      {"another, in root's group", {1000, {0, 990}}, false},
      {"nobody", {kNobody, {kNobody}}, false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(AdmitToControl(c.peer, 990).ok(), c.admitted) << c.what;
  }
}

}  // namespace
}  // namespace bestow::agent
