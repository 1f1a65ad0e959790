#include "server/operators.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/admin/admin_session.h"
#include "server/admin/operations.h"

namespace bestow::server {
namespace {

absl::StatusOr<std::optional<gid_t>> GroupOf(const AdminConfig& admin) {
  if (admin.group.empty()) return std::optional<gid_t>();
  absl::StatusOr<gid_t> group = GroupByName(admin.group);
  if (!group.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("admin.group: ", group.status().message()));
  }
  return std::optional<gid_t>(*group);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminListener>> OpenAdminSocket(
    const StatePaths& paths, const Config& config) {
  absl::StatusOr<std::optional<gid_t>> group = GroupOf(config.admin);
  if (!group.ok()) return group.status();
  return OpenAdminListener(AdminSocketPath(paths, config), *group);
}

absl::StatusOr<std::unique_ptr<AdminServer>> ServeOperators(
    std::unique_ptr<AdminListener> listener, const StatePaths& paths,
    Server& server, const Clock& clock, AdminHooks hooks,
    AdminServer::LogLine log_line) {
  hooks.publish_crls = [&server] { server.PublishRevocations(); };
  hooks.anchors_changed = [&server] { server.RefreshAnchors(); };
  AdminServer::Options options;
  absl::StatusOr<std::optional<gid_t>> group =
      GroupOf(server.current().state->config.admin);
  if (!group.ok()) return group.status();
  options.group = *group;
  options.perform = [&server, &clock, hooks = std::move(hooks),
                     folder = paths.folder](const AdminCall& call) {
    const Server::Current current = server.current();
    const AdminContext context{server.store(),
                               current.state->config,
                               [&current]() -> absl::StatusOr<const Snapshot*> {
                                 return current.snapshot.get();
                               },
                               server.sealer(),
                               clock,
                               hooks,
                               folder,
                               call.actor,
                               call.secret};
    return PerformOperation(call.operation, context, call.arguments);
  };
  options.log_line = std::move(log_line);
  return AdminServer::Create(std::move(listener), std::move(options));
}

}  // namespace bestow::server
