#include "server/admin/operation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr std::string_view kWithoutLabel = ".";
constexpr size_t kMaxHex = 256;

}  // namespace

AuditEntry AdminContext::Audit(std::string_view action, std::string_view label,
                               std::string_view subject,
                               std::string_view detail) const {
  AuditEntry entry;
  entry.at = clock.Now();
  entry.actor = actor;
  entry.source = "local";
  entry.action = std::string(action);
  entry.outcome = "done";
  entry.label = std::string(label);
  entry.subject = std::string(subject);
  entry.detail = std::string(detail);
  return entry;
}

absl::StatusOr<Page> PageOf(const Json& arguments) {
  Page page;
  page.after_id = NumberOf(arguments, "after").value_or(0);
  if (page.after_id < 0) return absl::InvalidArgumentError("after: below 0");
  return page;
}

std::optional<std::string> LabelArgument(const Json& arguments) {
  std::string label = TextOf(arguments, "label");
  if (label.empty()) return std::nullopt;
  return label == kWithoutLabel ? "" : std::move(label);
}

absl::StatusOr<Bytes> HexArgument(const Json& arguments,
                                  std::string_view name) {
  const std::string text = TextOf(arguments, name);
  std::string octets;
  if (text.size() > kMaxHex || text.size() % 2 != 0 ||
      !std::all_of(text.begin(), text.end(),
                   [](char c) {
                     return absl::ascii_isxdigit(static_cast<unsigned char>(c));
                   }) ||
      !absl::HexStringToBytes(text, &octets)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not hexadecimal, as the lists show a ", name));
  }
  return ToBytes(AsBytes(octets));
}

absl::StatusOr<int64_t> IdArgument(const Json& arguments, std::string_view name,
                                   std::string_view list) {
  const std::string text = TextOf(arguments, name);
  int64_t id = 0;
  if (!absl::SimpleAtoi(text, &id) || id <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not a number of `bestow-server ", list, "`"));
  }
  return id;
}

Json PageAnswer(Json rows, int64_t last_id, const Page& page) {
  const bool more = rows.size() >= page.limit;
  Json answer = {{"items", std::move(rows)}};
  if (more) answer["next"] = last_id;
  return answer;
}

}  // namespace bestow::server
