#include "server/config/name_template.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/der/oid.h"
#include "common/pki/oids.h"

namespace bestow::server {
namespace {

constexpr char kIdentity[] = "{identity}";

absl::StatusOr<std::string> Render(std::string_view text,
                                   std::string_view identity) {
  const std::string without = absl::StrReplaceAll(text, {{kIdentity, ""}});
  const size_t open = without.find_first_of("{}");
  if (open != std::string::npos) {
    const size_t end = without.find('}', open);
    return absl::InvalidArgumentError(
        absl::StrCat("\"", without.substr(open, end - open + 1),
                     "\" is not known; templates know {identity}"));
  }
  return absl::StrReplaceAll(text, {{kIdentity, identity}});
}

struct SubjectField {
  std::string_view brace;
  der::Oid type;
};

std::vector<SubjectField> SubjectFields() {
  return {{"{CN}", oids::CommonName()},
          {"{serialNumber}", oids::SerialNumber()}};
}

}  // namespace

absl::StatusOr<Name> RenderSubject(std::string_view text,
                                   std::string_view identity) {
  absl::StatusOr<std::string> rendered = Render(text, identity);
  if (!rendered.ok()) return rendered.status();
  if (!absl::StrContains(text, kIdentity)) {
    return absl::InvalidArgumentError(
        "must contain {identity}: each device has a name of its own");
  }
  return Name::FromText(*rendered);
}

absl::StatusOr<GeneralName> RenderSan(std::string_view text,
                                      std::string_view identity) {
  absl::StatusOr<std::string> rendered = Render(text, identity);
  if (!rendered.ok()) return rendered.status();
  return GeneralName::FromText(*rendered);
}

absl::Status CheckIdevidTemplate(std::string_view text) {
  std::string without(text);
  for (const SubjectField& field : SubjectFields()) {
    without = absl::StrReplaceAll(without, {{field.brace, ""}});
  }
  if (without.size() == text.size()) {
    return absl::InvalidArgumentError(
        "must contain {serialNumber} or {CN}: each device has an identity of "
        "its own");
  }
  if (without.find_first_of("{}") != std::string::npos) {
    return absl::InvalidArgumentError("knows {serialNumber} and {CN} only");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RenderIdevidIdentity(std::string_view text,
                                                 const Name& subject) {
  absl::Status status = CheckIdevidTemplate(text);
  if (!status.ok()) return status;
  // One pass, so that braces in a value are nothing but text.
  std::vector<std::pair<std::string_view, std::string>> values;
  for (const SubjectField& field : SubjectFields()) {
    if (!absl::StrContains(text, field.brace)) continue;
    std::optional<std::string> value;
    for (const Name::Attribute& attribute : subject.attributes()) {
      if (attribute.type != field.type) continue;
      if (value.has_value()) {
        return absl::InvalidArgumentError(
            absl::StrCat("the subject has more than one ", field.brace));
      }
      value = attribute.value;
    }
    if (!value.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the subject has no ", field.brace));
    }
    values.emplace_back(field.brace, *std::move(value));
  }
  return absl::StrReplaceAll(text, values);
}

}  // namespace bestow::server
