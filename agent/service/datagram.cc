#include "agent/service/datagram.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace bestow::agent {

absl::Status SendDatagram(const std::string& address,
                          std::string_view content) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (address.size() < 2 || address.size() >= sizeof(to.sun_path) ||
      (address[0] != '/' && address[0] != '@')) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\" is no socket's address"));
  }
  std::memcpy(to.sun_path, address.data(), address.size());
  if (address[0] == '@') to.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::UnavailableError(std::strerror(errno));
  const ssize_t sent = sendto(
      fd, content.data(), content.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
      reinterpret_cast<const sockaddr*>(&to),
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size()));
  const int error = errno;
  close(fd);
  if (sent == static_cast<ssize_t>(content.size())) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(address, ": ", std::strerror(error)));
}

}  // namespace bestow::agent
