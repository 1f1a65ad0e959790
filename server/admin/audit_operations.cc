#include "server/admin/audit_operations.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/admin/console.h"
#include "server/audit/audit_check.h"
#include "server/config/duration.h"

namespace bestow::server {
namespace {

// So long is one answer looked for: in a large log few entries may match.
constexpr int64_t kMaxLookedAt = 50'000;

struct Filter {
  absl::Time since = absl::InfinitePast();
  std::string identity, action, outcome;
  std::optional<std::string> label;

  bool Takes(const AuditEntry& entry) const {
    return entry.at >= since &&
           (identity.empty() || entry.actor == identity ||
            entry.subject == identity) &&
           (action.empty() || entry.action == action) &&
           (outcome.empty() || entry.outcome == outcome) &&
           (!label.has_value() || entry.label == *label);
  }
};

absl::StatusOr<Filter> FilterOf(const AdminContext& context,
                                const Json& arguments) {
  Filter filter;
  filter.identity = TextOf(arguments, "identity");
  filter.action = TextOf(arguments, "action");
  filter.outcome = TextOf(arguments, "outcome");
  filter.label = LabelArgument(arguments);
  const std::string since = TextOf(arguments, "since");
  if (since.empty()) return filter;
  const std::optional<absl::Duration> duration = ParseDurationText(since);
  if (!duration.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--since=", since, " is not a time, such as 24h or 30d"));
  }
  filter.since = context.clock.Now() - *duration;
  return filter;
}

Json RowOf(const AuditRecord& record) {
  const AuditEntry& entry = record.entry;
  return {{"sequence", record.sequence},
          {"at", UtcText(entry.at)},
          {"actor", entry.actor},
          {"source", entry.source},
          {"action", entry.action},
          {"outcome", entry.outcome},
          {"label", entry.label},
          {"subject", entry.subject},
          {"serial", HexText(entry.serial)},
          {"detail", entry.detail}};
}

// All that is hashed, as it is hashed.
Json ExportOf(const AuditRecord& record) {
  const AuditEntry& entry = record.entry;
  return {
      {"sequence", record.sequence}, {"at_ms", absl::ToUnixMillis(entry.at)},
      {"actor", entry.actor},        {"source", entry.source},
      {"action", entry.action},      {"outcome", entry.outcome},
      {"label", entry.label},        {"subject", entry.subject},
      {"detail", entry.detail},      {"serial", HexText(entry.serial)},
      {"hash", HexText(record.hash)}};
}

absl::StatusOr<Json> List(const AdminContext& context, const Json& arguments) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  absl::StatusOr<Filter> filter = FilterOf(context, arguments);
  if (!filter.ok()) return filter.status();
  Json rows = Json::array();
  int64_t looked_at = 0;
  int64_t after = page->after_id;
  bool is_end = false;
  while (!is_end && looked_at < kMaxLookedAt && rows.size() < page->limit) {
    absl::StatusOr<std::vector<AuditRecord>> records =
        context.store.ReadAudit(after, kMaxPage);
    if (!records.ok()) return records.status();
    is_end = records->size() < kMaxPage;
    for (const AuditRecord& record : *records) {
      if (rows.size() == page->limit) {
        is_end = false;
        break;
      }
      after = record.sequence;
      ++looked_at;
      if (filter->Takes(record.entry)) rows.push_back(RowOf(record));
    }
  }
  Json answer = {{"items", std::move(rows)}};
  if (!is_end) answer["next"] = after;
  return answer;
}

absl::StatusOr<Json> Export(const AdminContext& context,
                            const Json& arguments) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  absl::StatusOr<std::vector<AuditRecord>> records =
      context.store.ReadAudit(page->after_id, page->limit);
  if (!records.ok()) return records.status();
  Json rows = Json::array();
  for (const AuditRecord& record : *records) rows.push_back(ExportOf(record));
  Json answer = {{"items", std::move(rows)}};
  if (records->size() == page->limit) {
    answer["next"] = records->back().sequence;
  }
  return answer;
}

// What the operator noted earlier: "42:HASH".
absl::Status CheckNoted(const AdminContext& context, const std::string& noted,
                        int64_t entries) {
  const std::vector<std::string> parts = absl::StrSplit(noted, ':');
  int64_t sequence = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &sequence) ||
      sequence <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", noted, "\" is not NUMBER:HASH, as `audit verify` prints it"));
  }
  if (sequence > entries) {
    return absl::DataLossError(absl::StrCat(
        "the audit log ends at ", entries, ", before entry ", sequence,
        ": its end was taken away, or it was restored "
        "from an older backup"));
  }
  absl::StatusOr<std::vector<AuditRecord>> found =
      context.store.ReadAudit(sequence - 1, 1);
  if (!found.ok()) return found.status();
  if (found->empty() || HexText(found->front().hash) != parts[1]) {
    return absl::DataLossError(
        absl::StrCat("entry ", sequence,
                     " of the audit log is another one "
                     "than was noted: the log was written anew"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> Verify(const AdminContext& context,
                            const Json& arguments) {
  absl::StatusOr<AuditCheck> check = CheckAudit(context.store);
  if (!check.ok()) return check.status();
  if (check->broken.has_value()) {
    return absl::DataLossError(absl::StrCat(
        "the audit log is broken: entry ", check->broken->sequence, ": ",
        check->broken->why, "; the ", check->entries,
        " before it are as they were written. Keep the database as it is, and "
        "compare with an earlier export or backup"));
  }
  const std::string noted = TextOf(arguments, "noted");
  if (!noted.empty()) {
    absl::Status status = CheckNoted(context, noted, check->entries);
    if (!status.ok()) return status;
  }
  const std::string end =
      absl::StrCat(check->entries, ":", HexText(check->hash));
  return Json{
      {"entries", check->entries},
      {"hash", HexText(check->hash)},
      {"message", absl::StrCat("The audit log is whole: ", check->entries,
                               " entries. Note its end elsewhere, for the next "
                               "time:\n",
                               end)}};
}

}  // namespace

absl::Span<const Operation> AuditOperations() {
  static constexpr Operation kOperations[] = {
      {"audit list", List}, {"audit verify", Verify}, {"audit export", Export}};
  return kOperations;
}

}  // namespace bestow::server
