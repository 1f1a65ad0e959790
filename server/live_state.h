// What the running server serves of its state folder, and how it changes.
#ifndef SERVER_LIVE_STATE_H_
#define SERVER_LIVE_STATE_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/admin/state_folder.h"

namespace bestow::server {

// Thread-safe. Changes come one after the other: SIGHUP's and an operator's
// reload of the whole folder, and the housekeeper's of a part of it.
class LiveState {
 public:
  // As Server::Reload().
  using Serve = std::function<absl::StatusOr<std::vector<std::string>>(
      const ServerState& state, const std::string& actor)>;

  // `state`: what is served when this is made.
  LiveState(StatePaths paths, ServerState state, Serve serve);

  std::shared_ptr<const ServerState> Get() const;

  // All that is on the disk now, or nothing: what was served goes on. Returns
  // the names of settings that only a restart changes. `actor`: whose doing it
  // is, for the audit log.
  absl::StatusOr<std::vector<std::string>> Reload(const std::string& actor);

  // What is served, but for what `change` does to it. Nothing is read from the
  // disk, so that no mistake there keeps a renewed certificate from being used.
  // `change` must not wait for another of these calls.
  absl::Status Update(const std::function<void(ServerState& state)>& change);

 private:
  absl::StatusOr<std::vector<std::string>> Take(ServerState state,
                                                const std::string& actor);

  const StatePaths paths_;
  const Serve serve_;
  std::mutex changing_;       // held for the whole of a change
  mutable std::mutex mutex_;  // of state_
  std::shared_ptr<const ServerState> state_;
};

}  // namespace bestow::server

#endif  // SERVER_LIVE_STATE_H_
