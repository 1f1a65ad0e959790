#include "server/admin/state_store.h"

namespace bestow::server {

StoreOptions StoreOptionsOf(const StatePaths& paths, const Config& config) {
  StoreOptions options;
  options.path = paths.database;
  options.max_queued = static_cast<size_t>(config.limits.queued_issuances);
  return options;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStateStore(const StatePaths& paths) {
  return OpenStore({.path = paths.database});
}

}  // namespace bestow::server
