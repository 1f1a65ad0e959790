// Where CRLs are found: cRLDistributionPoints, freshestCRL and a CRL's own
// issuingDistributionPoint (RFC 5280 4.2.1.13, 4.2.1.15, 5.2.5).
#ifndef COMMON_PKI_DISTRIBUTION_POINTS_H_
#define COMMON_PKI_DISTRIBUTION_POINTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/name.h"

namespace bestow {

// DistributionPoint. One of the names is there, or the CRL's issuer.
struct DistributionPoint {
  std::vector<GeneralName> full_name;
  Bytes relative_name;              // content of an RDN; as found, not read
  std::optional<uint32_t> reasons;  // ReasonFlags: bit i is named bit i
  std::vector<GeneralName> crl_issuer;
  bool operator==(const DistributionPoint&) const = default;
};

// One point with these URIs as its fullName: different places of one CRL.
// kInvalidArgument: none, or one that is no absolute URI.
absl::StatusOr<DistributionPoint> DistributionPointAt(
    const std::vector<std::string>& uris);

// CRLDistributionPoints, which freshestCRL has too; 1 to 64 points.
absl::StatusOr<std::vector<DistributionPoint>> ParseDistributionPoints(
    ByteView value);
absl::StatusOr<Bytes> SerializeDistributionPoints(
    const std::vector<DistributionPoint>& points);

// What a CRL says of its scope. At most one of the three `only_has_*` is set,
// and something is said at all (RFC 5280 5.2.5).
struct IssuingDistributionPoint {
  std::vector<GeneralName> full_name;
  Bytes relative_name;
  bool only_has_user_certs = false;
  bool only_has_ca_certs = false;
  std::optional<uint32_t> only_some_reasons;
  bool is_indirect = false;
  bool only_has_attribute_certs = false;
  bool operator==(const IssuingDistributionPoint&) const = default;
};

absl::StatusOr<IssuingDistributionPoint> ParseIssuingDistributionPoint(
    ByteView value);
absl::StatusOr<Bytes> SerializeIssuingDistributionPoint(
    const IssuingDistributionPoint& point);

}  // namespace bestow

#endif  // COMMON_PKI_DISTRIBUTION_POINTS_H_
