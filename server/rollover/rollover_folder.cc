#include "server/rollover/rollover_folder.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "server/admin/file_swap.h"
#include "server/admin/state_files.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxChain = 10;
constexpr size_t kMaxPlanBytes = 100;
constexpr int64_t kMaxRenewSeconds = int64_t{10} * 366 * 24 * 3600;
constexpr char kKey[] = "ca.key.pem";
constexpr char kChain[] = "ca.pem";
constexpr char kLinks[] = "rollover.pem";
constexpr char kRequest[] = "request.pem";
constexpr char kSwitchAt[] = "switch_at";
constexpr char kRenewWithin[] = "renew_within";  // seconds

std::string In(const std::string& folder, std::string_view name) {
  return absl::StrCat(folder, "/", name);
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (Failpoint("rollover.rename")) {
    return absl::InternalError("failpoint rollover.rename");
  }
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("can't move ", from, " to ", to));
}

absl::Status Link(const std::string& from, const std::string& to) {
  if (Failpoint("rollover.link")) {
    return absl::InternalError("failpoint rollover.link");
  }
  if (link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("can't link ", from, " to ", to));
}

// Of a folder next to others, seen by those that look for numbers or names no
// more from the moment on that it is renamed.
absl::Status RemoveFolder(const std::string& folder, const std::string& trash,
                          const std::string& parent) {
  absl::Status status = RemovePath(trash);
  if (status.ok()) status = Rename(folder, trash);
  if (status.ok()) status = SyncDirectory(parent);
  if (status.ok()) status = RemovePath(trash);
  return status;
}

std::string Pem(const std::vector<Certificate>& certificates) {
  std::string pem;
  for (const Certificate& certificate : certificates) {
    pem += SerializeCertificatePem(certificate.der);
  }
  return pem;
}

absl::StatusOr<Certificate> Leaf(const std::string& path) {
  absl::StatusOr<std::vector<Certificate>> chain =
      LoadCertificatesPem(path, kMaxChain);
  if (!chain.ok()) return chain.status();
  return std::move(chain->front());
}

absl::StatusOr<std::optional<std::string>> ReadLine(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxPlanBytes);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  return std::string(absl::StripAsciiWhitespace(*text));
}

absl::Status Malformed(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is not as `bestow-server ca rollover` writes it"));
}

absl::StatusOr<RolloverPlan> ReadPlan(const std::string& next) {
  RolloverPlan plan;
  absl::StatusOr<std::optional<std::string>> line =
      ReadLine(In(next, kSwitchAt));
  if (!line.ok()) return line.status();
  std::string error;
  if (line->has_value() &&
      !absl::ParseTime(absl::RFC3339_full, **line, &plan.switch_at, &error)) {
    return Malformed(In(next, kSwitchAt));
  }
  line = ReadLine(In(next, kRenewWithin));
  if (!line.ok()) return line.status();
  int64_t seconds = 0;
  if (line->has_value() && (!absl::SimpleAtoi(**line, &seconds) ||
                            seconds < 0 || seconds > kMaxRenewSeconds)) {
    return Malformed(In(next, kRenewWithin));
  }
  plan.renew_within = absl::Seconds(seconds);
  return plan;
}

absl::Status Replace(const std::string& path, const std::string& content) {
  if (!content.empty()) {
    return WriteFileAtomically(path, AsBytes(content), kPublicMode);
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't remove ", path));
  }
  return absl::OkStatus();
}

// Each file by itself: a date and a wish that do not depend on each other.
absl::Status WritePlan(const std::string& next, const RolloverPlan& plan) {
  absl::Status status = Replace(
      In(next, kSwitchAt),
      plan.switch_at == absl::InfiniteFuture()
          ? ""
          : absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", plan.switch_at,
                                          absl::UTCTimeZone()),
                         "\n"));
  if (!status.ok()) return status;
  return Replace(
      In(next, kRenewWithin),
      plan.renew_within == absl::ZeroDuration()
          ? ""
          : absl::StrCat(absl::ToInt64Seconds(plan.renew_within), "\n"));
}

// The caller holds the folder's lock.
absl::StatusOr<RolloverStatus> ReadLocked(const CaPaths& paths) {
  RolloverStatus status;
  if (!PathExists(paths.next_folder)) return status;
  absl::StatusOr<RolloverPlan> plan = ReadPlan(paths.next_folder);
  if (!plan.ok()) return plan.status();
  status.plan = *plan;
  status.stage = RolloverStage::kWaiting;
  const std::string chain = In(paths.next_folder, kChain);
  if (!PathExists(chain)) return status;
  absl::StatusOr<Certificate> next = Leaf(chain);
  if (!next.ok()) return next.status();
  absl::StatusOr<Certificate> present = Leaf(SwapPath(paths.folder, kChain));
  if (!present.ok()) return present.status();
  status.stage = next->spki == present->spki ? RolloverStage::kSwitched
                                             : RolloverStage::kAhead;
  status.next = *std::move(next);
  return status;
}

