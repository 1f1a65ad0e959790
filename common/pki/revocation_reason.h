// Why a certificate was revoked (RFC 5280 5.3.1).
#ifndef COMMON_PKI_REVOCATION_REASON_H_
#define COMMON_PKI_REVOCATION_REASON_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace bestow {

// CRLReason. The number 7 is not used.
enum class RevocationReason : uint8_t {
  kUnspecified = 0,
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kCertificateHold = 6,
  kRemoveFromCrl = 8,  // on delta CRLs alone
  kPrivilegeWithdrawn = 9,
  kAaCompromise = 10,
};

// nullopt: the number names no reason.
std::optional<RevocationReason> RevocationReasonFromNumber(uint64_t number);

// "keyCompromise", as RFC 5280 spells them.
std::string_view RevocationReasonName(RevocationReason reason);
// The same spelling, whatever the letters' case. nullopt: no such reason.
std::optional<RevocationReason> RevocationReasonFromName(std::string_view name);

}  // namespace bestow

#endif  // COMMON_PKI_REVOCATION_REASON_H_
