#include "agent/service/service_manager.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/service/datagram.h"

namespace bestow::agent {
namespace {

// A mistake in the unit must not make us busy with saying that we are alive.
constexpr absl::Duration kShortestWatchdog = absl::Milliseconds(100);

std::string Take(const char* name) {
  const char* value = getenv(name);
  std::string taken = value == nullptr ? "" : value;
  unsetenv(name);
  return taken;
}

}  // namespace

ServiceManager ServiceManager::FromEnvironment() {
  std::string socket = Take("NOTIFY_SOCKET");
  const std::string usec = Take("WATCHDOG_USEC");
  const std::string pid = Take("WATCHDOG_PID");
  int64_t microseconds = 0;
  int64_t whose = 0;
  std::optional<absl::Duration> watchdog;
  if (absl::SimpleAtoi(usec, &microseconds) && microseconds > 0 &&
      (pid.empty() || (absl::SimpleAtoi(pid, &whose) && whose == getpid()))) {
    watchdog = absl::Microseconds(microseconds);
  }
  return ServiceManager(std::move(socket), watchdog);
}

ServiceManager::ServiceManager(std::string socket,
                               std::optional<absl::Duration> watchdog)
    : socket_(std::move(socket)) {
  if (!socket_.empty() && watchdog) {
    watchdog_period_ = std::max(*watchdog / 2, kShortestWatchdog);
  }
}

void ServiceManager::Status(std::string_view text) const {
  Send(absl::StrCat("STATUS=", absl::StrReplaceAll(text, {{"\n", " "}})));
}

void ServiceManager::Send(std::string_view assignment) const {
  if (!socket_.empty()) SendDatagram(socket_, assignment).IgnoreError();
}

}  // namespace bestow::agent
