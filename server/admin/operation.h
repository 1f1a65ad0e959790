// The operator's operations on the database and on a running server. One
// implementation of each, two ways to it: the tool asks a running server
// through its admin socket, or opens the store itself when none runs.
#ifndef SERVER_ADMIN_OPERATION_H_
#define SERVER_ADMIN_OPERATION_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "server/admin/json.h"
#include "server/auth/sealed_secret.h"
#include "server/config/config.h"
#include "server/est/snapshot.h"
#include "server/store/store.h"

namespace bestow::server {

// What a running server does for an operator. Thread-safe; empty functions
// where none runs.
struct AdminHooks {
  // As SIGHUP, but audited as `actor`'s doing: the settings, by name, that only
  // a restart changes.
  std::function<absl::StatusOr<std::vector<std::string>>(
      const std::string& actor)>
      reload;
  // New CRLs, where something was revoked or released, and those that were
  // stored by somebody else: waits until they are served, some seconds at most.
  std::function<void()> publish_crls;
  // The database's trust anchors have changed.
  std::function<void()> anchors_changed;
};

// What a handler may use, for the time of one call.
struct AdminContext {
  Store& store;
  const Config& config;
  // What the config and the state folder serve: each label's policy, CA and
  // anchors. Loaded by the first call where no server runs. The result lives as
  // long as the context.
  std::function<absl::StatusOr<const Snapshot*>()> snapshot;
  const SecretSealer& sealer;
  const Clock& clock;
  const AdminHooks& hooks;
  std::string state_dir;
  std::string actor;  // "operator root (uid 0)"
  // What the tool read from a file, or made: a password, a key. Empty: none.
  const Secret& secret;

  // An entry for what is to be done now.
  AuditEntry Audit(std::string_view action, std::string_view label,
                   std::string_view subject, std::string_view detail) const;
};

struct Operation {
  std::string_view name;  // its command's: "certificates list"
  // On a thread on which it may wait for the disk. `arguments` is an object
  // that came from outside: each member is checked here. A mistake of the
  // operator's is kInvalidArgument (exit code 2), a state that needs attention
  // kFailedPrecondition (3), anything else 1. No message holds a secret.
  //
  // Answers an object. People see of it: "message", alone, where there is one;
  // else "items" as a table; else each member on a line. "next", beside items:
  // there are more, for the argument "after". "notes": lines for stderr.
  // --json prints items, or the whole object.
  absl::StatusOr<Json> (*run)(const AdminContext& context,
                              const Json& arguments);
};

// Arguments that several operations have. kInvalidArgument, naming the flag.
// "after" and the page's size.
absl::StatusOr<Page> PageOf(const Json& arguments);
// --label as the store knows it: nullopt when it was not given, "" for ".".
// Unknown labels are refused, unless the database may know them from before.
std::optional<std::string> LabelArgument(const Json& arguments);
// Hexadecimal; "" gives no octets.
absl::StatusOr<Bytes> HexArgument(const Json& arguments, std::string_view name);
// A number above 0, as the lists show them.
absl::StatusOr<int64_t> IdArgument(const Json& arguments, std::string_view name,
                                   std::string_view list);

// {"items": rows, "next": last_id}; "next" when the page was full.
Json PageAnswer(Json rows, int64_t last_id, const Page& page);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_OPERATION_H_