// The caller holds the folder's lock, and acts under it.
absl::Status Require(const CaPaths& paths, bool waiting_alone) {
  absl::StatusOr<RolloverStatus> status = ReadLocked(paths);
  if (!status.ok()) return status.status();
  if (status->stage == RolloverStage::kNone) {
    return absl::FailedPreconditionError(
        absl::StrCat("no rollover is under way in ", paths.folder,
                     ": begin one with `bestow-server ca rollover`"));
  }
  if (status->stage == RolloverStage::kSwitched) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.folder, " has switched to its next key already"));
  }
  if (waiting_alone && status->stage != RolloverStage::kWaiting) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.next_folder, " has its certificate already"));
  }
  return absl::OkStatus();
}

// The present key's folder among the former ones, made unless it is there.
absl::Status KeepAsFormer(const CaPaths& paths, const Certificate& present) {
  absl::Status status = MakeDirectory(paths.former_folder, kFolderMode);
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<int>> numbers = ListFormer(paths);
  if (!numbers.ok()) return numbers.status();
  for (int number : *numbers) {
    absl::StatusOr<Certificate> former =
        Leaf(In(In(paths.former_folder, absl::StrCat(number)), kChain));
    if (!former.ok()) return former.status();
    if (former->spki == present.spki) return absl::OkStatus();
  }
  const int number = numbers->empty() ? 1 : numbers->front() + 1;
  const std::string gathering = In(paths.former_folder, ".new");
  status = RemovePath(gathering);
  if (status.ok()) status = MakeDirectory(gathering, kFolderMode);
  for (const char* name : {kKey, kChain, kLinks}) {
    if (!status.ok()) return status;
    const std::string from = SwapPath(paths.folder, name);
    std::error_code error;
    if (name == kLinks && (std::filesystem::file_size(from, error) == 0 ||
                           error == std::errc::no_such_file_or_directory)) {
      continue;
    }
    status = Link(from, In(gathering, name));
  }
  if (status.ok()) status = SyncDirectory(gathering);
  if (status.ok()) {
    status = Rename(gathering, In(paths.former_folder, absl::StrCat(number)));
  }
  if (status.ok()) status = SyncDirectory(paths.former_folder);
  if (status.ok()) status = SyncDirectory(paths.folder);
  return status;
}

// Whether a rollover.pem, which may be missing, leads from or to that key.
absl::StatusOr<bool> Mentions(const std::string& path, const Bytes& spki) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory || bytes == 0) return false;
  absl::StatusOr<std::vector<Certificate>> links =
      LoadCertificatesPem(path, kMaxChain);
  if (!links.ok()) return links.status();
  return std::any_of(
      links->begin(), links->end(),
      [&](const Certificate& link) { return link.spki == spki; });
}

}  // namespace

absl::StatusOr<RolloverStatus> ReadRollover(const CaPaths& paths) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(paths.folder, /*exclusive=*/false);
  if (!lock.ok()) return lock.status();
  return ReadLocked(paths);
}

absl::Status PrepareNext(const CaPaths& paths, const NextFiles& files) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(paths.folder, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  if (PathExists(paths.next_folder)) {
    return absl::AlreadyExistsError(
        absl::StrCat("a rollover is under way in ", paths.next_folder));
  }
  const std::string gathering = In(paths.folder, ".next.new");
  absl::Status status = RemovePath(gathering);
  if (status.ok()) status = MakeDirectory(gathering, kFolderMode);
  if (status.ok()) {
    status = CreateFileDurably(In(gathering, kKey), files.key_pem.bytes(),
                               kSecretMode);
  }
  for (const auto& [name, content] :
       {std::pair<const char*, std::string>{kChain, Pem(files.chain)},
        {kLinks, Pem(files.rollover)},
        {kRequest, files.request_pem}}) {
    if (status.ok() && !content.empty()) {
      status =
          CreateFileDurably(In(gathering, name), AsBytes(content), kPublicMode);
    }
  }
  if (status.ok()) status = WritePlan(gathering, files.plan);
  if (status.ok()) status = SyncDirectory(gathering);
  if (status.ok()) status = Rename(gathering, paths.next_folder);
  if (!status.ok()) {
    // There is a key in it.
    RemovePath(gathering).IgnoreError();
    return status;
  }
  return SyncDirectory(paths.folder);
}

