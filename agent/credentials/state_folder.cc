#include "agent/credentials/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/config/identity_config.h"
#include "agent/credentials/state_migration.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"

namespace bestow::agent {
namespace {

namespace fs = std::filesystem;

constexpr int kFormatVersion = 2;
constexpr std::string_view kFormatPrefix = "bestow-agent state ";
constexpr size_t kMaxFormatBytes = 64;
constexpr mode_t kFolderMode = 0700;

// Which format it is; kNotFound when there is none.
absl::StatusOr<int> ReadFormat(const std::string& folder) {
  auto text = ReadFile(folder + "/format", kMaxFormatBytes);
  if (absl::IsNotFound(text.status())) return text.status();
  std::string_view version = text.ok() ? std::string_view(*text) : "";
  int number = 0;
  if (!absl::ConsumePrefix(&version, kFormatPrefix) ||
      !absl::SimpleAtoi(version, &number) || number < 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder, "/format is not a bestow-agent's: is state_dir right?"));
  }
  if (number > kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder, " was written by a newer bestow-agent (format ", number,
        ", this one knows ", kFormatVersion,
        "): install the newer version again, or give another state_dir"));
  }
  return number;
}

absl::Status WriteFormat(const std::string& folder) {
  if (Failpoint("state.write_format")) {
    return absl::InternalError("failpoint state.write_format");
  }
  return WriteFileAtomically(
      folder + "/format",
      AsBytes(absl::StrCat(kFormatPrefix, kFormatVersion, "\n")), 0600);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateFolder>> StateFolder::Open(
    std::string folder) {
  if (absl::Status s = MakeDirectory(folder, kFolderMode); !s.ok()) return s;
  const std::string lock = folder + "/lock";
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("can't write in the state folder ", folder,
                            " (state_dir; does this user own it?)"));
  }
  // From here on the descriptor belongs to the object.
  auto state =
      std::unique_ptr<StateFolder>(new StateFolder(std::move(folder), fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::AlreadyExistsError(absl::StrCat(
        "another bestow-agent uses the state folder ", state->folder_));
  }
  if (absl::Status s = state->Prepare(); !s.ok()) return s;
  return state;
}

StateFolder::~StateFolder() { close(lock_fd_); }

absl::Status StateFolder::Prepare() {
  auto format = ReadFormat(folder_);
  if (absl::IsNotFound(format.status())) {
    if (IsUnmigrated(folder_) || !Identities().empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          folder_, " has credentials but no file \"format\": it is damaged"));
    }
  } else if (!format.ok()) {
    return format.status();
  }
  // Before anything moves: an older agent must not take up the half of it.
  if (!format.ok() || *format < kFormatVersion) {
    if (absl::Status s = WriteFormat(folder_); !s.ok()) return s;
  }
  if (absl::Status s = MoveIntoDefaultIdentity(folder_); !s.ok()) return s;
  // What cut-off writes left.
  std::error_code error;
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (absl::StrContains(entry.path().filename().string(), ".tmp.")) {
      leftovers.push_back(entry.path());
    }
  }
  for (const fs::path& path : leftovers) fs::remove(path, error);
  return absl::OkStatus();
}

absl::StatusOr<std::string> StateFolder::IdentityFolder(std::string_view name) {
  if (absl::Status s = CheckIdentityName(name); !s.ok()) return s;
  if (Failpoint("state.make_identity")) {
    return absl::InternalError("failpoint state.make_identity");
  }
  const std::string all = folder_ + "/identities";
  const std::string made = absl::StrCat(all, "/", name);
  if (auto s = MakeDirectory(all, kFolderMode); !s.ok()) return s;
  if (auto s = MakeDirectory(made, kFolderMode); !s.ok()) return s;
  if (auto s = SyncDirectory(all); !s.ok()) return s;
  if (auto s = SyncDirectory(folder_); !s.ok()) return s;
  if (name == kDefaultIdentity) {
    if (auto s = LinkDefaultIdentity(folder_); !s.ok()) return s;
  }
  return made;
}

std::vector<std::string> StateFolder::Identities() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(folder_ + "/identities", error)) {
    std::string name = entry.path().filename().string();
    if (CheckIdentityName(name).ok()) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::string> FindIdentityFolder(const std::string& folder,
                                               std::string_view name) {
  auto format = ReadFormat(folder);
  if (!format.ok()) return format.status();
  // As format 1 had it, and as it still is while it is migrated.
  if (name == kDefaultIdentity && IsUnmigrated(folder)) return folder;
  return absl::StrCat(folder, "/identities/", name);
}

bool AgentRuns(const std::string& folder) {
  const int fd =
      open(absl::StrCat(folder, "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  return held;
}

}  // namespace bestow::agent
