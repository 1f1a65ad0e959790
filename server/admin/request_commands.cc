#include "server/admin/request_commands.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/config/config.h"
#include "server/config/duration.h"

namespace bestow::server {
namespace {

constexpr char kRequestsList[] =
    R"(bestow-server requests list --state_dir=DIR [--json]

Lists the requests that wait for your word (enrollment.approval = "manual") and
those decided, oldest first, until they expire. Works while the server runs.

  --json       as a JSON array
)";

constexpr char kApprove[] = R"(bestow-server approve --state_dir=DIR ID

Approves the request ID of `requests list`: its client gets the certificate when
it asks again. Compare the key's fingerprint first. Works while the server runs.
)";

constexpr char kDeny[] = R"(bestow-server deny --state_dir=DIR ID --reason=TEXT

Refuses the request ID of `requests list`. Works while the server runs.

  --reason     one line that the client is told
)";

constexpr char kRenewalsAdd[] =
    R"(bestow-server renewals add --state_dir=DIR --within=24h [--label=LABEL]
    [--issued_before=2026-11-21T12:00:00Z]

Pulls renewals forward, after an incident say: clients that ask for renewal
information are told to renew within that time, each at a random moment of it.
Works while the server runs; what it says stays until another order.

  --within     how long the renewals are spread over: 24h, 7d, 30m
  --label      certificates of this label alone; "." is the service without one
  --issued_before
               certificates issued before this time alone (default: now)
)";

constexpr size_t kMaxReason = 200;
constexpr std::string_view kWithoutLabel = ".";

std::string JsonOf(const PendingRequest& request) {
  return JsonObject({{"id", absl::StrCat(request.id)},
                     {"state", PendingStateName(request.state)},
                     {"label", request.label},
                     {"identity", request.identity},
                     {"operation", request.operation},
                     {"subject", request.subject},
                     {"key_sha256", HexText(request.key_sha256)},
                     {"created_at", UtcText(request.created_at)},
                     {"expires_at", UtcText(request.expires_at)},
                     {"reason", request.reason}});
}

int Decide(const Console& console, const std::string& state_dir,
           const std::string& id_text, bool approve,
           const std::string& reason) {
  int64_t id = 0;
  if (!absl::SimpleAtoi(id_text, &id) || id <= 0) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(
                      absl::StrCat("\"", id_text,
                                   "\" is not the number of a request: see "
                                   "`bestow-server requests list`")));
  }
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStateStore(StatePaths(state_dir));
  if (!store.ok()) return Report(console, kExitState, store.status());
  absl::StatusOr<PendingRequest> decided =
      (*store)->DecidePending(id, approve, reason, console.clock.Now());
  if (!decided.ok()) return Report(console, kExitFailed, decided.status());
  console.out << "Request " << id << " of " << decided->identity
              << (approve ? " is approved: its client gets the certificate "
                            "when it asks again, until "
                          : " is refused, until ")
              << UtcText(decided->expires_at) << ".\n";
  return kExitOk;
}

}  // namespace

int RequestsListCommand(const Console& console, const std::string& state_dir,
                        bool json) {
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStateStore(StatePaths(state_dir));
  if (!store.ok()) return Report(console, kExitState, store.status());
  bool first = true;
  if (json) console.out << "[";
  absl::Status status = (*store)->ForEachPending(
      console.clock.Now(), [&](const PendingRequest& request) {
        if (json) {
          console.out << (first ? "\n  " : ",\n  ") << JsonOf(request);
        } else {
          if (!first) console.out << "\n";
          console.out << "request     " << request.id << "\n"
                      << "  state     " << PendingStateName(request.state)
                      << (request.reason.empty() ? "" : ": ") << request.reason
                      << "\n"
                      << "  label     "
                      << (request.label.empty() ? kWithoutLabel : request.label)
                      << "\n"
                      << "  identity  " << request.identity << "\n"
                      << "  subject   " << request.subject << "\n"
                      << "  key       " << HexText(request.key_sha256) << "\n"
                      << "  asked     " << UtcText(request.created_at)
                      << ", expires " << UtcText(request.expires_at) << "\n";
        }
        first = false;
      });
  if (json) console.out << (first ? "]\n" : "\n]\n");
  if (!status.ok()) return Report(console, kExitFailed, status);
  if (!json && first) console.out << "No request waits.\n";
  return kExitOk;
}

