#include "agent/credentials/state_migration.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"

namespace bestow::agent {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFolderMode = 0700;
constexpr std::string_view kDefaultFolder = "identities/default";
// What other programs point at in STATE.
constexpr std::string_view kLinked[] = {"current", "server-keys"};
// What nobody else goes to.
constexpr std::string_view kPlain[] = {"pending", "cacerts.pem", "agenda.toml",
                                       "status.toml"};

absl::Status FailpointError(std::string_view name) {
  return absl::InternalError(absl::StrCat("failpoint ", name));
}

#define RETURN_IF_FAILPOINT(name) \
  if (Failpoint(name)) return FailpointError(name)

std::string In(const std::string& folder, std::string_view name) {
  return absl::StrCat(folder, "/", name);
}
std::string InDefault(std::string_view name) {
  return absl::StrCat(kDefaultFolder, "/", name);
}

// 0: nothing is there.
mode_t KindOf(const std::string& path) {
  struct stat st;
  return lstat(path.c_str(), &st) == 0 ? st.st_mode & S_IFMT : 0;
}

absl::Status Errno(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("can't ", what, " ", path));
}

absl::Status SyncBoth(const std::string& folder) {
  if (auto s = SyncDirectory(In(folder, kDefaultFolder)); !s.ok()) return s;
  return SyncDirectory(folder);
}

// Replaces what is at `path`, unless it is a folder, by a link.
absl::Status MakeLink(const std::string& path, const std::string& target) {
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());
  RETURN_IF_FAILPOINT("state.link");
  if (symlink(target.c_str(), fresh.c_str()) != 0) return Errno("make", fresh);
  RETURN_IF_FAILPOINT("state.switch");
  if (rename(fresh.c_str(), path.c_str()) != 0) return Errno("make", path);
  return absl::OkStatus();
}

// Moves a folder and leaves a link to it in its place: in one step, so that
// whoever goes through the old name never finds nothing.
absl::Status MoveFolder(const std::string& folder, std::string_view name) {
  const std::string from = In(folder, name);
  const std::string to = In(folder, InDefault(name));
  const std::string target = InDefault(name);
  if (KindOf(from) != S_IFDIR) {
    // Moved before; only the link was cut off, where that is a step.
    if (KindOf(from) == 0 && KindOf(to) == S_IFDIR) {
      if (auto s = MakeLink(from, target); !s.ok()) return s;
    }
    return SyncBoth(folder);
  }
  // It leads nowhere there; it is for where it comes to.
  if (auto s = MakeLink(to, target); !s.ok()) return s;
  // Failing here: a file system that can't.
  if (!Failpoint("state.exchange")) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
                  RENAME_EXCHANGE) == 0) {
      return SyncBoth(folder);
    }
    if (errno != EINVAL && errno != ENOSYS) return Errno("move", from);
  }
  if (unlink(to.c_str()) != 0) return Errno("remove", to);
  RETURN_IF_FAILPOINT("state.move_folder");
  if (rename(from.c_str(), to.c_str()) != 0) return Errno("move", from);
  if (auto s = MakeLink(from, target); !s.ok()) return s;
  return SyncBoth(folder);
}

absl::Status Move(const std::string& folder, std::string_view name) {
  const std::string from = In(folder, name);
  if (KindOf(from) == 0) return absl::OkStatus();
  RETURN_IF_FAILPOINT("state.move");
  if (rename(from.c_str(), In(folder, InDefault(name)).c_str()) != 0) {
    return Errno("move", from);
  }
  return absl::OkStatus();
}

// The default identity's link, as STATE's was; what is no link is damaged, and
// stays what it is.
absl::Status MoveCurrent(const std::string& folder) {
  const std::string from = In(folder, "current");
  if (KindOf(from) == 0) return absl::OkStatus();
  if (KindOf(from) != S_IFLNK) return Move(folder, "current");
  std::error_code error;
  const std::string target = fs::read_symlink(from, error).string();
  if (error) {
    return absl::InternalError(
        absl::StrCat("can't read ", from, ": ", error.message()));
  }
  if (target == InDefault("current")) return absl::OkStatus();  // done before
  return MakeLink(In(folder, InDefault("current")), target);
}

// Nothing of format 2 has such a name, but for the links.
bool HasLeftovers(const std::string& folder) {
  if (KindOf(In(folder, "generations")) != 0 ||
      KindOf(In(folder, "server-keys")) == S_IFDIR) {
    return true;
  }
  for (std::string_view name : kPlain) {
    if (KindOf(In(folder, name)) != 0) return true;
  }
  std::error_code error;
  const std::string current = In(folder, "current");
  return KindOf(current) != 0 &&
         fs::read_symlink(current, error).string() != InDefault("current");
}

}  // namespace

bool IsUnmigrated(const std::string& folder) {
  return KindOf(In(folder, "generations")) == S_IFDIR;
}

absl::Status MoveIntoDefaultIdentity(const std::string& folder) {
  if (!HasLeftovers(folder)) return absl::OkStatus();
  RETURN_IF_FAILPOINT("state.make_folder");
  for (std::string_view made :
       {std::string_view("identities"), kDefaultFolder}) {
    if (auto s = MakeDirectory(In(folder, made), kFolderMode); !s.ok())
      return s;
  }
  // Readers look in the new place from the moment that generations/ is there.
  if (auto s = MoveCurrent(folder); !s.ok()) return s;
  if (auto s = MoveFolder(folder, "generations"); !s.ok()) return s;
  if (auto s = MoveFolder(folder, "server-keys"); !s.ok()) return s;
  for (std::string_view name : kPlain) {
    if (auto s = Move(folder, name); !s.ok()) return s;
  }
  if (auto s = SyncBoth(folder); !s.ok()) return s;
  if (auto s = LinkDefaultIdentity(folder); !s.ok()) return s;
  // Nobody goes through it any more.
  RETURN_IF_FAILPOINT("state.drop_link");
  const std::string link = In(folder, "generations");
  if (unlink(link.c_str()) != 0 && errno != ENOENT) {
    return Errno("remove", link);
  }
  return SyncDirectory(folder);
}

absl::Status LinkDefaultIdentity(const std::string& folder) {
  for (std::string_view name : kLinked) {
    const std::string path = In(folder, name);
    const mode_t kind = KindOf(path);
    if (kind != 0 && kind != S_IFLNK) continue;
    std::error_code error;
    if (kind == S_IFLNK &&
        fs::read_symlink(path, error).string() == InDefault(name)) {
      continue;
    }
    if (auto s = MakeLink(path, InDefault(name)); !s.ok()) return s;
  }
  return SyncDirectory(folder);
}

}  // namespace bestow::agent
