#include "server/admin/identity_commands.h"

#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/auth/password.h"
#include "server/auth/sealed_records.h"
#include "server/config/duration.h"
#include "server/est/snapshot.h"

namespace bestow::server {
namespace {

constexpr char kIdentitiesAdd[] =
    R"(bestow-server identities add --state_dir=DIR NAME [--label=LABEL[,...]]
    [--ra | --nora]

Adds the identity NAME, or gives one that is there more labels. Certificates
that it enrolls carry NAME by the label's profile. Works while the server runs.

  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --ra         NAME is a registration authority: it may enroll every identity of
               its labels, in their names; --nora takes that back
)";

constexpr char kUsersAdd[] =
    R"(bestow-server users add --state_dir=DIR NAME --password_file=FILE [--replace]
    [--label=LABEL[,...]] [--digest] [--ra]

Adds the identity NAME with the password that is FILE's one line. Certificates
that it enrolls carry NAME by the profile in bestow-server.toml. Works while
the server runs.

  --replace    give an identity that has a password a new one
  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --digest     the password is good for HTTP Digest too, for which it is kept
               so that the server could recover it, sealed by seal.key
  --ra         NAME is a registration authority (see identities add)
)";

constexpr char kSecretsAdd[] =
    R"(bestow-server secrets add --state_dir=DIR NAME [--valid_for=24h]
    [--label=LABEL[,...]] [--digest] [--ra]

Makes a one-time secret for the identity NAME (which is added when it is new)
and prints it, alone, on stdout. A device enrolls with NAME and the secret in
place of a password, once: the secret is then bound to the device's key. Works
while the server runs.

  --valid_for  how long it can be used for the first time: 24h, 7d, 30m
  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --digest     the secret is good for HTTP Digest too (see users add)
  --ra         NAME is a registration authority (see identities add)
)";

constexpr char kPsksAdd[] =
    R"(bestow-server psks add --state_dir=DIR NAME [--key_file=FILE]
    [--label=LABEL[,...]]

Makes a pre-shared key for the identity NAME and prints its identifier and the
key, in hexadecimal, once. A client that puts the identifier into its request as
DecryptKeyIdentifier gets keys of /serverkeygen encrypted with it (RFC 7030
4.4.1.1). Works while the server runs.

  --key_file   the key, 16, 24 or 32 octets in hexadecimal, in place of a new
               one; it is not printed
  --label      what NAME is good for beside what it has (see identities add)
)";

constexpr size_t kMaxSecretFileBytes = 4096;
constexpr size_t kPskIdentifierBytes = 16;
constexpr size_t kPskBytes = 32;
// No label is a dot alone.
constexpr std::string_view kWithoutLabel = ".";

// The state folder as far as a command on one identity needs it.
struct OpenState {
  std::unique_ptr<Store> store;
  std::shared_ptr<const SecretSealer> sealer;
  IdentityOptions options;
  std::vector<std::string> realms;  // of the labels that it is good for
  bool digest_offered = false;      // by one of them
};

std::string LabelsOf(const Snapshot& snapshot) {
  return absl::StrJoin(
      snapshot.services, ", ", [](std::string* out, const auto& entry) {
        absl::StrAppend(out, entry.first.empty() ? kWithoutLabel : entry.first);
      });
}

// Adds what `labels` say to `state`. kInvalidArgument: an unknown label;
// kPermissionDenied: a name that one of them gives to nobody.
absl::Status UseLabels(const Snapshot& snapshot, const std::string& name,
                       const std::vector<std::string>& labels,
                       OpenState& state) {
  for (const std::string& label : labels) {
    const Service* service = snapshot.Find(label);
    if (service == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the config has no label ", label, "; it has: ", LabelsOf(snapshot)));
    }
    absl::Status status = service->policy.CheckIdentity(name);
    if (!status.ok()) return status;
    const std::string& realm = service->config.realm;
    if (std::find(state.realms.begin(), state.realms.end(), realm) ==
        state.realms.end()) {
      state.realms.push_back(realm);
    }
    if (service->config.auth.digest != DigestOffer::kOff) {
      state.digest_offered = true;
    }
  }
  return absl::OkStatus();
}

