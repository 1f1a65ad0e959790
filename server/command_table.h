// All commands of bestow-server, and the pages that teach them.
#ifndef SERVER_COMMAND_TABLE_H_
#define SERVER_COMMAND_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

// In the order in which `help` shows them.
const std::vector<const Command*>& AllCommands();

struct FoundCommand {
  const Command* command = nullptr;
  size_t words = 0;  // of the line that are its name
};
// The command that the words of a line begin with. A noun alone is its list.
// kNotFound, with what may have been meant, for the operator.
absl::StatusOr<FoundCommand> FindCommand(absl::Span<const std::string> words);

// The page of `words`: of a command, or the commands of a noun; of nothing: the
// overview. kNotFound as FindCommand().
absl::StatusOr<std::string> HelpText(absl::Span<const std::string> words);

}  // namespace bestow::server

#endif  // SERVER_COMMAND_TABLE_H_