int ApproveCommand(const Console& console, const std::string& state_dir,
                   const std::string& id) {
  return Decide(console, state_dir, id, true, "");
}

int DenyCommand(const Console& console, const std::string& state_dir,
                const std::string& id, const std::string& reason) {
  if (reason.empty() || reason.size() > kMaxReason ||
      !std::all_of(reason.begin(), reason.end(), [](char c) {
        return !absl::ascii_iscntrl(static_cast<unsigned char>(c));
      })) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(absl::StrCat(
                      "--reason is what the client is told: one line of at "
                      "most ",
                      kMaxReason, " characters, and not empty")));
  }
  return Decide(console, state_dir, id, false, reason);
}

int RenewalsAddCommand(const Console& console, const std::string& state_dir,
                       const RenewalsAddFlags& flags) {
  const std::optional<absl::Duration> within = ParseDurationText(flags.within);
  if (!within.has_value() || *within <= absl::ZeroDuration()) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(absl::StrCat(
                      "--within=", flags.within,
                      " is not a duration like 24h, 7d or 30m: clients spread "
                      "their renewals over it")));
  }
  const absl::Time now = console.clock.Now();
  RenewalOrder order;
  order.issued_before = now;
  std::string error;
  if (!flags.issued_before.empty() &&
      !absl::ParseTime(absl::RFC3339_full, flags.issued_before,
                       &order.issued_before, &error)) {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(absl::StrCat(
                      "--issued_before=", flags.issued_before,
                      " is not a time like 2026-11-21T12:00:00Z")));
  }
  // Else what is issued from now on were to be renewed again at once.
  if (order.issued_before > now) {
    return Report(
        console, kExitUsage,
        absl::InvalidArgumentError(absl::StrCat(
            "--issued_before=", flags.issued_before, " is yet to come")));
  }
  order.window_start = now;
  order.window_end = now + *within;
  order.created_at = now;
  if (!flags.label.empty()) {
    order.label = flags.label == kWithoutLabel ? "" : flags.label;
    absl::StatusOr<ServerState> state = LoadState(StatePaths(state_dir));
    if (!state.ok()) return Report(console, kExitState, state.status());
    if (state->config.Find(*order.label) == nullptr) {
      return Report(console, kExitFailed,
                    absl::NotFoundError(
                        absl::StrCat("the config has no label ", flags.label)));
    }
  }
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStateStore(StatePaths(state_dir));
  if (!store.ok()) return Report(console, kExitState, store.status());
  absl::StatusOr<int64_t> id = (*store)->AddRenewalOrder(order);
  if (!id.ok()) return Report(console, kExitFailed, id.status());
  console.out << "Clients that ask for renewal information are told to renew, "
                 "by "
              << UtcText(order.window_end)
              << ", their certificates issued before "
              << UtcText(order.issued_before) << ".\n";
  return kExitOk;
}

absl::Span<const Command> RequestCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"requests list",
       "list the requests that wait",
       kRequestsList,
       {"state_dir", "json"},
       "",
       [](const Console& console, const CommandLine& line) {
         return RequestsListCommand(console, line.state_dir(),
                                    line.IsOn("json"));
       }},
      {"approve",
       "approve a request",
       kApprove,
       {"state_dir"},
       "ID",
       [](const Console& console, const CommandLine& line) {
         return ApproveCommand(console, line.state_dir(), line.argument());
       }},
      {"deny",
       "refuse a request",
       kDeny,
       {"state_dir", "reason"},
       "ID",
       [](const Console& console, const CommandLine& line) {
         return DenyCommand(console, line.state_dir(), line.argument(),
                            line.Text("reason"));
       }},
      {"renewals add",
       "pull renewals forward",
       kRenewalsAdd,
       {"state_dir", "within", "label", "issued_before"},
       "",
       [](const Console& console, const CommandLine& line) {
         return RenewalsAddCommand(
             console, line.state_dir(),
             {line.Text("label"), line.Text("issued_before"),
              line.Text("within")});
       }},
  };
  return *kCommands;
}

}  // namespace bestow::server
