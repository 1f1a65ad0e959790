// bestow-server: flags, and the command that they are for.
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
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "gflags/gflags.h"
#include "server/admin/operation_command.h"
#include "server/command_table.h"

// What each is for stands on the page of each command that has it.
DEFINE_string(action, "", "");
DEFINE_string(ca, "", "");
DEFINE_string(ca_folder, "", "");
DEFINE_string(ca_issuers_url, "", "");
DEFINE_string(ca_key_type, "ec-p256", "");
DEFINE_string(ca_name, "", "");
DEFINE_bool(cancel, false, "");
DEFINE_string(chain, "", "");
DEFINE_string(config, "", "");
DEFINE_string(cps, "", "");
DEFINE_string(crl_url, "", "");
DEFINE_string(csr, "", "");
DEFINE_bool(delta, false, "");
DEFINE_bool(digest, false, "");
DEFINE_string(exclude_dirname, "", "");
DEFINE_string(exclude_dns, "", "");
DEFINE_string(exclude_email, "", "");
DEFINE_string(exclude_ip, "", "");
DEFINE_string(exclude_uri, "", "");
DEFINE_string(expiring, "", "");
DEFINE_string(file, "", "");
DEFINE_string(format, "pem", "");
DEFINE_string(from_passphrase_file, "", "");
DEFINE_string(hostname, "", "");
DEFINE_string(identity, "", "");
DEFINE_string(in, "", "");
DEFINE_bool(incomplete, false, "");
DEFINE_string(invalidity_date, "", "");
DEFINE_string(issued_before, "", "");
DEFINE_string(issuer, "", "");
DEFINE_bool(json, false, "");
DEFINE_string(key, "", "");
DEFINE_string(key_file, "", "");
DEFINE_string(key_storage, "file", "");
DEFINE_string(key_type, "ec-p256", "");
DEFINE_string(kind, "standalone", "");
DEFINE_string(label, "", "");
DEFINE_string(listen, "127.0.0.1:8443", "");
DEFINE_string(out, "", "");
DEFINE_string(outcome, "", "");
DEFINE_string(passphrase_file, "", "");
DEFINE_string(password_file, "", "");
DEFINE_string(path_length, "", "");
DEFINE_string(permit_dirname, "", "");
DEFINE_string(permit_dns, "", "");
DEFINE_string(permit_email, "", "");
DEFINE_string(permit_ip, "", "");
DEFINE_string(permit_uri, "", "");
DEFINE_string(pkcs12, "", "");
DEFINE_string(policy, "", "");
DEFINE_bool(ra, false, "");
DEFINE_string(reason, "", "");
DEFINE_bool(release, false, "");
DEFINE_string(renew_within, "", "");
DEFINE_bool(replace, false, "");
DEFINE_string(serial, "", "");
DEFINE_string(since, "", "");
DEFINE_string(state, "", "");
DEFINE_string(state_dir, "", "");
DEFINE_string(subject, "", "");
DEFINE_string(switch_at, "", "");
DEFINE_string(tpm, "device:/dev/tpmrm0", "");
DEFINE_string(valid_for, "24h", "");
DEFINE_string(validity, "", "");
DEFINE_string(within, "", "");
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

int Help(absl::Span<const std::string> words) {
  absl::StatusOr<std::string> text = HelpText(words);
  if (!text.ok()) return UsageError(text.status().message(), "");
  std::cout << *text;
  return kExitOk;
}

// A flag of ours that was given and that `command` does not take; "" if none.
std::string StrayFlag(const Command& command) {
  std::vector<gflags::CommandLineFlagInfo> flags;
  gflags::GetAllFlags(&flags);
  for (const gflags::CommandLineFlagInfo& flag : flags) {
    const bool ours = absl::c_any_of(AllCommands(), [&](const Command* any) {
      return absl::c_linear_search(any->flags, flag.name);
    });
    if (ours && !flag.is_default &&
        !absl::c_linear_search(command.flags, flag.name)) {
      return flag.name;
    }
  }
  return "";
}

CommandLine::Flags FlagsOf(const Command& command) {
  CommandLine::Flags flags;
  for (std::string_view name : command.flags) {
    const gflags::CommandLineFlagInfo info =
        gflags::GetCommandLineFlagInfoOrDie(std::string(name).c_str());
    flags.emplace(name, CommandLine::Flag{info.current_value, !info.is_default,
                                          info.type == "bool"});
  }
  return flags;
}

int Main(std::vector<std::string> words) {
  if (!words.empty() && words[0] == "help") {
    return Help(absl::MakeSpan(words).subspan(1));
  }
  if (FLAGS_help) return Help(words);
  absl::StatusOr<FoundCommand> found = FindCommand(words);
  if (!found.ok()) return UsageError(found.status().message(), "");
  const Command& command = *found->command;
  const std::string stray = StrayFlag(command);
  if (!stray.empty()) {
    return UsageError(absl::StrCat(command.name, " takes no --", stray),
                      command.name);
  }
  const size_t given = words.size() - found->words;
  std::string_view argument = command.argument;
  const bool optional = absl::ConsumePrefix(&argument, "[") &&
                        absl::ConsumeSuffix(&argument, "]");
  if (given > (argument.empty() ? 0 : 1) ||
      (given == 0 && !argument.empty() && !optional)) {
    return UsageError(argument.empty()
                          ? absl::StrCat(command.name, " takes flags only")
                          : absl::StrCat(command.name, " takes one ", argument),
                      command.name);
  }
  const CommandLine line(FlagsOf(command), given == 0 ? "" : words.back());
  if (absl::c_linear_search(command.flags, "state_dir") &&
      !command.state_dir_optional && line.state_dir().empty()) {
    return UsageError("--state_dir=DIR is missing", command.name);
  }
  const SystemClock clock;
  const Console console{std::cout, std::cerr, clock};
  return command.run != nullptr ? command.run(console, line)
                                : RunOperationCommand(console, command, line);
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
