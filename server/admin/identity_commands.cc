#include "server/admin/identity_commands.h"

#include <openssl/rand.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "server/admin/identity_pages.h"
#include "server/admin/operation_command.h"
#include "server/auth/password.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxSecretFileBytes = 4096;
constexpr size_t kPskBytes = 32;

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

int Failed(const Console& console, const absl::Status& status) {
  return Report(console, ExitCodeOf(status), status);
}

// The call of a command's operation, with what a file or this tool adds.
AdminCall CallOf(std::string_view name, const CommandLine& line) {
  Command command;
  command.name = name;
  command.argument = "NAME";
  AdminCall call;
  call.operation = std::string(name);
  call.arguments = ArgumentsOf(command, line);
  return call;
}

int AddUser(const Console& console, const CommandLine& line) {
  const std::string& file = line.Text("password_file");
  if (file.empty()) {
    return Failed(
        console, absl::InvalidArgumentError("--password_file=FILE is missing"));
  }
  AdminCall call = CallOf("users add", line);
  call.arguments.erase("password_file");
  absl::StatusOr<Secret> password = ReadSecretLine(file);
  if (!password.ok()) return Failed(console, password.status());
  call.secret = *std::move(password);
  absl::StatusOr<Json> answer = RunOperation(console, line, call);
  if (!answer.ok()) return Failed(console, answer.status());
  PrintAnswer(console, line, *answer);
  return kExitOk;
}

int AddSecret(const Console& console, const CommandLine& line) {
  AdminCall call = CallOf("secrets add", line);
  // Made here: no answer of a server holds a secret.
  call.secret = GenerateOneTimeSecret();
  absl::StatusOr<Json> answer = RunOperation(console, line, call);
  if (!answer.ok()) return Failed(console, answer.status());
  if (line.IsOn("json")) {
    (*answer)["secret"] = call.secret.text();
    PrintAnswer(console, line, *answer);
    return kExitOk;
  }
  console.out << call.secret.text() << "\n";
  console.err << "bestow-server: one-time secret for " << line.argument()
              << ", good until " << TextOf(*answer, "expires_at")
              << "; it is shown only now\n";
  return kExitOk;
}

int AddPsk(const Console& console, const CommandLine& line) {
  AdminCall call = CallOf("psks add", line);
  call.arguments.erase("key_file");
  const std::string& file = line.Text("key_file");
  if (file.empty()) {
    Bytes random(kPskBytes);
    RAND_bytes(random.data(), random.size());
    call.secret = Secret(std::move(random));
  } else {
    absl::StatusOr<Secret> key = ReadPskFile(file);
    if (!key.ok()) return Failed(console, key.status());
    call.secret = *std::move(key);
  }
  absl::StatusOr<Json> answer = RunOperation(console, line, call);
  if (!answer.ok()) return Failed(console, answer.status());
  std::string hex = file.empty() ? HexText(call.secret.bytes()) : "";
  if (line.IsOn("json")) {
    if (!hex.empty()) (*answer)["key"] = hex;
    PrintAnswer(console, line, *answer);
  } else {
    console.out << "key_identifier " << TextOf(*answer, "key_identifier")
                << "\n";
    if (!hex.empty()) console.out << "key " << hex << "\n";
  }
  if (!hex.empty()) {
    Cleanse(hex.data(), hex.size());
    console.err << "bestow-server: pre-shared key for " << line.argument()
                << "; it is shown only now\n";
  }
  return kExitOk;
}

}  // namespace

absl::Span<const Command> IdentityCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"identities list",
       "list who may enroll",
       kIdentitiesList,
       {"state_dir", "json"},
       "",
       nullptr,
       "name labels ra password created_at=created!",
       "There is no identity yet."},
      {"identities show",
       "show an identity and its certificates",
       kIdentitiesShow,
       {"state_dir", "json"},
       "NAME"},
      {"identities add",
       "add an identity, or labels to it",
       kIdentitiesAdd,
       {"state_dir", "label", "ra", "json"},
       "NAME"},
      {"identities remove",
       "remove an identity",
       kIdentitiesRemove,
       {"state_dir", "json"},
       "NAME"},
      {"users list",
       "list the identities that have a password",
       kUsersList,
       {"state_dir", "json"},
       "",
       nullptr,
       "name labels ra created_at=created!",
       "No identity has a password."},
      {"users add",
       "add an identity with a password",
       kUsersAdd,
       {"state_dir", "password_file", "replace", "label", "digest", "ra",
        "json"},
       "NAME",
       AddUser},
      {"users remove",
       "take an identity's password away",
       kUsersRemove,
       {"state_dir", "json"},
       "NAME"},
      {"secrets list",
       "list the one-time secrets, not what they are",
       kSecretsList,
       {"state_dir", "json"},
       "",
       nullptr,
       "id! identity state! expires_at=expires! used_at=used! serial",
       "There is no one-time secret."},
      {"secrets add",
       "make a one-time secret for an identity",
       kSecretsAdd,
       {"state_dir", "valid_for", "label", "digest", "ra", "json"},
       "NAME",
       AddSecret},
      {"secrets remove",
       "make a one-time secret useless",
       kSecretsRemove,
       {"state_dir", "json"},
       "ID"},
      {"psks list",
       "list the pre-shared keys, not what they are",
       kPsksList,
       {"state_dir", "json"},
       "",
       nullptr,
       "key_identifier! identity created_at=created!",
       "There is no pre-shared key."},
      {"psks add",
       "make a pre-shared key for an identity",
       kPsksAdd,
       {"state_dir", "key_file", "label", "json"},
       "NAME",
       AddPsk},
      {"psks remove",
       "remove a pre-shared key",
       kPsksRemove,
       {"state_dir", "json"},
       "KEY_IDENTIFIER"},
  };
  return *kCommands;
}

}  // namespace bestow::server
