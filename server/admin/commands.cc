#include "server/admin/commands.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "server/admin/init.h"
#include "server/admin/state_folder.h"
#include "server/auth/password.h"
#include "server/config/duration.h"
#include "server/est/snapshot.h"
#include "server/store/sqlite_store.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxPasswordFileBytes = 4096;

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  for (std::string_view item : absl::StrSplit(text, ',')) {
    item = absl::StripAsciiWhitespace(item);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

// The names by which this machine reaches a server that listens there.
std::vector<std::string> HostnamesFor(const std::vector<std::string>& listen) {
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  for (const std::string& address : listen) {
    std::string host = address.substr(0, address.rfind(':'));
    if (absl::StartsWith(host, "[")) host = host.substr(1, host.find(']') - 1);
    const bool every = host.empty() || host == "0.0.0.0" || host == "::";
    if (!every && std::find(names.begin(), names.end(), host) == names.end()) {
      names.push_back(host);
    }
  }
  return names;
}

// The state folder's database and the rules for identities.
struct OpenState {
  std::unique_ptr<SqliteStore> store;
  absl::Status identity_allowed;
};

absl::StatusOr<OpenState> OpenFor(const std::string& state_dir,
                                  const std::string& name) {
  const StatePaths paths(state_dir);
  absl::StatusOr<ServerState> state = LoadState(paths);
  if (!state.ok()) return state.status();
  absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      SqliteStore::Open(paths.database, {});
  if (!store.ok()) return store.status();
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      Snapshot::Create(state->config, state->materials);
  if (!snapshot.ok()) return snapshot.status();
  return OpenState{*std::move(store),
                   (*snapshot)->Find("")->policy.CheckIdentity(name)};
}

absl::StatusOr<Secret> ReadPassword(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxPasswordFileBytes);
  if (!text.ok()) return text.status();
  std::string_view password = *text;
  // The line end that an editor or echo adds is not part of it.
  absl::ConsumeSuffix(&password, "\n");
  absl::ConsumeSuffix(&password, "\r");
  const bool bad = password.empty() ||
                   std::any_of(password.begin(), password.end(), [](char c) {
                     return absl::ascii_iscntrl(static_cast<unsigned char>(c));
                   });
  Secret secret{password};
  Cleanse(text->data(), text->size());
  if (bad) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " must hold the password as its one line, without control "
                     "characters"));
  }
  return secret;
}

std::string UtcText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string Hex(const Bytes& bytes) {
  return absl::BytesToHexString(AsText(bytes));
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&out, "\\u00", absl::Hex(byte, absl::kZeroPad2));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string JsonOf(const CertificateRecord& record) {
  const std::pair<const char*, std::string> kFields[] = {
      {"serial", Hex(record.serial)},
      {"identity", record.identity},
      {"subject", record.subject},
      {"not_before", UtcText(record.not_before)},
      {"not_after", UtcText(record.not_after)},
      {"key_sha256", Hex(record.key_sha256)},
      {"operation", record.operation}};
  return absl::StrCat("{",
                      absl::StrJoin(kFields, ", ",
                                    [](std::string* out, const auto& field) {
                                      absl::StrAppend(
                                          out, "\"", field.first,
                                          "\": ", JsonString(field.second));
                                    }),
                      "}");
}

}  // namespace

int Report(const Console& console, int code, const absl::Status& status) {
  console.err << "bestow-server: " << status.message() << "\n";
  return code;
}

int InitCommand(const Console& console, const InitFlags& flags) {
  InitOptions options;
  options.folder = flags.state_dir;
  options.listen = SplitList(flags.listen);
  options.ca_name = flags.ca_name;
  options.hostnames = flags.hostnames.empty() ? HostnamesFor(options.listen)
                                              : SplitList(flags.hostnames);
  if (options.listen.empty() || options.hostnames.empty()) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(
                      "--listen and --hostname need at least one value"));
  }
  absl::StatusOr<std::string> fingerprint =
      InitState(options, console.clock.Now());
  if (!fingerprint.ok()) {
    const int code = absl::IsInvalidArgument(fingerprint.status()) ? kExitUsage
                     : absl::IsAlreadyExists(fingerprint.status())
                         ? kExitState
                         : kExitFailed;
    return Report(console, code, fingerprint.status());
  }
  const StatePaths paths(flags.state_dir);
  console.out << "State folder: " << paths.folder << "\n"
              << "CA: " << flags.ca_name << ", certificate in "
              << paths.ca_certificate << "\n"
              << "CA SHA-256 fingerprint: " << *fingerprint << "\n"
              << "Server names: " << absl::StrJoin(options.hostnames, ", ")
              << "\n\nNext:\n"
              << "  bestow-server add-secret --state_dir=" << paths.folder
              << " NAME    # a one-time secret for each device\n"
              << "  bestow-server run --state_dir=" << paths.folder << "\n"
              << "Give each device its secret, and the CA's fingerprint or "
                 "certificate to trust.\n"
              << "Settings are in " << paths.config
              << ". Keep a copy of the whole folder in a safe place: it holds "
                 "the CA's key.\n";
  return kExitOk;
}

