#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/net/http_server.h"
#include "common/net/socket_address.h"

namespace bestow {
namespace {

constexpr int kFirstInheritedFd = 3;  // sd_listen_fds(3): SD_LISTEN_FDS_START
constexpr int kMaxInheritedFds = 64;

struct AddrinfoDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

absl::Status CheckListening(int fd) {
  int type = 0, listening = 0;
  socklen_t size = sizeof(int);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("inherited descriptor ", fd, " is no socket"));
  }
  if (type != SOCK_STREAM || listening == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "inherited descriptor ", fd, " is not a listening stream socket"));
  }
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("can't set flags of inherited descriptor ", fd));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> OpenListeningSocket(const std::string& address) {
  auto parts = SplitHostPort(address);
  if (!parts.ok()) return parts.status();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string& host = parts->first;
  const int code = getaddrinfo(host.empty() ? nullptr : host.c_str(),
                               parts->second.c_str(), &hints, &list);
  if (code != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("can't listen on ", address, ": ", gai_strerror(code)));
  }
  std::unique_ptr<addrinfo, AddrinfoDeleter> owner(list);
  const int fd =
      socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "can't make a socket");
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(fd, list->ai_addr, list->ai_addrlen) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    absl::Status status =
        absl::ErrnoToStatus(errno, absl::StrCat("can't listen on ", address));
    close(fd);
    return status;
  }
  return fd;
}

absl::StatusOr<std::vector<int>> InheritListeningSockets() {
  std::vector<int> fds;
  const char* pid_text = getenv("LISTEN_PID");
  const char* count_text = getenv("LISTEN_FDS");
  if (pid_text == nullptr || count_text == nullptr) return fds;
  int64_t pid = 0;
  int count = 0;
  if (!absl::SimpleAtoi(pid_text, &pid) ||
      !absl::SimpleAtoi(count_text, &count) || count < 0 ||
      count > kMaxInheritedFds) {
    return absl::InvalidArgumentError(
        absl::StrCat("malformed LISTEN_PID or LISTEN_FDS in the environment"));
  }
  // Meant for a parent of this process.
  if (pid != getpid()) return fds;
  for (int fd = kFirstInheritedFd; fd < kFirstInheritedFd + count; ++fd) {
    absl::Status status = CheckListening(fd);
    if (!status.ok()) return status;
    fds.push_back(fd);
  }
  return fds;
}

std::string LocalAddress(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return "?";
  }
  return FormatSocketAddress(reinterpret_cast<const sockaddr*>(&address));
}

}  // namespace bestow
