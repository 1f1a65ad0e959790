#include "server/command_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/edit_distance.h"
#include "server/admin/audit_commands.h"
#include "server/admin/backup_commands.h"
#include "server/admin/ca_commands.h"
#include "server/admin/certificate_commands.h"
#include "server/admin/commands.h"
#include "server/admin/identity_commands.h"
#include "server/admin/request_commands.h"
#include "server/admin/revoke_commands.h"
#include "server/admin/rollover_commands.h"
#include "server/completion.h"
#include "server/run.h"

namespace bestow::server {
namespace {

// Names that they had before they were sentences.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7>
    kFormerNames = {{{"add-ca", "ca create"},
                     {"add-identity", "identities add"},
                     {"add-user", "users add"},
                     {"add-secret", "secrets add"},
                     {"add-psk", "psks add"},
                     {"list", "certificates list"},
                     {"renew-early", "renewals add"}}};

const Command* FindByName(std::string_view name) {
  for (const Command* command : AllCommands()) {
    if (command->name == name) return command;
  }
  return nullptr;
}

std::vector<const Command*> CommandsOf(std::string_view noun) {
  std::vector<const Command*> commands;
  for (const Command* command : AllCommands()) {
    if (absl::StartsWith(command->name, absl::StrCat(noun, " "))) {
      commands.push_back(command);
    }
  }
  return commands;
}

// The noun of "users add", "run" of "run".
std::string_view FirstWord(std::string_view name) {
  return name.substr(0, name.find(' '));
}

std::string_view LastWord(std::string_view name) {
  return name.substr(name.rfind(' ') + 1);
}

// Of the names that begin with what is right already, the nearest.
std::string NearestTo(absl::Span<const std::string> words) {
  const std::string& first = words[0];
  const std::vector<const Command*> of_noun = CommandsOf(first);
  std::string_view nearest;
  size_t least = std::numeric_limits<size_t>::max();
  const auto consider = [&](std::string_view candidate, size_t distance) {
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  };
  if (!of_noun.empty() && words.size() > 1) {
    for (const Command* command : of_noun) {
      consider(command->name, EditDistance(words[1], LastWord(command->name)));
    }
  } else {
    for (const Command* command : AllCommands()) {
      consider(FirstWord(command->name),
               EditDistance(first, FirstWord(command->name)));
      // "bestow-server add": the verb alone.
      consider(command->name, EditDistance(first, command->name));
    }
  }
  if (least > std::max<size_t>(2, nearest.size() / 4)) return "";
  return std::string(nearest);
}

absl::Status Unknown(absl::Span<const std::string> words) {
  for (const auto& [former, now] : kFormerNames) {
    if (words[0] == former) {
      return absl::NotFoundError(
          absl::StrCat("`", former, "` is now `", now, "`"));
    }
  }
  const std::vector<const Command*> of_noun = CommandsOf(words[0]);
  std::string message =
      of_noun.empty() || words.size() < 2
          ? absl::StrCat("there is no command ", words[0])
          : absl::StrCat("there is no command ", words[0], " ", words[1]);
  const std::string nearest = NearestTo(words);
  if (!nearest.empty()) {
    absl::StrAppend(&message, "; did you mean `", nearest, "`?");
  } else if (!of_noun.empty()) {
    absl::StrAppend(&message, "; there are:");
    for (const Command* command : of_noun) {
      absl::StrAppend(&message, command == of_noun[0] ? " " : ", ",
                      command->name);
    }
  }
  return absl::NotFoundError(message);
}

void AppendLine(std::string& text, const Command& command) {
  std::string call(command.name);
  if (!command.argument.empty()) absl::StrAppend(&call, " ", command.argument);
  absl::StrAppendFormat(&text, "  %-23s %s\n", call, command.summary);
}

std::string OverviewText() {
  std::string text =
      "bestow-server: an EST server (RFC 7030) with an embedded CA\n\n"
      "  bestow-server COMMAND --state_dir=DIR [flags]\n\n";
  for (const Command* command : AllCommands()) AppendLine(text, *command);
  absl::StrAppend(
      &text,
      "\n`bestow-server help COMMAND` says more. Exit codes: 0 done, "
      "1 failed, 2 wrong\nusage, 3 the state folder or the config "
      "needs attention.\n");
  return text;
}

}  // namespace

const std::vector<const Command*>& AllCommands() {
  static const auto* const kAll = [] {
    auto* all = new std::vector<const Command*>();
    for (absl::Span<const Command> commands :
         {StateCommands(), RunCommands(), CaCommands(), IdentityCommands(),
          RolloverCommands(), RequestCommands(), CertificateCommands(),
          RevokeCommands(), AuditCommands(), BackupCommands(),
          CompletionCommands()}) {
      for (const Command& command : commands) all->push_back(&command);
    }
    return all;
  }();
  return *kAll;
}

absl::StatusOr<FoundCommand> FindCommand(absl::Span<const std::string> words) {
  if (words.empty()) return absl::NotFoundError("which command?");
  if (words.size() > 1) {
    const Command* command = FindByName(absl::StrCat(words[0], " ", words[1]));
    if (command != nullptr) return FoundCommand{command, 2};
  }
  const Command* command = FindByName(words[0]);
  if (command == nullptr && words.size() == 1) {
    command = FindByName(absl::StrCat(words[0], " list"));
  }
  if (command == nullptr) return Unknown(words);
  return FoundCommand{command, 1};
}

absl::StatusOr<std::string> HelpText(absl::Span<const std::string> words) {
  if (words.empty()) return OverviewText();
  if (words.size() == 1) {
    const std::vector<const Command*> of_noun = CommandsOf(words[0]);
    if (!of_noun.empty()) {
      std::string text;
      for (const Command* command : of_noun) AppendLine(text, *command);
      absl::StrAppend(&text, "\n`bestow-server help ", of_noun[0]->name,
                      "` says more of one.\n");
      return text;
    }
  }
  absl::StatusOr<FoundCommand> found = FindCommand(words);
  if (!found.ok()) return found.status();
  return std::string(found->command->text);
}

}  // namespace bestow::server
