#include "server/backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "server/admin/file_swap.h"
#include "server/admin/run_lock.h"
#include "server/admin/state_files.h"
#include "server/audit/audit_check.h"
#include "server/backup/archive.h"
#include "server/backup/tar_header.h"
#include "server/store/open_store.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxFileBytes = size_t{16} << 20;
constexpr int kMaxDepth = 8;
constexpr uint32_t kDatabaseMode = 0600;
constexpr uint32_t kPermissions = 0777;
constexpr std::string_view kTemporary = ".backup-";

// Only at the top of the state folder: the database, which has a part of its
// own, and what is under way.
bool IsLeftToItself(std::string_view name) {
  return absl::StartsWith(name, "bestow.db") || name == ".init" ||
         name == kRunLockName || absl::StartsWith(name, kTemporary);
}

bool IsPlainKey(std::string_view name, std::string_view content) {
  return name == "seal.key" ||
         absl::StrContains(content, "-----BEGIN PRIVATE KEY-----") ||
         absl::StrContains(content, "-----BEGIN EC PRIVATE KEY-----") ||
         absl::StrContains(content, "-----BEGIN RSA PRIVATE KEY-----");
}

// A folder that goes with its owner.
class TemporaryFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Make(
      const std::string& state_dir) {
    std::string path = absl::StrCat(state_dir, "/", kTemporary, "XXXXXX");
    if (mkdtemp(path.data()) == nullptr) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("can't make a folder in ", state_dir));
    }
    return std::make_unique<TemporaryFolder>(std::move(path));
  }
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  ~TemporaryFolder() { RemovePath(path_).IgnoreError(); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

class Collector {
 public:
  Collector(Manifest& manifest, std::vector<PartContent>& contents,
            BackupReport& report)
      : manifest_(manifest), contents_(contents), report_(report) {}

  // `below`: of the state folder, "" or with a slash at its end.
  absl::Status AddFolder(const std::string& folder, const std::string& below,
                         int depth) {
    if (depth > kMaxDepth) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder,
                       " lies too deep: move it out of the state "
                       "folder"));
    }
    std::vector<std::string> names;
    {
      absl::StatusOr<FolderLock> lock =
          FolderLock::Take(folder, /*exclusive=*/false);
      if (!lock.ok()) return lock.status();
      absl::StatusOr<std::vector<std::string>> listed = List(folder);
      if (!listed.ok()) return listed.status();
      names = *std::move(listed);
      // The files while it is locked; the folders, which have locks of their
      // own, after it.
      for (const std::string& name : names) {
        if (below.empty() && IsLeftToItself(name)) continue;
        // Of a file that is being written: here it is what it was.
        if (absl::StrContains(name, ".tmp.")) continue;
        absl::Status status = AddFile(folder, below, name);
        if (!status.ok()) return status;
      }
    }
    for (const std::string& name : std::exchange(folders_, {})) {
      absl::Status status =
          AddFolder(absl::StrCat(folder, "/", name),
                    absl::StrCat(below, name, "/"), depth + 1);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<std::vector<std::string>> List(
      const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(folder, error)) {
      names.push_back(entry.path().filename().string());
      if (names.size() > kMaxParts) break;
    }
    if (error) {
      return absl::InternalError(
          absl::StrCat("can't list ", folder, ": ", error.message()));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status AddFile(const std::string& folder, const std::string& below,
                       const std::string& name) {
    const std::string path = absl::StrCat(folder, "/", name);
    struct stat st;
    if (lstat(path.c_str(), &st) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("can't look at ", path));
    }
    // A file swap that broke off is part of the state, see file_swap.h.
    if (S_ISDIR(st.st_mode)) {
      folders_.push_back(name);
      return absl::OkStatus();
    }
    if (S_ISSOCK(st.st_mode)) return absl::OkStatus();
    if (!S_ISREG(st.st_mode)) {
      report_.left_out.push_back(path);
      return absl::OkStatus();
    }
    absl::StatusOr<std::string> content = ReadFile(path, kMaxFileBytes);
    if (!content.ok()) {
      return absl::Status(
          content.status().code(),
          absl::StrCat(content.status().message(),
                       ": no backup without it; what is not the server's "
                       "belongs elsewhere"));
    }
    const std::string part_name = absl::StrCat(kStatePrefix, below, name);
    absl::Status status = CheckPartName(part_name);
    if (!status.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": ", status.message(), "; rename it"));
    }
    if (IsPlainKey(below + name, *content)) report_.plain_keys.push_back(path);
    const Sha256Digest digest = Sha256(AsBytes(*content));
    manifest_.parts.push_back(
        {part_name, static_cast<uint32_t>(st.st_mode) & kPermissions,
         content->size(), Bytes(digest.begin(), digest.end())});
    PartContent part;
    part.bytes = Secret(std::string_view(*content));
    Cleanse(content->data(), content->size());
    contents_.push_back(std::move(part));
    return absl::OkStatus();
  }

  Manifest& manifest_;
  std::vector<PartContent>& contents_;
  BackupReport& report_;
  std::vector<std::string> folders_;  // found in the one that is listed
};

