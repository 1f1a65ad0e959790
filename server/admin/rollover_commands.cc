#include "server/admin/rollover_commands.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/admin/admin_socket.h"
#include "server/admin/json.h"
#include "server/admin/rollover_operations.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"

namespace bestow::server {
namespace {

constexpr char kRollover[] =
    R"(bestow-server ca rollover --state_dir=DIR NAME [--in=30d |
    --switch_at=2027-01-31T00:00:00Z] [--renew_within=7d] [--key_type=TYPE]
    [--key_storage=file|tpm] [--cancel] [--json]

Makes the next key of the CA NAME ("ca", or the one below cas/). From the
server's next reload (SIGHUP) on it is shown in /cacerts, with the certificates
by which clients of the old root come to trust it and the other way round (RFC
4210 4.4). It issues from the date on: a running server switches by itself.
Leave clients time to ask for /cacerts before (a day, unless they were told
otherwise). Once more, for another date. The old key then signs nothing but its
CRLs and OCSP answers, until `ca retire`. The server's own certificate follows.

A CA below another one gets a request, next/request.pem, that its issuer has to
sign; import what comes back with `ca import`, and the rest is the same.

Servers that share a database have a state folder each: begin the rollover on
one, copy its next/ to the others, and they switch at the same date.

  --in         how long until the switch: 30d (the default), 12h
  --switch_at  when to switch, as a time
  --renew_within
               after the switch, clients that ask for renewal information are
               told to renew within that time
  --key_type   of the new key (default: as the old one)
  --key_storage
               where the new key is kept (default: as the old one)
  --cancel     give a rollover up that has not switched yet
  --json       print what was done as JSON
)";

constexpr char kSwitch[] =
    R"(bestow-server ca switch --state_dir=DIR NAME [--json]

Switches the CA NAME to its next key now, whatever the date of its rollover. A
running server takes it at its next reload (SIGHUP).

  --json       print what was done as JSON
)";

constexpr char kRetire[] =
    R"(bestow-server ca retire --state_dir=DIR NAME [--json]

Removes the former keys of the CA NAME whose last certificate is over, with the
time of grace in which an expired one may be renewed, and the link certificates
that lead to them. Refused before; it says until when.

  --json       print what was done as JSON
)";

using Act = absl::StatusOr<Json> (*)(const RolloverContext& context,
                                     const Json& arguments);

int ExitCodeFor(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return kExitUsage;
  return absl::IsFailedPrecondition(status) ? kExitState : kExitFailed;
}

int Perform(const Console& console, const CommandLine& line, Act act) {
  const StatePaths paths(line.state_dir());
  absl::StatusOr<Config> config = LoadConfig(paths);
  if (!config.ok()) return Report(console, kExitState, config.status());
  absl::StatusOr<std::unique_ptr<Store>> store = OpenStateStore(paths);
  if (!store.ok()) return Report(console, kExitState, store.status());
  Json arguments = {{"name", line.argument()}};
  for (const auto& [name, flag] : line.flags()) {
    if (!flag.given || name == "state_dir" || name == "json") continue;
    if (name == "cancel") {
      arguments[name] = line.IsOn(name);
    } else {
      arguments[name] = flag.value;
    }
  }
  const RolloverContext context{
      **store, *config, console.clock, line.state_dir(), OperatorName(getuid()),
      nullptr};
  absl::StatusOr<Json> answer = act(context, arguments);
  if (!answer.ok()) {
    return Report(console, ExitCodeFor(answer.status()), answer.status());
  }
  if (line.IsOn("json")) {
    console.out << JsonPage(*answer);
  } else {
    console.out << TextOf(*answer, "message") << "\n";
  }
  console.err << "A server that runs takes it at its next reload (SIGHUP).\n";
  return kExitOk;
}

template <Act act>
int RunAct(const Console& console, const CommandLine& line) {
  return Perform(console, line, act);
}

}  // namespace

absl::Span<const Command> RolloverCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"ca rollover",
       "make a CA's next key, and say when it issues",
       kRollover,
       {"state_dir", "in", "switch_at", "renew_within", "key_type",
        "key_storage", "cancel", "json"},
       "NAME",
       RunAct<CaRollover>},
      {"ca switch",
       "switch to a CA's next key now",
       kSwitch,
       {"state_dir", "json"},
       "NAME",
       RunAct<CaSwitch>},
      {"ca retire",
       "remove a CA's former keys that are over",
       kRetire,
       {"state_dir", "json"},
       "NAME",
       RunAct<CaRetire>},
  };
  return *kCommands;
}

}  // namespace bestow::server
