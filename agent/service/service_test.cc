#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "agent/service/event_log.h"
#include "agent/service/service_manager.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

// A datagram socket, as systemd's: a path, or a name in the abstract namespace.
class Receiver {
 public:
  explicit Receiver(bool is_abstract) {
    static int count = 0;
    address_ = absl::StrCat(is_abstract ? "@" : "/tmp/", "bestow_service_",
                            getpid(), "_", count++);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    address_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (is_abstract) address.sun_path[0] = '\0';
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address),
                   offsetof(sockaddr_un, sun_path) + address_.size()),
              0);
  }
  ~Receiver() {
    close(fd_);
    unlink(address_.c_str());
  }
  const std::string& address() const { return address_; }
  // "": nothing came.
  std::string Next() {
    char buffer[4096];
    const ssize_t size = recv(fd_, buffer, sizeof(buffer), 0);
    return size > 0 ? std::string(buffer, static_cast<size_t>(size)) : "";
  }

 private:
  std::string address_;
  int fd_;
};

TEST(ServiceManagerTest, SaysWhatSystemdWantsToHear) {
  for (bool is_abstract : {false, true}) {
    Receiver systemd(is_abstract);
    const ServiceManager manager(systemd.address(), std::nullopt);
    manager.Ready();
    EXPECT_EQ(systemd.Next(), "READY=1");
    manager.Status("web: waiting\nREADY=0");
    EXPECT_EQ(systemd.Next(), "STATUS=web: waiting READY=0");
    manager.StillAlive();
    EXPECT_EQ(systemd.Next(), "WATCHDOG=1");
    manager.Stopping();
    EXPECT_EQ(systemd.Next(), "STOPPING=1");
    EXPECT_EQ(systemd.Next(), "");
  }
}

TEST(ServiceManagerTest, TakesItsEnvironmentAway) {
  Receiver systemd(/*is_abstract=*/true);
  const std::string own = absl::StrCat(getpid());
  const struct {
    std::string usec, pid;
    std::optional<absl::Duration> period;
  } kCases[] = {{"3000000", own, absl::Milliseconds(1500)},
                {"3000000", "", absl::Milliseconds(1500)},
                {"1", own, absl::Milliseconds(100)},
                // Somebody else's.
                {"3000000", "1", std::nullopt},
                {"3000000", "x", std::nullopt},
                {"0", own, std::nullopt},
                {"-1", own, std::nullopt},
                {"soon", own, std::nullopt},
                {"", own, std::nullopt}};
  for (const auto& c : kCases) {
    setenv("NOTIFY_SOCKET", systemd.address().c_str(), 1);
    setenv("WATCHDOG_USEC", c.usec.c_str(), 1);
    setenv("WATCHDOG_PID", c.pid.c_str(), 1);
    const ServiceManager manager = ServiceManager::FromEnvironment();
    EXPECT_EQ(manager.watchdog_period(), c.period) << c.usec << " " << c.pid;
    for (const char* name :
         {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      EXPECT_EQ(getenv(name), nullptr) << name;
    }
    manager.Ready();
    EXPECT_EQ(systemd.Next(), "READY=1");
  }
  // Not under systemd.
  const ServiceManager none = ServiceManager::FromEnvironment();
  EXPECT_EQ(none.watchdog_period(), std::nullopt);
  none.Ready();
  EXPECT_EQ(systemd.Next(), "");
}

TEST(ServiceManagerTest, NobodyWhoListensIsNoMatter) {
  for (std::string address :
       {std::string("/tmp/no/such.socket"), std::string("relative"),
        std::string("@"), std::string(200, '/')}) {
    ServiceManager(address, absl::Seconds(1)).Ready();
  }
}

LogEvent Renewed() {
  return {.event = "renewed",
          .identity = "web",
          .message = "renewed: CN=gw-17",
          .fields = {{"SERIAL", "17"}, {"SUBJECT", "CN=gw\n17"}}};
}

TEST(EventLogTest, EntriesOfTheJournalHaveFields) {
  const std::string expected = absl::StrCat(
      "MESSAGE=web: renewed: CN=gw-17\nPRIORITY=6\n"
      "SYSLOG_IDENTIFIER=bestow-agent\nBESTOW_EVENT=renewed\n"
      "BESTOW_IDENTITY=web\nBESTOW_SERIAL=17\nBESTOW_SUBJECT\n",
      std::string("\x08\0\0\0\0\0\0\0", 8), "CN=gw\n17\n");
  EXPECT_EQ(JournalEntry(Renewed()), expected);
  Receiver journal(/*is_abstract=*/false);
  ::testing::internal::CaptureStderr();
  EventLog(journal.address(), true).Write(Renewed());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(journal.Next(), expected);
  EXPECT_THAT(JournalEntry({.message = "x", .is_problem = true}),
              ::testing::HasSubstr("PRIORITY=4\n"));
}

TEST(EventLogTest, LinesOnStderrNameTheIdentityWhereThereAreSeveral) {
  const LogEvent problem{.event = "problem",
                         .identity = "web",
                         .message = "m",
                         .is_problem = true};
  EXPECT_EQ(EventLog("", true).Line(problem),
            "bestow-agent: web: problem: m\n");
  EXPECT_EQ(EventLog("", false).Line(problem), "bestow-agent: problem: m\n");
  EXPECT_EQ(EventLog("", true).Line({.message = "m"}), "bestow-agent: m\n");
}

TEST(EventLogTest, WhatTheJournalDoesNotTakeGoesToStderr) {
  ::testing::internal::CaptureStderr();
  EventLog("/tmp/no/such.socket", true).Write(Renewed());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "bestow-agent: web: renewed: CN=gw-17\n");
  // JOURNAL_STREAM names another pipe: stderr was redirected.
  setenv("JOURNAL_STREAM", "1:2", 1);
  ::testing::internal::CaptureStderr();
  EventLog::FromEnvironment(true).Write(Renewed());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "bestow-agent: web: renewed: CN=gw-17\n");
  unsetenv("JOURNAL_STREAM");
}

}  // namespace
}  // namespace bestow::agent