// The end of the copy's audit log, by which it can be told how far it goes.
absl::Status NoteAudit(const std::string& copy, Manifest& manifest,
                       BackupReport& report) {
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStore({.path = copy, .write_ahead = false});
  if (!store.ok()) return store.status();
  absl::StatusOr<AuditCheck> check = CheckAudit(**store);
  if (!check.ok()) return check.status();
  manifest.audit_sequence = check->entries;
  manifest.audit_hash = check->hash;
  report.audit_sequence = check->entries;
  if (check->broken.has_value())
    report.audit_broken_at = check->broken->sequence;
  return absl::OkStatus();
}

absl::Status CheckPlace(const BackupOptions& options) {
  std::error_code error;
  const auto folder = std::filesystem::weakly_canonical(
      std::filesystem::absolute(options.state_dir, error), error);
  const auto file = std::filesystem::weakly_canonical(
      std::filesystem::absolute(options.file, error), error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.file, ": ", error.message()));
  }
  if (std::mismatch(folder.begin(), folder.end(), file.begin(), file.end())
          .first == folder.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.file,
                     " lies in the state folder: a backup belongs elsewhere, "
                     "best on another machine"));
  }
  return absl::OkStatus();
}

absl::Status Write(const Manifest& manifest,
                   const std::vector<PartContent>& contents,
                   const BackupOptions& options) {
  absl::StatusOr<std::unique_ptr<ByteSink>> sink = CreateFileSink(options.file);
  if (!sink.ok()) return sink.status();
  if (!options.passphrase.empty()) {
    sink =
        SealInto(*std::move(sink), options.passphrase, options.scrypt_log2_n);
    if (!sink.ok()) return sink.status();
  }
  return WriteArchive(manifest, contents, **sink);
}

}  // namespace

absl::StatusOr<BackupReport> MakeBackup(Store& store,
                                        const BackupOptions& options) {
  absl::Status status = CheckPlace(options);
  if (!status.ok()) return status;
  if (PathExists(options.file)) {
    return absl::AlreadyExistsError(
        absl::StrCat(options.file, " is there already: give another name"));
  }
  absl::StatusOr<std::unique_ptr<TemporaryFolder>> folder =
      TemporaryFolder::Make(options.state_dir);
  if (!folder.ok()) return folder.status();
  const std::string copy = absl::StrCat((*folder)->path(), "/", kDatabasePart);

  Manifest manifest;
  manifest.made_at = absl::FromUnixSeconds(absl::ToUnixSeconds(options.now));
  manifest.state_dir = options.state_dir;
  std::vector<PartContent> contents;
  BackupReport report;
  status = store.BackupTo(copy);
  if (!status.ok()) return status;
  status = NoteAudit(copy, manifest, report);
  if (!status.ok()) return status;
  absl::StatusOr<FileDigest> digest = DigestFile(copy);
  if (!digest.ok()) return digest.status();
  manifest.parts.push_back({std::string(kDatabasePart), kDatabaseMode,
                            digest->size, digest->sha256});
  contents.emplace_back().file = copy;
  status = Collector(manifest, contents, report)
               .AddFolder(options.state_dir, "", /*depth=*/0);
  if (!status.ok()) return status;
  status = Write(manifest, contents, options);
  if (!status.ok()) return status;

  report.files = manifest.parts.size();
  for (const BackupPart& part : manifest.parts) report.octets += part.size;
  status = store.AppendAndWait(
      {options.now,
       options.actor,
       "local",
       "backup",
       "done",
       "",
       options.file,
       absl::StrCat(report.files, " files, ",
                    options.passphrase.empty() ? "open" : "sealed",
                    ", audit log up to ", report.audit_sequence),
       {}});
  if (!status.ok()) return status;
  return report;
}

}  // namespace bestow::server
