// One datagram to a unix socket, as systemd's protocols want it.
#ifndef AGENT_SERVICE_DATAGRAM_H_
#define AGENT_SERVICE_DATAGRAM_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace bestow::agent {

// `address` is a path, or with an @ in front a name in the abstract namespace.
// Never waits: kUnavailable when it can't be sent at once.
absl::Status SendDatagram(const std::string& address, std::string_view content);

}  // namespace bestow::agent

#endif  // AGENT_SERVICE_DATAGRAM_H_
