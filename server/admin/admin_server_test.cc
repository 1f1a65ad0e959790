#include "server/admin/admin_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "server/admin/admin_client.h"

namespace bestow::server {
namespace {

constexpr uid_t kNobody = 65534;

class AdminServerTest : public testing::Test {
 protected:
  void SetUp() override {
    static int count = 0;
    // Deeper than sun_path is long.
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", std::string(120, 'd'),
                           getpid(), "_", count++);
    ASSERT_EQ(mkdir(folder_.c_str(), 0700), 0);
    path_ = folder_ + "/admin.sock";
  }

  std::unique_ptr<AdminServer> Serve(
      AdminServer::Perform perform, std::optional<gid_t> group = std::nullopt) {
    auto listener = OpenAdminListener(path_, group);
    EXPECT_TRUE(listener.ok()) << listener.status();
    auto server = AdminServer::Create(
        *std::move(listener),
        {group, std::move(perform), [this](const std::string& line) {
           absl::MutexLock lock(&mutex_);
           log_.push_back(line);
         }});
    EXPECT_TRUE(server.ok()) << server.status();
    return *std::move(server);
  }

  absl::StatusOr<Json> Call(AdminCall call) {
    absl::StatusOr<int> fd = ConnectToServer(path_);
    if (!fd.ok()) return fd.status();
    return CallServer(*fd, call);
  }
  static AdminCall CallOfName(const std::string& name) {
    AdminCall call;
    call.operation = name;
    return call;
  }

