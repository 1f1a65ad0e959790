#include "server/admin/backup_commands.h"

#include <pwd.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/backup/backup.h"
#include "server/backup/restore.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxPassphraseFile = 4096;

constexpr char kBackup[] =
    R"(bestow-server backup --state_dir=DIR FILE [--passphrase_file=FILE]

Writes the database, the config, the CAs and their keys, seal.key and the
server's own certificate to the new file FILE: a tar archive, or, under a
passphrase, one that is sealed (scrypt, AES-256-GCM). Works while the server
runs; the copy is of one moment. Keys are in it as they are in the state folder:
those that are not under a passphrase there are named, and FILE is to be kept as
they are. What the config names outside of the state folder is not in it.

  --passphrase_file  seals FILE under the first line of this file
)";

constexpr char kRestore[] =
    R"(bestow-server restore --state_dir=NEW FILE [--passphrase_file=FILE]
    [--config=FILE] [--incomplete]

Makes the state folder NEW of a backup, on this or another machine. All of FILE
is verified first, then the database, its audit log, and that each key is its
certificate's; NEW is there whole, or not at all. A folder that is not empty is
refused. Never run the old server again beside the new one.

What happened after the backup is lost, and said: certificates issued since are
not known, and their devices have to enroll anew; revocations since have to be
made again; one-time secrets that were not used by then are void, for they may
have been used since. CRL numbers go on above those that are out.

  --passphrase_file  the first line of this file opens a sealed backup
  --config           takes the place of the backup's config: other addresses, or
                     another [store] (SQLite and PostgreSQL take each other's
                     backups; PostgreSQL's database has to be empty)
  --incomplete       restore also what no server can run on, such as a CA whose
                     key is in the TPM of a machine that is gone
)";

int Failed(const Console& console, const absl::Status& status) {
  const int code =
      absl::IsInvalidArgument(status) || absl::IsUnauthenticated(status)
          ? kExitUsage
      : absl::IsFailedPrecondition(status) || absl::IsAlreadyExists(status)
          ? kExitState
          : kExitFailed;
  return Report(console, code, status);
}

std::string Actor() {
  const uid_t uid = getuid();
  const struct passwd* user = getpwuid(uid);
  return absl::StrCat("operator ", user == nullptr ? "?" : user->pw_name,
                      " (uid ", uid, ")");
}

// The first line; empty: the flag was not given.
absl::StatusOr<Secret> Passphrase(const std::string& file) {
  if (file.empty()) return Secret();
  absl::StatusOr<std::string> text = ReadFile(file, kMaxPassphraseFile);
  if (!text.ok()) return text.status();
  Secret passphrase(
      std::string_view(*text).substr(0, text->find_first_of("\r\n")));
  Cleanse(text->data(), text->size());
  if (passphrase.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, " has no passphrase in its first line"));
  }
  return passphrase;
}

void WarnOfAudit(const Console& console, int64_t broken_at) {
  if (broken_at == 0) return;
  console.err << "bestow-server: warning: entry " << broken_at
              << " of the audit log is not as it was written: see "
                 "`bestow-server audit verify`\n";
}

int BackupCommand(const Console& console, const CommandLine& line) {
  BackupOptions options;
  options.state_dir = line.state_dir();
  options.file = line.argument();
  options.now = console.clock.Now();
  options.actor = Actor();
  absl::StatusOr<Secret> passphrase = Passphrase(line.Text("passphrase_file"));
  if (!passphrase.ok()) return Failed(console, passphrase.status());
  const bool is_sealed = !passphrase->empty();
  options.passphrase = *std::move(passphrase);
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStateStore(StatePaths(line.state_dir()), StoreOptions::Older::kLeave);
  if (!store.ok()) return Report(console, kExitState, store.status());
  absl::StatusOr<BackupReport> report = MakeBackup(**store, options);
  if (!report.ok()) return Failed(console, report.status());
  console.out << "Backup: " << options.file << ", " << report->files
              << " files, " << report->octets << " octets, audit log up to "
              << report->audit_sequence << ".\n";
  for (const std::string& path : report->left_out) {
    console.err << "bestow-server: warning: " << path
                << " is no file, and not in the backup\n";
  }
  WarnOfAudit(console, report->audit_broken_at);
  if (is_sealed) {
    console.out << "It is sealed: without its passphrase it can't be "
                   "restored.\n";
    return kExitOk;
  }
  for (const std::string& path : report->plain_keys) {
    console.err << "bestow-server: WARNING: the key " << path
                << " is in the backup as it is, not under a passphrase\n";
  }
  if (!report->plain_keys.empty()) {
    console.err << "bestow-server: WARNING: whoever reads " << options.file
                << " can be this CA. Keep it as you keep the keys, or seal it: "
                   "--passphrase_file=FILE\n";
  }
  return kExitOk;
}

int RestoreCommand(const Console& console, const CommandLine& line) {
  RestoreOptions options;
  options.file = line.argument();
  options.state_dir = line.state_dir();
  options.config = line.Text("config");
  options.incomplete = line.IsOn("incomplete");
  options.now = console.clock.Now();
  options.actor = Actor();
  absl::StatusOr<Secret> passphrase = Passphrase(line.Text("passphrase_file"));
  if (!passphrase.ok()) return Failed(console, passphrase.status());
  options.passphrase = *std::move(passphrase);
  absl::StatusOr<RestoreReport> report = Restore(options);
  if (!report.ok()) return Failed(console, report.status());
  const std::string made_at = UtcText(report->manifest.made_at);
  console.out << "Restored: " << options.state_dir << ", from a backup of "
              << made_at << ", " << report->manifest.parts.size()
              << " files, audit log up to " << report->manifest.audit_sequence
              << (report->into_postgresql ? ", into PostgreSQL" : "") << ".\n";
  WarnOfAudit(console, report->audit_broken_at);
  if (!report->problem.ok()) {
    console.err << "bestow-server: warning: no server can run on it yet: "
                << report->problem.message() << "\n";
  }
  console.out
      << report->voided_secrets
      << " one-time secrets that were not used are void: make new ones.\n"
      << "What happened after " << made_at
      << " is not in it. Devices that got a certificate since have to enroll "
         "anew, with a new one-time secret; make revocations since again "
         "(`bestow-server revoke`), from the last CRL that was published.\n"
      << "Next: bestow-server check --state_dir=" << options.state_dir
      << ", then run. Never run the old server again.\n";
  return kExitOk;
}

}  // namespace

absl::Span<const Command> BackupCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"backup",
       "write all that the server is to one file",
       kBackup,
       {"state_dir", "passphrase_file"},
       "FILE",
       BackupCommand},
      {"restore",
       "make a state folder of a backup",
       kRestore,
       {"state_dir", "passphrase_file", "config", "incomplete"},
       "FILE",
       RestoreCommand},
  };
  return *kCommands;
}

}  // namespace bestow::server
