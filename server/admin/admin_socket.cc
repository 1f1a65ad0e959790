#include "server/admin/admin_socket.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr size_t kNameBuffer = 16 * 1024;
constexpr char kProgram[] = "server";

}  // namespace

std::string OperatorName(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(kNameBuffer);
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return absl::StrCat("operator uid ", uid);
  }
  return absl::StrCat("operator ", found->pw_name, " (uid ", uid, ")");
}

absl::StatusOr<std::string> AdmitOperator(const SocketPeer& peer,
                                          uid_t server_uid,
                                          std::optional<gid_t> group) {
  const bool in_group =
      group.has_value() && std::find(peer.groups.begin(), peer.groups.end(),
                                     *group) != peer.groups.end();
  if (peer.uid != 0 && peer.uid != server_uid && !in_group) {
    return absl::PermissionDeniedError(
        absl::StrCat("uid ", peer.uid,
                     " is neither root nor the server's user nor in the group "
                     "of [admin]"));
  }
  return OperatorName(peer.uid);
}

absl::StatusOr<gid_t> GroupByName(const std::string& name) {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(kNameBuffer);
  if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) !=
          0 ||
      found == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("this machine has no group ", name));
  }
  return found->gr_gid;
}

absl::StatusOr<std::unique_ptr<AdminListener>> OpenAdminListener(
    const std::string& path, std::optional<gid_t> group) {
  return UnixListener::Open(path, group, kProgram);
}

absl::StatusOr<int> ConnectToServer(const std::string& path) {
  return ConnectUnix(path, kProgram);
}

}  // namespace bestow::server
