// What `--help` and `help COMMAND` say, and which flags belong to a command.
#ifndef SERVER_ADMIN_USAGE_H_
#define SERVER_ADMIN_USAGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace bestow::server {

struct CommandUsage {
  std::string_view name;
  std::string_view summary;
  std::string_view text;  // the whole page
  std::vector<std::string_view> flags;
  std::string_view argument;  // the one that follows the command; "": none
};

absl::Span<const CommandUsage> AllCommands();
// nullptr: there is none of that name.
const CommandUsage* FindCommand(std::string_view name);
std::string OverviewText();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_USAGE_H_
