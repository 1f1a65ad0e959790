#include "server/admin/command.h"

#include <utility>

namespace bestow::server {

CommandLine::CommandLine(Flags flags, std::string argument)
    : flags_(std::move(flags)), argument_(std::move(argument)) {}

const std::string& CommandLine::Text(std::string_view flag) const {
  static const auto* const kNone = new std::string();
  const auto found = flags_.find(flag);
  return found == flags_.end() ? *kNone : found->second.value;
}

bool CommandLine::IsOn(std::string_view flag) const {
  return Text(flag) == "true";
}

bool CommandLine::Given(std::string_view flag) const {
  const auto found = flags_.find(flag);
  return found != flags_.end() && found->second.given;
}

}  // namespace bestow::server
