#include "agent/status/off_switch.h"

#include <errno.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"

namespace bestow::agent {
namespace {

std::string PathIn(const std::string& folder) { return folder + "/paused"; }

}  // namespace

bool IsPaused(const std::string& folder) {
  return access(PathIn(folder).c_str(), F_OK) == 0;
}

absl::Status SetPaused(const std::string& folder, bool paused) {
  if (Failpoint("agent.off_switch")) {
    return absl::InternalError("failpoint agent.off_switch");
  }
  const std::string path = PathIn(folder);
  if (paused) return WriteFileAtomically(path, {}, 0600);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't remove ", path));
  }
  return SyncDirectory(folder);
}

}  // namespace bestow::agent
