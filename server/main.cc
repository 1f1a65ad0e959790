// bestow-server: flags to options, and the command's function.
#include <cstdlib>
#include <iostream>
#include <optional>
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
#include "server/admin/identity_commands.h"
#include "server/admin/request_commands.h"
#include "server/admin/usage.h"
#include "server/run.h"

DEFINE_string(state_dir, "", "the state folder");
DEFINE_string(hostname, "", "init: names and addresses of this server");
DEFINE_string(listen, "127.0.0.1:8443", "init: where run listens");
DEFINE_string(ca_name, "", "init, add-ca: the CA's common name");
DEFINE_string(ca_key_type, "ec-p256", "init: the CA's kind of key");
DEFINE_string(key_type, "ec-p256", "add-ca: the CA's kind of key");
DEFINE_string(label, "", "labels of an identity, or of certificates");
DEFINE_bool(ra, false, "the identity is a registration authority");
DEFINE_bool(digest, false, "good for HTTP Digest too");
DEFINE_string(password_file, "", "add-user: the file with the password");
DEFINE_bool(replace, false, "add-user: replace a password");
DEFINE_string(valid_for, "24h", "add-secret: until its first use");
DEFINE_string(key_file, "", "add-psk: the file with the key");
DEFINE_bool(json, false, "list, requests: as JSON");
DEFINE_string(reason, "", "deny: what the client is told");
DEFINE_string(within, "", "renew-early: the time to renew in");
DEFINE_string(issued_before, "", "renew-early: the certificates meant");
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

IdentityFlags Identity(const std::string& name) {
  IdentityFlags flags{FLAGS_state_dir, name, FLAGS_label, std::nullopt};
  if (!gflags::GetCommandLineFlagInfoOrDie("ra").is_default) {
    flags.is_ra = FLAGS_ra;
  }
  return flags;
}

// `argument` is the command's, where it has one.
int Dispatch(const Console& console, std::string_view command,
             const std::string& argument) {
  if (command == "init") {
    return InitCommand(console,
                       {FLAGS_state_dir, FLAGS_hostname, FLAGS_listen,
                        FLAGS_ca_name.empty() ? "Bestow CA" : FLAGS_ca_name,
                        FLAGS_ca_key_type});
  }
  if (command == "add-ca") {
    return AddCaCommand(
        console, {FLAGS_state_dir, argument, FLAGS_ca_name, FLAGS_key_type});
  }
  if (command == "check") return CheckCommand(console, FLAGS_state_dir);
  if (command == "run") return RunCommand(console, FLAGS_state_dir);
  if (command == "add-identity") {
    return AddIdentityCommand(console, Identity(argument));
  }
  if (command == "add-user") {
    if (FLAGS_password_file.empty()) {
      return UsageError("--password_file=FILE is missing", command);
    }
    return AddUserCommand(console, Identity(argument),
                          {FLAGS_password_file, FLAGS_replace, FLAGS_digest});
  }
  if (command == "add-secret") {
    return AddSecretCommand(console, Identity(argument),
                            {FLAGS_valid_for, FLAGS_digest});
  }
  if (command == "add-psk") {
    return AddPskCommand(console, Identity(argument), FLAGS_key_file);
  }
  if (command == "requests") {
    return RequestsCommand(console, FLAGS_state_dir, FLAGS_json);
  }
  if (command == "approve") {
    return ApproveCommand(console, FLAGS_state_dir, argument);
  }
  if (command == "deny") {
    return DenyCommand(console, FLAGS_state_dir, argument, FLAGS_reason);
  }
  if (command == "renew-early") {
    return RenewEarlyCommand(console, FLAGS_state_dir,
                             {FLAGS_label, FLAGS_issued_before, FLAGS_within});
  }
  return ListCommand(console, FLAGS_state_dir, FLAGS_json);
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
  if (arguments.size() != (command->argument.empty() ? 1 : 2)) {
    return UsageError(
        command->argument.empty()
            ? absl::StrCat(name, " takes flags only")
            : absl::StrCat(name, " takes one ", command->argument),
        name);
  }
  if (FLAGS_state_dir.empty()) {
    return UsageError("--state_dir=DIR is missing", name);
  }
  const SystemClock clock;
  const Console console{std::cout, std::cerr, clock};
  return Dispatch(console, name, arguments.back());
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