// Reports what is wrong and returns nothing, with the exit code in `code`.
std::optional<OpenState> Open(const Console& console,
                              const IdentityFlags& flags, int* code) {
  const auto fail = [&](int exit_code, const absl::Status& status) {
    *code = Report(console, exit_code, status);
    return std::nullopt;
  };
  const StatePaths paths(flags.state_dir);
  absl::StatusOr<ServerState> loaded = LoadState(paths);
  if (!loaded.ok()) return fail(kExitState, loaded.status());
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      Snapshot::Create(loaded->config, loaded->materials);
  if (!snapshot.ok()) return fail(kExitState, snapshot.status());
  absl::StatusOr<std::unique_ptr<Store>> store = OpenStateStore(paths);
  if (!store.ok()) return fail(kExitState, store.status());

  OpenState state;
  state.store = *std::move(store);
  state.sealer = loaded->sealer;
  state.options.is_ra = flags.is_ra;
  for (const std::string& label : SplitList(flags.labels)) {
    state.options.labels.push_back(label == kWithoutLabel ? "" : label);
  }
  absl::Status status =
      UseLabels(**snapshot, flags.name, state.options.labels, state);
  if (!status.ok()) return fail(kExitFailed, status);
  absl::StatusOr<Identity> known = state.store->FindIdentity(flags.name);
  if (!known.ok() && !absl::IsNotFound(known.status())) {
    return fail(kExitFailed, known.status());
  }
  std::vector<std::string> others;
  if (known.ok()) {
    // A label can have left the config since.
    for (const std::string& label : known->labels) {
      if ((*snapshot)->Find(label) != nullptr) others.push_back(label);
    }
  } else if (state.options.labels.empty()) {
    others.push_back("");
  }
  status = UseLabels(**snapshot, flags.name, others, state);
  if (!status.ok()) return fail(kExitFailed, status);
  return state;
}

// What Digest needs of `password`, when it was asked for.
absl::StatusOr<std::vector<DigestSecret>> DigestOf(const Console& console,
                                                   const OpenState& state,
                                                   const std::string& name,
                                                   const Secret& password,
                                                   bool wanted) {
  if (!wanted) return std::vector<DigestSecret>();
  if (!state.digest_offered) {
    console.err << "bestow-server: note: Digest is off in the config "
                   "(auth.digest) for every label of "
                << name << "\n";
  }
  return SealDigestSecrets(*state.sealer, name, state.realms, password);
}

// The one line of a file.
absl::StatusOr<Secret> ReadSecretLine(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxSecretFileBytes);
  if (!text.ok()) return text.status();
  std::string_view line = *text;
  // The line end that an editor or echo adds is not part of it.
  absl::ConsumeSuffix(&line, "\n");
  absl::ConsumeSuffix(&line, "\r");
  const bool bad =
      line.empty() || std::any_of(line.begin(), line.end(), [](char c) {
        return absl::ascii_iscntrl(static_cast<unsigned char>(c));
      });
  Secret secret{line};
  Cleanse(text->data(), text->size());
  if (bad) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " must hold the secret as its one line, without control "
                     "characters"));
  }
  return secret;
}

absl::StatusOr<Secret> ReadPskFile(const std::string& path) {
  absl::StatusOr<Secret> line = ReadSecretLine(path);
  if (!line.ok()) return line.status();
  const std::string_view text = line->text();
  std::string bytes;
  if ((text.size() != 32 && text.size() != 48 && text.size() != 64) ||
      !absl::HexStringToBytes(text, &bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " must hold a key of 16, 24 or 32 octets in hexadecimal, "
                     "as `openssl rand -hex 32` makes it"));
  }
  Secret key{std::string_view(bytes)};
  Cleanse(bytes.data(), bytes.size());
  return key;
}

IdentityFlags IdentityOf(const CommandLine& line) {
  IdentityFlags flags{line.state_dir(), line.argument(), line.Text("label"),
                      std::nullopt};
  if (line.Given("ra")) flags.is_ra = line.IsOn("ra");
  return flags;
}

}  // namespace

int AddIdentityCommand(const Console& console, const IdentityFlags& flags) {
  int code = kExitOk;
  std::optional<OpenState> state = Open(console, flags, &code);
  if (!state.has_value()) return code;
  absl::Status status = state->store->AddIdentity(flags.name, state->options,
                                                  console.clock.Now());
  if (!status.ok()) return Report(console, kExitFailed, status);
  absl::StatusOr<Identity> made = state->store->FindIdentity(flags.name);
  if (!made.ok()) return Report(console, kExitFailed, made.status());
  console.out << "Identity " << flags.name << " is good for: "
              << absl::StrJoin(made->labels, ", ",
                               [](std::string* out, const std::string& label) {
                                 absl::StrAppend(out, label.empty()
                                                          ? kWithoutLabel
                                                          : label);
                               })
              << (made->is_ra ? "; it is a registration authority" : "")
              << ".\n";
  return kExitOk;
}

