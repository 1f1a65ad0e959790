// What systemd is told of us (sd_notify(3)), and how often it wants to hear.
#ifndef AGENT_SERVICE_SERVICE_MANAGER_H_
#define AGENT_SERVICE_SERVICE_MANAGER_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace bestow::agent {

// Does nothing where no service manager listens. What can't be sent is lost:
// nobody's renewal depends on it.
class ServiceManager {
 public:
  // From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which go from the
  // environment: no child of ours shall speak for us.
  static ServiceManager FromEnvironment();
  // For tests. `socket`: "" for none.
  ServiceManager(std::string socket, std::optional<absl::Duration> watchdog);

  void Ready() const { Send("READY=1"); }
  void Stopping() const { Send("STOPPING=1"); }
  void StillAlive() const { Send("WATCHDOG=1"); }
  // One line for people, in `systemctl status`.
  void Status(std::string_view text) const;

  // How often StillAlive() is to be called, twice as often as would do;
  // nullopt: never.
  const std::optional<absl::Duration>& watchdog_period() const {
    return watchdog_period_;
  }

 private:
  void Send(std::string_view assignment) const;

  std::string socket_;
  std::optional<absl::Duration> watchdog_period_;
};

}  // namespace bestow::agent

#endif  // AGENT_SERVICE_SERVICE_MANAGER_H_