  // What the server says to these bytes.
  std::string Raw(const std::string& bytes) {
    absl::StatusOr<int> fd = ConnectToServer(path_);
    EXPECT_TRUE(fd.ok()) << fd.status();
    (void)!send(*fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::string answer;
    char buffer[4096];
    for (ssize_t n; (n = recv(*fd, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
    close(*fd);
    return answer;
  }

  std::string folder_, path_;
  absl::Mutex mutex_;
  std::vector<std::string> log_;
};

TEST_F(AdminServerTest, CarriesArgumentsSecretAndActor) {
  const auto server = Serve([](AdminCall call) -> absl::StatusOr<Json> {
    return Json{{"operation", call.operation},
                {"name", TextOf(call.arguments, "name")},
                {"secret_is_right", call.secret.text() == "s\n{}\n\xff"},
                {"actor", call.actor}};
  });
  AdminCall call = CallOfName("users add");
  call.arguments = {{"name", "gw-17\n"}};
  call.secret = Secret("s\n{}\n\xff");
  call.actor = "somebody else";
  const absl::StatusOr<Json> answer = Call(std::move(call));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(TextOf(*answer, "operation"), "users add");
  EXPECT_EQ(TextOf(*answer, "name"), "gw-17\n");
  EXPECT_TRUE(IsTrue(*answer, "secret_is_right"));
  EXPECT_EQ(TextOf(*answer, "actor"), OperatorName(geteuid()));
}

TEST_F(AdminServerTest, StatusesComeBackAsTheyWere) {
  const auto server = Serve([](AdminCall call) -> absl::StatusOr<Json> {
    return absl::Status(
        static_cast<absl::StatusCode>(*NumberOf(call.arguments, "code")),
        "what to do");
  });
  for (int code : {3, 5, 6, 7, 9, 14}) {
    AdminCall call = CallOfName("x");
    call.arguments = {{"code", code}};
    const absl::Status status = Call(std::move(call)).status();
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(status.message(), "what to do");
  }
}

TEST_F(AdminServerTest, RefusesWhatIsNoCall) {
  const auto server = Serve([](AdminCall) -> absl::StatusOr<Json> {
    ADD_FAILURE() << "performed";
    return Json::object();
  });
  const auto post = [](const std::string& body) {
    return absl::StrCat("POST /operation HTTP/1.1\r\nHost: h\r\n",
                        "Content-Length: ", body.size(), "\r\n\r\n", body);
  };
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("{}\n"),
        std::string("[]\n"), std::string("{\"operation\": \"x\"}\n"),
        std::string("{\"operation\": 1, \"arguments\": {}}\n"),
        std::string("{\"operation\": \"x\", \"arguments\": []}\n"),
        std::string("{\"operation\": \"\", \"arguments\": {}}\n"),
        absl::StrCat("{\"operation\": \"", std::string(65, 'x'),
                     "\", \"arguments\": {}}\n")}) {
    EXPECT_TRUE(absl::StrContains(Raw(post(body)), "\"code\":3")) << body;
  }
  EXPECT_TRUE(
      absl::StrContains(Raw("GET /operation HTTP/1.1\r\nHost: h\r\n\r\n"),
                        "POST /operation is all there is"));
  EXPECT_TRUE(absl::StartsWith(
      Raw(absl::StrCat("POST /operation HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length: ",
                       kMaxCallBytes + 1, "\r\n\r\n")),
      "HTTP/1.1 413"));
  EXPECT_TRUE(absl::StartsWith(Raw("hello\r\n\r\n"), "HTTP/1.1 400"));
}

TEST_F(AdminServerTest, ASlowOperationKeepsNoOtherWaiting) {
  absl::Notification slow_began, slow_may_end;
  const auto server = Serve([&](AdminCall call) -> absl::StatusOr<Json> {
    if (call.operation == "slow") {
      slow_began.Notify();
      slow_may_end.WaitForNotification();
    }
    return Json{{"done", call.operation}};
  });
  absl::StatusOr<Json> slow = absl::UnknownError("not yet");
  std::thread caller([&] { slow = Call(CallOfName("slow")); });
  slow_began.WaitForNotification();
  EXPECT_TRUE(Call(CallOfName("quick")).ok());
  slow_may_end.Notify();
  caller.join();
  ASSERT_TRUE(slow.ok()) << slow.status();
  EXPECT_EQ(TextOf(*slow, "done"), "slow");
}

TEST_F(AdminServerTest, WhatIsBeingDoneIsAnsweredBeforeItStops) {
  absl::Notification began, may_end;
  auto server = Serve([&](AdminCall) -> absl::StatusOr<Json> {
    began.Notify();
    may_end.WaitForNotification();
    return Json{{"done", true}};
  });
  absl::StatusOr<Json> answer = absl::UnknownError("not yet");
  std::thread caller([&] { answer = Call(CallOfName("x")); });
  began.WaitForNotification();
  std::thread stopper([&] { server.reset(); });
  may_end.Notify();
  stopper.join();
  caller.join();
  EXPECT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(access(path_.c_str(), F_OK), -1);
}

TEST_F(AdminServerTest, TheSocketIsForItsOwnerAlone) {
  {
    auto listener = OpenAdminListener(path_, std::nullopt);
    ASSERT_TRUE(listener.ok()) << listener.status();
    struct stat there {};
    ASSERT_EQ(stat(path_.c_str(), &there), 0);
    EXPECT_TRUE(S_ISSOCK(there.st_mode));
    EXPECT_EQ(there.st_mode & 07777, 0600u);
  }
  auto listener = OpenAdminListener(path_, getegid());
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat there {};
  ASSERT_EQ(stat(path_.c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 07777, 0660u);
  EXPECT_EQ(there.st_gid, getegid());
}

TEST_F(AdminServerTest, AStaleSocketIsReplacedAndALivingOneIsNot) {
  EXPECT_TRUE(absl::IsNotFound(ConnectToServer(path_).status()));
  EXPECT_TRUE(absl::IsNotFound(ConnectToServer(folder_ + "/n/a").status()));
  // A server that died: the file is there, and nobody listens.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(chdir(folder_.c_str()), 0);
  std::string("admin.sock").copy(address.sun_path, sizeof(address.sun_path));
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  close(fd);
  EXPECT_TRUE(absl::IsNotFound(ConnectToServer(path_).status()));
  auto listener = OpenAdminListener(path_, std::nullopt);
  ASSERT_TRUE(listener.ok()) << listener.status();
  const auto second = OpenAdminListener(path_, std::nullopt);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_TRUE(absl::StrContains(second.status().message(),
                                "another server runs on this state folder"));
  listener->reset();
  std::ofstream(path_) << "no socket";
  EXPECT_TRUE(absl::StrContains(
      OpenAdminListener(path_, std::nullopt).status().message(),
      "is no socket"));
}

TEST(AdminSocketTest, RootTheServersUserAndItsGroupMayAndNobodyElse) {
  const struct {
    const char* what;
    SocketPeer peer;
    std::optional<gid_t> group;
    bool admitted;
  } kCases[] = {
      {"root", {0, {0}}, std::nullopt, true},
      {"the server's user", {990, {990}}, std::nullopt, true},
      {"another", {1000, {1000}}, std::nullopt, false},
      {"another, in root's group", {1000, {0, 990}}, std::nullopt, false},
      {"a member of the group", {1000, {1000, 27}}, 27, true},
      {"no member of the group", {1000, {1000, 28}}, 27, false},
      {"nobody", {kNobody, {kNobody}}, 27, false},
  };
  for (const auto& c : kCases) {
    const auto admitted = AdmitOperator(c.peer, 990, c.group);
    EXPECT_EQ(admitted.ok(), c.admitted) << c.what;
    if (!c.admitted) {
      EXPECT_TRUE(absl::IsPermissionDenied(admitted.status())) << c.what;
    }
  }
  EXPECT_EQ(OperatorName(0), "operator root (uid 0)");
  EXPECT_EQ(OperatorName(3999999999), "operator uid 3999999999");
  EXPECT_TRUE(absl::IsNotFound(GroupByName("no such group").status()));
  EXPECT_EQ(*GroupByName("root"), 0u);
}

TEST(AdminSocketTest, WhoeverElseListensGetsNoSecret) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  char own[] = "/tmp/bestow_admin_XXXXXX";
  ASSERT_NE(mkdtemp(own), nullptr);
  const std::string path = absl::StrCat(own, "/admin.sock");
  const absl::Cleanup remove_own = [&] {
    unlink(path.c_str());
    rmdir(own);
  };
  ASSERT_EQ(chmod(own, 0777), 0);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  std::thread other([&] {
    ASSERT_EQ(syscall(SYS_setresuid, -1, kNobody, -1), 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
              0);
    ASSERT_EQ(listen(fd, 1), 0);
  });
  other.join();
  const absl::Status status = ConnectToServer(path).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  // Where the folder is his own, so is the server.
  ASSERT_EQ(chown(own, kNobody, static_cast<gid_t>(-1)), 0);
  const auto connected = ConnectToServer(path);
  EXPECT_TRUE(connected.ok()) << connected.status();
  if (connected.ok()) close(*connected);
  close(fd);
}

// As root alone can a test be somebody else.
TEST_F(AdminServerTest, AnotherUserIsHungUpOnAndLogged) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  // A folder of its own that he may enter: the kernel must not be what refuses.
  char own[] = "/tmp/bestow_admin_XXXXXX";
  ASSERT_NE(mkdtemp(own), nullptr);
  ASSERT_EQ(chmod(own, 0711), 0);
  const absl::Cleanup remove_own = [&own] { rmdir(own); };
  path_ = absl::StrCat(own, "/admin.sock");
  bool performed = false;
  const auto server = Serve([&](AdminCall) -> absl::StatusOr<Json> {
    performed = true;
    return Json::object();
  });
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  absl::Status status;
  std::thread other([&] {
    // This thread's alone: glibc's seteuid() would change them all.
    ASSERT_EQ(syscall(SYS_setresuid, -1, kNobody, -1), 0);
    status = Call(CallOfName("certificates list")).status();
  });
  other.join();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_FALSE(performed);
  absl::MutexLock lock(&mutex_);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_TRUE(absl::StrContains(log_[0], "uid 65534 is neither root nor"))
      << log_[0];
}

}  // namespace
}  // namespace bestow::server
