// The operator's word on what waits, and on what is to be renewed.
#ifndef SERVER_ADMIN_REQUEST_COMMANDS_H_
#define SERVER_ADMIN_REQUEST_COMMANDS_H_

#include <string>

#include "absl/types/span.h"
#include "server/admin/command.h"
#include "server/admin/console.h"

namespace bestow::server {

// Lists the requests that are not expired, oldest first.
int RequestsListCommand(const Console& console, const std::string& state_dir,
                        bool json);

// `id` as `requests` shows it. The client gets its certificate when it asks
// again.
int ApproveCommand(const Console& console, const std::string& state_dir,
                   const std::string& id);
// `reason` goes to the client.
int DenyCommand(const Console& console, const std::string& state_dir,
                const std::string& id, const std::string& reason);

struct RenewalsAddFlags {
  std::string label;          // "": every service; ".": that without a label
  std::string issued_before;  // "2026-11-21T12:00:00Z"; "": now
  std::string within;         // "24h": clients are told to renew until then
};
int RenewalsAddCommand(const Console& console, const std::string& state_dir,
                       const RenewalsAddFlags& flags);

absl::Span<const Command> RequestCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_REQUEST_COMMANDS_H_
