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
#include "server/config/config.h"
#include "server/config/duration.h"
#include "server/store/sqlite_store.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxReason = 200;
constexpr std::string_view kWithoutLabel = ".";

absl::StatusOr<std::unique_ptr<SqliteStore>> OpenStore(
    const std::string& state_dir) {
  return SqliteStore::Open(StatePaths(state_dir).database, {});
}

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
                                   "`bestow-server requests`")));
  }
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = OpenStore(state_dir);
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

int RequestsCommand(const Console& console, const std::string& state_dir,
                    bool json) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = OpenStore(state_dir);
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

int RenewEarlyCommand(const Console& console, const std::string& state_dir,
                      const RenewEarlyFlags& flags) {
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
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = OpenStore(state_dir);
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

}  // namespace bestow::server
