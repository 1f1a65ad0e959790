#include "server/backup/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "server/admin/state_files.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/audit/audit_check.h"
#include "server/backup/archive.h"
#include "server/backup/stream.h"
#include "server/store/open_store.h"
#include "server/store/restored.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxConfigBytes = size_t{1} << 20;
// Nobody but the owner writes to what is restored.
constexpr uint32_t kMaxMode = 0755;

absl::Status ExpectFree(const std::string& folder) {
  if (!PathExists(folder)) return absl::OkStatus();
  std::error_code error;
  const bool is_empty = std::filesystem::is_directory(folder, error) &&
                        std::filesystem::is_empty(folder, error);
  if (is_empty && !error) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(folder,
                   " is not an empty folder: give another one for "
                   "--state_dir, nothing is written over"));
}

// Where the folder is gathered; removed unless it got its name.
class Staging {
 public:
  static absl::StatusOr<std::unique_ptr<Staging>> Make(
      const std::string& state_dir) {
    std::string_view place = state_dir;
    while (place.size() > 1 && absl::ConsumeSuffix(&place, "/")) {
    }
    std::string path = absl::StrCat(place, ".restoring-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("can't make a folder beside ", state_dir));
    }
    return std::make_unique<Staging>(std::move(path), std::string(place));
  }
  Staging(std::string path, std::string place)
      : path_(std::move(path)), place_(std::move(place)) {}
  ~Staging() {
    if (!path_.empty()) RemovePath(path_).IgnoreError();
  }
  const std::string& path() const { return path_; }

  // The moment at which it is there. An empty folder in its place goes.
  absl::Status Place() {
    absl::Status status = SyncDirectory(path_);
    if (!status.ok()) return status;
    if (rename(path_.c_str(), place_.c_str()) != 0) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("can't move ", path_, " to ", place_));
    }
    path_.clear();
    const std::string parent =
        std::filesystem::path(place_).parent_path().string();
    return SyncDirectory(parent.empty() ? "." : parent);
  }

 private:
  std::string path_;
  const std::string place_;
};