absl::Status ImportNext(const CaPaths& paths,
                        const std::vector<Certificate>& chain,
                        const std::vector<Certificate>& rollover) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(paths.folder, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  absl::Status status = Require(paths, /*waiting_alone=*/true);
  if (!status.ok()) return status;
  status = Replace(In(paths.next_folder, kLinks), Pem(rollover));
  if (!status.ok()) return status;
  // Last: from here on it is shown.
  return Replace(In(paths.next_folder, kChain), Pem(chain));
}

absl::Status SetPlan(const CaPaths& paths, const RolloverPlan& plan) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(paths.folder, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  absl::Status status = Require(paths, /*waiting_alone=*/false);
  if (!status.ok()) return status;
  status = WritePlan(paths.next_folder, plan);
  if (!status.ok()) return status;
  return SyncDirectory(paths.next_folder);
}

absl::Status DropNext(const CaPaths& paths) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(paths.folder, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  absl::Status status = Require(paths, /*waiting_alone=*/false);
  if (!status.ok()) return status;
  return RemoveFolder(paths.next_folder, In(paths.folder, ".next.gone"),
                      paths.folder);
}

absl::Status SwitchToNext(const CaPaths& paths, const Certificate& next) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(paths.folder, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<Certificate> present = Leaf(SwapPath(paths.folder, kChain));
  if (!present.ok()) return present.status();
  absl::StatusOr<Certificate> there = Leaf(In(paths.next_folder, kChain));
  if (!there.ok() || *there != next || present->spki == next.spki) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.next_folder,
                     " does not hold the key that was to be switched to"));
  }
  absl::Status status = KeepAsFormer(paths, *present);
  if (!status.ok()) return status;
  std::vector<SwapFile> files = {{kKey, In(paths.next_folder, kKey)},
                                 {kChain, In(paths.next_folder, kChain)}};
  // None: the root is the same, and so are its links, if it has any.
  const std::string links = In(paths.next_folder, kLinks);
  if (PathExists(links)) files.push_back({kLinks, links});
  bool committed = false;
  status = SwapFiles(paths.folder, files, &committed);
  // What could not be moved yet is read from where it is; FinishRollover()
  // moves it.
  return committed ? absl::OkStatus() : status;
}

absl::Status FinishRollover(const CaPaths& paths) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(paths.folder, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<RolloverStatus> rollover = ReadLocked(paths);
  if (!rollover.ok()) return rollover.status();
  absl::Status status = FinishSwap(paths.folder);
  if (!status.ok()) return status;
  const std::string trash = In(paths.folder, ".next.gone");
  // What removals that broke off have left, keys among it.
  status = RemovePath(trash);
  if (status.ok()) status = RemovePath(In(paths.former_folder, ".gone"));
  if (!status.ok() || rollover->stage != RolloverStage::kSwitched) {
    return status;
  }
  return RemoveFolder(paths.next_folder, trash, paths.folder);
}

absl::Status RemoveFormer(const CaPaths& paths, int number) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(paths.folder, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  const std::string folder = In(paths.former_folder, absl::StrCat(number));
  if (!PathExists(folder)) {
    return absl::NotFoundError(absl::StrCat("there is no ", folder));
  }
  absl::StatusOr<Certificate> former = Leaf(In(folder, kChain));
  if (!former.ok()) return former.status();
  // First what makes clients trust it: OldWithNew would go on to.
  absl::StatusOr<bool> mentioned =
      Mentions(SwapPath(paths.folder, kLinks), former->spki);
  if (!mentioned.ok()) return mentioned.status();
  if (*mentioned) {
    bool committed = false;
    absl::Status status = SwapFiles(paths.folder, {{kLinks, ""}}, &committed);
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::vector<int>> numbers = ListFormer(paths);
  if (!numbers.ok()) return numbers.status();
  for (int other : *numbers) {
    const std::string links =
        In(In(paths.former_folder, absl::StrCat(other)), kLinks);
    mentioned = Mentions(links, former->spki);
    if (!mentioned.ok()) return mentioned.status();
    if (other == number || !*mentioned) continue;
    absl::Status status = Replace(links, "");
    if (status.ok()) {
      status = SyncDirectory(In(paths.former_folder, absl::StrCat(other)));
    }
    if (!status.ok()) return status;
  }
  return RemoveFolder(folder, In(paths.former_folder, ".gone"),
                      paths.former_folder);
}

}  // namespace bestow::server
