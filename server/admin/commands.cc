#include "server/admin/commands.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "server/admin/ca_folder.h"
#include "server/admin/init.h"
#include "server/admin/new_ca.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/est/snapshot.h"
#include "server/store/open_store.h"

namespace bestow::server {
namespace {

constexpr char kInit[] =
    R"(bestow-server init --state_dir=DIR [--hostname=NAME_OR_IP[,...]]
    [--listen=127.0.0.1:8443] [--ca_name="Bestow CA"] [--ca_key_type=ec-p256]
    [--passphrase_file=FILE | --key_storage=tpm [--tpm=device:/dev/tpmrm0]]
    [--ca_folder=FOLDER]

Makes the state folder DIR: a certification authority, the server's own TLS
certificate, the database of what is issued, and bestow-server.toml, which is
commented. Prints the CA's SHA-256 fingerprint, which agents can pin. Refuses a
folder that already holds a state; can be run again after a failure.

  --hostname   the names and addresses by which devices reach this server; they
               go into its TLS certificate (default: localhost, 127.0.0.1, ::1
               and the addresses of --listen)
  --listen     where `run` will listen, separated by commas; [::]:8443 is every
               address
  --ca_name    the common name of the CA
  --ca_key_type
               ec-p256, ec-p384, rsa-2048, rsa-3072 or ed25519 (which few
               clients can verify). The TLS certificate's key is P-256
  --passphrase_file
               encrypts the CA's key under the passphrase that is FILE's one
               line; `run` reads it there too, as [ca_keys] in the config says
  --key_storage
               file, or tpm: the CA's key is made in this machine's TPM and
               never leaves it, so that no backup brings it back
  --tpm        where the TPM is
  --ca_folder  takes (a copy of) the CA that `ca import`, `ca import-key` or
               `ca create --issuer` has made there, in place of a new one
)";

constexpr char kCheck[] = R"(bestow-server check --state_dir=DIR

Loads what `run` and SIGHUP would load, looks into the database, serves and
changes nothing, and says which label has which CA. Exit code 3, with the line
of each mistake, when something is wrong.
)";

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

std::string KeyTypeText(const Certificate& certificate) {
  absl::StatusOr<KeyType> type = KeyTypeOfSpki(certificate.spki);
  return type.ok() ? std::string(KeyTypeName(*type)) : "another kind of key";
}

}  // namespace

int InitCommand(const Console& console, const InitFlags& flags) {
  InitOptions options;
  options.folder = flags.state_dir;
  options.listen = SplitList(flags.listen);
  options.ca_name = flags.ca_name;
  options.hostnames = flags.hostnames.empty() ? HostnamesFor(options.listen)
                                              : SplitList(flags.hostnames);
  absl::StatusOr<KeyType> key_type = KeyTypeByName(flags.ca_key_type);
  if (!key_type.ok()) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(absl::StrCat(
                      "--ca_key_type: ", key_type.status().message())));
  }
  options.ca_key_type = *key_type;
  absl::StatusOr<KeyStorage> storage = KeyStorageByName(flags.key_storage);
  if (!storage.ok()) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(absl::StrCat(
                      "--key_storage: ", storage.status().message())));
  }
  options.ca_key_storage = *storage;
  options.ca_keys.tpm = flags.tpm;
  options.ca_folder = flags.ca_folder;
  if (!flags.passphrase_file.empty()) {
    options.ca_keys.passphrase_file =
        std::filesystem::absolute(flags.passphrase_file).string();
  }
  if (options.listen.empty() || options.hostnames.empty()) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(
                      "--listen and --hostname need at least one value"));
  }
  absl::StatusOr<std::string> fingerprint =
      InitState(options, console.clock.Now());
  if (!fingerprint.ok()) {
    const absl::Status& status = fingerprint.status();
    const int code =
        absl::IsInvalidArgument(status) ? kExitUsage
        : absl::IsAlreadyExists(status) || absl::IsFailedPrecondition(status)
            ? kExitState
            : kExitFailed;
    return Report(console, code, fingerprint.status());
  }
  const StatePaths paths(flags.state_dir);
  console.out << "State folder: " << paths.folder << "\n"
              << "CA: "
              << (flags.ca_folder.empty() ? flags.ca_name : flags.ca_folder)
              << ", certificate in " << paths.ca_certificate << "\n"
              << "CA SHA-256 fingerprint: " << *fingerprint << "\n"
              << "Server names: " << absl::StrJoin(options.hostnames, ", ")
              << "\n\nNext:\n"
              << "  bestow-server secrets add --state_dir=" << paths.folder
              << " NAME    # a one-time secret for each device\n"
              << "  bestow-server run --state_dir=" << paths.folder << "\n"
              << "Give each device its secret, and the CA's fingerprint or "
                 "certificate to trust.\n"
              << "Settings are in " << paths.config
              << ". Keep a copy of the whole folder in a safe place: it holds "
                 "the CA's key.\n";
  return kExitOk;
}

