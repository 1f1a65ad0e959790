#include "common/pki/revocation_reason.h"

#include <utility>

#include "absl/strings/match.h"

namespace bestow {
namespace {

constexpr std::pair<RevocationReason, std::string_view> kReasons[] = {
    {RevocationReason::kUnspecified, "unspecified"},
    {RevocationReason::kKeyCompromise, "keyCompromise"},
    {RevocationReason::kCaCompromise, "cACompromise"},
    {RevocationReason::kAffiliationChanged, "affiliationChanged"},
    {RevocationReason::kSuperseded, "superseded"},
    {RevocationReason::kCessationOfOperation, "cessationOfOperation"},
    {RevocationReason::kCertificateHold, "certificateHold"},
    {RevocationReason::kRemoveFromCrl, "removeFromCRL"},
    {RevocationReason::kPrivilegeWithdrawn, "privilegeWithdrawn"},
    {RevocationReason::kAaCompromise, "aACompromise"},
};

}  // namespace

std::optional<RevocationReason> RevocationReasonFromNumber(uint64_t number) {
  for (const auto& [reason, name] : kReasons) {
    if (static_cast<uint64_t>(reason) == number) return reason;
  }
  return std::nullopt;
}

std::string_view RevocationReasonName(RevocationReason reason) {
  for (const auto& [known, name] : kReasons) {
    if (known == reason) return name;
  }
  return "?";
}

std::optional<RevocationReason> RevocationReasonFromName(
    std::string_view name) {
  for (const auto& [reason, known] : kReasons) {
    if (absl::EqualsIgnoreCase(known, name)) return reason;
  }
  return std::nullopt;
}

}  // namespace bestow
