#include "server/admin/request_commands.h"

#include <vector>

namespace bestow::server {
namespace {

constexpr char kRequestsList[] =
    R"(bestow-server requests list --state_dir=DIR [--json]

Lists the requests that wait for your word (enrollment.approval = "manual") and
those decided, oldest first, until they expire. Works while the server runs.

  --json       as a JSON array
)";

constexpr char kRequestsShow[] =
    R"(bestow-server requests show --state_dir=DIR ID [--json]

Shows the request ID of `requests list`, with the CSR as it came. Works while
the server runs.

  --json       as a JSON object
)";

constexpr char kApprove[] = R"(bestow-server approve --state_dir=DIR ID [--json]

Approves the request ID of `requests list`: its client gets the certificate when
it asks again. Compare the key's fingerprint first. Works while the server runs.

  --json       print what was done as JSON
)";

constexpr char kDeny[] =
    R"(bestow-server deny --state_dir=DIR ID --reason=TEXT [--json]

Refuses the request ID of `requests list`. Works while the server runs.

  --reason     one line that the client is told
  --json       print what was done as JSON
)";

constexpr char kRenewalsList[] =
    R"(bestow-server renewals list --state_dir=DIR [--json]

Lists the orders of `renewals add`, oldest first. Works while the server runs.

  --json       as a JSON array
)";

constexpr char kRenewalsAdd[] =
    R"(bestow-server renewals add --state_dir=DIR --within=24h [--label=LABEL]
    [--issued_before=2026-11-21T12:00:00Z] [--json]

Pulls renewals forward, after an incident say: clients that ask for renewal
information are told to renew within that time, each at a random moment of it.
Works while the server runs; what it says stays until another order.

  --within     how long the renewals are spread over: 24h, 7d, 30m
  --label      certificates of this label alone; "." is the service without one
  --issued_before
               certificates issued before this time alone (default: now)
  --json       print what was done as JSON
)";

}  // namespace

absl::Span<const Command> RequestCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"requests list",
       "list the requests that wait",
       kRequestsList,
       {"state_dir", "json"},
       "",
       nullptr,
       "id! state! label identity operation key_sha256=key expires_at=expires!",
       "No request waits."},
      {"requests show",
       "show a request and its CSR",
       kRequestsShow,
       {"state_dir", "json"},
       "ID"},
      {"approve", "approve a request", kApprove, {"state_dir", "json"}, "ID"},
      {"deny",
       "refuse a request",
       kDeny,
       {"state_dir", "reason", "json"},
       "ID"},
      {"renewals list",
       "list the orders to renew early",
       kRenewalsList,
       {"state_dir", "json"},
       "",
       nullptr,
       "id! state! label issued_before! window_start! window_end!",
       "No renewals have been ordered."},
      {"renewals add",
       "pull renewals forward",
       kRenewalsAdd,
       {"state_dir", "within", "label", "issued_before", "json"},
       ""},
  };
  return *kCommands;
}

}  // namespace bestow::server