int CheckCommand(const Console& console, const std::string& state_dir) {
  const StatePaths paths(state_dir);
  absl::StatusOr<ServerState> state = LoadState(paths);
  if (!state.ok()) return Report(console, kExitState, state.status());
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      Snapshot::Create(state->config, state->materials);
  if (!snapshot.ok()) return Report(console, kExitState, snapshot.status());
  absl::StatusOr<StoreOptions> store = StoreOptionsOf(paths, state->config);
  if (!store.ok()) return Report(console, kExitState, store.status());
  absl::Status status = CheckStore(*store);
  if (!status.ok()) return Report(console, kExitState, status);
  const absl::Time now = console.clock.Now();
  const auto warn_if_over = [&](const Certificate& certificate) {
    if (certificate.not_before <= now && now < certificate.not_after) return;
    console.err << "bestow-server: warning: the certificate of "
                << certificate.subject.ToText() << " is valid from "
                << UtcText(certificate.not_before) << " until "
                << UtcText(certificate.not_after) << ", not now\n";
  };
  warn_if_over(state->materials.tls_certificate);
  for (const auto& [label, service] : (*snapshot)->services) {
    if (service.config.upstream.forwards()) {
      console.out << (label.empty() ? "without a label"
                                    : absl::StrCat("label ", label))
                  << ": upstream "
                  << service.config.upstream.connection.server.ToText() << "\n";
    }
    if (service.ca == nullptr) continue;
    const Certificate& ca = service.ca->certificate();
    console.out << (label.empty() ? "without a label"
                                  : absl::StrCat("label ", label))
                << ": CA " << ca.subject.ToText() << " in "
                << (service.config.upstream.forwards()
                        ? service.config.upstream.local_ca
                        : service.config.ca)
                << " (" << KeyTypeText(ca) << ", until "
                << UtcText(ca.not_after) << ")\n";
    for (const Certificate& certificate : service.ca_chain) {
      warn_if_over(certificate);
    }
  }
  console.out << "The config and the state folder are good.\n";
  return kExitOk;
}

absl::Span<const Command> StateCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"init",
       "make a state folder with a CA",
       kInit,
       {"state_dir", "hostname", "listen", "ca_name", "ca_key_type",
        "key_storage", "passphrase_file", "tpm", "ca_folder"},
       "",
       [](const Console& console, const CommandLine& line) {
         const std::string& ca_name = line.Text("ca_name");
         for (std::string_view flag :
              {"ca_name", "ca_key_type", "key_storage"}) {
           if (line.Given("ca_folder") && line.Given(flag)) {
             return Report(
                 console, kExitUsage,
                 absl::InvalidArgumentError(absl::StrCat(
                     "--", flag, " is of a new CA, and --ca_folder has one")));
           }
         }
         return InitCommand(
             console,
             {line.state_dir(), line.Text("hostname"), line.Text("listen"),
              ca_name.empty() ? "Bestow CA" : ca_name, line.Text("ca_key_type"),
              line.Text("key_storage"), line.Text("passphrase_file"),
              line.Text("tpm"), line.Text("ca_folder")});
       }},
      {"check",
       "check the config and the state",
       kCheck,
       {"state_dir"},
       "",
       [](const Console& console, const CommandLine& line) {
         return CheckCommand(console, line.state_dir());
       }},
  };
  return *kCommands;
}

}  // namespace bestow::server
