// bestow-server: flags to options, and the command's function.
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/base/log_severity.h"
#include "absl/log/globals.h"
#include "absl/log/initialize.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "gflags/gflags.h"
#include "server/admin/commands.h"
#include "server/admin/usage.h"
#include "server/run.h"

DEFINE_string(state_dir, "", "the state folder");
DEFINE_string(hostname, "", "init: names and addresses of this server");
DEFINE_string(listen, "127.0.0.1:8443", "init: where run listens");
DEFINE_string(ca_name, "Bestow CA", "init: the CA's common name");
DEFINE_string(password_file, "", "add-user: the file with the password");
DEFINE_bool(replace, false, "add-user: replace a password");
DEFINE_string(valid_for, "24h", "add-secret: until its first use");
DEFINE_bool(json, false, "list: as JSON");
DECLARE_bool(help);

namespace gflags {
// gflags ends the process on a wrong flag; what with is ours to say.
extern void (*gflags_exitfunc)(int);
}  // namespace gflags

namespace bestow::server {
namespace {

int UsageError(std::string_view message, std::string_view command) {
  std::cerr << "bestow-server: " << message << "\nSee `bestow-server help"
            << (command.empty() ? "" : " ") << command << "`.\n";
  return kExitUsage;
}

int Help(std::string_view name) {
  if (name.empty()) {
    std::cout << OverviewText();
    return kExitOk;
  }
  const CommandUsage* command = FindCommand(name);
  if (command == nullptr) {
    return UsageError(absl::StrCat("there is no command ", name), "");
  }
  std::cout << command->text;
  return kExitOk;
}

// A flag of ours that was given and that `command` does not take; "" if none.
std::string StrayFlag(const CommandUsage& command) {
  std::vector<gflags::CommandLineFlagInfo> flags;
  gflags::GetAllFlags(&flags);
  for (const gflags::CommandLineFlagInfo& flag : flags) {
    const bool ours = absl::c_any_of(AllCommands(), [&](const auto& any) {
      return absl::c_linear_search(any.flags, flag.name);
    });
    if (ours && !flag.is_default &&
        !absl::c_linear_search(command.flags, flag.name)) {
      return flag.name;
    }
  }
  return "";
}

int Main(const std::vector<std::string>& arguments) {
  const std::string name = arguments.empty() ? "" : arguments[0];
  if (name == "help") return Help(arguments.size() > 1 ? arguments[1] : "");
  if (FLAGS_help) return Help(name);
  if (name.empty()) return UsageError("which command?", "");
  const CommandUsage* command = FindCommand(name);
  if (command == nullptr) {
    return UsageError(absl::StrCat("there is no command ", name), "");
  }
  const std::string stray = StrayFlag(*command);
  if (!stray.empty()) {
    return UsageError(absl::StrCat(name, " takes no --", stray), name);
  }
  if (arguments.size() != 1 + static_cast<size_t>(command->arguments)) {
    return UsageError(command->arguments == 0
                          ? absl::StrCat(name, " takes flags only")
                          : absl::StrCat(name, " takes one NAME"),
                      name);
  }
  if (FLAGS_state_dir.empty()) {
    return UsageError("--state_dir=DIR is missing", name);
  }
  const SystemClock clock;
  const Console console{std::cout, std::cerr, clock};
  if (name == "init") {
    return InitCommand(console, {FLAGS_state_dir, FLAGS_hostname, FLAGS_listen,
                                 FLAGS_ca_name});
  }
  if (name == "run") return RunCommand(console, FLAGS_state_dir);
  if (name == "add-user") {
    if (FLAGS_password_file.empty()) {
      return UsageError("--password_file=FILE is missing", name);
    }
    return AddUserCommand(console, FLAGS_state_dir, arguments[1],
                          FLAGS_password_file, FLAGS_replace);
  }
  if (name == "add-secret") {
    return AddSecretCommand(console, FLAGS_state_dir, arguments[1],
                            FLAGS_valid_for);
  }
  return ListCommand(console, FLAGS_state_dir, FLAGS_json);
}

}  // namespace
}  // namespace bestow::server

int main(int argc, char** argv) {
  gflags::gflags_exitfunc = [](int) {
    std::cerr << "See `bestow-server help`.\n";
    exit(bestow::server::kExitUsage);
  };
  gflags::ParseCommandLineNonHelpFlags(&argc, &argv, /*remove_flags=*/true);
  absl::SetStderrThreshold(absl::LogSeverityAtLeast::kInfo);
  absl::InitializeLog();
  return bestow::server::Main(std::vector<std::string>(argv + 1, argv + argc));
}
