#include "server/admin/server_operations.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bestow::server {
namespace {

absl::StatusOr<Json> Reload(const AdminContext& context,
                            const Json& /*arguments*/) {
  if (!context.hooks.reload) {
    return absl::FailedPreconditionError(
        "no server runs on this state folder: `bestow-server run` loads what "
        "is there when it starts, and `bestow-server check` tries it out");
  }
  absl::StatusOr<std::vector<std::string>> unchanged =
      context.hooks.reload(context.actor);
  if (!unchanged.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(unchanged.status().message(),
                     "\nnot reloaded: the server goes on with what it had"));
  }
  Json answer = {{"reloaded", true}, {"needs_restart", *unchanged}};
  answer["message"] = "The config, the CAs and the certificates are reloaded.";
  if (!unchanged->empty()) {
    answer["notes"] =
        Json::array({absl::StrCat(absl::StrJoin(*unchanged, ", "),
                                  " changed: that takes effect at a restart")});
  }
  return answer;
}

}  // namespace

absl::Span<const Operation> ServerOperations() {
  static constexpr Operation kOperations[] = {{"reload", Reload}};
  return kOperations;
}

}  // namespace bestow::server
