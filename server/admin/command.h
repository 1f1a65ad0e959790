// A command of bestow-server: how it is called, what its page says, and the
// function behind it. Each room has its table of them; command_table.h has all.
#ifndef SERVER_ADMIN_COMMAND_H_
#define SERVER_ADMIN_COMMAND_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/admin/console.h"

namespace bestow::server {

// What was given to one command. Flags are defined in main.cc alone.
class CommandLine {
 public:
  struct Flag {
    std::string value;  // "true" and "false" for one that is on or off
    bool given = false;
    bool is_bool = false;
  };
  using Flags = std::map<std::string, Flag, std::less<>>;

  // `argument`: what follows the command's name; "": nothing.
  CommandLine(Flags flags, std::string argument);

  const std::string& argument() const { return argument_; }
  const Flags& flags() const { return flags_; }
  // As it was given, else its default. "" for one that the command's table
  // doesn't have.
  const std::string& Text(std::string_view flag) const;
  bool IsOn(std::string_view flag) const;
  bool Given(std::string_view flag) const;
  const std::string& state_dir() const { return Text("state_dir"); }

 private:
  const Flags flags_;
  const std::string argument_;
};

struct Command {
  std::string_view name;     // "certificates list"
  std::string_view summary;  // "list the issued certificates"
  std::string_view text;     // its page, of lines up to 80 characters
  std::vector<std::string_view> flags;
  std::string_view argument;  // "NAME"; "[NAME]": may be left out; "": none
  // nullptr: the operation of this name (operation.h) is asked for, with the
  // flags that were given and the argument, by its name in lower case.
  int (*run)(const Console& console, const CommandLine& line) = nullptr;
  // Of an operation that lists: the table's columns (present.h), and what is
  // said where there is nothing.
  std::string_view columns = "";
  std::string_view nothing = "";
  // Works without --state_dir too; else one that has the flag needs it.
  bool state_dir_optional = false;
};

}  // namespace bestow::server

#endif  // SERVER_ADMIN_COMMAND_H_
