#include "server/admin/usage.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bestow::server {
namespace {

constexpr char kInit[] =
    R"(bestow-server init --state_dir=DIR [--hostname=NAME_OR_IP[,...]]
    [--listen=127.0.0.1:8443] [--ca_name="Bestow CA"]

Makes the state folder DIR: a certification authority, the server's own TLS
certificate, the database of what is issued, and bestow-server.toml, which is
commented. Prints the CA's SHA-256 fingerprint, which agents can pin. Refuses a
folder that already holds a state; can be run again after a failure.

  --hostname   the names and addresses by which devices reach this server; they
               go into its TLS certificate (default: localhost, 127.0.0.1, ::1
               and the addresses of --listen)
  --listen     where `run` will listen, separated by commas; [::]:8443 is every
               address
  --ca_name    the common name of the CA
)";

constexpr char kRun[] = R"(bestow-server run --state_dir=DIR

Serves EST (RFC 7030) until SIGTERM or SIGINT, which let requests under way
finish. Prints a line "bestow-server: listening on https://..." for each
listening socket when it is ready, and logs to stderr. Sockets that systemd
passes are used in place of the config's.
)";

constexpr char kAddUser[] =
    R"(bestow-server add-user --state_dir=DIR NAME --password_file=FILE [--replace]

Adds the identity NAME with the password that is FILE's one line. Certificates
that it enrolls carry NAME by the profile in bestow-server.toml. Works while
the server runs.

  --replace    give an identity that has a password a new one
)";

constexpr char kAddSecret[] =
    R"(bestow-server add-secret --state_dir=DIR NAME [--valid_for=24h]

Makes a one-time secret for the identity NAME (which is added when it is new)
and prints it, alone, on stdout. A device enrolls with NAME and the secret in
place of a password, once: the secret is then bound to the device's key. Works
while the server runs.

  --valid_for  how long it can be used for the first time: 24h, 7d, 30m
)";

constexpr char kList[] = R"(bestow-server list --state_dir=DIR [--json]

Lists the issued certificates, oldest first. Works while the server runs.

  --json       as a JSON array
)";

const std::vector<CommandUsage>& Commands() {
  static const auto* const kCommands = new std::vector<CommandUsage>{
      {"init",
       "make a state folder with a CA",
       kInit,
       {"state_dir", "hostname", "listen", "ca_name"},
       0},
      {"run", "serve EST", kRun, {"state_dir"}, 0},
      {"add-user",
       "add an identity with a password",
       kAddUser,
       {"state_dir", "password_file", "replace"},
       1},
      {"add-secret",
       "make a one-time secret for an identity",
       kAddSecret,
       {"state_dir", "valid_for"},
       1},
      {"list", "list the issued certificates", kList, {"state_dir", "json"}, 0},
  };
  return *kCommands;
}

}  // namespace

absl::Span<const CommandUsage> AllCommands() { return Commands(); }

const CommandUsage* FindCommand(std::string_view name) {
  for (const CommandUsage& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

std::string OverviewText() {
  std::string text =
      "bestow-server: an EST server (RFC 7030) with an embedded CA\n\n"
      "  bestow-server COMMAND --state_dir=DIR [flags]\n\n";
  for (const CommandUsage& command : Commands()) {
    absl::StrAppendFormat(&text, "  %-11s %s\n", command.name, command.summary);
  }
  absl::StrAppend(
      &text,
      "\n`bestow-server help COMMAND` says more. Exit codes: 0 done, "
      "1 failed, 2 wrong\nusage, 3 the state folder or the config "
      "needs attention.\n");
  return text;
}

}  // namespace bestow::server