int AddUserCommand(const Console& console, const std::string& state_dir,
                   const std::string& name, const std::string& password_file,
                   bool replace) {
  absl::StatusOr<OpenState> open = OpenFor(state_dir, name);
  if (!open.ok()) return Report(console, kExitState, open.status());
  if (!open->identity_allowed.ok()) {
    return Report(console, kExitFailed, open->identity_allowed);
  }
  absl::StatusOr<Secret> password = ReadPassword(password_file);
  if (!password.ok()) return Report(console, kExitFailed, password.status());
  absl::StatusOr<std::string> hash = HashPassword(*password, ScryptCost{});
  if (!hash.ok()) return Report(console, kExitFailed, hash.status());
  absl::Status status =
      open->store->SetPassword(name, *hash, replace, console.clock.Now());
  if (absl::IsAlreadyExists(status)) {
    status = absl::AlreadyExistsError(
        absl::StrCat(status.message(), ": add --replace to give a new one"));
  }
  if (!status.ok()) return Report(console, kExitFailed, status);
  console.out << "Identity " << name << " can enroll with its password.\n";
  return kExitOk;
}

int AddSecretCommand(const Console& console, const std::string& state_dir,
                     const std::string& name, const std::string& valid_for) {
  const std::optional<absl::Duration> duration = ParseDurationText(valid_for);
  if (!duration.has_value() || *duration <= absl::ZeroDuration()) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(
                      absl::StrCat("--valid_for=", valid_for,
                                   " is not a duration like 24h, 7d or 30m")));
  }
  absl::StatusOr<OpenState> open = OpenFor(state_dir, name);
  if (!open.ok()) return Report(console, kExitState, open.status());
  if (!open->identity_allowed.ok()) {
    return Report(console, kExitFailed, open->identity_allowed);
  }
  const Secret secret = GenerateOneTimeSecret();
  const absl::Time now = console.clock.Now();
  absl::Status status = open->store->AddSecret(name, HashOneTimeSecret(secret),
                                               now, now + *duration);
  if (!status.ok()) return Report(console, kExitFailed, status);
  console.out << secret.text() << "\n";
  console.err << "bestow-server: one-time secret for " << name
              << ", good until " << UtcText(now + *duration)
              << "; it is shown only now\n";
  return kExitOk;
}

int ListCommand(const Console& console, const std::string& state_dir,
                bool json) {
  const StatePaths paths(state_dir);
  absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      SqliteStore::Open(paths.database, {});
  if (!store.ok()) return Report(console, kExitState, store.status());
  bool first = true;
  if (json) console.out << "[";
  absl::Status status =
      (*store)->ForEachCertificate([&](const CertificateRecord& record) {
        if (json) {
          console.out << (first ? "\n  " : ",\n  ") << JsonOf(record);
        } else {
          if (!first) console.out << "\n";
          console.out << "serial      " << Hex(record.serial) << "\n"
                      << "  identity  " << record.identity << "\n"
                      << "  subject   " << record.subject << "\n"
                      << "  valid     " << UtcText(record.not_before) << " to "
                      << UtcText(record.not_after) << "\n"
                      << "  key       " << Hex(record.key_sha256) << "\n"
                      << "  by        " << record.operation << "\n";
        }
        first = false;
      });
  if (json) console.out << (first ? "]\n" : "\n]\n");
  if (!status.ok()) return Report(console, kExitFailed, status);
  if (!json && first) console.out << "No certificate has been issued yet.\n";
  return kExitOk;
}

}  // namespace bestow::server
