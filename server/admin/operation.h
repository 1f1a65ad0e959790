// The operator's operations on the database and on a running server. One
// implementation of each, two ways to it: the tool asks a running server
// through its admin socket, or opens the store itself when none runs.
#ifndef SERVER_ADMIN_OPERATION_H_
#define SERVER_ADMIN_OPERATION_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "server/admin/json.h"
#include "server/auth/sealed_secret.h"
#include "server/config/config.h"
#include "server/est/snapshot.h"
#include "server/store/store.h"

namespace bestow::server {

// What a running server does for an operator. Empty functions where none runs.
struct AdminHooks {
  // As SIGHUP; the settings that only a restart changes. Thread-safe.
  std::function<absl::StatusOr<std::vector<std::string>>()> reload;
  // New CRLs at once. Thread-safe; does not wait for them.
  std::function<void()> publish_crls;
  // Trust anchors of the database have changed. Thread-safe.
  std::function<void()> anchors_changed;
};

// What a handler may use, for the time of one call.
struct AdminContext {
  Store& store;
  const Snapshot& snapshot;  // the config's services, as loaded
  const SecretSealer& sealer;
  const Clock& clock;
  std::string actor;  // for the audit log: "operator root (uid 0)"
  const AdminHooks& hooks;
};

struct Operation {
  std::string_view name;  // its command's: "certificates list"
  // On a thread on which it may wait for the disk. `arguments` is an object
  // that came from outside: each member is checked here. A mistake of the
  // operator's is kInvalidArgument (exit code 2), a state that needs attention
  // kFailedPrecondition (3), anything else 1. No message holds a secret.
  absl::StatusOr<Json> (*run)(AdminContext& context, const Json& arguments);
};

}  // namespace bestow::server

#endif  // SERVER_ADMIN_OPERATION_H_
