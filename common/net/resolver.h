// Host names to addresses without blocking the loop.
#ifndef COMMON_NET_RESOLVER_H_
#define COMMON_NET_RESOLVER_H_

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net/event_loop.h"

namespace bestow {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

// A look-up under way. Destroying it cancels: the callback is not called then.
class Resolution {
 public:
  using Done = std::function<void(absl::StatusOr<std::vector<SocketAddress>>)>;

  // By getaddrinfo(3), so that /etc/hosts and nsswitch.conf count, on a thread
  // of its own, which may outlive this object by the resolver's own timeout.
  // Address literals need no thread. `done` is called on the loop's thread,
  // never inline: kUnavailable with the resolver's reason, or at least one
  // address in the system's order of preference. Takes no time limit: destroy
  // it.
  Resolution(EventLoop& loop, const std::string& host, uint16_t port,
             Done done);
  ~Resolution();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace bestow

#endif  // COMMON_NET_RESOLVER_H_
