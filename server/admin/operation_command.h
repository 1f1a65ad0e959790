// A command that asks for an operation, and shows what it answers.
#ifndef SERVER_ADMIN_OPERATION_COMMAND_H_
#define SERVER_ADMIN_OPERATION_COMMAND_H_

#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/admin/admin_call.h"
#include "server/admin/command.h"

namespace bestow::server {

// kInvalidArgument: 2; kFailedPrecondition: 3; else 1.
int ExitCodeOf(const absl::Status& status);

// The flags that were given, and the argument, by its name in lower case.
Json ArgumentsOf(const Command& command, const CommandLine& line);

// Asks for the operation of the command's name, page by page where it lists,
// and prints the answers: tables and lines, or JSON with --json. Notes and
// mistakes go to the console's err. Returns the exit code.
int RunOperationCommand(const Console& console, const Command& command,
                        const CommandLine& line);

// One call alone, for commands that show its answer themselves. Prints its
// notes.
absl::StatusOr<Json> RunOperation(const Console& console,
                                  const CommandLine& line,
                                  const AdminCall& call);
// Every page's items of an operation that lists.
absl::Status ForEachPage(const Console& console, const CommandLine& line,
                         AdminCall call,
                         const std::function<void(const Json& items)>& visit);

// Prints an answer that is no list, as RunOperationCommand() does.
void PrintAnswer(const Console& console, const CommandLine& line,
                 const Json& answer);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_OPERATION_COMMAND_H_
