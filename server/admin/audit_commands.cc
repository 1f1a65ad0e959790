#include "server/admin/audit_commands.h"

#include <utility>
#include <vector>

#include "server/admin/operation_command.h"

namespace bestow::server {
namespace {

constexpr char kList[] =
    R"(bestow-server audit list --state_dir=DIR [--since=24h] [--identity=NAME]
    [--action=ACTION] [--outcome=OUTCOME] [--label=LABEL] [--json]

Lists the audit log, oldest first: who did or asked what, from where, and what
came of it. All of it, or what meets every flag. Works while the server runs.

  --since      what happened within this time: 30d, 12h
  --identity   whoever did it, or whom it was for
  --action     simpleenroll, simplereenroll, serverkeygen, approve, revoke, ...
  --outcome    issued, repeated, waiting, refused, failed, done, counted
  --label      at this label; "." is the service without one
  --json       as a JSON array
)";

constexpr char kVerify[] =
    R"(bestow-server audit verify --state_dir=DIR [NOTED] [--json]

Computes the hashes of the audit log again, each over the one before, and names
the first entry that is not as it was written (exit code 1). Prints its end as
NUMBER:HASH: note that elsewhere, and give it as NOTED the next time, to see
that nothing up to there was taken away or written anew. Works while the server
runs.

  --json       as a JSON object
)";

constexpr char kExport[] = R"(bestow-server audit export --state_dir=DIR

Writes the audit log to stdout, a JSON object on each line, with the hashes. The
script in docs/OPERATIONS.md verifies it without bestow-server. Works while the
server runs.
)";

int ExportAudit(const Console& console, const CommandLine& line) {
  AdminCall call;
  call.operation = "audit export";
  absl::Status status =
      ForEachPage(console, line, std::move(call), [&](const Json& items) {
        for (const Json& item : items) console.out << JsonLine(item) << "\n";
      });
  if (!status.ok()) return Report(console, ExitCodeOf(status), status);
  return kExitOk;
}

}  // namespace

absl::Span<const Command> AuditCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"audit list",
       "list what was decided, and by whom",
       kList,
       {"state_dir", "since", "identity", "action", "outcome", "label", "json"},
       "",
       nullptr,
       "sequence=number! at! actor source action! outcome! subject detail",
       "The audit log has no such entry."},
      {"audit verify",
       "check that nobody changed the audit log",
       kVerify,
       {"state_dir", "json"},
       "[NOTED]"},
      {"audit export",
       "write the audit log as lines of JSON",
       kExport,
       {"state_dir"},
       "",
       ExportAudit},
  };
  return *kCommands;
}

}  // namespace bestow::server
