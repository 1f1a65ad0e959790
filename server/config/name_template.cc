#include "server/config/name_template.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

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

}  // namespace bestow::server