int AddUserCommand(const Console& console, const IdentityFlags& identity,
                   const AddUserFlags& flags) {
  if (flags.password_file.empty()) {
    return Report(
        console, kExitUsage,
        absl::InvalidArgumentError("--password_file=FILE is missing"));
  }
  int code = kExitOk;
  std::optional<OpenState> state = Open(console, identity, &code);
  if (!state.has_value()) return code;
  absl::StatusOr<Secret> password = ReadSecretLine(flags.password_file);
  if (!password.ok()) return Report(console, kExitFailed, password.status());
  absl::StatusOr<std::string> hash = HashPassword(*password, ScryptCost{});
  if (!hash.ok()) return Report(console, kExitFailed, hash.status());
  absl::StatusOr<std::vector<DigestSecret>> digest =
      DigestOf(console, *state, identity.name, *password, flags.digest);
  if (!digest.ok()) return Report(console, kExitFailed, digest.status());
  absl::Status status =
      state->store->SetPassword(identity.name, *hash, flags.replace,
                                console.clock.Now(), state->options, *digest);
  if (absl::IsAlreadyExists(status)) {
    status = absl::AlreadyExistsError(
        absl::StrCat(status.message(), ": add --replace to give a new one"));
  }
  if (!status.ok()) return Report(console, kExitFailed, status);
  console.out << "Identity " << identity.name
              << " can enroll with its password.\n";
  return kExitOk;
}

int AddSecretCommand(const Console& console, const IdentityFlags& identity,
                     const AddSecretFlags& flags) {
  const std::optional<absl::Duration> duration =
      ParseDurationText(flags.valid_for);
  if (!duration.has_value() || *duration <= absl::ZeroDuration()) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(
                      absl::StrCat("--valid_for=", flags.valid_for,
                                   " is not a duration like 24h, 7d or 30m")));
  }
  int code = kExitOk;
  std::optional<OpenState> state = Open(console, identity, &code);
  if (!state.has_value()) return code;
  const Secret secret = GenerateOneTimeSecret();
  absl::StatusOr<std::vector<DigestSecret>> digest =
      DigestOf(console, *state, identity.name, secret, flags.digest);
  if (!digest.ok()) return Report(console, kExitFailed, digest.status());
  const absl::Time now = console.clock.Now();
  absl::Status status =
      state->store->AddSecret(identity.name, HashOneTimeSecret(secret), now,
                              now + *duration, state->options, *digest);
  if (!status.ok()) return Report(console, kExitFailed, status);
  console.out << secret.text() << "\n";
  console.err << "bestow-server: one-time secret for " << identity.name
              << ", good until " << UtcText(now + *duration)
              << "; it is shown only now\n";
  return kExitOk;
}

int AddPskCommand(const Console& console, const IdentityFlags& identity,
                  const std::string& key_file) {
  int code = kExitOk;
  std::optional<OpenState> state = Open(console, identity, &code);
  if (!state.has_value()) return code;
  Bytes random(kPskBytes);
  RAND_bytes(random.data(), random.size());
  absl::StatusOr<Secret> key =
      key_file.empty() ? Secret(AsText(random)) : ReadPskFile(key_file);
  Cleanse(random.data(), random.size());
  if (!key.ok()) return Report(console, kExitFailed, key.status());
  Bytes identifier(kPskIdentifierBytes);
  RAND_bytes(identifier.data(), identifier.size());
  absl::StatusOr<Bytes> sealed =
      SealPreSharedKey(*state->sealer, identity.name, identifier, *key);
  if (!sealed.ok()) return Report(console, kExitFailed, sealed.status());
  absl::Status status = state->store->AddPreSharedKey(
      identity.name, identifier, *sealed, console.clock.Now(), state->options);
  if (!status.ok()) return Report(console, kExitFailed, status);
  console.out << "key_identifier " << HexText(identifier) << "\n";
  if (key_file.empty()) {
    std::string hex = HexText(key->bytes());
    console.out << "key " << hex << "\n";
    Cleanse(hex.data(), hex.size());
    console.err << "bestow-server: pre-shared key for " << identity.name
                << "; it is shown only now\n";
  }
  return kExitOk;
}

absl::Span<const Command> IdentityCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"identities add",
       "add an identity, or labels to it",
       kIdentitiesAdd,
       {"state_dir", "label", "ra"},
       "NAME",
       [](const Console& console, const CommandLine& line) {
         return AddIdentityCommand(console, IdentityOf(line));
       }},
      {"users add",
       "add an identity with a password",
       kUsersAdd,
       {"state_dir", "password_file", "replace", "label", "digest", "ra"},
       "NAME",
       [](const Console& console, const CommandLine& line) {
         return AddUserCommand(console, IdentityOf(line),
                               {line.Text("password_file"),
                                line.IsOn("replace"), line.IsOn("digest")});
       }},
      {"secrets add",
       "make a one-time secret for an identity",
       kSecretsAdd,
       {"state_dir", "valid_for", "label", "digest", "ra"},
       "NAME",
       [](const Console& console, const CommandLine& line) {
         return AddSecretCommand(console, IdentityOf(line),
                                 {line.Text("valid_for"), line.IsOn("digest")});
       }},
      {"psks add",
       "make a pre-shared key for an identity",
       kPsksAdd,
       {"state_dir", "key_file", "label"},
       "NAME",
       [](const Console& console, const CommandLine& line) {
         return AddPskCommand(console, IdentityOf(line), line.Text("key_file"));
       }},
  };
  return *kCommands;
}

}  // namespace bestow::server
