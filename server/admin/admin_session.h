// How the tool gets an operation done: by the server that runs on the state
// folder, or by itself when none does.
#ifndef SERVER_ADMIN_ADMIN_SESSION_H_
#define SERVER_ADMIN_ADMIN_SESSION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "server/admin/admin_call.h"
#include "server/admin/state_folder.h"

namespace bestow::server {

class AdminSession {
 public:
  // `clock` must outlive it. kFailedPrecondition: no state folder, or its
  // database can't be opened. kPermissionDenied: a server runs, and does not
  // take this user's orders; the store is left alone then.
  static absl::StatusOr<std::unique_ptr<AdminSession>> Open(
      const std::string& state_dir, const Clock& clock);
  virtual ~AdminSession() = default;

  // Does it and waits. The actor is whoever runs this process.
  virtual absl::StatusOr<Json> Run(const AdminCall& call) = 0;
};

// Where a server on this folder listens for its operators, by `config`.
std::string AdminSocketPath(const StatePaths& paths, const Config& config);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ADMIN_SESSION_H_
