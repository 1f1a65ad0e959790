#include "server/admin/request_operations.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/admin/console.h"
#include "server/config/duration.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxReason = 200;
constexpr size_t kPemLine = 64;

Json JsonOf(const PendingRequest& request) {
  return {{"id", absl::StrCat(request.id)},
          {"state", PendingStateName(request.state)},
          {"label", request.label},
          {"identity", request.identity},
          {"operation", request.operation},
          {"subject", request.subject},
          {"key_sha256", HexText(request.key_sha256)},
          {"created_at", UtcText(request.created_at)},
          {"expires_at", UtcText(request.expires_at)},
          {"reason", request.reason}};
}

std::string CsrPem(ByteView der) {
  const std::string base64 = absl::Base64Escape(AsText(der));
  std::string pem = "-----BEGIN CERTIFICATE REQUEST-----\n";
  for (size_t i = 0; i < base64.size(); i += kPemLine) {
    absl::StrAppend(&pem, base64.substr(i, kPemLine), "\n");
  }
  return pem + "-----END CERTIFICATE REQUEST-----\n";
}

absl::StatusOr<Json> List(const AdminContext& context, const Json& arguments) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  absl::StatusOr<std::vector<PendingRequest>> requests =
      context.store.ListPending(context.clock.Now(), *page);
  if (!requests.ok()) return requests.status();
  Json rows = Json::array();
  int64_t last = 0;
  for (const PendingRequest& request : *requests) {
    rows.push_back(JsonOf(request));
    last = request.id;
  }
  return PageAnswer(std::move(rows), last, *page);
}

absl::StatusOr<Json> Show(const AdminContext& context, const Json& arguments) {
  absl::StatusOr<int64_t> id = IdArgument(arguments, "id", "requests list");
  if (!id.ok()) return id.status();
  absl::StatusOr<PendingRequest> request =
      context.store.FindPending(*id, context.clock.Now());
  if (!request.ok()) return request.status();
  Json answer = JsonOf(*request);
  answer["decided_at"] = request->decided_at == absl::InfinitePast()
                             ? Json()
                             : Json(UtcText(request->decided_at));
  answer["csr"] = CsrPem(request->csr);
  return answer;
}

absl::StatusOr<Json> Decide(const AdminContext& context, const Json& arguments,
                            bool approve, const std::string& reason) {
  absl::StatusOr<int64_t> id = IdArgument(arguments, "id", "requests list");
  if (!id.ok()) return id.status();
  const absl::Time now = context.clock.Now();
  absl::StatusOr<PendingRequest> request = context.store.FindPending(*id, now);
  if (!request.ok()) return request.status();
  absl::StatusOr<PendingRequest> decided = context.store.DecidePending(
      *id, approve, reason, now,
      context.Audit(
          approve ? "approve" : "deny", request->label, request->identity,
          absl::StrCat("request ", *id, ", key ", HexText(request->key_sha256),
                       reason.empty() ? "" : ": ", reason)));
  if (!decided.ok()) return decided.status();
  Json answer = JsonOf(*decided);
  answer["message"] =
      absl::StrCat("Request ", *id, " of ", decided->identity,
                   approve ? " is approved: its client gets the certificate "
                             "when it asks again, until "
                           : " is refused, until ",
                   UtcText(decided->expires_at), ".");
  return answer;
}

absl::StatusOr<Json> Approve(const AdminContext& context,
                             const Json& arguments) {
  return Decide(context, arguments, true, "");
}

absl::StatusOr<Json> Deny(const AdminContext& context, const Json& arguments) {
  const std::string reason = TextOf(arguments, "reason");
  if (reason.empty() || reason.size() > kMaxReason ||
      !std::all_of(reason.begin(), reason.end(), [](char c) {
        return !absl::ascii_iscntrl(static_cast<unsigned char>(c));
      })) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--reason is what the client is told: one line of at most ", kMaxReason,
        " characters, and not empty"));
  }
  return Decide(context, arguments, false, reason);
}

absl::StatusOr<Json> ListRenewals(const AdminContext& context,
                                  const Json& arguments) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  absl::StatusOr<std::vector<RenewalOrder>> orders =
      context.store.ListRenewalOrders(*page);
  if (!orders.ok()) return orders.status();
  const absl::Time now = context.clock.Now();
  Json rows = Json::array();
  int64_t last = 0;
  for (const RenewalOrder& order : *orders) {
    last = order.id;
    rows.push_back(
        {{"id", absl::StrCat(order.id)},
         {"label", order.label.has_value() ? Json(*order.label) : Json()},
         {"state", order.window_end <= now ? "over" : "open"},
         {"issued_before", UtcText(order.issued_before)},
         {"window_start", UtcText(order.window_start)},
         {"window_end", UtcText(order.window_end)},
         {"created_at", UtcText(order.created_at)}});
  }
  return PageAnswer(std::move(rows), last, *page);
}

absl::StatusOr<Json> AddRenewal(const AdminContext& context,
                                const Json& arguments) {
  const std::string within_text = TextOf(arguments, "within");
  const std::string before_text = TextOf(arguments, "issued_before");
  const std::optional<absl::Duration> within = ParseDurationText(within_text);
  if (!within.has_value() || *within <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--within=", within_text,
                     " is not a duration like 24h, 7d or 30m: clients spread "
                     "their renewals over it"));
  }
  const absl::Time now = context.clock.Now();
  RenewalOrder order;
  order.issued_before = now;
  std::string error;
  if (!before_text.empty() && !absl::ParseTime(absl::RFC3339_full, before_text,
                                               &order.issued_before, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--issued_before=", before_text,
                     " is not a time like 2026-11-21T12:00:00Z"));
  }
  // Else what is issued from now on were to be renewed again at once.
  if (order.issued_before > now) {
    return absl::InvalidArgumentError(
        absl::StrCat("--issued_before=", before_text, " is yet to come"));
  }
  order.window_start = now;
  order.window_end = now + *within;
  order.created_at = now;
  order.label = LabelArgument(arguments);
  if (order.label.has_value() && context.config.Find(*order.label) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the config has no label ", *order.label));
  }
  absl::StatusOr<int64_t> id = context.store.AddRenewalOrder(
      order,
      context.Audit("renewals add", order.label.value_or(""), "",
                    absl::StrCat("issued before ", UtcText(order.issued_before),
                                 ", until ", UtcText(order.window_end))));
  if (!id.ok()) return id.status();
  return Json{{"id", absl::StrCat(*id)},
              {"window_end", UtcText(order.window_end)},
              {"issued_before", UtcText(order.issued_before)},
              {"message",
               absl::StrCat("Clients that ask for renewal information are told "
                            "to renew, by ",
                            UtcText(order.window_end),
                            ", their certificates issued before ",
                            UtcText(order.issued_before), ".")}};
}

}  // namespace

absl::Span<const Operation> RequestOperations() {
  static constexpr Operation kOperations[] = {{"requests list", List},
                                              {"requests show", Show},
                                              {"approve", Approve},
                                              {"deny", Deny},
                                              {"renewals list", ListRenewals},
                                              {"renewals add", AddRenewal}};
  return kOperations;
}

}  // namespace bestow::server