absl::StatusOr<std::string> PathOfPart(const std::string& folder,
                                       const BackupPart& part) {
  if (part.name == kDatabasePart) return StatePaths(folder).database;
  std::string_view below = part.name;
  if (absl::ConsumePrefix(&below, kStatePrefix)) {
    return absl::StrCat(folder, "/", below);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the backup has a part that this version does not know: ", part.name));
}

class Unpacker {
 public:
  explicit Unpacker(std::string folder) : folder_(std::move(folder)) {}

  absl::Status OnPiece(const BackupPart& part, ByteView piece) {
    if (sink_ == nullptr) {
      absl::Status status = Begin(part);
      if (!status.ok()) return status;
    }
    if (!piece.empty()) return sink_->Write(piece);
    absl::Status status = std::exchange(sink_, nullptr)->Finish();
    if (!status.ok()) return status;
    if (chmod(path_.c_str(), part.mode & kMaxMode) != 0) {
      return absl::ErrnoToStatus(errno,
                                 absl::StrCat("can't set the mode of ", path_));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Begin(const BackupPart& part) {
    absl::StatusOr<std::string> path = PathOfPart(folder_, part);
    if (!path.ok()) return path.status();
    path_ = *std::move(path);
    // The names are checked: below folder_.
    for (size_t slash = path_.find('/', folder_.size() + 1);
         slash != std::string::npos; slash = path_.find('/', slash + 1)) {
      absl::Status status = MakeDirectory(path_.substr(0, slash), kFolderMode);
      if (!status.ok()) return status;
    }
    absl::StatusOr<std::unique_ptr<ByteSink>> sink = CreateFileSink(path_);
    if (!sink.ok()) return sink.status();
    sink_ = *std::move(sink);
    return absl::OkStatus();
  }

  const std::string folder_;
  std::string path_;
  std::unique_ptr<ByteSink> sink_;
};

absl::StatusOr<Manifest> Read(const RestoreOptions& options,
                              const OnPiece& on_piece) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source =
      OpenBackup(options.file, options.passphrase);
  if (!source.ok()) return source.status();
  absl::StatusOr<Manifest> manifest = ReadArchive(**source, on_piece);
  if (!manifest.ok()) {
    return absl::Status(
        manifest.status().code(),
        absl::StrCat(options.file, ": ", manifest.status().message()));
  }
  return manifest;
}

absl::Status CheckDatabase(const std::string& path, const Manifest& manifest,
                           RestoreReport& report) {
  absl::Status status = CheckSqliteFile(path);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStore({.path = path, .write_ahead = false});
  if (!store.ok()) return store.status();
  absl::StatusOr<AuditCheck> check = CheckAudit(**store);
  if (!check.ok()) return check.status();
  if (check->broken.has_value()) {
    report.audit_broken_at = check->broken->sequence;
  }
  if (check->entries != manifest.audit_sequence ||
      check->hash != manifest.audit_hash) {
    return absl::DataLossError(
        "the database's audit log does not end as the manifest says");
  }
  return absl::OkStatus();
}

absl::Status ReplaceConfig(const std::string& from, const StatePaths& to) {
  if (from.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> text = ReadFile(from, kMaxConfigBytes);
  if (!text.ok()) return text.status();
  return WriteFileAtomically(to.config, AsBytes(*text), kSecretMode);
}

}  // namespace

absl::StatusOr<RestoreReport> Restore(const RestoreOptions& options) {
  absl::Status status = ExpectFree(options.state_dir);
  if (!status.ok()) return status;
  // The whole of it once, before anything is written.
  absl::StatusOr<Manifest> read =
      Read(options, [](const BackupPart& part, ByteView) {
        return PathOfPart("", part).status();
      });
  if (!read.ok()) return read.status();
  RestoreReport report;
  report.manifest = *std::move(read);

  absl::StatusOr<std::unique_ptr<Staging>> staging =
      Staging::Make(options.state_dir);
  if (!staging.ok()) return staging.status();
  const StatePaths paths((*staging)->path());
  Unpacker unpacker(paths.folder);
  absl::StatusOr<Manifest> again =
      Read(options, [&](const BackupPart& part, ByteView piece) {
        return unpacker.OnPiece(part, piece);
      });
  if (!again.ok()) return again.status();
  status = CheckDatabase(paths.database, *again, report);
  if (status.ok()) status = ReplaceConfig(options.config, paths);
  if (!status.ok()) return status;
  absl::StatusOr<ServerState> state = LoadState(paths);
  report.problem = state.status();
  if (!report.problem.ok() && !options.incomplete) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the backup is whole, but no server can run on what is in it: ",
        report.problem.message(),
        "\nGive --config=FILE where the config has to change on this machine, "
        "or --incomplete to restore it nevertheless"));
  }
  absl::StatusOr<RestoredCounts> counts = MarkRestored(
      paths.database, again->made_at,
      {options.now,
       options.actor,
       "local",
       "restore",
       "done",
       "",
       options.file,
       absl::StrCat("from a backup of ",
                    absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", again->made_at,
                                     absl::UTCTimeZone()),
                    " of ", again->state_dir, ", audit log up to ",
                    again->audit_sequence),
       {}});
  if (!counts.ok()) return counts.status();
  report.voided_secrets = counts->voided_secrets;
  if (state.ok()) {
    absl::StatusOr<StoreOptions> into = StoreOptionsOf(paths, state->config);
    if (!into.ok()) return into.status();
    report.into_postgresql = into->engine == StoreOptions::Engine::kPostgresql;
    if (report.into_postgresql) {
      status = ImportStore(paths.database, *into);
      if (!status.ok()) return status;
      status = RemovePath(paths.database);
    }
  }
  if (status.ok()) status = (*staging)->Place();
  if (!status.ok() && report.into_postgresql) {
    return absl::Status(
        status.code(),
        absl::StrCat(status.message(),
                     "; the PostgreSQL database is filled already: empty it "
                     "before you try again (drop and create it)"));
  }
  if (!status.ok()) return status;
  return report;
}

}  // namespace bestow::server
