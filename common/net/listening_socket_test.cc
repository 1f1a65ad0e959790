#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/net/http_server.h"
#include "common/net/socket_address.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ListeningSocketTest, OpensNonBlockingCloseOnExec) {
  auto fd = OpenListeningSocket("127.0.0.1:0");
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_TRUE(fcntl(*fd, F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(fcntl(*fd, F_GETFD) & FD_CLOEXEC);
  const std::string address = LocalAddress(*fd);
  EXPECT_THAT(address, StartsWith("127.0.0.1:"));
  EXPECT_NE(address, "127.0.0.1:0");
  auto taken = OpenListeningSocket(address);
  EXPECT_THAT(std::string(taken.status().message()),
              HasSubstr(absl::StrCat("can't listen on ", address)));
  close(*fd);
}

TEST(ListeningSocketTest, RefusesMalformedAddresses) {
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                           "127.0.0.1:65536", "::1:80", "127.0.0.1:-1"}) {
    EXPECT_EQ(OpenListeningSocket(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

// Runs in a child process, in which descriptor 3 may be ours: exit code.
template <typename Fn>
int InChild(Fn fn) {
  const pid_t pid = fork();
  if (pid == 0) _exit(fn());
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void SetEnvironment(pid_t pid, const char* count) {
  setenv("LISTEN_PID", absl::StrCat(pid).c_str(), 1);
  setenv("LISTEN_FDS", count, 1);
}

TEST(InheritListeningSocketsTest, TakesWhatSystemdPasses) {
  auto fd = OpenListeningSocket("127.0.0.1:0");
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(InChild([&] {
              if (dup2(*fd, 3) != 3) return 10;  // without close-on-exec
              fcntl(3, F_SETFL, 0);
              SetEnvironment(getpid(), "1");
              auto fds = InheritListeningSockets();
              if (!fds.ok() || *fds != std::vector<int>{3}) return 1;
              if (!(fcntl(3, F_GETFD) & FD_CLOEXEC)) return 2;
              if (!(fcntl(3, F_GETFL) & O_NONBLOCK)) return 3;
              return 0;
            }),
            0);
  close(*fd);
}

TEST(InheritListeningSocketsTest, IgnoresWhatIsForAnotherProcess) {
  EXPECT_EQ(InChild([] {
              unsetenv("LISTEN_PID");
              unsetenv("LISTEN_FDS");
              auto none = InheritListeningSockets();
              if (!none.ok() || !none->empty()) return 1;
              SetEnvironment(getppid(), "1");
              auto others = InheritListeningSockets();
              return others.ok() && others->empty() ? 0 : 2;
            }),
            0);
}

TEST(InheritListeningSocketsTest, RefusesWhatIsNoListeningSocket) {
  EXPECT_EQ(InChild([] {
              int pair[2];
              if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 10;
              if (dup2(pair[0], 3) != 3) return 11;
              SetEnvironment(getpid(), "1");
              if (InheritListeningSockets().ok()) return 1;
              int pipes[2];
              if (pipe(pipes) != 0 || dup2(pipes[0], 3) != 3) return 12;
              if (InheritListeningSockets().ok()) return 2;
              close(3);
              if (InheritListeningSockets().ok()) return 3;
              SetEnvironment(getpid(), "-1");
              if (InheritListeningSockets().ok()) return 4;
              SetEnvironment(getpid(), "x");
              return InheritListeningSockets().ok() ? 5 : 0;
            }),
            0);
}

TEST(SocketAddressTest, SplitsAndJoins) {
  auto v6 = SplitHostPort("[::1]:8443");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->first, "::1");
  EXPECT_EQ(v6->second, "8443");
  EXPECT_EQ(JoinHostPort("::1", 443), "[::1]:443");
  EXPECT_EQ(JoinHostPort("est.example", 443), "est.example:443");
  auto any = SplitHostPort(":8443");
  ASSERT_TRUE(any.ok());
  EXPECT_EQ(any->first, "");
}

}  // namespace
}  // namespace bestow
