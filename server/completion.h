// `bestow-server completion`: what a shell needs to complete a command line.
#ifndef SERVER_COMPLETION_H_
#define SERVER_COMPLETION_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

// The script for bash or zsh: nouns, verbs, flags, and the values of those that
// name a file or one of few words. `is_bool`: whether a flag takes no value.
std::string BashCompletion(
    const std::vector<const Command*>& commands,
    const std::function<bool(std::string_view)>& is_bool);
std::string ZshCompletion(const std::vector<const Command*>& commands,
                          const std::function<bool(std::string_view)>& is_bool);

absl::Span<const Command> CompletionCommands();

}  // namespace bestow::server

#endif  // SERVER_COMPLETION_H_
