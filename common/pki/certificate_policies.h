// Under which policies a certificate is issued (RFC 5280 4.2.1.4).
#ifndef COMMON_PKI_CERTIFICATE_POLICIES_H_
#define COMMON_PKI_CERTIFICATE_POLICIES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/der/oid.h"

namespace bestow {

struct PolicyQualifier {
  der::Oid id;  // oids::QualifierCps, or another
  Bytes value;  // an element
  bool operator==(const PolicyQualifier&) const = default;
};

struct CertificatePolicy {
  der::Oid id;
  std::vector<PolicyQualifier> qualifiers;
  bool operator==(const CertificatePolicy&) const = default;
};

// A policy by its OID ("1.3.6.1.4.1.99999.1"), with the URI of its
// certification practice statement unless that is empty. kInvalidArgument: no
// OID, no absolute URI.
absl::StatusOr<CertificatePolicy> PolicyOf(const std::string& dotted,
                                           const std::string& cps_uri);
// The URI of a qualifier of oids::QualifierCps; kInvalidArgument for others.
absl::StatusOr<std::string> CpsUri(const PolicyQualifier& qualifier);

// CertificatePolicies; 1 to 64 policies with up to 16 qualifiers each, no
// policy twice. A CPS qualifier has to be an IA5String.
absl::StatusOr<std::vector<CertificatePolicy>> ParseCertificatePolicies(
    ByteView value);
absl::StatusOr<Bytes> SerializeCertificatePolicies(
    const std::vector<CertificatePolicy>& policies);

}  // namespace bestow

#endif  // COMMON_PKI_CERTIFICATE_POLICIES_H_
