// Socket addresses as text.
#ifndef COMMON_NET_SOCKET_ADDRESS_H_
#define COMMON_NET_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace bestow {

// "192.0.2.7:50312", "[2001:db8::1]:443"; an IPv4 address mapped into IPv6 is
// shown as IPv4. "?" for other families.
std::string FormatSocketAddress(const sockaddr* address);

// "127.0.0.1:8443", "[::]:8443", "est.example:443" into host and port.
absl::StatusOr<std::pair<std::string, std::string>> SplitHostPort(
    std::string_view text);

// "est.example:443", "[::1]:443".
std::string JoinHostPort(std::string_view host, uint16_t port);

}  // namespace bestow

#endif  // COMMON_NET_SOCKET_ADDRESS_H_
