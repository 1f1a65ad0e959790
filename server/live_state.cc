#include "server/live_state.h"

#include <utility>

#include "server/audit/serving_entry.h"

namespace bestow::server {

LiveState::LiveState(StatePaths paths, ServerState state, Serve serve)
    : paths_(std::move(paths)),
      serve_(std::move(serve)),
      state_(std::make_shared<const ServerState>(std::move(state))) {}

std::shared_ptr<const ServerState> LiveState::Get() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return state_;
}

absl::StatusOr<std::vector<std::string>> LiveState::Reload(
    const std::string& actor) {
  std::lock_guard<std::mutex> lock(changing_);
  absl::StatusOr<ServerState> state = LoadState(paths_);
  if (!state.ok()) return state.status();
  return Take(*std::move(state), actor);
}

absl::Status LiveState::Update(
    const std::function<void(ServerState& state)>& change) {
  std::lock_guard<std::mutex> lock(changing_);
  ServerState state = *Get();
  change(state);
  return Take(std::move(state), kServerActor).status();
}

absl::StatusOr<std::vector<std::string>> LiveState::Take(
    ServerState state, const std::string& actor) {
  absl::StatusOr<std::vector<std::string>> unchanged = serve_(state, actor);
  if (!unchanged.ok()) return unchanged;
  std::lock_guard<std::mutex> lock(mutex_);
  state_ = std::make_shared<const ServerState>(std::move(state));
  return unchanged;
}

}  // namespace bestow::server
