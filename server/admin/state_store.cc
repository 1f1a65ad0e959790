#include "server/admin/state_store.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

absl::StatusOr<std::string> PasswordFileOf(const StatePaths& paths,
                                           const StoreConfig& config) {
  if (!config.password_credential.empty()) {
    const char* const folder = std::getenv("CREDENTIALS_DIRECTORY");
    if (folder == nullptr || folder[0] != '/') {
      return absl::FailedPreconditionError(absl::StrCat(
          "the database's password is systemd's credential ",
          config.password_credential,
          ", and there is no $CREDENTIALS_DIRECTORY: run this in a unit with "
          "LoadCredential=",
          config.password_credential, ":FILE"));
    }
    return absl::StrCat(folder, "/", config.password_credential);
  }
  if (config.password_file.empty() || config.password_file[0] == '/') {
    return config.password_file;
  }
  return absl::StrCat(paths.folder, "/", config.password_file);
}

}  // namespace

absl::StatusOr<StoreOptions> StoreOptionsOf(const StatePaths& paths,
                                            const Config& config) {
  StoreOptions options;
  options.max_queued = static_cast<size_t>(config.limits.queued_issuances);
  if (config.store.engine == StoreEngine::kSqlite) {
    options.path = paths.database;
    return options;
  }
  options.engine = StoreOptions::Engine::kPostgresql;
  options.connection = config.store.connection;
  absl::StatusOr<std::string> file = PasswordFileOf(paths, config.store);
  if (!file.ok()) return file.status();
  options.password_file = *std::move(file);
  return options;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStateStore(
    const StatePaths& paths, const Config& config, StoreOptions::Older older) {
  absl::StatusOr<StoreOptions> options = StoreOptionsOf(paths, config);
  if (!options.ok()) return options.status();
  options->older = older;
  return OpenStore(*options);
}

absl::StatusOr<std::unique_ptr<Store>> OpenStateStore(
    const StatePaths& paths, StoreOptions::Older older) {
  absl::StatusOr<Config> config = LoadConfig(paths);
  if (!config.ok()) return config.status();
  return OpenStateStore(paths, *config, older);
}

}  // namespace bestow::server
