#include "common/net/resolver.h"

#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bestow {
namespace {

constexpr size_t kMaxAddresses = 8;

using Addresses = absl::StatusOr<std::vector<SocketAddress>>;

Addresses LookUp(const std::string& host, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code =
      getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &list);
  if (code != 0) {
    return absl::UnavailableError(
        absl::StrCat("can't resolve ", host, ": ", gai_strerror(code)));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* at = list;
       at != nullptr && addresses.size() < kMaxAddresses; at = at->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.size = at->ai_addrlen;
    addresses.push_back(address);
  }
  freeaddrinfo(list);
  return addresses;
}

}  // namespace

struct Resolution::Shared {
  std::mutex mutex;
  EventLoop* loop;  // guarded by mutex; null: cancelled
  Done done;        // only for the loop's thread; null: cancelled

  static void Deliver(const std::shared_ptr<Shared>& shared,
                      Addresses addresses) {
    // Under the lock: whoever cancels (and then perhaps destroys the loop)
    // waits for this call.
    std::lock_guard<std::mutex> lock(shared->mutex);
    if (shared->loop == nullptr) return;
    shared->loop->Post([shared, addresses = std::move(addresses)] {
      if (shared->done == nullptr) return;
      std::exchange(shared->done, nullptr)(addresses);
    });
  }
};

Resolution::Resolution(EventLoop& loop, const std::string& host, uint16_t port,
                       Done done)
    : shared_(std::make_shared<Shared>()) {
  shared_->loop = &loop;
  shared_->done = std::move(done);
  Addresses literal = LookUp(host, port, AI_NUMERICHOST);
  if (literal.ok()) {
    Shared::Deliver(shared_, std::move(literal));
    return;
  }
  try {
    std::thread([shared = shared_, host, port] {
      Shared::Deliver(shared, LookUp(host, port, AI_ADDRCONFIG));
    }).detach();
  } catch (const std::system_error& error) {
    Shared::Deliver(shared_, absl::ResourceExhaustedError(absl::StrCat(
                                 "can't start a thread: ", error.what())));
  }
}

Resolution::~Resolution() {
  shared_->done = nullptr;
  std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->loop = nullptr;
}

}  // namespace bestow
