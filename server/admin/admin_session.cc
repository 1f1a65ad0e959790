#include "server/admin/admin_session.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/admin/admin_client.h"
#include "server/admin/admin_socket.h"
#include "server/admin/operations.h"
#include "server/admin/state_store.h"
#include "server/auth/sealed_secret.h"
#include "server/est/snapshot.h"

namespace bestow::server {
namespace {

// A server runs: each call is a connection of its own.
class RemoteSession : public AdminSession {
 public:
  explicit RemoteSession(std::string socket) : socket_(std::move(socket)) {}

  absl::StatusOr<Json> Run(const AdminCall& call) override {
    absl::StatusOr<int> fd = ConnectToServer(socket_);
    if (!fd.ok()) {
      return absl::UnavailableError(absl::StrCat(
          "the server stopped meanwhile: ", fd.status().message()));
    }
    return CallServer(*fd, call);
  }

 private:
  const std::string socket_;
};

// None does: the store, and what else an operation asks for, are opened here.
class LocalSession : public AdminSession {
 public:
  static absl::StatusOr<std::unique_ptr<AdminSession>> Open(
      const StatePaths& paths, Config config, const Clock& clock) {
    absl::StatusOr<std::unique_ptr<Store>> store =
        OpenStateStore(paths, config);
    if (!store.ok()) {
      return absl::FailedPreconditionError(store.status().message());
    }
    absl::StatusOr<std::shared_ptr<const SecretSealer>> sealer =
        SecretSealer::LoadOrCreate(paths.seal_key);
    if (!sealer.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(paths.seal_key, ": ", sealer.status().message()));
    }
    return std::unique_ptr<AdminSession>(
        new LocalSession(paths, std::move(config), *std::move(store),
                         *std::move(sealer), clock));
  }

  absl::StatusOr<Json> Run(const AdminCall& call) override {
    const AdminContext context{*store_,
                               config_,
                               [this] { return LoadedSnapshot(); },
                               *sealer_,
                               clock_,
                               no_hooks_,
                               paths_.folder,
                               OperatorName(getuid()),
                               call.secret};
    return PerformOperation(call.operation, context, call.arguments);
  }

 private:
  LocalSession(const StatePaths& paths, Config config,
               std::unique_ptr<Store> store,
               std::shared_ptr<const SecretSealer> sealer, const Clock& clock)
      : paths_(paths),
        config_(std::move(config)),
        store_(std::move(store)),
        sealer_(std::move(sealer)),
        clock_(clock) {}

  // Most operations need no CA, whose key may be in a TPM or under a
  // passphrase.
  absl::StatusOr<const Snapshot*> LoadedSnapshot() {
    if (snapshot_ == nullptr) {
      absl::StatusOr<ServerState> state = LoadState(paths_);
      if (!state.ok()) return state.status();
      absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
          Snapshot::Create(state->config, state->materials);
      if (!snapshot.ok()) {
        return absl::FailedPreconditionError(snapshot.status().message());
      }
      snapshot_ = *std::move(snapshot);
    }
    return snapshot_.get();
  }

  const StatePaths paths_;
  const Config config_;
  const std::unique_ptr<Store> store_;
  const std::shared_ptr<const SecretSealer> sealer_;
  const Clock& clock_;
  const AdminHooks no_hooks_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace

std::string AdminSocketPath(const StatePaths& paths, const Config& config) {
  const std::string& socket = config.admin.socket;
  return absl::StartsWith(socket, "/")
             ? socket
             : absl::StrCat(paths.folder, "/", socket);
}

absl::StatusOr<std::unique_ptr<AdminSession>> AdminSession::Open(
    const std::string& state_dir, const Clock& clock) {
  const StatePaths paths(state_dir);
  absl::StatusOr<Config> config = LoadConfig(paths);
  // A running server goes on although its config was broken since.
  const std::string socket =
      AdminSocketPath(paths, config.ok() ? *config : Config());
  absl::StatusOr<int> fd = ConnectToServer(socket);
  if (fd.ok()) {
    close(*fd);
    return std::unique_ptr<AdminSession>(new RemoteSession(socket));
  }
  if (!absl::IsNotFound(fd.status())) return fd.status();
  if (!config.ok()) return config.status();
  return LocalSession::Open(paths, *std::move(config), clock);
}

}  // namespace bestow::server
